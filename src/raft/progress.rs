//! Progress of one follower (Raft §5.3, nextIndex and matchIndex): up to where its log is known to equal the leader's,
//! and the next message for it.

use crate::base::limits::{APPEND_BYTES_MAX, INFLIGHT_BYTES_MAX};
use crate::base::{Index, Round, Sample};
use crate::raft::SnapshotOutcome;
use crate::raft::catch_up::{CatchUp, Kept};
use crate::raft::log::Log;
use crate::raft::shipment::{Part, Shipment, Shipping};
use std::collections::VecDeque;

/// An append to build: the entries behind `prev` up to `last`; none if they are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub prev: Index,
    pub last: Index,
}

/// The next message for a follower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Entries, or none to ask.
    Append(Batch),
    /// A part of a snapshot.
    Chunk { shipment: Shipment, part: Part },
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
    /// The follower needs the compacted part of the log: a snapshot in parts.
    Install(Shipping),
}

/// One follower's log as its leader knows it. Invariant: `matched` < `next` ≤ last index + 1; `matched`
/// never falls within a term, since it was acknowledged as durable.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    matched: Index,
    next: Index,
    pace: Pace,
    /// From the beginning of a snapshot until the log behind it has arrived, too.
    catch_up: Option<CatchUp>,
}

impl Progress {
    /// Nothing known: the first probe is at `next`.
    pub fn new(next: Index) -> Self {
        let pace = Pace::Probe { waiting: false };
        Self { matched: Index(0), next, pace, catch_up: None }
    }

    /// The logs are equal, and durable there, up to here.
    pub fn matched(&self) -> Index {
        self.matched
    }

    /// Whether the follower keeps up: entries go to it as they come.
    pub fn is_replicating(&self) -> bool {
        matches!(self.pace, Pace::Replicate { .. })
    }

    /// Everything in flight is lost: probe again for what arrived. A snapshot goes on where it was.
    pub fn reset(&mut self) {
        match &mut self.pace {
            Pace::Install(shipping) => return shipping.reset(),
            Pace::Replicate { .. } => self.next = self.matched.next(),
            Pace::Probe { .. } => {}
        }
        self.pace = Pace::Probe { waiting: false };
    }

    /// Accepted up to `matched`.
    pub fn handle_accepted(&mut self, now: &Sample, matched: Index) {
        if matched < self.matched {
            return;
        }
        if matched > self.matched {
            self.note_move(now);
        }
        self.matched = matched;
        self.next = self.next.max(matched.next());
        match &mut self.pace {
            Pace::Replicate { inflight, .. } => inflight.free_through(matched),
            // A late word of what came before the snapshot.
            Pace::Install(shipping) if matched < shipping.shipment().snapshot.meta.index => {}
            Pace::Probe { .. } | Pace::Install(_) => {
                self.next = matched.next();
                self.pace = Pace::Replicate { inflight: Inflight::default(), nudge: false };
            }
        }
    }

    /// The follower's progress with the snapshot of `index`; a word about another one is late.
    pub fn handle_snapshot(&mut self, now: &Sample, index: Index, outcome: SnapshotOutcome) {
        let Pace::Install(shipping) = &mut self.pace else { return };
        if shipping.shipment().snapshot.meta.index != index {
            return;
        }
        match outcome {
            SnapshotOutcome::Received { next } => {
                if shipping.handle_received(next) {
                    self.note_move(now);
                }
            }
            SnapshotOutcome::Stored => self.handle_accepted(now, index),
        }
    }

    /// The append behind `prev` was refused; `hint` is the largest index at which the logs may agree. A rejection that
    /// a later rejection or acknowledgement has overtaken is ignored.
    pub fn handle_rejected(&mut self, prev: Index, hint: Index) {
        if prev <= self.matched {
            return;
        }
        match self.pace {
            Pace::Replicate { .. } => self.reset(),
            Pace::Probe { .. } if prev.0 == self.next.0 - 1 => {
                // At least one step back, never below the matched index.
                self.next = hint.next().min(prev).max(self.matched.next());
                self.pace = Pace::Probe { waiting: false };
            }
            Pace::Probe { .. } | Pace::Install(_) => {}
        }
    }

    /// The follower lives. A probe may be repeated; one that lags gets one append, empty if its window is
    /// full, whose rejection would show a loss. Of a snapshot, parts may be lost.
    pub fn handle_heartbeat_response(&mut self, round: Round, last_index: Index) {
        match &mut self.pace {
            Pace::Probe { waiting } => *waiting = false,
            Pace::Replicate { nudge, .. } => *nudge = self.matched < last_index,
            Pace::Install(shipping) => shipping.handle_echo(round),
        }
    }

    /// The first entry kept for this follower, which is on its way from a snapshot. `None`: nothing is kept, since it
    /// has caught up, or has cost too much log or time.
    pub fn keeps_from(&mut self, now: &Sample, log: &Log, kept: &Kept) -> Option<Index> {
        let held = match &self.pace {
            Pace::Install(shipping) => shipping.shipment().snapshot.meta.index,
            Pace::Probe { .. } | Pace::Replicate { .. } => self.matched,
        };
        let behind = log.bytes_behind(held);
        let has_caught_up = self.is_replicating() && behind <= kept.lag_bytes;
        self.catch_up =
            self.catch_up.filter(|it| !has_caught_up && it.is_worth_waiting(now, behind, kept));
        self.catch_up.map(|_| held.next())
    }

    /// Whether entries are kept for it.
    pub fn is_catching_up(&self) -> bool {
        self.catch_up.is_some()
    }

    fn note_move(&mut self, now: &Sample) {
        if let Some(catch_up) = &mut self.catch_up {
            catch_up.note_move(now);
        }
    }

    /// The next message to send now, if any; it counts as sent. `newest` is the newest snapshot, sent in parts of
    /// `part_bytes`.
    pub fn poll_next(
        &mut self,
        log: &Log,
        newest: Option<&Shipment>,
        part_bytes: u64,
        (now, round): (&Sample, Round),
    ) -> Option<Next> {
        if self.next <= log.base() && !matches!(self.pace, Pace::Install(_)) {
            let shipment = newest.expect("what is compacted is in a snapshot").clone();
            self.pace = Pace::Install(Shipping::new(shipment));
            self.catch_up = Some(CatchUp::begun(now));
        }
        if let Pace::Install(shipping) = &mut self.pace {
            let part = shipping.poll_part(part_bytes, round)?;
            return Some(Next::Chunk { shipment: shipping.shipment().clone(), part });
        }
        self.poll_append(log).map(Next::Append)
    }

    /// Whether a snapshot is to go out before any entry: it may fit where the log does not, and makes room there.
    pub fn needs_snapshot(&self, log: &Log) -> bool {
        self.next <= log.base() || matches!(self.pace, Pace::Install { .. })
    }

    /// The one entry that a heartbeat carries to a follower whose log takes nothing at present.
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
            Pace::Install(_) | Pace::Probe { waiting: true } => None,
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
