//! The follower's side of replication (Raft §5.3).

use crate::base::limits::ENTRY_BYTES_MAX;
use crate::base::{Index, NodeId, Round, Sample, Term};
use crate::raft::role::RoleState;
use crate::raft::{
    Action, Append, AppendOutcome, AppendResponse, Entry, EntryKind, Heartbeat, HeartbeatResponse,
    Membership, Message, Raft,
};

impl Raft {
    /// Takes a leader's entries, or says where the logs part.
    pub(super) fn handle_append(&mut self, now: &Sample, from: NodeId, append: Append) {
        if let Err(fault) = check_append(&append) {
            ::log::warn!("append of node {from} behind {}: {fault}", append.prev_index);
            return;
        }
        let (round, prev_index) = (append.round, append.prev_index);
        if append.term < self.term() {
            // Its sender learns from the answer that it is deposed.
            let outcome = rejected(prev_index, (Index(0), Term(0)));
            return self.answer_append(from, round, outcome);
        }
        self.follow(now, from, append.term);
        if prev_index < self.log.base() {
            return self.take_behind_base(from, append);
        }
        let found = self.log.term_at(prev_index);
        if found == Some(append.prev_term) {
            let matched = Index(prev_index.0 + append.entries.len() as u64);
            self.take_entries(append.entries);
            self.commit = self.commit.max(append.commit.min(matched));
            return self.answer_append(from, round, AppendOutcome::Accepted { matched });
        }
        self.check_conflict(from, prev_index, append.prev_term);
        let hint = self.log.conflict_by_term(prev_index, append.prev_term);
        self.answer_append(from, round, rejected(prev_index, hint));
    }

    /// The leader lives, and tells how far this log is committed.
    pub(super) fn handle_heartbeat(&mut self, now: &Sample, from: NodeId, heartbeat: &Heartbeat) {
        if heartbeat.term >= self.term() {
            self.follow(now, from, heartbeat.term);
            let last = self.log.last_index();
            if heartbeat.commit > last {
                // A leader names at most what this node acknowledged to it, and was durable then (R7).
                self.become_poisoned(now);
                let acknowledged = heartbeat.commit;
                return self.actions.push(Action::LogLost { last, acknowledged });
            }
            self.commit = self.commit.max(heartbeat.commit);
        }
        let response = HeartbeatResponse { term: self.term(), round: heartbeat.round };
        let after = self.writes.hard_state_barrier();
        self.send(from, Message::HeartbeatResponse(response), after);
    }

    /// `leader` speaks with the right of `term`, which is not below this node's.
    pub(super) fn follow(&mut self, now: &Sample, leader: NodeId, term: Term) {
        if term == self.term() {
            let known = self.leader();
            assert!(
                known.is_none_or(|known| known == leader),
                "two leaders in term {term}: {known:?} and {leader} (R1)"
            );
        }
        match &mut self.role {
            RoleState::Follower(follower)
                if term == self.hard_state.term && follower.leader.is_some() =>
            {
                follower.heard = Some(*now);
            }
            _ => self.become_follower(now, term, Some(leader)),
        }
        self.patience.handle_leader_heard(now, leader, term);
        self.timer.restart(now, &self.patience);
    }

    /// Appends what is new. Entries that the log holds already are left alone, whatever stands behind
    /// them: an append may be late, and truncating for it would lose acknowledged entries (R9).
    fn take_entries(&mut self, entries: Vec<Entry>) {
        let held = |entry: &&Entry| self.log.term_at(entry.index) == Some(entry.term);
        let known = entries.iter().take_while(held).count();
        let Some(first) = entries.get(known) else { return };
        if first.index <= self.log.last_index() {
            self.truncate(first.index, first.term);
        }
        for entry in entries.into_iter().skip(known) {
            self.append_entry(entry);
        }
    }

    /// Takes an append that begins in what is compacted here: that is committed, so the leader holds the same
    /// (R4), and what is new begins behind it.
    fn take_behind_base(&mut self, from: NodeId, append: Append) {
        let base = self.log.base();
        let end = Index(append.prev_index.0 + append.entries.len() as u64);
        let new = append.entries.into_iter().filter(|entry| entry.index > base).collect();
        self.take_entries(new);
        let matched = end.max(base);
        self.commit = self.commit.max(append.commit.min(matched));
        self.answer_append(from, append.round, AppendOutcome::Accepted { matched });
    }

    fn truncate(&mut self, from: Index, term: Term) {
        assert!(
            from > self.commit,
            "entry {from} of term {:?} is committed ({}) and conflicts with term {term} (R9)",
            self.log.term_at(from),
            self.commit
        );
        if self.writes.has_unwritten_entries(&self.log) {
            self.issue_write();
        }
        self.log.truncate(from);
        self.memberships.handle_truncated(from);
        self.writes.handle_truncation(from);
    }

    /// A leader's log holds all that is committed (R4), so a conflict there is a broken invariant.
    fn check_conflict(&self, leader: NodeId, index: Index, term: Term) {
        assert!(
            index > self.commit,
            "leader {leader} has term {term} at {index}, here it is {:?} and committed ({})",
            self.log.term_at(index),
            self.commit
        );
    }

    /// An acceptance waits for all that was written before it (R7); a refusal promises only the term.
    fn answer_append(&mut self, to: NodeId, round: Round, outcome: AppendOutcome) {
        let after = match outcome {
            AppendOutcome::Accepted { .. } => self.writes.barrier(&self.log),
            AppendOutcome::Rejected { .. } => self.writes.hard_state_barrier(),
        };
        let response = AppendResponse { term: self.term(), round, outcome };
        self.send(to, Message::AppendResponse(response), after);
    }
}

fn rejected(prev_index: Index, hint: (Index, Term)) -> AppendOutcome {
    AppendOutcome::Rejected { prev_index, hint_index: hint.0, hint_term: hint.1 }
}

/// Whether an append can be of any leader: contiguous behind `prev_index`, terms that never fall and do
/// not pass the leader's, sizes within bounds.
fn check_append(append: &Append) -> Result<(), &'static str> {
    if append.prev_index.0.checked_add(append.entries.len() as u64).is_none() {
        return Err("its indexes overflow");
    }
    if (append.prev_index == Index(0)) != (append.prev_term == Term(0)) {
        return Err("its term and index before the entries do not fit");
    }
    let mut before = (append.prev_index, append.prev_term);
    for entry in &append.entries {
        if entry.index != before.0.next() {
            return Err("its entries are not contiguous");
        }
        if entry.term < before.1 || entry.term == Term(0) {
            return Err("its terms fall");
        }
        if entry.payload.bytes().len() > ENTRY_BYTES_MAX {
            return Err("an entry is too large");
        }
        if entry.header.kind == EntryKind::Membership
            && Membership::decode(entry.payload.bytes()).is_err()
        {
            return Err("an entry holds no membership");
        }
        before = (entry.index, entry.term);
    }
    if before.1 > append.term { Err("it is of a term beyond its own") } else { Ok(()) }
}
