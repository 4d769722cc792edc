//! The follower's side of replication (Raft §5.3).

use crate::base::limits::ENTRY_BYTES_MAX;
use crate::base::{Index, NodeId, Round, Sample, Term};
use crate::raft::role::RoleState;
use crate::raft::{
    Append, AppendOutcome, AppendResponse, Entry, EntryKind, Heartbeat, HeartbeatResponse,
    INDEX_MAX, Membership, Message, Raft,
};

impl Raft {
    /// Takes a leader's entries, or says where the logs part.
    pub(super) fn handle_append(&mut self, now: &Sample, from: NodeId, append: Append) {
        if let Err(fault) = check_append(&append) {
            let said = format!("an append behind {}: {fault}", append.prev_index);
            return self.refuse(now, from, &said);
        }
        let (round, prev_index) = (append.round, append.prev_index);
        if append.term < self.term() {
            // Its sender learns from the answer that it is deposed.
            let outcome = rejected(prev_index, (Index(0), Term(0)));
            return self.answer_append(from, round, outcome);
        }
        if let Err(said) =
            self.check_leader(from, append.term).and_then(|()| self.check_known(&append))
        {
            return self.refuse(now, from, &said);
        }
        self.follow(now, from, append.term);
        if prev_index < self.log.base() {
            return self.take_behind_base(from, append);
        }
        let found = self.log.term_at(prev_index);
        if found == Some(append.prev_term) {
            let entries = self.fitting(append.entries);
            let matched = Index(prev_index.0 + entries.len() as u64);
            self.take_entries(entries);
            self.note_matched(matched);
            self.commit = self.commit.max(append.commit.min(matched));
            return self.answer_append(from, round, AppendOutcome::Accepted { matched });
        }
        let hint = self.log.conflict_by_term(prev_index, append.prev_term);
        self.answer_append(from, round, rejected(prev_index, hint));
    }

    /// The leader lives, and tells how far this log is committed.
    pub(super) fn handle_heartbeat(&mut self, now: &Sample, from: NodeId, heartbeat: &Heartbeat) {
        if heartbeat.term >= self.term() {
            let checked = self.check_leader(from, heartbeat.term);
            if let Err(said) = checked.and_then(|()| self.check_incoming(heartbeat.commit)) {
                return self.refuse(now, from, &said);
            }
            self.follow(now, from, heartbeat.term);
            if heartbeat.commit > self.log.last_index() {
                return self.owe(now, from, heartbeat.commit);
            }
            self.commit = self.commit.max(heartbeat.commit);
        }
        let response = HeartbeatResponse { term: self.term(), round: heartbeat.round };
        let after = self.writes.hard_state_barrier();
        self.send(from, Message::HeartbeatResponse(response), after);
    }

    /// Whether `from` can lead `term`, which is not below this node's: a term has one leader (R1).
    pub(super) fn check_leader(&self, from: NodeId, term: Term) -> Result<(), String> {
        match self.leader() {
            Some(known) if term == self.term() && known != from => {
                Err(format!("it says that it leads term {term}, whose leader is node {known} (R1)"))
            }
            _ => Ok(()),
        }
    }

    /// Checks an append against all that is committed here, which the leader's log must hold (R4, R9); against what
    /// this node acknowledged to the same leader (R2); and against a leader's snapshot that is being stored.
    fn check_known(&self, append: &Append) -> Result<(), String> {
        let (term, matched) = self.matched_in;
        let settled = if append.term == term { self.commit.max(matched) } else { self.commit };
        let before = (append.prev_index, append.prev_term);
        let said = append.entries.iter().map(|entry| (entry.index, entry.term));
        for (index, term) in std::iter::once(before).chain(said) {
            let known = self.log.term_at(index).filter(|_| index <= settled);
            let known = known.or(self.incoming.term_being_stored_at(index));
            if let Some(known) = known.filter(|known| *known != term) {
                return Err(format!(
                    "its entry {index} is of term {term}, that which stands of {known} (R9)"
                ));
            }
        }
        let agrees = self.log.term_at(append.prev_index) == Some(append.prev_term);
        if agrees { self.check_incoming(append.prev_index) } else { Ok(()) }
    }

    fn note_matched(&mut self, matched: Index) {
        let (term, before) = self.matched_in;
        let before = if term == self.term() { before } else { Index(0) };
        self.matched_in = (self.term(), before.max(matched));
    }

    /// `leader` speaks with the right of `term`, which is not below this node's.
    pub(super) fn follow(&mut self, now: &Sample, leader: NodeId, term: Term) {
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

    /// Appends the new entries. Entries that the log already holds stay, whatever follows them: an append may be late,
    /// and truncating for it would lose acknowledged entries (R9).
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

    /// Takes an append that begins in the compacted part of the log. That part is committed, so the leader holds the
    /// same (R4); the new entries begin behind it.
    fn take_behind_base(&mut self, from: NodeId, append: Append) {
        let base = self.log.base();
        let new = append.entries.into_iter().filter(|entry| entry.index > base).collect();
        let new = self.fitting(new);
        let matched = new.last().map_or(base, |entry| entry.index);
        self.take_entries(new);
        self.note_matched(matched);
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
    let end = append.prev_index.0.checked_add(append.entries.len() as u64);
    if end.is_none_or(|end| end > INDEX_MAX.0) {
        return Err("no log is so long");
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
