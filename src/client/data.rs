//! Options that programs give to a client, and data that it gives back.

use super::tls::TlsOptions;
use crate::base::limits::CLIENT_NAME_BYTES_MAX;
use crate::base::{SessionId, Token};
use crate::client::core::{EndReason, SessionState};
use crate::{Error, Status};
use std::num::NonZeroU64;
use std::time::Duration;

/// Options of a client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientOptions {
    /// Session TTL, clamped by the server; 10 s. A session ends 0.52 to 0.86 TTL after the last contact with the leader:
    /// to survive 5 s without, and the second that it may take to be connected again, takes 12 s.
    pub ttl: Duration,
    /// The client's name, for people; "host:pid".
    pub name: Option<String>,
    /// How long `open` tries to reach a node and make a session; 5 s.
    pub connect_timeout: Duration,
    /// How long calls without a wait of their own (reads, orders, a leader's answer to a try) may take; 5 s.
    pub request_timeout: Duration,
    /// Return from `open` at once and connect in the background.
    pub background: bool,
    /// Renew the session only while the program calls `Client::progress` at least this often, so that a wedged worker
    /// loses its locks; `None`: always.
    pub progress: Option<Duration>,
    /// The expected cluster: its id as `tenure status` shows it, or at least the first eight hex
    /// digits. Nodes of any other are passed over. `None`: the cluster on which the endpoints
    /// agree, and from then on that one.
    pub cluster_id: Option<String>,
    /// TLS 1.3 with all nodes; `None`: plaintext. A client of an embedded node reaches that one
    /// without a socket, and so without encryption.
    pub tls: Option<TlsOptions>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(10),
            name: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
            background: false,
            progress: None,
            cluster_id: None,
            tls: None,
        }
    }
}

/// The kind of a lock. All holders and waiters of a name must use the same kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// One holder.
    #[default]
    Exclusive,
    /// Any number of readers. A reader that arrives behind a waiting writer queues behind it.
    Shared,
    /// A semaphore.
    Semaphore {
        /// The number of permits in all, at least 1: fixed by the present holders and waiters.
        limit: u32,
        /// The number of permits to take, from 1 to `limit`.
        permits: u32,
    },
}

/// Options of an acquire.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AcquireOptions {
    /// The value that readers and observers of the lock see; at most 4 KiB.
    pub value: Vec<u8>,
    /// `None`: each acquire is an owner of its own. Acquires with the same number are reentrant.
    /// Deadlocks are found only among numbered owners: of the others nobody knows whether they hold
    /// another lock.
    pub owner: Option<NonZeroU64>,
    /// The whole lock, or a share of it.
    pub kind: Kind,
    /// After an expiry of this lease the lock stays taken for so long, in whole milliseconds, at most an hour (L16).
    pub lock_delay: Duration,
}

/// Options of a break (L23).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BreakOptions {
    /// The token of the holder; `None`: any holder.
    pub token: Option<Token>,
    /// How long the holder may go on.
    pub grace: Grace,
    /// The client name of the waiter that gets the lock; `None`: the next in the queue.
    pub to: Option<String>,
    /// Why, for people; at most 255 bytes.
    pub reason: String,
}

/// How long a holder that is asked to end may go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grace {
    /// For the TTL of its session from when it hears of it.
    #[default]
    Ttl,
    /// For so long from when it hears of it, in whole milliseconds, at most an hour.
    For(Duration),
    /// Not at all: the lock is free at once, and from then on only tokens protect.
    Now,
}

/// A client's session as known here, without a question to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// VALID, JEOPARDY or ENDED.
    pub state: SessionState,
    /// The id of the session, or of the previous one; `None` before the first.
    pub session: Option<SessionId>,
    /// How long the session may still be believed in.
    pub remaining: Duration,
    /// The TTL in force.
    pub ttl: Duration,
    /// Leases held.
    pub leases: u32,
}

/// Whether a lease holds, as [`Lease::state`](crate::client::Lease::state) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseState {
    /// Held.
    Held,
    /// Held, and asked to end soon: `remaining` says how soon (L23).
    Asked,
    /// Ended, for good, for this reason.
    Ended(EndReason),
}

/// The order to end that a holder was given (L23).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// The time that the order left, from when the holder heard of it.
    pub grace: Duration,
    /// Why, for people; may be empty.
    pub reason: String,
}

/// A holder of a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The token of the grant.
    pub token: Token,
    /// The holder's client name.
    pub client: String,
    /// The holder's value.
    pub value: Vec<u8>,
    /// When the lock was granted, by the leader's wall clock, for people.
    pub since_unix_ms: u64,
}

/// An observation: the holder of a lock, first the present one, then each change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// The oldest holder; `None`: the lock is vacant.
    pub holder: Option<Holder>,
    /// At least how many changes before this one were missed: not read in time, or no server
    /// remembers them.
    pub missed: u64,
}

/// The name that the program gives, else "host:pid".
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
