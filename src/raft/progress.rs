//! How far one follower's log is known to equal the leader's, and what may be sent to it next.

use crate::base::limits::{APPEND_BYTES_MAX, INFLIGHT_BYTES_MAX};
use crate::base::{Index, Round, checksum};
use crate::raft::log::Log;
use crate::raft::{Snapshot, SnapshotOutcome};
use std::collections::VecDeque;

/// An append to build: the entries behind `prev` up to `last`; none if they are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub prev: Index,
    pub last: Index,
}

/// What to send to a follower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Entries, or none to ask.
    Append(Batch),
    /// The part of a snapshot that begins at this byte.
    Chunk { shipment: Shipment, offset: u64 },
}

/// A snapshot, and the checksum of its data: computed once, since the data is long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shipment {
    pub snapshot: Snapshot,
    pub crc: u32,
}

impl Shipment {
    pub fn new(snapshot: Snapshot) -> Self {
        let crc = checksum::crc32c(snapshot.data.bytes());
        Self { snapshot, crc }
    }
}

/// Appends on their way.
#[derive(Clone, Debug, Default)]
struct Inflight {
    /// Last index and bytes of each.
    batches: VecDeque<(Index, u64)>,
    bytes: u64,
}

impl Inflight {
    fn push(&mut self, last: Index, bytes: u64) {
        self.batches.push_back((last, bytes));
        self.bytes += bytes;
    }

    fn free_through(&mut self, matched: Index) {
        while let Some(&(last, bytes)) = self.batches.front()
            && last <= matched
        {
            self.bytes -= bytes;
            self.batches.pop_front();
        }
    }
}

/// How fast the leader sends.
#[derive(Clone, Debug)]
enum Pace {
    /// The place where the logs part is not known: one append, then wait for word.
    Probe { waiting: bool },
    /// The logs are known to meet: send ahead of the acknowledgements. `nudge` asks for one append even
    /// without entries, which finds out whether one before it was lost.
    Replicate { inflight: Inflight, nudge: bool },
    /// The follower needs what is compacted: a snapshot in parts, one at a time. `sent` is the round in which
    /// the part at `offset` left, none if it is to be sent (again).
    Install { shipment: Shipment, offset: u64, sent: Option<Round> },
}

/// One follower's log as its leader knows it. Invariant: `matched` < `next` ≤ last index + 1; `matched`
/// never falls within a term, since it was acknowledged as durable.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    matched: Index,
    next: Index,
    pace: Pace,
}

impl Progress {
    /// Nothing known: the first probe is at `next`.
    pub fn new(next: Index) -> Self {
        Self { matched: Index(0), next, pace: Pace::Probe { waiting: false } }
    }

    /// The logs are equal, and durable there, up to here.
    pub fn matched(&self) -> Index {
        self.matched
    }

    /// Whether the follower keeps up: entries go to it as they come.
    pub fn is_replicating(&self) -> bool {
        matches!(self.pace, Pace::Replicate { .. })
    }

    /// What was in flight is lost: find out anew what arrived. A snapshot goes on where it was.
    pub fn reset(&mut self) {
        match &mut self.pace {
            Pace::Install { sent, .. } => return *sent = None,
            Pace::Replicate { .. } => self.next = self.matched.next(),
            Pace::Probe { .. } => {}
        }
        self.pace = Pace::Probe { waiting: false };
    }

    /// Accepted up to `matched`.
    pub fn handle_accepted(&mut self, matched: Index) {
        if matched < self.matched {
            return;
        }
        self.matched = matched;
        self.next = self.next.max(matched.next());
        match &mut self.pace {
            Pace::Replicate { inflight, .. } => inflight.free_through(matched),
            // A late word of what came before the snapshot.
            Pace::Install { shipment, .. } if matched < shipment.snapshot.meta.index => {}
            Pace::Probe { .. } | Pace::Install { .. } => {
                self.next = matched.next();
                self.pace = Pace::Replicate { inflight: Inflight::default(), nudge: false };
            }
        }
    }

    /// The follower is so far with the snapshot of `index`; what is said of another one is late.
    pub fn handle_snapshot(&mut self, index: Index, outcome: SnapshotOutcome) {
        let Pace::Install { shipment, offset, sent } = &mut self.pace else { return };
        if shipment.snapshot.meta.index != index {
            return;
        }
        match outcome {
            SnapshotOutcome::Received { next } => {
                let next = next.min(shipment.snapshot.data.bytes().len() as u64);
                // An answer that moves nothing (all is there and being stored, or another snapshot is) is
                // asked for again with the next heartbeat: at once would be again and again.
                if next != *offset {
                    (*offset, *sent) = (next, None);
                }
            }
            SnapshotOutcome::Stored => self.handle_accepted(index),
        }
    }

    /// The append behind `prev` was refused; `hint` is the largest index at which the logs may agree.
    /// What an earlier rejection or acknowledgement has overtaken is ignored.
    pub fn handle_rejected(&mut self, prev: Index, hint: Index) {
        if prev <= self.matched {
            return;
        }
        match self.pace {
            Pace::Replicate { .. } => self.reset(),
            Pace::Probe { .. } if prev.0 == self.next.0 - 1 => {
                // At least one step back, never into what is known to match.
                self.next = hint.next().min(prev).max(self.matched.next());
                self.pace = Pace::Probe { waiting: false };
            }
            Pace::Probe { .. } | Pace::Install { .. } => {}
        }
    }

    /// The follower lives. A probe may be repeated; one that lags gets one append, empty if its window is
    /// full, whose rejection would show a loss. A part of a snapshot that left before this heartbeat, and is
    /// still not answered, is lost, or is the last one, whose answer takes a disk.
    pub fn handle_heartbeat_response(&mut self, round: Round, last_index: Index) {
        match &mut self.pace {
            Pace::Probe { waiting } => *waiting = false,
            Pace::Replicate { nudge, .. } => *nudge = self.matched < last_index,
            Pace::Install { sent, .. } => *sent = sent.filter(|sent| *sent >= round),
        }
    }

    /// What to send now, if anything; it counts as sent. `newest` is the newest snapshot.
    pub fn poll_next(
        &mut self,
        log: &Log,
        newest: Option<&Shipment>,
        round: Round,
    ) -> Option<Next> {
        if self.next <= log.base() && !matches!(self.pace, Pace::Install { .. }) {
            let shipment = newest.expect("what is compacted is in a snapshot").clone();
            self.pace = Pace::Install { shipment, offset: 0, sent: None };
        }
        if let Pace::Install { shipment, offset, sent } = &mut self.pace {
            if sent.is_some() {
                return None;
            }
            *sent = Some(round);
            return Some(Next::Chunk { shipment: shipment.clone(), offset: *offset });
        }
        self.poll_append(log).map(Next::Append)
    }

    /// Whether a snapshot is to go out before any entry: it may fit where the log does not, and makes room there.
    pub fn needs_snapshot(&self, log: &Log) -> bool {
        self.next <= log.base() || matches!(self.pace, Pace::Install { .. })
    }

    /// What to send in a heartbeat to a follower whose log takes nothing at present: one entry.
    pub fn poll_trial(&mut self, log: &Log) -> Option<Next> {
        if self.is_replicating() {
            self.reset();
        }
        let Pace::Probe { waiting } = &mut self.pace else { return None };
        if self.next <= log.base() || self.next > log.last_index() {
            return None;
        }
        *waiting = true;
        Some(Next::Append(Batch { prev: Index(self.next.0 - 1), last: self.next }))
    }

    fn poll_append(&mut self, log: &Log) -> Option<Batch> {
        let prev = Index(self.next.0 - 1);
        match &mut self.pace {
            Pace::Install { .. } | Pace::Probe { waiting: true } => None,
            Pace::Probe { waiting } => {
                *waiting = true;
                Some(Batch { prev, last: log.last_within(self.next, APPEND_BYTES_MAX as u64) })
            }
            Pace::Replicate { inflight, nudge } => {
                let room = (INFLIGHT_BYTES_MAX as u64).saturating_sub(inflight.bytes);
                let last = log.last_within(self.next, room.min(APPEND_BYTES_MAX as u64));
                let nudged = std::mem::take(nudge);
                if last < self.next {
                    return nudged.then_some(Batch { prev, last: prev });
                }
                inflight.push(last, log.bytes_between(self.next, last));
                self.next = last.next();
                Some(Batch { prev, last })
            }
        }
    }
}
