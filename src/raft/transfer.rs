//! Transfer of leadership to another voter (dissertation §3.10), without an instant at which two nodes could claim the
//! leader lease (safety C3).
//!
//! From the beginning of a transfer the leader extends no claim and takes no proposals. Once the claim that programs
//! may have been told of has run out, a leader that may claim (C2) appends a `Relinquish`. Once that is committed and
//! the target holds the whole log, the target is told to ask for votes. The next leader finds the `Relinquish` just
//! before its own no-op, and need not wait for Δ.

use crate::base::{Index, NodeId, Sample};
use crate::raft::role::{Leader, RoleState};
use crate::raft::{
    Action, EntryKind, LeaderLease, LeaseTold, Message, Payload, Raft, TimeoutNow, TransferError,
};
use std::cmp::Reverse;
use std::time::Duration;

/// A transfer under way.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    target: NodeId,
    /// When it, or the wait behind its claim, began: the smallest election timeout as things are later it is given up.
    since: Sample,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The claim runs out; it is not extended.
    Ending(LeaderLease),
    /// Nothing is claimed; the log goes out to the target, the `Relinquish` last.
    Closing,
    /// The target was told to ask for votes.
    Told,
}

impl Transfer {
    /// The rest of the claim.
    pub fn claim_at(&self, now: &Sample) -> Option<LeaderLease> {
        match self.stage {
            Stage::Ending(claim) => (now.elapsed_hi(&claim.start) < claim.length).then_some(claim),
            Stage::Closing | Stage::Told => None,
        }
    }
}

impl Raft {
    /// Transfers leadership to `target`, or to the voter with the longest matching log. A second call for the same
    /// target changes nothing; another target replaces the first; this node's own id takes back an unfinished
    /// transfer.
    ///
    /// # Errors
    /// [`TransferError`]: nothing was begun.
    pub fn transfer(
        &mut self,
        now: &Sample,
        target: Option<NodeId>,
        claim: LeaseTold,
    ) -> Result<(), TransferError> {
        self.check_leadership(now);
        let RoleState::Leader(leader) = &self.role else { return Err(TransferError::NotLeader) };
        let target = match target {
            Some(target) if target == self.config.id => {
                self.abort_transfer();
                return Ok(());
            }
            Some(target) if self.may_lead_next(leader, target) => target,
            Some(target) => return Err(TransferError::NotVoter(target)),
            None => self.best_successor(leader, |_| true).ok_or(TransferError::Alone)?,
        };
        if leader.transfer.as_ref().is_some_and(|transfer| transfer.target == target) {
            return Ok(());
        }
        let stage = match (claim, self.leader_lease(now)) {
            (LeaseTold::Standing, Some(claim)) => Stage::Ending(claim),
            (LeaseTold::Standing, None) | (LeaseTold::Ended, _) => Stage::Closing,
        };
        if let RoleState::Leader(leader) = &mut self.role {
            leader.transfer = Some(Transfer { target, since: *now, stage });
        }
        Ok(())
    }

    /// Whether leadership is on its way to another node.
    #[must_use]
    pub fn is_transferring(&self) -> bool {
        self.role.leader().is_some_and(|leader| leader.transfer.is_some())
    }

    /// Takes the steps of a transfer that are due.
    pub(super) fn advance_transfer(&mut self, now: &Sample) {
        let RoleState::Leader(leader) = &self.role else { return };
        let Some(transfer) = &leader.transfer else { return };
        let (target, stage, since) = (transfer.target, transfer.stage, transfer.since);
        if !self.may_lead_next(leader, target) {
            return self.abort_transfer();
        }
        match stage {
            Stage::Ending(claim) => {
                if now.elapsed_hi(&claim.start) >= claim.length {
                    self.enter_transfer_stage(now, Stage::Closing);
                    self.close_term(now);
                }
            }
            _ if now.elapsed_hi(&since) > self.election_wait() => self.abort_transfer(),
            Stage::Closing => self.close_term(now),
            Stage::Told => {}
        }
    }

    /// Appends the `Relinquish`, if this leader has a claim to give up; tells the target to ask for votes once it
    /// holds the whole log and that is committed.
    fn close_term(&mut self, now: &Sample) {
        let RoleState::Leader(leader) = &self.role else { return };
        let last = self.log.last_index();
        let clear = |delta: Duration| self.is_clear_of_claims(leader, delta, now);
        if self.lease_duration.is_some_and(clear) && leader.relinquished != Some(last) {
            let index = self.append_own(EntryKind::Relinquish, Payload::empty());
            if let RoleState::Leader(leader) = &mut self.role {
                leader.relinquished = Some(index);
            }
            return;
        }
        let Some(transfer) = &leader.transfer else { return };
        let to = transfer.target;
        let matched = leader.follower(to).map_or(Index(0), |view| view.progress.matched());
        if matched == last && self.commit == last {
            let message = Message::TimeoutNow(TimeoutNow { term: self.term() });
            self.actions.push(Action::Send { to, message, after: None });
            self.enter_transfer_stage(now, Stage::Told);
        }
    }

    /// Leads on. Behind its own `Relinquish` it needs an entry of its own before it claims again (C3).
    pub(super) fn abort_transfer(&mut self) {
        let RoleState::Leader(leader) = &mut self.role else { return };
        if leader.transfer.take().is_some() && leader.relinquished == Some(self.log.last_index()) {
            self.append_own(EntryKind::NoOp, Payload::empty());
        }
    }

    /// A leader that leaves the membership tells the voter with most of the log to ask for votes: nobody
    /// need wait for a timeout.
    pub(super) fn dismiss(&mut self) {
        let RoleState::Leader(leader) = &self.role else { return };
        if let Some(to) = self.best_successor(leader, |_| true) {
            let message = Message::TimeoutNow(TimeoutNow { term: self.term() });
            self.actions.push(Action::Send { to, message, after: None });
        }
    }

    fn enter_transfer_stage(&mut self, now: &Sample, stage: Stage) {
        if let RoleState::Leader(leader) = &mut self.role
            && let Some(transfer) = &mut leader.transfer
        {
            transfer.stage = stage;
            transfer.since = *now;
        }
    }

    /// To whom of those that `may` this leader would hand over: to the voter that has most of the log.
    #[must_use]
    pub fn successor(&self, may: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        self.best_successor(self.role.leader()?, may)
    }

    fn best_successor(&self, leader: &Leader, may: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        let views = leader.followers.iter();
        let voters = views.filter(|view| self.may_lead_next(leader, view.id) && may(view.id));
        let reachable = |id: &NodeId| !self.unreachable.contains(id);
        let best = voters
            .max_by_key(|view| (reachable(&view.id), view.progress.matched(), Reverse(view.id)));
        best.map(|view| view.id)
    }

    fn may_lead_next(&self, leader: &Leader, node: NodeId) -> bool {
        let votes = self.memberships.current().incoming().any(|voter| voter == node);
        votes && leader.follower(node).is_some()
    }
}

impl Leader {
    /// How long until a transfer has something to do by the clock alone.
    pub fn until_transfer_step(&self, now: &Sample) -> Duration {
        match &self.transfer {
            Some(Transfer { stage: Stage::Ending(claim), .. }) => {
                claim.length.saturating_sub(now.elapsed_hi(&claim.start))
            }
            Some(_) | None => Duration::MAX,
        }
    }
}
