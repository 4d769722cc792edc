//! Orders of operators: changes of the members, moves of leadership, snapshots.

use super::metering::result_of_order;
use super::{Replica, ServerMessage};
use crate::base::meters::{RequestKind, RequestResult};
use crate::base::{ConnectionId, DirectoryId, Index, NodeId, Sample};
use crate::raft::{Change, Event, LeaseTold, MembershipError, Role, TransferError};
use crate::wire::{LEADERSHIP_CHANGED, LEADS_ALREADY, Order, OrderAnswer, Request, Speech};

/// The client and number of an order that the leader has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ordered {
    pub(super) connection: ConnectionId,
    pub(super) read: u64,
}

impl Replica {
    /// Takes an order.
    pub(super) fn handle_order(
        &mut self,
        now: &Sample,
        connection: ConnectionId,
        read: u64,
        order: Order,
    ) {
        let from = Ordered { connection, read };
        let leads = self.raft.role() == Role::Leader;
        let is_snapshot = matches!(order, Order::Snapshot { .. });
        match order {
            _ if leads && !is_snapshot && self.must_await_access(&order) => {
                self.hold(connection, Request::Order { read, order });
            }
            _ if self.denial_of_order(connection, &order).is_some() && (leads || is_snapshot) => {
                let denial = self.denial_of_order(connection, &order).expect("looked at");
                self.deny_order(from, &denial);
            }
            Order::Snapshot { at_least, offset } => self.send_snapshot(from, at_least, offset),
            _ if !leads => {
                self.count(RequestKind::Order, RequestResult::NotLeader);
                self.send_hint(connection);
            }
            // A new leader takes the order up once it has applied all that was committed (R12).
            Order::ChangeMembers { .. } if !self.leading.is_ready() => {
                self.hold(connection, Request::Order { read, order });
            }
            Order::ChangeMembers { changes } => self.change_members(now, from, &changes),
            Order::MoveLeader { to } => self.move_leader(now, from, to),
            Order::Access { change } => self.change_access(from, change),
        }
    }

    /// Handles a connected peer: a member without a directory is bound to this one (W8).
    pub fn handle_peer_up(
        &mut self,
        now: &Sample,
        peer: NodeId,
        directory: DirectoryId,
        speech: Speech,
    ) {
        self.met.insert(peer, directory);
        self.note_speech(peer, speech);
        self.raft.handle(now, Event::PeerUp(peer));
    }

    /// Begins to move leadership to `to`, or to the voter with the longest log.
    ///
    /// # Errors
    /// [`TransferError`]: nothing was begun.
    pub fn hand_over(
        &mut self,
        now: &Sample,
        to: Option<NodeId>,
        claim: LeaseTold,
    ) -> Result<(), TransferError> {
        self.raft.transfer(now, to.or_else(|| self.roomy_successor()), claim)
    }

    /// Advances orders under way, in each turn of a leader.
    pub(super) fn advance_orders(&mut self, now: &Sample) {
        self.bind_members(now);
        if self.raft.is_transferring() {
            return;
        }
        if let Some(ordered) = self.leading.handover.take() {
            let text = "the other node did not take over in time: look at the status of the nodes, then try again";
            self.refuse_order(ordered, text);
        }
    }

    /// A membership is committed: its client is answered, unless it is only a step to another.
    pub(super) fn handle_membership_applied(&mut self, index: Index) {
        let (since, membership) = self.raft.membership();
        if since != index || membership.is_joint() {
            return;
        }
        if let Some(ordered) = self.leading.change.take() {
            self.answer_order(ordered, OrderAnswer::Done { index });
        }
    }

    /// Answers an order that was not begun.
    pub(super) fn drop_order(&mut self, connection: ConnectionId, read: u64) {
        self.refuse_order(Ordered { connection, read }, LEADERSHIP_CHANGED);
    }

    /// After this node's leadership: a move is done, and the next leader knows of a change.
    pub(super) fn end_orders(&mut self, change: Option<Ordered>, handover: Option<Ordered>) {
        if let Some(ordered) = handover {
            self.answer_order(ordered, OrderAnswer::Done { index: self.raft.last_index() });
        }
        if let Some(Ordered { connection, .. }) = change {
            self.send_hint(connection);
        }
    }

    fn change_members(&mut self, now: &Sample, from: Ordered, changes: &[Change]) {
        if self.leading.change.is_some() {
            return self.refuse_order(from, &MembershipError::Pending.to_string());
        }
        match self.raft.change_membership(now, changes) {
            Ok(_) => self.leading.change = Some(from),
            Err(MembershipError::NotLeader) => self.send_hint(from.connection),
            Err(error) => self.refuse_order(from, &error.to_string()),
        }
    }

    fn move_leader(&mut self, now: &Sample, from: Ordered, to: Option<NodeId>) {
        if to == Some(self.raft.id()) {
            return self.refuse_order(from, LEADS_ALREADY);
        }
        if let Err(why) = self.check_room_at(to) {
            return self.refuse_order(from, &why);
        }
        match self.hand_over(now, to, self.claim) {
            Ok(()) => match self.leading.handover.replace(from) {
                Some(before) if before != from => {
                    self.refuse_order(before, "another move of leadership was asked for since");
                }
                _ => {}
            },
            Err(TransferError::NotLeader) => self.send_hint(from.connection),
            Err(error) => self.refuse_order(from, &error.to_string()),
        }
    }

    /// Binds members that were added without a directory to the first with which they connected.
    fn bind_members(&mut self, now: &Sample) {
        let (_, membership) = self.raft.membership();
        let unbound = membership.members().iter().filter(|member| member.directory.is_none());
        let bind = |node: NodeId| Some(Change::Bind { node, directory: *self.met.get(&node)? });
        let changes: Vec<Change> = unbound.filter_map(|member| bind(member.node)).collect();
        if !changes.is_empty() {
            // Refused while another change is under way; the next turn tries again.
            let _ = self.raft.change_membership(now, &changes);
        }
    }

    pub(super) fn refuse_order(&mut self, to: Ordered, text: &str) {
        self.answer_order(to, OrderAnswer::Refused { text: text.to_owned() });
    }

    pub(super) fn answer_order(&mut self, to: Ordered, answer: OrderAnswer) {
        self.count(RequestKind::Order, result_of_order(&answer));
        self.reply(to.connection, ServerMessage::Ordered { read: to.read, answer });
    }
}
