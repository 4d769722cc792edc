//! The peers that a node dials, and those that may stay connected.
//!
//! The log names the members of some moment. A node that was removed, or that slept while all
//! others were replaced, knows by its log only machines that are gone; so it also asks the
//! configured members, until it is told that it was removed, or hears a leader.

use super::admission::was_removed;
use crate::base::{Index, NodeId, Sample};
use crate::raft::Role;
use crate::server::Server;
use crate::wal::Disk;
use std::time::Duration;

/// The inputs of [`Server::peers`] and [`Server::may_stay`]: while they are equal, the same nodes
/// are dialed, admitted and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    newest: Index,
    committed: Index,
    /// A former member whose leadership is not over yet.
    former_leader: Option<NodeId>,
    /// An unknown node must prove that it is a member.
    has_key: bool,
    /// The configured members are dialed besides those of the log.
    pub asks_configured: bool,
}

impl<D: Disk> Server<D> {
    /// Whether the next message of a peer matters at once, besides for the leader lease.
    #[must_use]
    pub fn waits_for_peers(&self) -> bool {
        self.replica().is_none_or(|replica| replica.raft().waits_for_peers())
    }

    /// The other members with their addresses: the configured ones until the log has them. Of a
    /// member whose address may have changed all known addresses, that of the log first.
    #[must_use]
    pub fn peers(&self) -> Vec<(NodeId, String)> {
        let named = self.named_peers();
        let asks = self.asks_configured();
        let is_gone = |node| self.replica().is_some_and(|replica| replica.raft().is_removed(node));
        let configured = self.options.members.iter().filter(|_| asks);
        let others = configured.filter(|member| !named.contains(member) && !is_gone(member.0));
        let all: Vec<(NodeId, String)> = named.iter().chain(others).cloned().collect();
        all.into_iter().filter(|(node, _)| *node != self.options.node).collect()
    }

    /// The members' addresses for clients, this node first: by the log, else as configured.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        let own = self.options.node;
        let named = self.named_peers();
        let place = |members: &[(NodeId, String)]| {
            members.iter().find(|(node, _)| *node == own).map(|(_, address)| address.clone())
        };
        let first = place(&named).or_else(|| place(&self.options.members));
        let others = named.into_iter().filter(|(node, _)| *node != own).map(|(_, address)| address);
        first.into_iter().chain(others).collect()
    }

    /// Whether a connected node that is not to be dialed may stay: one of this cluster that this
    /// log does not name yet, and a member whose removal is not committed. Once this node has the
    /// key of the cluster, the former must reconnect if it has not proved its membership (W9). A
    /// removed leader stays as long as it leads: it has yet to send its successor timeout-now.
    #[must_use]
    pub fn may_stay(&self, peer: NodeId) -> bool {
        self.replica().is_some_and(|replica| {
            let raft = replica.raft();
            let is_untried = replica.machine().cluster_key().is_some() && replica.is_untried(peer);
            !is_untried && (!raft.is_removed(peer) || raft.leader() == Some(peer))
        })
    }

    /// The present reach; `None` until there is a cluster.
    #[must_use]
    pub fn reach(&self) -> Option<Reach> {
        let raft = self.replica()?.raft();
        let ((newest, _), (committed, _)) = (raft.membership(), raft.committed_membership());
        Some(Reach {
            newest,
            committed,
            former_leader: raft.leader().filter(|leader| raft.is_removed(*leader)),
            has_key: self.replica()?.machine().cluster_key().is_some(),
            asks_configured: self.asks_configured(),
        })
    }

    /// Why this node must end, by its own log: it was removed, committed, and leads no more.
    #[must_use]
    pub fn dismissal(&self) -> Option<String> {
        let raft = self.replica()?.raft();
        let own = self.options.node;
        let is_over = raft.is_removed(own) && raft.role() != Role::Leader;
        is_over.then(|| was_removed(own))
    }

    /// Whether the newest membership in its log says that this node was removed, committed or not.
    #[must_use]
    pub fn is_removed_by_log(&self) -> bool {
        let membership = self.replica().map(|replica| replica.raft().membership().1);
        membership.is_some_and(|membership| membership.is_removed(self.options.node))
    }

    /// Whether the newest membership in its log names this node.
    #[must_use]
    pub fn is_member_by_log(&self) -> bool {
        let membership = self.replica().map(|replica| replica.raft().membership().1);
        membership.is_some_and(|membership| membership.member(self.options.node).is_some())
    }

    /// After a step: whether a leader is known.
    pub(super) fn note_leader(&mut self, now: &Sample) {
        let leader = self.replica().and_then(|replica| replica.raft().leader());
        self.leaderless.note(leader, now);
    }

    fn named_peers(&self) -> Vec<(NodeId, String)> {
        let Some(replica) = self.replica() else { return self.options.members.clone() };
        let members = replica.raft().membership().1.members().iter();
        let reached = |node: NodeId| Some((node, replica.address(node)?.to_owned()));
        members.filter_map(|member| reached(member.node)).collect()
    }

    /// Whether to dial the configured members: a leader, and a member that hears its leader, need
    /// no others.
    fn asks_configured(&self) -> bool {
        let is_founded = self.replica().is_some();
        let is_at_a_loss = !self.is_member_by_log() || self.leaderless.is_long;
        is_founded && self.role() != Role::Leader && is_at_a_loss
    }
}

/// The time without a known leader.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leaderless {
    since: Option<Sample>,
    is_long: bool,
}

impl Leaderless {
    fn note(&mut self, leader: Option<NodeId>, now: &Sample) {
        self.since = match leader {
            Some(_) => None,
            None => Some(self.since.unwrap_or(*now)),
        };
        self.is_long = self.since.is_some_and(|since| now.elapsed_hi(&since) >= LOST_AFTER);
    }
}

/// How long no leader may be known before members are asked that the log does not name: several
/// elections.
const LOST_AFTER: Duration = Duration::from_secs(2);
