//! What a node says of itself: one status in memory, and its two forms on the wire.
//!
//! [`FixedStatus`] is that of 0.1.0, whose fields are fixed for good. Every other reader gets [`Values`]: a new field is a new name, which
//! older readers pass over, and `None` where an older node does not say it.

use crate::base::members::Seat;
use crate::base::{Ancestors, ClusterId, Index, NodeId, Term};
use crate::wire::{Cell, Condition, Row, Timing, Values, row_number, row_text};
use serde::{Deserialize, Serialize};

/// A member as a node knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberStatus {
    /// Its id.
    pub node: NodeId,
    /// Where it is reached.
    pub address: String,
    /// What it counts for.
    pub seat: Seat,
    /// How far its log is known to equal the leader's; only the leader knows.
    pub matched: Option<Index>,
}

/// What a node says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeStatus {
    /// The node.
    pub node: NodeId,
    /// "leader", "follower", "candidate".
    pub role: String,
    /// Its term.
    pub term: Term,
    /// The leader that it knows.
    pub leader: Option<NodeId>,
    /// Committed up to here.
    pub commit: Index,
    /// Applied up to here.
    pub applied: Index,
    /// Last index of its log.
    pub last: Index,
    /// Entries since the last snapshot, in bytes, and the bound on them.
    pub log_bytes: u64,
    /// See `log_bytes`.
    pub log_bytes_max: u64,
    /// Live sessions and held locks, of its applied state.
    pub sessions: u64,
    /// See `sessions`.
    pub locks: u64,
    /// Members, as of the newest membership in this node's log.
    pub members: Vec<MemberStatus>,
    /// The index of its newest snapshot, 0 if there is none.
    pub snapshot: Index,
    /// Connections closed because of bytes that are no protocol of ours.
    pub refused_connections: u64,
    /// Messages of peers that it refused since it started: they could not be, or contradicted what it knows (safety R15).
    pub refused_messages: u64,
    /// The crate's version.
    pub version: String,
    /// Its cluster; `None` until it is founded, and from 0.1.0.
    pub cluster: Option<ClusterId>,
    /// The level of the lock machine in force, of its applied state; `None` from 0.1.0, which knows 1 alone.
    pub level: Option<u32>,
    /// The highest level that it reads.
    pub level_max: Option<u32>,
    /// Why a leader does not raise the level, for people.
    pub level_waits: Option<String>,
    /// What the applied state takes, in bytes as the lock machine counts them; `None` from 0.1.0.
    pub state_bytes: Option<u64>,
    /// How long its newest snapshot is, in bytes; `None` if there is none, and from 0.1.0.
    pub snapshot_bytes: Option<u64>,
    /// What its disk lacks for the next piece of the log, or for a snapshot, with the file; for people.
    pub disk_lacks: Option<String>,
    /// The clusters that its own was restored from, the newest first.
    pub ancestors: Ancestors,
    /// What keeps the cluster from granting, as far as this node knows; `None` from 0.1.0.
    pub condition: Option<Condition>,
    /// Within the last ten minutes: leaders that it heard of, but for the first after its start; `None` from 0.1.0.
    pub leader_changes: Option<u64>,
    /// Within the last ten minutes: how often it did not hear its leader in time, or as leader a majority; `None` from 0.1.0.
    pub leader_silences: Option<u64>,
    /// Why there is the leader that it knows, and not the one before, for people.
    pub leader_change_why: Option<String>,
    /// For how long it has known the leader that it knows, in one term; if it leads, how long it does. `None`: there is none.
    pub leader_for_ms: Option<u64>,
    /// How long it would hear nothing of its leader before it stands for election: the smallest election timeout as
    /// things are.
    pub election_wait_ms: Option<u64>,
    /// How often the leader lease ran out since it started, while it led.
    pub lease_gaps: Option<u64>,
    /// The turns of its loop, from one return of the poll to the next call of it, without what the disk takes; `None` from
    /// 0.1.0, like what follows.
    pub turn_us: Option<Timing>,
    /// What of those turns it spent on a processor: what is missing went to others on its machine.
    pub turn_processor_us: Option<Timing>,
    /// Writing to the disk and waiting for it.
    pub sync_us: Option<Timing>,
    /// The gaps between the turns in which it heard one leader in one term.
    pub heartbeat_gap_us: Option<Timing>,
    /// Whether its connections are secured: "off", "optional", "required"; `None` from 0.1.0.
    pub tls: Option<String>,
    /// Whom its certificate names, say "node/3"; `None` without TLS, like what follows.
    pub identity: Option<String>,
    /// Whole days that its certificate has left; below 0 since it has expired.
    pub certificate_days: Option<i64>,
}

/// The status of 0.1.0, answered to whoever asks for it by `Request::Status`. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedStatus {
    /// As in [`NodeStatus`], like all that follows.
    pub node: NodeId,
    /// See there.
    pub role: String,
    /// See there.
    pub term: Term,
    /// See there.
    pub leader: Option<NodeId>,
    /// See there.
    pub commit: Index,
    /// See there.
    pub applied: Index,
    /// See there.
    pub last: Index,
    /// See there.
    pub log_bytes: u64,
    /// See there.
    pub log_bytes_max: u64,
    /// See there.
    pub sessions: u64,
    /// See there.
    pub locks: u64,
    /// See there.
    pub members: Vec<MemberStatus>,
    /// See there.
    pub snapshot: Index,
    /// See there.
    pub refused_connections: u64,
    /// See there.
    pub version: String,
}

impl NodeStatus {
    /// Its role, as an operator thinks of it: "leader", "follower", "candidate", "learner", or "no member".
    #[must_use]
    pub fn standing(&self) -> &str {
        let own = self.members.iter().find(|member| member.node == self.node);
        match own.map(|member| member.seat) {
            Some(Seat::Learner) => "learner",
            Some(_) => &self.role,
            None => "no member",
        }
    }

    /// As named values.
    #[must_use]
    pub fn to_values(&self) -> Values {
        let ancestors = Some(self.ancestors.to_bytes()).filter(|bytes| !bytes.is_empty());
        let values = Values::new()
            .with("id", Some(self.node.0))
            .with("role", Some(self.role.as_str()))
            .with("term", Some(self.term.0))
            .with("leader", self.leader.map(|leader| leader.0))
            .with("commit", Some(self.commit.0))
            .with("applied", Some(self.applied.0))
            .with("last", Some(self.last.0))
            .with("log_bytes", Some(self.log_bytes))
            .with("log_bytes_max", Some(self.log_bytes_max))
            .with("sessions", Some(self.sessions))
            .with("locks", Some(self.locks))
            .with(
                "members",
                Some(self.members.iter().map(MemberStatus::to_row).collect::<Vec<_>>()),
            )
            .with("snapshot", Some(self.snapshot.0))
            .with("refused_connections", Some(self.refused_connections))
            .with("refused_messages", (self.refused_messages > 0).then_some(self.refused_messages))
            .with("version", Some(self.version.as_str()))
            .with("cluster_id", self.cluster.map(|cluster| cluster.0))
            .with("level", self.level)
            .with("level_max", self.level_max)
            .with("level_waits", self.level_waits.as_deref())
            .with("state_bytes", self.state_bytes)
            .with("snapshot_bytes", self.snapshot_bytes)
            .with("disk_lacks", self.disk_lacks.as_deref())
            .with("leader_changes", self.leader_changes)
            .with("leader_silences", self.leader_silences)
            .with("leader_change_why", self.leader_change_why.as_deref())
            .with("leader_for_ms", self.leader_for_ms)
            .with("election_wait_ms", self.election_wait_ms)
            .with("lease_gaps", self.lease_gaps)
            .with("turn_us", self.turn_us.map(Timing::to_value))
            .with("turn_processor_us", self.turn_processor_us.map(Timing::to_value))
            .with("sync_us", self.sync_us.map(Timing::to_value))
            .with("heartbeat_gap_us", self.heartbeat_gap_us.map(Timing::to_value))
            .with("tls", self.tls.as_deref())
            .with("identity", self.identity.as_deref())
            .with(
                "certificate_days",
                self.certificate_days.and_then(|days| u64::try_from(days).ok()),
            )
            .with("certificate_expired_days", self.certificate_days.and_then(expired_days))
            .with("ancestors", ancestors);
        match &self.condition {
            Some(condition) => condition.added_to(values),
            None => values,
        }
    }

    /// Out of named values. What an older node does not name is 0, empty or none.
    #[must_use]
    pub fn from_values(values: &Values) -> Self {
        let number = |name: &str| values.number(name).unwrap_or_default();
        let text = |name: &str| values.text(name).unwrap_or_default().to_owned();
        let small = |name: &str| values.number(name).and_then(|level| u32::try_from(level).ok());
        Self {
            node: NodeId(number("id")),
            role: text("role"),
            term: Term(number("term")),
            leader: values.number("leader").map(NodeId),
            commit: Index(number("commit")),
            applied: Index(number("applied")),
            last: Index(number("last")),
            log_bytes: number("log_bytes"),
            log_bytes_max: number("log_bytes_max"),
            sessions: number("sessions"),
            locks: number("locks"),
            members: values
                .rows("members")
                .iter()
                .filter_map(|row| MemberStatus::of_row(row))
                .collect(),
            snapshot: Index(number("snapshot")),
            refused_connections: number("refused_connections"),
            refused_messages: number("refused_messages"),
            version: text("version"),
            cluster: values.bytes16("cluster_id").map(ClusterId),
            level: small("level"),
            level_max: small("level_max"),
            level_waits: values.text("level_waits").map(str::to_owned),
            state_bytes: values.number("state_bytes"),
            snapshot_bytes: values.number("snapshot_bytes"),
            disk_lacks: values.text("disk_lacks").map(str::to_owned),
            ancestors: values.bytes("ancestors").map_or(Ancestors::NONE, Ancestors::from_bytes),
            condition: Condition::from_values(values),
            leader_changes: values.number("leader_changes"),
            leader_silences: values.number("leader_silences"),
            leader_change_why: values.text("leader_change_why").map(str::to_owned),
            leader_for_ms: values.number("leader_for_ms"),
            election_wait_ms: values.number("election_wait_ms"),
            lease_gaps: values.number("lease_gaps"),
            turn_us: Timing::named(values, "turn_us"),
            turn_processor_us: Timing::named(values, "turn_processor_us"),
            sync_us: Timing::named(values, "sync_us"),
            heartbeat_gap_us: Timing::named(values, "heartbeat_gap_us"),
            tls: values.text("tls").map(str::to_owned),
            identity: values.text("identity").map(str::to_owned),
            certificate_days: certificate_days(values),
        }
    }
}

/// What is left below 0 as a number that can be sent.
fn expired_days(days: i64) -> Option<u64> {
    u64::try_from(days.checked_neg()?).ok().filter(|days| *days > 0)
}

fn certificate_days(values: &Values) -> Option<i64> {
    let signed = |name: &str| values.number(name).and_then(|days| i64::try_from(days).ok());
    signed("certificate_days").or_else(|| signed("certificate_expired_days").map(|days| -days))
}

impl From<NodeStatus> for FixedStatus {
    fn from(status: NodeStatus) -> Self {
        Self {
            node: status.node,
            role: status.role,
            term: status.term,
            leader: status.leader,
            commit: status.commit,
            applied: status.applied,
            last: status.last,
            log_bytes: status.log_bytes,
            log_bytes_max: status.log_bytes_max,
            sessions: status.sessions,
            locks: status.locks,
            members: status.members,
            snapshot: status.snapshot,
            refused_connections: status.refused_connections,
            version: status.version,
        }
    }
}

impl From<FixedStatus> for NodeStatus {
    fn from(fixed: FixedStatus) -> Self {
        Self {
            node: fixed.node,
            role: fixed.role,
            term: fixed.term,
            leader: fixed.leader,
            commit: fixed.commit,
            applied: fixed.applied,
            last: fixed.last,
            log_bytes: fixed.log_bytes,
            log_bytes_max: fixed.log_bytes_max,
            sessions: fixed.sessions,
            locks: fixed.locks,
            members: fixed.members,
            snapshot: fixed.snapshot,
            refused_connections: fixed.refused_connections,
            version: fixed.version,
            ..Self::default()
        }
    }
}

impl MemberStatus {
    fn to_row(&self) -> Row {
        let mut row = vec![
            ("id".to_owned(), Cell::Number(self.node.0)),
            ("address".to_owned(), Cell::Text(self.address.clone())),
            ("seat".to_owned(), Cell::Text(self.seat.name().to_owned())),
        ];
        row.extend(self.matched.map(|matched| ("matched".to_owned(), Cell::Number(matched.0))));
        row
    }

    /// `None` for a row without an id, or with a seat of a later version.
    fn of_row(row: &[(String, Cell)]) -> Option<Self> {
        Some(Self {
            node: NodeId(row_number(row, "id")?),
            address: row_text(row, "address").unwrap_or_default().to_owned(),
            seat: Seat::named(row_text(row, "seat")?)?,
            matched: row_number(row, "matched").map(Index),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::codec;
    use crate::wire::ServiceState;

    fn status() -> NodeStatus {
        let member = |node: u64, seat| MemberStatus {
            node: NodeId(node),
            address: format!("host{node}:1"),
            seat,
            matched: (node == 1).then_some(Index(9)),
        };
        NodeStatus {
            node: NodeId(1),
            role: "leader".to_owned(),
            term: Term(2),
            leader: Some(NodeId(1)),
            commit: Index(9),
            applied: Index(8),
            last: Index(10),
            log_bytes: 11,
            log_bytes_max: 12,
            sessions: 13,
            locks: 14,
            members: vec![
                member(1, Seat::Voter),
                member(2, Seat::Learner),
                member(3, Seat::Joining),
                member(4, Seat::Demoting),
                member(5, Seat::Leaving),
            ],
            snapshot: Index(5),
            refused_connections: 15,
            refused_messages: 16,
            version: "0.2.0".to_owned(),
            cluster: Some(ClusterId([4; 16])),
            level: Some(1),
            level_max: Some(2),
            level_waits: Some("node 2 is not connected".to_owned()),
            state_bytes: Some(16),
            snapshot_bytes: Some(17),
            disk_lacks: Some("no space left: cannot prepare /data/spare.new".to_owned()),
            ancestors: Ancestors::new([ClusterId([5; 16]), ClusterId([6; 16])]),
            condition: Some(Condition::new(ServiceState::Restoring, "restored")),
            leader_changes: Some(3),
            leader_silences: Some(2),
            leader_change_why: Some("node 2 closed its connection".to_owned()),
            leader_for_ms: Some(61_000),
            election_wait_ms: Some(150),
            lease_gaps: Some(2),
            turn_us: Some(Timing { count: 9, p50: 1, p99: 2, max: 4, max_minute: 3 }),
            turn_processor_us: Some(Timing::default()),
            sync_us: Some(Timing { count: 8, ..Timing::default() }),
            heartbeat_gap_us: Some(Timing { max: 7, ..Timing::default() }),
            tls: Some("optional".to_owned()),
            identity: Some("node/1".to_owned()),
            certificate_days: Some(-2),
        }
    }

    #[test]
    fn a_status_comes_back_from_its_named_values() {
        let bytes = codec::encode(&status().to_values()).unwrap();
        assert_eq!(NodeStatus::from_values(&codec::decode(&bytes).unwrap()), status());
        assert_eq!(NodeStatus::from_values(&Values::new()), NodeStatus::default());
        for days in [-1, 0, 6] {
            let status = NodeStatus { certificate_days: Some(days), ..NodeStatus::default() };
            assert_eq!(NodeStatus::from_values(&status.to_values()), status);
        }
    }

    #[test]
    fn the_fixed_status_has_what_0_1_knew() {
        let back = NodeStatus::from(FixedStatus::from(status()));
        let known = NodeStatus {
            refused_messages: 0,
            cluster: None,
            level: None,
            level_max: None,
            level_waits: None,
            state_bytes: None,
            snapshot_bytes: None,
            disk_lacks: None,
            ancestors: Ancestors::NONE,
            condition: None,
            leader_changes: None,
            leader_silences: None,
            leader_change_why: None,
            leader_for_ms: None,
            election_wait_ms: None,
            lease_gaps: None,
            turn_us: None,
            turn_processor_us: None,
            sync_us: None,
            heartbeat_gap_us: None,
            tls: None,
            identity: None,
            certificate_days: None,
            ..status()
        };
        assert_eq!(back, known);
    }
}
