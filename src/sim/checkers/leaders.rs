//! Checks of leaders: decisions by rounds and clocks.

use crate::base::limits::LOG_BYTES_MAX;
use crate::base::{Index, NodeId, SessionId, Token};
use crate::lock::{Command, Name};
use crate::raft::{Entry, EntryKind, Message, Raft, Role};
use crate::sim::checkers::Violation;
use crate::sim::checkers::judge::{Judge, Step, command_of};
use crate::sim::checkers::members::Members;
use crate::sim::checkers::replies::Window;
use crate::sim::node::outlet::Outgoing;
use crate::sim::node::{Inside, SimNode, slot_of};
use crate::sim::plan::MS;
use crate::wire::{PeerMessage, ServerMessage};

/// A decision of a leader by its clocks.
#[derive(Debug)]
pub(in crate::sim) enum Decided {
    Expiry(SessionId),
    DelayOver(Name, Token),
    RestoreOver,
}

impl Judge {
    /// The node has come to lead since its last step.
    pub(in crate::sim) fn follow_elected(&mut self, step: Step<'_>, inside: Inside<'_>) {
        let raft = inside.raft;
        let Some(noop) = raft.own_noop() else { return };
        let before = raft.entry(Index(noop.0 - 1));
        let behind = before.is_some_and(|entry| entry.header.kind == EntryKind::Relinquish);
        self.waits.handle_elected(step.node.host_id.0, step.began, raft.term(), behind);
    }

    /// Checks that decisions of a step that ended at `ended` were due; returns the sessions that they end.
    pub(in crate::sim) fn check_all_decided(
        &mut self,
        slot: usize,
        ended: u64,
        inside: Inside<'_>,
        decided: &[Decided],
    ) -> Result<Vec<SessionId>, Violation> {
        let mut expired = Vec::new();
        for decided in decided {
            self.check_decided(slot, ended, inside, decided)?;
            if let Decided::Expiry(session) = decided {
                self.waits.handle_expired(slot, *session);
                expired.push(*session);
            }
        }
        Ok(expired)
    }

    fn check_decided(
        &mut self,
        slot: usize,
        ended: u64,
        inside: Inside<'_>,
        decided: &Decided,
    ) -> Result<(), Violation> {
        match decided {
            Decided::Expiry(session) => {
                let Some(known) = self.model.session(*session) else { return Ok(()) };
                let ttl_nanos = u64::from(known.ttl_ms) * 1_000_000;
                self.expiry.check(slot, ended, inside.raft.term(), *session, ttl_nanos)
            }
            Decided::DelayOver(name, token) => {
                let delays = self.model.line(name).map(|line| line.delays.as_slice());
                let mut delays = delays.unwrap_or_default().iter();
                let Some(delay) = delays.find(|delay| delay.token == *token) else { return Ok(()) };
                let nanos = u64::from(delay.delay_ms) * 1_000_000;
                self.expiry.check_delay(slot, ended, (*token, nanos))
            }
            Decided::RestoreOver => {
                let Some(wait) = inside.machine.restoring() else { return Ok(()) };
                let term = inside.raft.term();
                self.waits.check_restored(slot, ended, term, wait.ms * MS)
            }
        }
    }

    /// Where the leader's waits begin (L8), and whom it acknowledges renewals (L10).
    pub(in crate::sim) fn follow_leading(
        &mut self,
        step: Step<'_>,
        inside: Inside<'_>,
        window: Window,
    ) -> Result<(), Violation> {
        let (slot, raft) = (step.node.host_id.0, inside.raft);
        let ready = raft.own_noop().is_some_and(|noop| noop <= inside.applied);
        let leads = (raft.role() == Role::Leader && ready).then_some(raft.term());
        self.expiry.follow(slot, step.began, leads);
        self.waits.follow(slot, step.began, leads.is_some());
        if leads.is_none() {
            return Ok(());
        }
        for created in window.from.0 + 1..=window.to.0 {
            self.expiry.extend(slot, step.began, self.model.session_of(Index(created)));
        }
        for token in self.model.delays(window.from, window.to) {
            self.expiry.begin_delay(slot, step.began, token);
        }
        for (_, outgoing) in step.left {
            if let Outgoing::Client(_, ServerMessage::Renewed { session, .. }) = outgoing {
                self.waits.check_renewed(slot, raft.term(), *session)?;
                self.expiry.extend(slot, step.began, *session);
            }
        }
        Ok(())
    }

    /// R12: a leader changes the members only behind a committed entry of its own term, one change at a time. W8: it
    /// sends only to members whose directory is known.
    pub(in crate::sim) fn check_changes(
        &mut self,
        step: Step<'_>,
        raft: &Raft,
        new: &[Entry],
    ) -> Result<(), Violation> {
        let node = step.node.id;
        let is_own = |entry: &&Entry| {
            entry.header.kind == EntryKind::Membership && entry.term == raft.term()
        };
        let noop = raft.own_noop().unwrap_or(Index(0));
        for change in new.iter().filter(is_own).filter(|_| raft.role() == Role::Leader) {
            let behind = noop.max(self.consensus.members_before(node, change.index));
            if raft.commit() < behind {
                let what = format!(
                    "leader {node} changes the members by entry {}, and has committed {} only, not {behind} (R12)",
                    change.index,
                    raft.commit()
                );
                return Err(Violation::new("O3", what));
            }
        }
        for (_, outgoing) in step.left {
            let Outgoing::Peer(to, PeerMessage::Raft(message)) = outgoing else { continue };
            let is_leaders = matches!(
                message,
                Message::Append(_) | Message::Heartbeat(_) | Message::SnapshotChunk(_)
            );
            let knows = |members: &Members| members.contains(*to) && !members.is_unbound(*to);
            if is_leaders && !self.consensus.acting_members(node).any(knows) {
                let what =
                    format!("node {node} sends {message:?} to node {to}, which is not bound");
                return Err(Violation::new("O3", what));
            }
        }
        Ok(())
    }

    /// W8: a member that was removed for good is connected no more to a node that knows it, except to the leader that
    /// removed it.
    pub(in crate::sim) fn check_peers(
        &mut self,
        node: &SimNode,
        raft: &Raft,
    ) -> Result<(), Violation> {
        let slot = node.host_id.0;
        let is_known = |peer: &NodeId| {
            self.removed.get(peer).is_some_and(|removed| *removed <= raft.commit())
                && raft.leader() != Some(*peer)
        };
        let stay: Vec<NodeId> = node.peers().filter(is_known).collect();
        let before = std::mem::replace(&mut self.former_peers[slot], stay);
        // A connection that ends with what a step brought ends before the next one.
        let former = self.former_peers[slot].iter().find(|peer| before.contains(peer));
        if let Some(peer) = former {
            let what = format!("node {} is connected to node {peer}, which was removed", node.id);
            return Err(Violation::new("O3", what));
        }
        Ok(())
    }

    /// O11, O18 and O21: a leader's claim, and answers that only a confirmed leader may give, rest on rounds of
    /// messages that have left it.
    pub(in crate::sim) fn check_rounds(
        &mut self,
        step: Step<'_>,
        inside: Inside<'_>,
    ) -> Result<(), Violation> {
        let (node, slot) = (step.node, step.node.host_id.0);
        for asked in node.asked() {
            self.rounds.note(node.id, step.began, *asked);
        }
        for (at, outgoing) in step.left {
            if let Outgoing::Peer(to, PeerMessage::Raft(message)) = outgoing {
                let boot = || node.host.borrow().clocks.sample_at(*at).boot_after;
                self.backing.follow((slot, slot_of(*to)), message, *at, boot);
                // In a small log, what is kept for a follower may be too little for it.
                if node.log_bytes_max() == LOG_BYTES_MAX {
                    self.catching_up.follow((slot, *to), message, *at)?;
                }
            }
        }
        for (_, outgoing) in step.left {
            if let Outgoing::Client(to, message) = outgoing {
                let acting = self.consensus.acting_members(node.id);
                self.rounds.check((node.id, *to), message, &self.backing, acting)?;
            }
        }
        self.check_claim(step, inside)
    }

    /// O23: it goes on with what entries have left.
    pub(in crate::sim) fn check_goes_on(
        &mut self,
        step: Step<'_>,
        inside: Inside<'_>,
    ) -> Result<(), Violation> {
        let (node, slot, raft) = (step.node, step.node.host_id.0, inside.raft);
        // A disk that is full takes nothing, before the log has been told so as well.
        let is_short = raft.is_short_of_room() || !raft.takes(CONTINUE_BYTES_MAX);
        let has_room = node.log_bytes_max() == LOG_BYTES_MAX && !is_short;
        let may = self.expiry.leads(slot) && has_room && !raft.is_transferring();
        // An entry that was proposed and applied in this step has gone on as well.
        let before = self.goes_on.applied(slot, inside.applied).max(raft.snapshot_index());
        let since = || raft.entries(before.next(), raft.last_index());
        let goes_on = || since().any(|entry| command_of(entry) == Some(Command::Continue));
        let is_idle = may && inside.machine.is_unfinished() && !goes_on();
        let ended = node.host.borrow().local;
        self.goes_on.follow(slot, (step.began, ended), is_idle)
    }

    fn check_claim(&mut self, step: Step<'_>, inside: Inside<'_>) -> Result<(), Violation> {
        let (node, slot) = (step.node, step.node.host_id.0);
        let Some(claim) = node.lease() else { return Ok(()) };
        if inside.machine.restoring().is_some() {
            let what = format!("node {} claims {claim:?} in a restore's wait (L15)", node.id);
            return Err(Violation::new("O11", what));
        }
        let ended = node.host.borrow().local;
        let delta = inside.machine.settings().map_or(0, |settings| settings.lease_ms);
        self.waits.check_claim(slot, ended, claim.term, u64::from(delta) * MS)?;
        self.backing.check(slot, &claim, self.consensus.acting_members(node.id))
    }
}

/// Of the command that goes on: it has no fields.
const CONTINUE_BYTES_MAX: usize = 16;
