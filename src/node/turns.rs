//! Measures the turns of the loop: from one return of the poll to the next call of it, without the
//! disk's time.
//!
//! During a turn no connection is read or answered, and no heartbeat is sent. So the longest turn,
//! and the gaps between heartbeats at followers, say whether a load is more than a node can do
//! beside leading.

use crate::base::meters::Meters;
use crate::base::{NodeId, Term};
use crate::node::histogram::Histogram;
use crate::raft::Message;
use crate::sys::clock;
use crate::wire::NodeStatus;
use std::sync::Arc;

/// The turns since the start of the process. Instants are readings of BOOTTIME.
#[derive(Debug)]
pub(super) struct Turns {
    meters: Arc<Meters>,
    turns: Histogram,
    on_processor: Histogram,
    syncs: Histogram,
    gaps: Histogram,
    now: Option<Turn>,
    /// When a leader was last heard, its id and term.
    heard: Option<(u64, NodeId, Term)>,
}

/// The present turn.
#[derive(Clone, Copy, Debug)]
struct Turn {
    began: u64,
    processor_began: u64,
    sync_began: u64,
    synced: u64,
}

impl Turns {
    /// No turns yet; `meters` count them, too.
    pub(super) fn new(meters: Arc<Meters>) -> Self {
        let none = Histogram::default;
        let (turns, on_processor, syncs, gaps) = (none(), none(), none(), none());
        Self { meters, turns, on_processor, syncs, gaps, now: None, heard: None }
    }

    /// The counters.
    pub(super) fn meters(&self) -> &Meters {
        &self.meters
    }

    /// The poll has returned.
    pub(super) fn begin(&mut self) {
        let (began, processor_began) = (clock::boot_nanos(), clock::thread_nanos());
        self.meters.now.begin_turn(began);
        self.now = Some(Turn { began, processor_began, sync_began: 0, synced: 0 });
    }

    /// The poll is called.
    pub(super) fn end(&mut self) {
        let Some(turn) = self.now.take() else { return };
        let now = clock::boot_nanos();
        let whole = now.saturating_sub(turn.began).saturating_sub(turn.synced);
        let on_processor = clock::thread_nanos().saturating_sub(turn.processor_began);
        self.meters.now.end_turn();
        self.meters.turns.record(whole);
        self.turns.record(now, whole);
        self.on_processor.record(now, on_processor);
        if whole >= LONG_NANOS {
            log::debug!(
                "a turn has taken {} ms, {} of them on a processor, besides {} for the disk",
                whole / NANOS_PER_MS,
                on_processor / NANOS_PER_MS,
                turn.synced / NANOS_PER_MS
            );
        }
    }

    /// Whether the present turn has taken so long, without the disk's time, that it should end.
    pub(super) fn is_late(&self) -> bool {
        let took = |turn: Turn| clock::boot_nanos().saturating_sub(turn.began);
        self.now.is_some_and(|turn| took(turn) >= LATE_NANOS + turn.synced)
    }

    /// The wait for the disk begins.
    pub(super) fn begin_sync(&mut self) {
        if let Some(turn) = &mut self.now {
            turn.sync_began = clock::boot_nanos();
            self.meters.now.begin_sync(turn.sync_began);
        }
    }

    /// The wait for the disk has ended.
    pub(super) fn end_sync(&mut self) {
        let Some(turn) = &mut self.now else { return };
        let now = clock::boot_nanos();
        let took = now.saturating_sub(turn.sync_began);
        turn.synced += took;
        self.meters.now.end_sync();
        self.meters.syncs.record(took);
        self.syncs.record(now, took);
    }

    /// Notes a peer's message: one of a leader ends a gap. Messages of one turn count as heard at
    /// once.
    pub(super) fn note_message(&mut self, from: NodeId, message: &Message) {
        let is_leaders = matches!(
            message,
            Message::Append(_) | Message::Heartbeat(_) | Message::SnapshotChunk(_)
        );
        let Some(Turn { began, .. }) = self.now.filter(|_| is_leaders) else { return };
        let before = self.heard.replace((began, from, message.term()));
        if let Some((at, leader, term)) = before
            && (leader, term) == (from, message.term())
            && at < began
        {
            self.gaps.record(began, began - at);
        }
    }

    /// Adds the measurements to a status.
    pub(super) fn complete(&self, status: NodeStatus) -> NodeStatus {
        let now = clock::boot_nanos();
        NodeStatus {
            turn_us: self.turns.timing(now),
            turn_processor_us: self.on_processor.timing(now),
            sync_us: self.syncs.timing(now),
            heartbeat_gap_us: self.gaps.timing(now),
            ..status
        }
    }
}

const NANOS_PER_MS: u64 = 1_000_000;
/// A turn is late from here on: it does not begin more work. What it has begun, and a processor
/// that others want as well, leave it well within a heartbeat interval.
const LATE_NANOS: u64 = 6 * NANOS_PER_MS;
/// A turn counts as long from here on: two thirds of a heartbeat interval.
const LONG_NANOS: u64 = 20 * NANOS_PER_MS;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Index, Round};
    use crate::raft::Heartbeat;

    fn heartbeat(term: u64) -> Message {
        Message::Heartbeat(Heartbeat { term: Term(term), round: Round(1), commit: Index(0) })
    }

    fn counts(turns: &Turns) -> [u64; 3] {
        let status = turns.complete(NodeStatus::default());
        let timings = [status.turn_us, status.sync_us, status.heartbeat_gap_us];
        timings.map(|timing| timing.map_or(0, |timing| timing.count))
    }

    #[test]
    fn a_turn_is_counted_once_and_each_of_its_syncs() {
        let mut turns = Turns::new(Meters::new());
        turns.end();
        assert_eq!(counts(&turns), [0, 0, 0], "the first call of the poll ends none");
        turns.begin();
        (0..2).for_each(|_| {
            turns.begin_sync();
            turns.end_sync();
        });
        turns.end();
        assert_eq!(counts(&turns), [1, 2, 0]);
    }

    #[test]
    fn a_turn_is_late_by_what_it_took_without_the_disk() {
        let mut turns = Turns::new(Meters::new());
        assert!(!turns.is_late(), "there is none");
        turns.begin();
        let turn = turns.now.as_mut().expect("it has begun");
        turn.began -= LATE_NANOS;
        assert!(turns.is_late());
        let hour = 3600 * 1000 * NANOS_PER_MS;
        turns.now.as_mut().expect("it goes on").synced = hour;
        assert!(!turns.is_late(), "the rest was the disk's");
    }

    #[test]
    fn a_gap_is_between_turns_in_which_one_leader_was_heard_in_one_term() {
        let mut turns = Turns::new(Meters::new());
        let mut turn = |messages: &[(u64, u64)]| {
            turns.begin();
            for (from, term) in messages {
                turns.note_message(NodeId(*from), &heartbeat(*term));
            }
            turns.end();
            counts(&turns)[2]
        };
        assert_eq!(turn(&[(1, 1), (1, 1)]), 0);
        assert_eq!(turn(&[(1, 1), (1, 1)]), 1);
        assert_eq!(turn(&[(2, 2)]), 1, "the gap of a change of leader is none of heartbeats");
        assert_eq!(turn(&[(2, 2)]), 2);
    }
}
