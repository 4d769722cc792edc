//! The leader's side of replication (Raft §5.3, §5.4.2): its no-op, rounds, appends, the commit index, and when it
//! must step down (C7).

use crate::base::{Index, NodeId, Round, Sample, Term};
use crate::raft::progress::{Batch, Next};
use crate::raft::role::{FollowerView, Leader, RoleState};
use crate::raft::round::{Reads, Rounds};
use crate::raft::shipment::{Part, Shipment};
use crate::raft::{
    Action, Append, AppendOutcome, AppendResponse, Entry, EntryHeader, EntryKind, Heartbeat,
    HeartbeatResponse, Membership, Message, Payload, Raft, Reason, Role, Snapshot, SnapshotChunk,
    SnapshotResponse, quorum,
};
use std::cmp::Reverse;
use std::time::Duration;

/// The leader's own echo, greater than any round: it needs no message to know that it lives.
const OWN_ROUND: Round = Round(u64::MAX);

impl Raft {
    /// Leads the term in which it was elected, from an entry of its own on (Raft §8).
    ///
    /// The no-op is appended even to a full log: without it nothing could ever be freed again.
    pub(super) fn become_leader(&mut self, now: &Sample) {
        assert_eq!(self.role(), Role::Candidate, "only a candidate becomes leader");
        let noop = self.log.last_index().next();
        let before = self.log.entry(self.log.last_index());
        let behind_relinquish =
            before.is_some_and(|entry| entry.header.kind == EntryKind::Relinquish);
        self.role = RoleState::Leader(Box::new(Leader {
            won: *now,
            noop,
            behind_relinquish,
            claimed: None,
            last_claim: None,
            relinquished: None,
            transfer: None,
            followers: Vec::new(),
            rounds: Rounds::new(now),
            reads: Reads::default(),
            round_sent: *now,
            trusted_at: None,
        }));
        self.append_own(EntryKind::NoOp, Payload::empty());
        self.seat_followers(now, noop);
    }

    /// Appends an entry of this leader's own making, whatever the log's bounds.
    pub(super) fn append_own(&mut self, kind: EntryKind, payload: Payload) -> Index {
        let header = EntryHeader { format: 1, kind, proposer_unix_ms: 0 };
        let index = self.log.last_index().next();
        self.append_entry(Entry { term: self.term(), index, header, payload });
        index
    }

    /// Brings the followers that this leader sends to in line with the membership in force: all other
    /// members whose directory is known. A new one is probed at `next` first.
    pub(super) fn seat_followers(&mut self, now: &Sample, next: Index) {
        let RoleState::Leader(leader) = &mut self.role else { return };
        let members = self.memberships.current().members().iter();
        let others = members
            .filter(|member| member.node != self.config.id && member.directory.is_some())
            .map(|member| member.node);
        let mut before = std::mem::take(&mut leader.followers);
        let view = |id: NodeId| match before.iter().position(|view| view.id == id) {
            Some(place) => before.swap_remove(place),
            None => FollowerView::new(id, next, now),
        };
        leader.followers = others.map(view).collect();
    }

    /// Steps down, in the same term, if a quorum has not answered for the smallest election timeout as things are, or
    /// the disk has not: others may have elected a leader by now (C7). A single voter has no others.
    pub(super) fn check_leadership(&mut self, now: &Sample) {
        let RoleState::Leader(leader) = &self.role else { return };
        if leader.trusted_at.as_ref() == Some(now) || self.is_only_voter() {
            return;
        }
        let silence = self.leader_doubt(leader, now);
        if silence > self.election_wait() {
            let disk = self.writes.waiting_since(now);
            // The leader wakes at least once per heartbeat interval.
            let late = self.unseen.saturating_sub(self.config.heartbeat);
            self.part(match disk < silence {
                true => Reason::QuorumSilent { silent: silence, late },
                false => Reason::DiskSilent { silent: disk, late },
            });
            self.become_follower(now, self.term(), None);
        } else if let RoleState::Leader(leader) = &mut self.role {
            leader.trusted_at = Some(*now);
        }
    }

    /// How long until a leader has something to do if nothing happens.
    pub(super) fn leader_remaining(&self, leader: &Leader) -> Duration {
        let silence = self.leader_doubt(leader, &self.now);
        let doubt = self.election_wait().saturating_sub(silence) + Duration::from_nanos(1);
        let beat = leader.until_beat(&self.now, self.config.heartbeat);
        beat.min(doubt).min(leader.until_transfer_step(&self.now))
    }

    /// For how long no quorum has been heard, or the disk has not answered.
    fn leader_doubt(&self, leader: &Leader, now: &Sample) -> Duration {
        let (membership, own) = (self.memberships.current(), self.config.id);
        leader.quorum_silence(membership, own, now).max(self.writes.waiting_since(now))
    }

    /// One append or heartbeat for each follower that needs one. Appends wait for nothing: this node's
    /// disk and the network work in parallel.
    pub(super) fn send_to_followers(&mut self, now: &Sample) {
        let RoleState::Leader(leader) = &mut self.role else { return };
        let beat = leader.until_beat(now, self.config.heartbeat).is_zero();
        let to_all = beat || leader.reads.need_round();
        if to_all {
            leader.begin_round(self.memberships.current(), self.config.id, now);
        }
        let (term, round) = (self.hard_state.term, leader.rounds.current());
        let part_bytes = self.config.part_bytes;
        for follower in &mut leader.followers {
            let progress = &mut follower.progress;
            let is_full = self.room.lacks_at(follower.id) && !progress.needs_snapshot(&self.log);
            let next = match is_full {
                false => {
                    progress.poll_next(&self.log, self.shipment.as_ref(), part_bytes, (now, round))
                }
                true if beat => progress.poll_trial(&self.log),
                true => None,
            };
            let message = match next {
                Some(Next::Append(Batch { prev, last })) => {
                    let prev_term = self.log.term_at(prev).expect("a leader holds what it sends");
                    let entries = self.log.copied(prev.next(), last);
                    let (prev_index, commit) = (prev, self.commit);
                    Message::Append(Append { term, round, prev_index, prev_term, commit, entries })
                }
                Some(Next::Chunk { shipment, part }) => {
                    let to = follower.id;
                    self.actions.push(match snapshot_chunk(&shipment, term, round, part) {
                        Ok(chunk) => {
                            let message = Message::SnapshotChunk(chunk);
                            Action::Send { to, message, after: None }
                        }
                        Err(why) => Action::Unreadable(why),
                    });
                    if !to_all {
                        continue;
                    }
                    // Its answer may take as long as a disk does: the heartbeat goes beside it.
                    let commit = follower.progress.matched().min(self.commit);
                    Message::Heartbeat(Heartbeat { term, round, commit })
                }
                None if to_all => {
                    let commit = follower.progress.matched().min(self.commit);
                    Message::Heartbeat(Heartbeat { term, round, commit })
                }
                None => continue,
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
                // The part of the follower's hint with which this log can agree.
                let hint = hint_index.min(prev_index);
                Err((prev_index, self.log.conflict_by_term(hint, hint_term).0))
            }
        };
        let follower = self.hear_follower(now, from, response.term, response.round);
        match (follower, outcome) {
            (None, _) => {}
            (Some(_), Ok(matched)) if matched > last_index => {
                let said = format!("it accepts entry {matched}, the log ends at {last_index}");
                self.refuse(now, from, &said);
            }
            (Some(follower), Ok(matched)) => {
                follower.progress.handle_accepted(now, matched);
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
            follower.progress.handle_heartbeat_response(response.round, last_index);
        }
    }

    pub(super) fn handle_snapshot_response(
        &mut self,
        now: &Sample,
        from: NodeId,
        response: &SnapshotResponse,
    ) {
        if let Some(follower) = self.hear_follower(now, from, response.term, response.round) {
            follower.progress.handle_snapshot(now, response.index, response.outcome);
            self.advance_commit();
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
        let (current_term, own) = (self.hard_state.term, self.config.id);
        let RoleState::Leader(leader) = &mut self.role else { return None };
        if term < current_term || round > leader.rounds.current() {
            return None;
        }
        // An answer to an older message says nothing of the present.
        let is_recent = now.elapsed_hi(&leader.rounds.begun_by(round)) <= self.patience.wait();
        if is_recent && leader.follower(from)?.answered != *now {
            let members = self.memberships.current();
            let silence = leader.quorum_silence(members, own, now);
            leader.follower_mut(from)?.answered = *now;
            // As long as a minority alone answers, the silence of the quorum goes on.
            if leader.quorum_silence(members, own, now) < silence {
                self.patience.handle_quorum_heard(now, silence);
            }
        }
        let follower = leader.follower_mut(from)?;
        follower.echoed = follower.echoed.max(Some(round));
        Some(follower)
    }

    /// Commits entries that a quorum holds durably, if they are of this term: entries of earlier terms only with one
    /// of this term behind them (R8; Raft §5.4.2, figure 8). This node counts as far as its own disk is.
    pub(super) fn advance_commit(&mut self) {
        let RoleState::Leader(leader) = &self.role else { return };
        let held = |voter: NodeId| {
            if voter == self.config.id {
                self.writes.durable_index()
            } else {
                leader.follower(voter).map_or(Index(0), |follower| follower.progress.matched())
            }
        };
        let Some(index) = quorum::reached_in(self.memberships.current(), held) else { return };
        if index > self.commit && self.log.term_at(index) == Some(self.hard_state.term) {
            self.commit = index;
        }
    }

    /// The largest round that a quorum of the membership in force echoed; `None` if there is none yet.
    pub(super) fn confirmed_round(&self, leader: &Leader) -> Option<Round> {
        leader.confirmed_round(self.memberships.current(), self.config.id)
    }
}

impl Leader {
    /// The largest round that a quorum echoed, `own` counting as ∞ if it is a voter.
    pub fn confirmed_round(&self, membership: &Membership, own: NodeId) -> Option<Round> {
        let echoed = |voter: NodeId| {
            if voter == own { Some(OWN_ROUND) } else { self.follower(voter)?.echoed }
        };
        quorum::reached_in(membership, echoed).flatten()
    }

    /// How long until the next heartbeat. A pace, which no safety rests on: counted from reading to reading of
    /// one clock, so that a sample that took long (the process stopped in the middle of it) is not due again at
    /// once, and for ever.
    fn until_beat(&self, now: &Sample, heartbeat: Duration) -> Duration {
        Duration::from_nanos(self.round_sent.hint(heartbeat).saturating_sub(now.boot()))
    }

    /// For how long no quorum has been heard.
    pub(super) fn quorum_silence(
        &self,
        membership: &Membership,
        own: NodeId,
        now: &Sample,
    ) -> Duration {
        // The quorum that was heard last: least silence counts most.
        let silence = |voter: NodeId| {
            if voter == own {
                return Reverse(Duration::ZERO);
            }
            let heard = self.follower(voter).map_or(&self.won, |follower| &follower.answered);
            Reverse(now.elapsed_hi(heard))
        };
        quorum::reached_in(membership, silence).map_or(Duration::ZERO, |Reverse(silence)| silence)
    }

    /// ++k. All reads received so far wait for it.
    fn begin_round(&mut self, membership: &Membership, own: NodeId, now: &Sample) {
        if let Some(confirmed) = self.confirmed_round(membership, own) {
            self.rounds.prune(confirmed);
        }
        let round = self.rounds.begin(now);
        self.reads.assign(round);
        self.round_sent = *now;
    }
}

fn snapshot_chunk(
    shipment: &Shipment,
    term: Term,
    round: Round,
    part: Part,
) -> Result<SnapshotChunk, String> {
    let Snapshot { meta, data } = &shipment.snapshot;
    Ok(SnapshotChunk {
        term,
        round,
        meta: meta.clone(),
        total: data.len(),
        crc: data.crc(),
        offset: part.from,
        bytes: Payload::from(data.part(part.from..part.to)?),
    })
}
