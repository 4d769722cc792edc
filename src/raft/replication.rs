//! The leader's side: its no-op, rounds, appends, what a quorum holds, and when it must step down.

use crate::base::{NodeId, Round, Sample, Term};
use crate::raft::progress::{Batch, Progress};
use crate::raft::role::{FollowerView, Leader, RoleState};
use crate::raft::round::{Reads, Rounds};
use crate::raft::{
    Action, Append, AppendOutcome, AppendResponse, Entry, EntryHeader, EntryKind, Heartbeat,
    HeartbeatResponse, Message, Payload, Raft, Role, quorum,
};
use std::cmp::Reverse;
use std::time::Duration;

/// What the leader itself has echoed: it needs no message to know that it lives.
const OWN_ROUND: Round = Round(u64::MAX);

impl Raft {
    /// Leads the term in which it was elected, from an entry of its own on (Raft §8).
    ///
    /// The no-op is appended even to a full log: without it nothing could ever be freed again.
    pub(super) fn become_leader(&mut self, now: &Sample) {
        assert_eq!(self.role(), Role::Candidate, "only a candidate becomes leader");
        let noop = self.log.last_index().next();
        let view = |id: &NodeId| FollowerView {
            id: *id,
            progress: Progress::new(noop),
            echoed: None,
            answered: *now,
        };
        let others = self.config.voters.iter().filter(|id| **id != self.config.id);
        self.role = RoleState::Leader(Box::new(Leader {
            won: *now,
            noop,
            followers: others.map(view).collect(),
            rounds: Rounds::new(now),
            reads: Reads::default(),
            round_sent: *now,
        }));
        let header = EntryHeader { format: 1, kind: EntryKind::NoOp, proposer_unix_ms: 0 };
        let term = self.term();
        self.log.push(Entry { term, index: noop, header, payload: Payload::empty() });
    }

    /// Steps down, in the same term, if a quorum has not answered for an election timeout, or the disk
    /// has not: others may have elected a leader by now (C7). A single voter has no others.
    pub(super) fn check_leadership(&mut self, now: &Sample) {
        let RoleState::Leader(leader) = &self.role else { return };
        if self.is_only_voter() {
            return;
        }
        let silence = leader.quorum_silence(now).max(self.writes.waiting_since(now));
        if silence > self.config.election {
            self.become_follower(now, self.term(), None);
        }
    }

    /// How long until a leader has something to do if nothing happens.
    pub(super) fn leader_remaining(&self, leader: &Leader) -> Duration {
        let silence = leader.quorum_silence(&self.now).max(self.writes.waiting_since(&self.now));
        let doubt = self.config.election.saturating_sub(silence) + Duration::from_nanos(1);
        leader.until_beat(&self.now, self.config.heartbeat).min(doubt)
    }

    /// One append or heartbeat for each follower that needs one. Appends wait for nothing: this node's
    /// disk and the network work in parallel.
    pub(super) fn send_to_followers(&mut self, now: &Sample) {
        let RoleState::Leader(leader) = &mut self.role else { return };
        let beat = leader.until_beat(now, self.config.heartbeat).is_zero();
        let to_all = beat || leader.reads.need_round();
        if to_all {
            leader.begin_round(now);
        }
        let (term, round) = (self.hard_state.term, leader.rounds.current());
        for follower in &mut leader.followers {
            let message = if let Some(batch) = follower.progress.poll_append(&self.log) {
                let Batch { prev, last } = batch;
                let prev_term = self.log.term_at(prev).expect("a leader holds what it sends");
                let entries = self.log.range(prev.next(), last).to_vec();
                let (prev_index, commit) = (prev, self.commit);
                Message::Append(Append { term, round, prev_index, prev_term, commit, entries })
            } else if to_all {
                let commit = follower.progress.matched().min(self.commit);
                Message::Heartbeat(Heartbeat { term, round, commit })
            } else {
                continue;
            };
            self.actions.push(Action::Send { to: follower.id, message, after: None });
        }
    }

    pub(super) fn handle_append_response(
        &mut self,
        now: &Sample,
        from: NodeId,
        response: &AppendResponse,
    ) {
        let last_index = self.log.last_index();
        let outcome = match response.outcome {
            AppendOutcome::Accepted { matched } => Ok(matched),
            AppendOutcome::Rejected { prev_index, hint_index, hint_term } => {
                // Of the follower's hint, what this log can agree with.
                let hint = hint_index.min(prev_index);
                Err((prev_index, self.log.conflict_by_term(hint, hint_term).0))
            }
        };
        let follower = self.hear_follower(now, from, response.term, response.round);
        match (follower, outcome) {
            (None, _) => {}
            (Some(_), Ok(matched)) if matched > last_index => {
                ::log::warn!("node {from} accepts {matched}, the log ends at {last_index}");
            }
            (Some(follower), Ok(matched)) => {
                follower.progress.handle_accepted(matched);
                self.advance_commit();
            }
            (Some(follower), Err((prev, hint))) => follower.progress.handle_rejected(prev, hint),
        }
    }

    pub(super) fn handle_heartbeat_response(
        &mut self,
        now: &Sample,
        from: NodeId,
        response: &HeartbeatResponse,
    ) {
        let last_index = self.log.last_index();
        if let Some(follower) = self.hear_follower(now, from, response.term, response.round) {
            follower.progress.handle_heartbeat_response(last_index);
        }
    }

    /// A follower answered in this term: it lives, and echoes a round. Answers of an earlier term, or to
    /// a round that was never begun, count for nothing; one of a later term deposes this leader.
    fn hear_follower(
        &mut self,
        now: &Sample,
        from: NodeId,
        term: Term,
        round: Round,
    ) -> Option<&mut FollowerView> {
        if term > self.term() {
            self.become_follower(now, term, None);
            return None;
        }
        let current_term = self.hard_state.term;
        let RoleState::Leader(leader) = &mut self.role else { return None };
        if term < current_term || round > leader.rounds.current() {
            return None;
        }
        let follower = leader.follower_mut(from)?;
        follower.answered = *now;
        follower.echoed = follower.echoed.max(Some(round));
        Some(follower)
    }

    /// Commits what a quorum holds durably, if it is of this term: entries of earlier terms only with
    /// one of it behind them (R8; Raft §5.4.2, figure 8). This node counts as far as its own disk is.
    pub(super) fn advance_commit(&mut self) {
        let RoleState::Leader(leader) = &self.role else { return };
        let followers = leader.followers.iter().map(|follower| follower.progress.matched());
        let held = followers.chain([self.writes.durable_index()]);
        let Some(index) = quorum::reached(held) else { return };
        if index > self.commit && self.log.term_at(index) == Some(self.hard_state.term) {
            self.commit = index;
        }
    }
}

impl Leader {
    /// The largest round that a quorum echoed, this node counting as ∞; `None` if there is none yet.
    pub fn confirmed_round(&self) -> Option<Round> {
        let echoes = self.followers.iter().map(|follower| follower.echoed);
        quorum::reached(echoes.chain([Some(OWN_ROUND)])).flatten()
    }

    /// How long until the next heartbeat. A pace, which no safety rests on: counted from reading to reading of
    /// one clock, so that a sample that took long (the process stopped in the middle of it) is not due again at
    /// once, and for ever.
    fn until_beat(&self, now: &Sample, heartbeat: Duration) -> Duration {
        Duration::from_nanos(self.round_sent.hint(heartbeat).saturating_sub(now.boot()))
    }

    /// For how long no quorum has been heard.
    fn quorum_silence(&self, now: &Sample) -> Duration {
        let silences = self.followers.iter().map(|view| now.elapsed_hi(&view.answered));
        // The quorum that was heard last: least silence counts most.
        let reached = quorum::reached(silences.chain([Duration::ZERO]).map(Reverse));
        reached.map_or(Duration::ZERO, |Reverse(silence)| silence)
    }

    /// ++k. All reads received so far wait for it.
    fn begin_round(&mut self, now: &Sample) {
        if let Some(confirmed) = self.confirmed_round() {
            self.rounds.prune(confirmed);
        }
        let round = self.rounds.begin(now);
        self.reads.assign(round);
        self.round_sent = *now;
    }
}
