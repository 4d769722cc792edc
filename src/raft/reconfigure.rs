//! Changing the members: the leader's side (Raft §6; dissertation §4).

use crate::base::limits::LAG_ENTRIES_MAX;
use crate::base::{Index, NodeId, Sample};
use crate::raft::role::{Leader, RoleState};
use crate::raft::{
    Change, Entry, EntryKind, Membership, MembershipError, Payload, Raft, Reason, Seat,
};

impl Raft {
    /// Appends a change of the members. It acts at once on this leader (R12), and is in force for good when
    /// the index returned is committed; a joint membership is then left by itself.
    ///
    /// # Errors
    /// [`MembershipError`]: nothing was appended.
    pub fn change_membership(
        &mut self,
        now: &Sample,
        changes: &[Change],
    ) -> Result<Index, MembershipError> {
        self.check_leadership(now);
        let RoleState::Leader(leader) = &self.role else { return Err(MembershipError::NotLeader) };
        if leader.transfer.is_some() {
            return Err(MembershipError::Transferring);
        }
        // Without an entry of its own term committed, an earlier leader's change may still come to be.
        if self.commit < leader.noop {
            return Err(MembershipError::NotReady);
        }
        let current = self.memberships.current();
        if self.memberships.current_index() > self.applied || current.is_joint() {
            return Err(MembershipError::Pending);
        }
        let next = current.changed(changes)?;
        self.check_caught_up(now, leader, &next)?;
        Ok(self.append_membership(now, &next))
    }

    /// The members in force, committed or not, and the entry that put them there (0: the founding).
    #[must_use]
    pub fn membership(&self) -> (Index, &Membership) {
        (self.memberships.current_index(), self.memberships.current())
    }

    /// The newest members that are known to be in force for good, and the entry that put them there.
    #[must_use]
    pub fn committed_membership(&self) -> (Index, &Membership) {
        self.memberships.at(self.commit)
    }

    /// Whether the node was a member once and is none any more, for good: as far as is committed.
    #[must_use]
    pub fn is_removed(&self, node: NodeId) -> bool {
        self.committed_membership().1.is_removed(node)
    }

    /// Leaves a joint membership once it is committed.
    pub(super) fn leave_joint(&mut self, now: &Sample) {
        let RoleState::Leader(leader) = &self.role else { return };
        let current = self.memberships.current();
        let committed = self.commit >= leader.noop.max(self.memberships.current_index());
        if current.is_joint() && committed {
            self.append_membership(now, &current.left());
        }
    }

    /// Steps down as leader once the entry that takes its own vote is committed and applied.
    pub(super) fn retire(&mut self, now: &Sample) {
        let settled = self.applied >= self.memberships.current_index();
        let is_voter = self.memberships.current().is_voter(self.config.id);
        if matches!(self.role, RoleState::Leader(_)) && settled && !is_voter {
            self.dismiss();
            self.part(Reason::Removed);
            self.become_follower(now, self.term(), None);
        }
    }

    /// Appends an entry to the log; a membership acts from here on.
    pub(super) fn append_entry(&mut self, entry: Entry) {
        self.memberships.handle_appended(&entry);
        self.spend_room(&entry);
        self.log.push(entry);
        self.settle_debt();
    }

    fn append_membership(&mut self, now: &Sample, next: &Membership) -> Index {
        self.keep_claim(now);
        let index = self.append_own(EntryKind::Membership, Payload::from(next.encode()));
        self.seat_followers(now, index);
        // Perhaps no quorum of the new voters has answered yet.
        if let RoleState::Leader(leader) = &mut self.role {
            leader.trusted_at = None;
        }
        index
    }

    /// Refuses voters that are not ready. One that lacks much of the log would hold up every commit that needs it; a
    /// silent one would cost the leader its quorum at once (C7).
    fn check_caught_up(
        &self,
        now: &Sample,
        leader: &Leader,
        next: &Membership,
    ) -> Result<(), MembershipError> {
        let before = self.memberships.current();
        let joins = |node: NodeId| !before.is_voter(node);
        let keeps_up = |node: NodeId| {
            node == self.config.id
                || leader.follower(node).is_some_and(|view| {
                    let behind = self.log.last_index().0 - view.progress.matched().0;
                    let speaks = now.elapsed_hi(&view.answered) <= self.election_wait();
                    speaks && view.progress.is_replicating() && behind <= LAG_ENTRIES_MAX
                })
        };
        let seats = next.members().iter().filter(|member| member.seat != Seat::Learner);
        let mut joining = seats.map(|member| member.node).filter(|node| joins(*node));
        match joining.find(|node| !keeps_up(*node)) {
            Some(node) => Err(MembershipError::Behind(node)),
            None => Ok(()),
        }
    }
}
