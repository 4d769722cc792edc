//! The status of a server: its role, its claim, its members.

use crate::base::meters::{RequestKind, RequestResult};
use crate::base::{NodeId, Sample, Token};
use crate::raft::{LeaderLease, Role};
use crate::replica::Replica;
use crate::server::{Outside, Server};
use crate::wal::Disk;
use crate::wire::{LeaderHint, MemberStatus, NodeStatus};

impl<D: Disk> Server<D> {
    /// Whether this node leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.replica().is_some_and(|replica| replica.raft().role() == Role::Leader)
    }

    /// This leader's claim, for the process to publish (C4: compare with a fresh sample).
    #[must_use]
    pub fn leader_lease(&self, now: &Sample) -> Option<LeaderLease> {
        self.replica()?.raft().leader_lease(now)
    }

    /// The token of a claim in the present term: epoch·2⁴⁸ + term (safety §3); 0 until founded.
    #[must_use]
    pub fn leader_token(&self) -> Token {
        let token =
            |replica: &Replica| Token(replica.machine().epoch() << 48 | replica.raft().term().0);
        self.replica().map_or(Token(0), token)
    }

    /// This node's role; a follower until it is founded.
    #[must_use]
    pub fn role(&self) -> Role {
        self.replica().map_or(Role::Follower, |replica| replica.raft().role())
    }

    /// The term and its leader, as far as known.
    #[must_use]
    pub fn leader_hint(&self) -> LeaderHint {
        self.replica().map_or_else(LeaderHint::default, Replica::leader_hint)
    }

    /// The status of this node. `refused_connections`, `leader_changes`, `leader_silences` and
    /// times in microseconds are left for the process to fill in.
    #[must_use]
    pub fn status(&self, now: &Sample) -> NodeStatus {
        let mut status = NodeStatus {
            node: self.options.node,
            role: role_name(self.role()).to_owned(),
            term: Default::default(),
            leader: None,
            commit: Default::default(),
            applied: Default::default(),
            last: Default::default(),
            log_bytes: 0,
            log_bytes_max: self.options.log_bytes_max,
            sessions: 0,
            locks: 0,
            members: Vec::new(),
            snapshot: Default::default(),
            refused_connections: 0,
            refused_messages: 0,
            version: self.options.speech.version.clone(),
            cluster: self.cluster(),
            level: None,
            level_max: Some(self.options.speech.level_max),
            level_waits: None,
            state_bytes: None,
            snapshot_bytes: None,
            disk_lacks: None,
            ancestors: self.ancestors(),
            condition: Some(self.condition(now)),
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
        };
        match self.replica() {
            Some(replica) => self.fill(&mut status, replica, now),
            None => {
                let members = self.options.members.iter().cloned();
                status.members =
                    members.map(|(node, address)| MemberStatus::voter(node, address)).collect();
            }
        }
        status
    }

    /// The status, completed by the process, for a client that asks for it.
    pub(super) fn status_asked(&self, now: &Sample, outside: &impl Outside) -> NodeStatus {
        self.options.meters.count_request(RequestKind::Status, RequestResult::Ok);
        outside.complete(self.status(now))
    }

    fn fill(&self, status: &mut NodeStatus, replica: &Replica, now: &Sample) {
        let raft = replica.raft();
        status.term = raft.term();
        status.leader = raft.leader();
        status.commit = raft.commit();
        status.applied = replica.applied();
        status.last = raft.last_index();
        status.log_bytes = raft.log_bytes();
        status.refused_messages = raft.refused_messages();
        status.snapshot = raft.snapshot_index();
        status.sessions = replica.machine().session_count() as u64;
        status.locks = replica.machine().held_count() as u64;
        status.level = Some(replica.machine().level());
        status.level_waits = replica.level_waits();
        status.state_bytes = Some(replica.machine().state_bytes());
        status.snapshot_bytes = raft.snapshot().map(|it| it.data.len());
        status.disk_lacks = replica.shortage().map(str::to_owned);
        status.leader_change_why = raft.last_change().map(|change| change.reason.to_string());
        let known = raft.last_change().filter(|_| raft.leader().is_some());
        let since = known.map(|change| now.elapsed_lo(&change.since).as_millis());
        status.leader_for_ms = since.and_then(|ms| u64::try_from(ms).ok());
        status.election_wait_ms = u64::try_from(raft.election_wait().as_millis()).ok();
        status.lease_gaps = Some(raft.lease_gaps());
        let own = (raft.role() == Role::Leader).then(|| (raft.id(), raft.durable_index()));
        let matched = |node: NodeId| {
            let known = own.into_iter().chain(raft.matched()).find(|(member, _)| *member == node);
            known.map(|(_, index)| index)
        };
        let members = raft.membership().1.members().iter();
        status.members = members
            .map(|member| MemberStatus {
                node: member.node,
                address: member.address.clone(),
                seat: member.seat,
                matched: matched(member.node),
            })
            .collect();
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Leader => "leader",
        Role::Follower => "follower",
        Role::PreCandidate | Role::Candidate => "candidate",
    }
}
