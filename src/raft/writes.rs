//! Writes: entries that wait for one, writes on their way to the disk, and the durable index.
//!
//! Completion is reported by write number, not by (index, term): an acknowledgement of an entry that was truncated,
//! and then written again at the same place, must not count for the new entry.

use crate::base::{Index, Sample, WriteSeq};
use crate::raft::log::Log;
use crate::raft::{HardState, LogStart, Write};
use std::collections::VecDeque;
use std::time::Duration;

/// A write that was handed out.
#[derive(Clone, Debug)]
struct Issued {
    seq: WriteSeq,
    /// The log up to here is durable once this write is; lowered by later truncations.
    covers: Index,
    at: Sample,
}

/// Writes in one FIFO, gathered over a turn.
#[derive(Clone, Debug)]
pub(super) struct Writes {
    hard_state: Option<HardState>,
    start: Option<LogStart>,
    truncate_from: Option<Index>,
    /// Entries from here on are in no write yet.
    unwritten_from: Index,
    /// The write that carries the newest hard state.
    hard_state_seq: WriteSeq,
    last_issued: WriteSeq,
    last_durable: WriteSeq,
    durable_index: Index,
    issued: VecDeque<Issued>,
}

impl Writes {
    /// Nothing to write: all that recovery found is durable, up to `last_index`.
    pub fn new(last_index: Index) -> Self {
        Self {
            hard_state: None,
            start: None,
            truncate_from: None,
            unwritten_from: last_index.next(),
            hard_state_seq: WriteSeq(0),
            last_issued: WriteSeq(0),
            last_durable: WriteSeq(0),
            durable_index: last_index,
            issued: VecDeque::new(),
        }
    }

    /// The log of this node is durable up to here.
    pub fn durable_index(&self) -> Index {
        self.durable_index
    }

    /// All writes up to this one are durable.
    pub fn last_durable(&self) -> WriteSeq {
        self.last_durable
    }

    /// Term or vote changed. Within a turn the last one counts: no message that rests on an earlier one
    /// leaves before this write is durable, and a later term forbids all that an earlier vote forbade.
    pub fn set_hard_state(&mut self, hard_state: HardState) {
        self.hard_state = Some(hard_state);
        self.hard_state_seq = self.last_issued.next();
    }

    /// The newest write of term and vote, if it is not durable yet.
    pub fn hard_state_barrier(&self) -> Option<WriteSeq> {
        (self.hard_state_seq > self.last_durable).then_some(self.hard_state_seq)
    }

    /// The last write, issued or still gathered, if it is not durable yet.
    pub fn barrier(&self, log: &Log) -> Option<WriteSeq> {
        let last = if self.is_gathering(log) { self.last_issued.next() } else { self.last_issued };
        (last > self.last_durable).then_some(last)
    }

    /// Whether entries are in no write yet. A truncation must not drop them silently: acknowledgements may name the
    /// write that is to hold them.
    pub fn has_unwritten_entries(&self, log: &Log) -> bool {
        self.unwritten_from <= log.last_index()
    }

    /// The log is cut at `from`. From now on nothing behind it counts as durable, whatever earlier writes
    /// still report (the ABA race of (index, term) acknowledgements).
    pub fn handle_truncation(&mut self, from: Index) {
        let kept = Index(from.0 - 1);
        self.truncate_from = Some(self.truncate_from.map_or(from, |earlier| earlier.min(from)));
        self.unwritten_from = self.unwritten_from.min(from);
        self.durable_index = self.durable_index.min(kept);
        for write in &mut self.issued {
            write.covers = write.covers.min(kept);
        }
    }

    /// A snapshot of `index` is durable, and the log goes on behind it.
    pub fn handle_snapshot(&mut self, index: Index) {
        self.durable_index = self.durable_index.max(index);
    }

    /// The log starts over behind a durable snapshot: earlier writes are no longer in it.
    pub fn handle_reset(&mut self, start: LogStart) {
        self.start = Some(start);
        self.truncate_from = None;
        self.unwritten_from = start.index.next();
        self.durable_index = start.index;
        for write in &mut self.issued {
            write.covers = start.index;
        }
    }

    /// Hands out all that was gathered as one write.
    pub fn take(&mut self, log: &Log, now: &Sample) -> Option<Write> {
        if !self.is_gathering(log) {
            return None;
        }
        let seq = self.last_issued.next();
        let entries = log.copied(self.unwritten_from, log.last_index());
        self.last_issued = seq;
        self.unwritten_from = log.last_index().next();
        self.issued.push_back(Issued { seq, covers: log.last_index(), at: *now });
        Some(Write {
            seq,
            hard_state: self.hard_state.take(),
            start: self.start.take(),
            truncate_from: self.truncate_from.take(),
            entries,
        })
    }

    /// All writes up to `seq` are durable. One that was reported before changes nothing. Gives how long the longest
    /// of them was under way, if any was.
    ///
    /// # Panics
    /// If no such write was issued: then nothing that the disk says can be trusted.
    pub fn handle_persisted(&mut self, now: &Sample, seq: WriteSeq) -> Option<Duration> {
        assert!(seq <= self.last_issued, "write {seq} reported, {} issued", self.last_issued);
        self.last_durable = self.last_durable.max(seq);
        let took = self.issued.front().filter(|write| write.seq <= seq);
        let took = took.map(|oldest| now.elapsed_hi(&oldest.at));
        while let Some(write) = self.issued.front()
            && write.seq <= seq
        {
            self.durable_index = self.durable_index.max(write.covers);
            self.issued.pop_front();
        }
        took
    }

    /// For how long the oldest write has been under way.
    pub fn waiting_since(&self, now: &Sample) -> Duration {
        self.issued.front().map_or(Duration::ZERO, |write| now.elapsed_hi(&write.at))
    }

    fn is_gathering(&self, log: &Log) -> bool {
        self.hard_state.is_some()
            || self.start.is_some()
            || self.truncate_from.is_some()
            || self.has_unwritten_entries(log)
    }
}
