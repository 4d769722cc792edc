//! What there is, as JSON texts: for programs in any language, and what the program prints with `--json`.
//!
//! Keys are only ever added. Times are milliseconds since 1970 by the clock of the leader that proposed the entry, for
//! people; `remaining_ms` is the least time that the leader will wait before it may expire the holder's session.

mod cluster;
mod locks;

pub use cluster::{ClusterStatus, NodeRow};

use super::api::Client;
use super::calls::{checked_name, unexpected};
use crate::base::SessionId;
use crate::base::limits::LOCKS_PER_READ_MAX;
use crate::lock::{LockView, SessionView};
use crate::wire::{Query, ReadAnswer};
use crate::{Error, Status};
use serde_json::{Value, json};

impl Client {
    /// What there is, as one JSON text, that which the program prints with `--json`. `what` is "locks" (all whose names
    /// begin with `name`), "lock" (that one), "session" (`name` is its id; "" is this client's) or "cluster":
    ///
    /// * locks, lock: `{"locks": [{"name", "mode", "limit", "taken", "holder", "token", "value", "value_hex",
    ///   "since_unix_ms", "remaining_ms", "asked", "delayed", "holding",
    ///   "others": [{"holder", "token", "since_unix_ms", "permits"}],
    ///   "waiting", "queue": [{"client", "since_unix_ms", "mode", "permits"}]}]}`; a lock that nobody holds or waits for
    ///   is not there; `value_hex` is null for a value that is a text, else its bytes, which `value` shows replaced;
    /// * session: `{"session": {"id", "client", "ttl_ms", "grants", "waiting"} | null}`;
    /// * cluster: `{"leader": 1 | null, "nodes": [{"id", "address", "role", "term", "commit", "applied", "locks",
    ///   "sessions", "log_bytes", "log_bytes_max", "snapshot", "refused_connections", "version", "level",
    ///   "leader_changes", "leader_change_why", "election_wait_ms", "lease_gaps", "unreachable"}]}`, each node asked for itself, with or without a quorum; `unreachable` says why a node did not
    ///   answer, and all else of it is null then.
    ///
    /// # Errors
    /// INVALID for another `what`, no name or no number; as for `read`.
    pub fn describe(&self, what: &str, name: &str) -> Result<String, Error> {
        let value = match what {
            "lock" => locks::to_json(&self.lock_shown(name)?),
            "locks" => locks::to_json(&self.locks_shown(name)?),
            "session" => json!({ "session": self.session_shown(name)?.map(session) }),
            "cluster" => self.cluster_shown().to_json(),
            other => {
                let text =
                    format!("{other:?} cannot be described; say lock, locks, session or cluster");
                return Err(Error::new(Status::Invalid, text));
            }
        };
        Ok(value.to_string())
    }

    /// One lock with the `remaining_ms` of its holder; nothing if nobody holds it or waits for it.
    ///
    /// # Errors
    /// As for `read`; INVALID for what is no name.
    pub fn lock_shown(&self, name: &str) -> Result<Vec<(LockView, u64)>, Error> {
        match self.read(Query::Lock { name: checked_name(name)? })? {
            ReadAnswer::Lock { lock, session_remaining_ms } => {
                Ok(lock.into_iter().map(|lock| (lock, session_remaining_ms)).collect())
            }
            other => Err(unexpected(&other)),
        }
    }

    /// All locks under `prefix`, page by page. Each page is linearizable, the whole is not one instant.
    ///
    /// # Errors
    /// As for `read`.
    pub fn locks_shown(&self, prefix: &str) -> Result<Vec<(LockView, u64)>, Error> {
        let mut rows: Vec<(LockView, u64)> = Vec::new();
        loop {
            let after = rows.last().map(|(lock, _)| lock.name.clone());
            let query = Query::Locks { prefix: prefix.to_owned(), after, limit: PAGE };
            match self.read(query)? {
                ReadAnswer::Locks { locks, more } => {
                    let none = locks.is_empty();
                    rows.extend(locks);
                    if none || !more {
                        return Ok(rows);
                    }
                }
                other => return Err(unexpected(&other)),
            }
        }
    }

    fn session_shown(&self, id: &str) -> Result<Option<SessionView>, Error> {
        let session = match id {
            "" => self.session().session,
            digits => SessionId(digits.parse().map_err(|_| {
                Error::new(
                    Status::Invalid,
                    format!("{digits:?} is no session's id; those are numbers"),
                )
            })?),
        };
        match self.read(Query::Session { session })? {
            ReadAnswer::Session(view) => Ok(view),
            other => Err(unexpected(&other)),
        }
    }

    fn cluster_shown(&self) -> ClusterStatus {
        ClusterStatus::ask(&self.handle.endpoints.join(","), self.handle.request_timeout)
    }
}

fn session(view: SessionView) -> Value {
    json!({
        "id": view.session.0,
        "client": view.client,
        "ttl_ms": view.ttl_ms,
        "grants": view.grants,
        "waiting": view.waiting,
    })
}

/// Locks asked for at once.
const PAGE: u32 = LOCKS_PER_READ_MAX as u32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_numbers_as_numbers() {
        let id = SessionId(5);
        let view = SessionView {
            session: id,
            client: "a:1".into(),
            ttl_ms: 10_000,
            grants: 1,
            waiting: 2,
        };
        let expected =
            json!({"id": 5, "client": "a:1", "ttl_ms": 10_000, "grants": 1, "waiting": 2});
        assert_eq!(session(view), expected);
    }
}
