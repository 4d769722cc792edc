//! The state of locks, sessions and the cluster as JSON: for programs in any language, and for
//! `--json` of the program.
//!
//! Keys are only ever added. Times are milliseconds since 1970 by the clock of the leader that proposed the entry, for
//! people; `remaining_ms` is the least time that the leader will wait before it may expire the holder's session.

mod cluster;
mod locks;
mod own;
mod versions;

pub use cluster::{ClusterStatus, NodeRow};

use super::ClusterAt;
use super::api::Client;
use super::calls::{checked_name, unexpected};
use super::operating::Member;
use crate::base::limits::LOCKS_PER_READ_MAX;
use crate::base::locks::{LockView, Name, SessionView};
use crate::base::{ClusterId, SessionId};
use crate::wire::{Condition, OrderShown, Query, ReadAnswer, ServiceState};
use crate::{Error, Status};
use serde_json::{Value, json};

impl Client {
    /// What there is, as one JSON text, that which the program prints with `--json`. `what` is "locks" (all whose names
    /// begin with `name`), "lock" (that one), "session" (`name` is its id; "" is this client's), "cluster", "members", "access", "condition", or "client":
    ///
    /// * locks, lock: `{"locks": [{"name", "mode", "limit", "taken", "holder", "token", "value", "value_hex",
    ///   "since_unix_ms", "remaining_ms", "asked", "order": {"token", "grace_ms", "reason", "to"} | null, "delayed", "holding",
    ///   "others": [{"holder", "token", "since_unix_ms", "permits"}],
    ///   "waiting", "queue": [{"client", "since_unix_ms", "mode", "permits"}]}], "state", "state_text", "until_ms"}`; a lock that nobody holds or waits for
    ///   is not there; `value_hex` is null for a value that is a text, else its bytes, which `value` shows replaced; `order` is what
    ///   `tenure break` or `handover` asked, null from a leader of 0.1; `state` and what follows are as for cluster, as this
    ///   client was told;
    /// * session: `{"session": {"id", "client", "ttl_ms", "grants", "waiting"} | null}`;
    /// * cluster: `{"cluster_id", "ancestors": [], "state", "state_text", "until_ms", "leader": 1 | null, "leader_since_unix_ms", "nodes": [{"id",
    ///   "address", "role", "term", "commit", "applied", "locks", "sessions", "log_bytes", "log_bytes_max", "snapshot", "snapshot_bytes", "state_bytes",
    ///   "refused_connections", "refused_messages", "version", "level", "disk_lacks", "cluster_id", "state", "state_text",
    ///   "leader_changes", "leader_silences", "leader_change_why", "leader_for_ms", "election_wait_ms", "lease_gaps", "turn_us": {"count", "p50",
    ///   "p99", "max", "max_minute"}, "turn_processor_us", "sync_us", "heartbeat_gap_us", "tls", "unreachable"}]}`, each node asked for
    ///   itself, with or without a quorum;
    ///   `unreachable` says why a node did not answer, and all else of it is null then; `disk_lacks` says for what there is no
    ///   room on its disk, null if there is; `leader_changes` and `leader_silences` are those of the last ten minutes, null
    ///   from 0.1. `leader_for_ms` is for how long it has known its leader in one term, or led, and `leader_since_unix_ms` since when
    ///   the leader leads. `turn_us` is how long the turns of its loop took since its start, without the disk (`sync_us`),
    ///   `turn_processor_us` what of them it spent on a processor, `heartbeat_gap_us` the time between turns in which it heard its
    ///   leader; null from 0.1, or as long as there were none. `state` is what keeps the cluster from granting, "serving" if nothing does; `state_text` says it in a
    ///   sentence, and `until_ms` for how long, where that is known. `ancestors` are the clusters that it was restored from; `tls` is "off", "optional" or "required". If
    ///   the endpoints are of several clusters, `state` is "mixed_clusters", `cluster_id` and `leader` are null, and
    ///   `state_text` says who said which;
    /// * members: `{"members": [{"id", "address", "seat", "role", "matched", "behind"}]}`, as the node with the newest log names
    ///   them: `seat` is "voter", "learner" (no vote), or on the way "joining", "demoting" or "leaving"; `behind` is how many
    ///   entries of the log it lacks, null for one that the leader has not heard, and without a leader;
    /// * access: `{"on", "rules": [{"principal", "rights": ["acquire"], "names"}], "credentials": ["client/NAME"]}`: who may what, and who has a
    ///   credential; `names` is null for a rule of the cluster. DENIED without the right admin;
    /// * condition: `{"cluster_id", "state", "state_text", "until_ms"}`, as this client was told: nobody is asked. Without a
    ///   session `state_text` says why;
    /// * client: `{"client": {"session", "state", "leases", "dials", "connections", "sessions", "sessions_ended", "jeopardies",
    ///   "renewals", "requests": {KIND: COUNT}, "leases_granted", "lease_ends": {REASON: COUNT}, "failed_calls": {STATUS: COUNT}}}`,
    ///   what this client has counted since it was opened: nobody is asked.
    ///
    /// # Errors
    /// INVALID for another `what`, no name or no number; as for [`holder_of`](Client::holder_of).
    pub fn describe(&self, what: &str, name: &str) -> Result<String, Error> {
        let value = match what {
            "lock" => self.locks_to_json(&self.lock_shown(name)?)?,
            "locks" => self.locks_to_json(&self.locks_shown(name)?)?,
            "session" => json!({ "session": self.session_shown(name)?.map(session) }),
            "cluster" => self.cluster_shown().to_json(),
            "members" => Member::to_json(&self.members().list()?),
            "access" => self.access().list()?.to_json(),
            "condition" => condition(&self.condition_of_session(), self.cluster()),
            "client" => {
                let tally = self.handle.shared.look(|inner, _| inner.tally.clone())?;
                own::to_json(&tally, &self.session())
            }
            other => {
                let text = format!(
                    "{other:?} cannot be described; say lock, locks, session, cluster, members, access, condition or client"
                );
                return Err(Error::new(Status::Invalid, text));
            }
        };
        Ok(value.to_string())
    }

    /// One lock with the `remaining_ms` of its holder; nothing if nobody holds it or waits for it.
    ///
    /// # Errors
    /// As for `read`; INVALID for what is no name.
    #[doc(hidden)]
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
    #[doc(hidden)]
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

    /// The orders to holders of the locks in `rows`. None from a leader of 0.1, which cannot tell
    /// them.
    ///
    /// # Errors
    /// As for `read`.
    #[doc(hidden)]
    pub fn orders_shown(&self, rows: &[(LockView, u64)]) -> Result<Vec<OrderShown>, Error> {
        // A holder of a shared lock other than the oldest may have been asked.
        let may_be = |lock: &&LockView| lock.is_asked || lock.holding > 1;
        let names: Vec<Name> = rows
            .iter()
            .map(|(lock, _)| lock)
            .filter(may_be)
            .map(|lock| lock.name.clone())
            .collect();
        let mut orders = Vec::new();
        for names in names.chunks(LOCKS_PER_READ_MAX) {
            match self.read(Query::Asked { names: names.to_vec() }) {
                Ok(ReadAnswer::Asked(values)) => orders.extend(OrderShown::from_values(&values)),
                Ok(other) => return Err(unexpected(&other)),
                Err(error) if error.status == Status::Unsupported => return Ok(Vec::new()),
                Err(error) => return Err(error),
            }
        }
        Ok(orders)
    }

    fn locks_to_json(&self, rows: &[(LockView, u64)]) -> Result<Value, Error> {
        Ok(locks::to_json(rows, &self.orders_shown(rows)?, &self.condition_shown()))
    }

    fn session_shown(&self, id: &str) -> Result<Option<SessionView>, Error> {
        let session = match id {
            "" => self.session().session.unwrap_or(SessionId(0)),
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

    fn condition_shown(&self) -> Condition {
        self.condition().unwrap_or_else(Condition::serving)
    }

    /// The condition of a client without a session, whether a node told one or not.
    fn condition_of_session(&self) -> Condition {
        let told = self.condition_shown();
        let why = self.why();
        match (told.is_serving(), why.is_empty()) {
            (true, false) => Condition::new(ServiceState::NoQuorum, why),
            _ => told,
        }
    }

    fn cluster_shown(&self) -> ClusterStatus {
        let said = &self.handle.cluster;
        // Not pinned to this client's cluster, so that endpoints of several clusters are reported.
        let whom = self.whom().map(|whom| ClusterAt { pin: said.pin.clone(), ..whom });
        ClusterStatus::ask(whom.unwrap_or_else(|_| said.clone()), self.handle.request_timeout)
    }
}

fn condition(condition: &Condition, cluster: Option<ClusterId>) -> Value {
    json!({
        "cluster_id": cluster.map(|cluster| cluster.to_string()),
        "state": condition.state.name(),
        "state_text": condition.shown(),
        "until_ms": condition.until_ms,
    })
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

/// Locks of one request.
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
