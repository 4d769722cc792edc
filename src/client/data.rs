//! What programs give to a client, and what it tells them.

use crate::base::limits::CLIENT_NAME_BYTES_MAX;
use crate::base::{SessionId, Token};
use crate::client::core::{EndReason, SessionState};
use crate::{Error, Status};
use std::time::Duration;

/// How a client is opened. Zero or `None` fields of C are the defaults here.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Session TTL, clamped by the server; 10 s.
    pub ttl: Duration,
    /// The client's name, for people; "host:pid".
    pub name: Option<String>,
    /// How long `open` tries to reach a node and make a session; 5 s.
    pub connect_timeout: Duration,
    /// How long calls without a wait of their own try; 5 s.
    pub request_timeout: Duration,
    /// Return from `open` at once and connect in the background.
    pub background: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(10),
            name: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
            background: false,
        }
    }
}

/// What to acquire besides the name.
#[derive(Clone, Debug, Default)]
pub struct AcquireOptions {
    /// Shown to whoever asks who holds it; at most 4 KiB.
    pub value: Vec<u8>,
    /// 0 = an owner of its own for each acquire.
    pub owner: u64,
}

/// A client's session as known here, without a question to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// VALID, JEOPARDY or ENDED.
    pub state: SessionState,
    /// Its id, 0 before the first.
    pub session: SessionId,
    /// How long it may still be believed in.
    pub remaining: Duration,
    /// The TTL in force.
    pub ttl: Duration,
    /// Leases held.
    pub leases: u32,
}

/// Whether a lease holds, as [`Lease::state`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseState {
    /// Held.
    Held,
    /// Ended, for good, for this reason.
    Ended(EndReason),
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The token of the grant.
    pub token: Token,
    /// The holder's client name.
    pub client: String,
    /// The value that it gave.
    pub value: Vec<u8>,
    /// Since when, by the leader's wall clock, for people.
    pub since_unix_ms: u64,
}

/// What the program says, else "host:pid".
pub(super) fn client_name(name: Option<String>) -> Result<String, Error> {
    let Some(name) = name else {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host: String = host.trim().chars().take(64).collect();
        let host = if host.is_empty() { "localhost".to_owned() } else { host };
        return Ok(format!("{host}:{}", std::process::id()));
    };
    if name.len() > CLIENT_NAME_BYTES_MAX {
        let text = format!(
            "a client's name has at most {CLIENT_NAME_BYTES_MAX} bytes, not {}",
            name.len()
        );
        return Err(Error::new(Status::Invalid, text));
    }
    Ok(name)
}
