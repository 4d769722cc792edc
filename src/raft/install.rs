//! Snapshots at this node: its own, in place of the log, and a leader's, in parts (Raft §7).

use crate::base::limits::{SNAPSHOT_BYTES_MAX, SNAPSHOT_CHUNK_BYTES_MAX};
use crate::base::{Blob, Index, NodeId, Round, Sample, Term, checksum};
use crate::raft::catch_up::Kept;
use crate::raft::memberships::Memberships;
use crate::raft::role::RoleState;
use crate::raft::shipment::Shipment;
use crate::raft::{
    Action, INDEX_MAX, LogStart, Message, Raft, Snapshot, SnapshotChunk, SnapshotMeta,
    SnapshotOutcome, SnapshotResponse,
};

/// A leader's snapshot on its way here.
#[derive(Clone, Debug, Default)]
pub(super) enum Incoming {
    /// No snapshot.
    #[default]
    Nothing,
    /// The parts received so far.
    Receiving { meta: SnapshotMeta, total: u64, crc: u32, data: Vec<u8>, crc_so_far: u32 },
    /// Whole, and handed over to be stored: `waiting` until the term in which it came is durable, so that no
    /// disk ever holds a snapshot of a term beyond its own.
    Storing { index: Index, term: Term, total: u64, waiting: Option<Snapshot> },
}

impl Incoming {
    /// The term of the entry at `index`, if a snapshot that ends with it is being stored.
    pub fn term_being_stored_at(&self, index: Index) -> Option<Term> {
        match self {
            Self::Storing { index: stored, term, .. } if *stored == index => Some(*term),
            _ => None,
        }
    }
}

impl Raft {
    /// Takes a part of a snapshot. A part that this node holds already is acknowledged and changes nothing (R9): the
    /// state never goes back.
    pub(super) fn handle_snapshot_chunk(
        &mut self,
        now: &Sample,
        from: NodeId,
        chunk: SnapshotChunk,
    ) {
        if let Err(fault) = check_chunk(&chunk) {
            let said = format!("a part of a snapshot of {}: {fault}", chunk.meta.index);
            return self.refuse(now, from, &said);
        }
        let (round, index) = (chunk.round, chunk.meta.index);
        if chunk.term < self.term() {
            // Its sender learns from the answer that it is deposed.
            return self.answer_chunk(from, round, index, SnapshotOutcome::Received { next: 0 });
        }
        if let Err(said) =
            self.check_leader(from, chunk.term).and_then(|()| self.check_snapshot(&chunk))
        {
            return self.refuse(now, from, &said);
        }
        self.follow(now, from, chunk.term);
        if self.log.term_at(index) == Some(chunk.meta.term) {
            self.commit = self.commit.max(index);
        }
        if index <= self.commit {
            return self.answer_chunk(from, round, index, SnapshotOutcome::Stored);
        }
        if let Some(next) = self.receive(chunk) {
            self.answer_chunk(from, round, index, SnapshotOutcome::Received { next });
        }
    }

    /// Checks a snapshot against the committed log (R4), and against another one that is being stored.
    fn check_snapshot(&self, chunk: &SnapshotChunk) -> Result<(), String> {
        let (index, term) = (chunk.meta.index, chunk.meta.term);
        let known = self.log.term_at(index);
        if index <= self.commit
            && let Some(known) = known.filter(|known| *known != term)
        {
            return Err(format!(
                "its snapshot of {index} is of term {term}, the committed entry of {known} (R9)"
            ));
        }
        if known == Some(term) { self.check_incoming(index) } else { Ok(()) }
    }

    /// Checks this log, taken as committed up to `index`, against a leader's snapshot that is being stored.
    pub(super) fn check_incoming(&self, index: Index) -> Result<(), String> {
        match self.incoming {
            Incoming::Storing { index: stored, term, .. }
                if stored <= index && self.log.term_at(stored).is_some_and(|held| held != term) =>
            {
                Err(format!(
                    "it commits another entry {stored} than the snapshot of term {term} that is being stored (R4)"
                ))
            }
            _ => Ok(()),
        }
    }

    /// Whether a leader's snapshot is being stored that holds more than this log: until it is, only other nodes can
    /// lead.
    pub(super) fn awaits_state(&self) -> bool {
        match self.incoming {
            Incoming::Storing { index, term, .. } => self.log.term_at(index) != Some(term),
            Incoming::Nothing | Incoming::Receiving { .. } => false,
        }
    }

    /// Adds a part to those before it and says how far they reach, in bytes; `None` if it cannot be taken now,
    /// and the leader had better try with its next heartbeat.
    fn receive(&mut self, chunk: SnapshotChunk) -> Option<u64> {
        let SnapshotChunk { meta, total, crc, offset, bytes, .. } = chunk;
        let (index, term) = (meta.index, meta.term);
        match &self.incoming {
            Incoming::Storing { index: whole, term: of, total, .. }
                if (*whole, *of) == (index, term) =>
            {
                return Some(*total);
            }
            // One at a time: another one is being stored.
            Incoming::Storing { .. } => return None,
            Incoming::Receiving { meta: known, total: length, crc: sum, .. }
                if (known, *length, *sum) == (&meta, total, crc) => {}
            Incoming::Receiving { .. } | Incoming::Nothing => {
                let (data, crc_so_far) = (Vec::new(), checksum::crc32c(&[]));
                self.incoming = Incoming::Receiving { meta, total, crc, data, crc_so_far };
            }
        }
        let Incoming::Receiving { data, crc_so_far, .. } = &mut self.incoming else { return None };
        if data.len() as u64 == offset {
            data.extend_from_slice(bytes.bytes());
            *crc_so_far = checksum::extend(*crc_so_far, bytes.bytes());
        }
        let next = data.len() as u64;
        if next == total {
            return Some(self.complete_incoming());
        }
        Some(next)
    }

    /// All parts are here: hands the snapshot over to be stored, if its checksum is the leader's.
    fn complete_incoming(&mut self) -> u64 {
        let incoming = std::mem::take(&mut self.incoming);
        let Incoming::Receiving { meta, total, crc, data, crc_so_far } = incoming else { return 0 };
        if crc_so_far != crc {
            ::log::warn!(index = meta.index.0; "the snapshot of {} arrived damaged: asking for it again", meta.index);
            return 0;
        }
        let (index, term) = (meta.index, meta.term);
        let waiting = Some(Snapshot { meta, data: Blob::with_crc(data, crc) });
        self.incoming = Incoming::Storing { index, term, total, waiting };
        total
    }

    /// Hands over a complete snapshot once it may be stored; drops a partial one that the log has overtaken.
    pub(super) fn advance_incoming(&mut self) {
        match &mut self.incoming {
            Incoming::Storing { waiting, .. } if self.writes.hard_state_barrier().is_none() => {
                self.actions.extend(waiting.take().map(Action::Install));
            }
            Incoming::Receiving { meta, .. } if meta.index <= self.commit => {
                self.incoming = Incoming::Nothing;
            }
            _ => {}
        }
    }

    /// A snapshot is durable. It takes the place of the log up to its index; one that this node has not
    /// reached takes the place of its state too.
    pub(super) fn handle_snapshot_stored(&mut self, now: &Sample, snapshot: Snapshot) {
        let (index, term) = (snapshot.meta.index, snapshot.meta.term);
        let own_term = self.term();
        assert!(term <= own_term, "a snapshot of term {term} in {own_term}");
        if let Incoming::Storing { index: stored, .. } = self.incoming
            && stored == index
        {
            self.incoming = Incoming::Nothing;
        }
        if self.shipment.as_ref().is_some_and(|known| known.snapshot.meta.index >= index) {
            return;
        }
        if index > self.apply_issued {
            self.restore(&snapshot.meta);
        } else if index > self.applied {
            // The state will be there in a moment; until then the log is needed.
            return;
        }
        self.shipment = Some(Shipment::new(snapshot));
        self.compact_log(now);
    }

    /// Forgets the entries that the newest snapshot holds the effect of, but for the last of them, and for what followers need
    /// that are given an earlier one.
    fn compact_log(&mut self, now: &Sample) {
        let kept = self.log.first_within(self.snapshot_index(), self.config.retained_bytes);
        let kept = self.kept_for_followers(now).map_or(kept, |needed| kept.min(needed));
        self.log.compact(Index(kept.0 - 1));
        self.memberships.forget_before(self.log.base());
    }

    /// Forgets log that was kept for followers, once they have it or have taken too long.
    pub(super) fn end_catch_ups(&mut self, now: &Sample) {
        let before = self.catching_up();
        if before > 0 {
            self.kept_for_followers(now);
            if self.catching_up() < before {
                self.compact_log(now);
            }
        }
    }

    /// The first entry kept for a follower on its way from a snapshot.
    fn kept_for_followers(&mut self, now: &Sample) -> Option<Index> {
        let RoleState::Leader(leader) = &mut self.role else { return None };
        let kept = Kept {
            lag_bytes: self.config.retained_bytes,
            most_bytes: self.config.log_bytes_max / KEPT_FOR_FOLLOWERS,
        };
        let followers = leader.followers.iter_mut();
        followers.filter_map(|it| it.progress.keeps_from(now, &self.log, &kept)).min()
    }

    fn catching_up(&self) -> usize {
        let followers = self.role.leader().into_iter().flat_map(|leader| &leader.followers);
        followers.filter(|follower| follower.progress.is_catching_up()).count()
    }

    /// The snapshot that was to be installed cannot be.
    pub(super) fn handle_snapshot_refused(&mut self) {
        self.incoming = Incoming::Nothing;
    }

    /// Takes the state of a snapshot that lies ahead of the applied index.
    fn restore(&mut self, meta: &SnapshotMeta) {
        // Entries of this turn are about to be cut off or compacted; acknowledgements may name the write that is to
        // hold them, so that write is issued first.
        if self.writes.has_unwritten_entries(&self.log) {
            self.issue_write();
        }
        let known = self.log.term_at(meta.index);
        if known == Some(meta.term) {
            self.writes.handle_snapshot(meta.index);
        } else {
            let (index, commit) = (meta.index, self.commit);
            assert!(
                known.is_none() || index > commit,
                "the snapshot of {index} has term {}, the log {known:?}, committed {commit}",
                meta.term
            );
            self.log.reset(meta.index, meta.term);
            self.writes.handle_reset(LogStart { index: meta.index, term: meta.term });
            self.memberships = Memberships::new(meta.membership_index, meta.membership.clone());
        }
        self.settle_debt();
        self.commit = self.commit.max(meta.index);
        self.apply_issued = meta.index;
        self.applied = meta.index;
        self.actions.push(Action::Restored { index: meta.index });
    }

    /// "Stored" promises what append acknowledgements promise: that all before is durable here (R7).
    fn answer_chunk(&mut self, to: NodeId, round: Round, index: Index, outcome: SnapshotOutcome) {
        let after = match outcome {
            SnapshotOutcome::Stored => self.writes.barrier(&self.log),
            SnapshotOutcome::Received { .. } => self.writes.hard_state_barrier(),
        };
        let response = SnapshotResponse { term: self.term(), round, index, outcome };
        self.send(to, Message::SnapshotResponse(response), after);
    }
}

/// Whether a part can be of any leader.
fn check_chunk(chunk: &SnapshotChunk) -> Result<(), &'static str> {
    let end = chunk.offset.checked_add(chunk.bytes.bytes().len() as u64);
    if chunk.total > SNAPSHOT_BYTES_MAX || end.is_none_or(|end| end > chunk.total) {
        return Err("it reaches beyond its end");
    }
    if chunk.bytes.bytes().len() > SNAPSHOT_CHUNK_BYTES_MAX {
        return Err("it is too large");
    }
    if chunk.meta.index == Index(0) || chunk.meta.term == Term(0) || chunk.meta.term > chunk.term {
        return Err("its index and term are no committed entry's");
    }
    if chunk.meta.index > INDEX_MAX {
        return Err("no log is so long");
    }
    if chunk.meta.membership.check().is_err() || chunk.meta.membership_index > chunk.meta.index {
        return Err("its membership cannot be in force");
    }
    Ok(())
}

/// The share of the log's bytes that may be kept in memory for followers on their way from a snapshot: a quarter.
const KEPT_FOR_FOLLOWERS: u64 = 4;
