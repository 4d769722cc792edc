//! A snapshot on its way to one follower: the parts in flight, and when they count as lost.
//!
//! Several parts are in flight at once, up to as many bytes as entries may be: with one part per round trip a distant
//! follower would get its snapshot more slowly than others write. Parts arrive in order or, after a break of the
//! connection, not at all. The follower takes only the part that continues what it has, and answers with its progress.

use crate::base::Round;
use crate::base::limits::INFLIGHT_BYTES_MAX;
use crate::raft::Snapshot;
use std::collections::VecDeque;

/// The snapshot being sent: a clone, whichever is the newest meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shipment {
    pub snapshot: Snapshot,
}

impl Shipment {
    pub fn new(snapshot: Snapshot) -> Self {
        Self { snapshot }
    }

    fn total(&self) -> u64 {
        self.snapshot.data.len()
    }
}

/// Where a part lies in the data of its snapshot; empty at the end: it asks how far the follower is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub from: u64,
    pub to: u64,
}

/// The parts of one snapshot for one follower.
#[derive(Clone, Debug)]
pub(super) struct Shipping {
    shipment: Shipment,
    /// The follower has said that it holds the data up to here.
    held: u64,
    /// Sent and not answered: where each part ends, and the round in which it left.
    inflight: VecDeque<(u64, Round)>,
}

impl Shipping {
    pub fn new(shipment: Shipment) -> Self {
        Self { shipment, held: 0, inflight: VecDeque::new() }
    }

    pub fn shipment(&self) -> &Shipment {
        &self.shipment
    }

    /// The next part of at most `part_bytes`, if the window has room for it; it counts as sent in `round`.
    pub fn poll_part(&mut self, part_bytes: u64, round: Round) -> Option<Part> {
        let total = self.shipment.total();
        let from = self.inflight.back().map_or(self.held, |(end, _)| *end);
        let to = total.min(from.saturating_add(part_bytes));
        // One part always; a question about the end only if nothing else is under way.
        let has_room = from < total && to - self.held <= INFLIGHT_BYTES_MAX as u64;
        if !self.inflight.is_empty() && !has_room {
            return None;
        }
        self.inflight.push_back((to, round));
        Some(Part { from, to })
    }

    /// The follower holds the data up to `next`; whether it is further than before.
    ///
    /// An answer that moves nothing (all is there and being stored, or another snapshot is) is asked for again behind the
    /// next heartbeat: at once would be again and again.
    pub fn handle_received(&mut self, next: u64) -> bool {
        let next = next.min(self.shipment.total());
        let has_moved = next > self.held;
        if next < self.held {
            // The follower started over: parts in flight no longer fit.
            self.inflight.clear();
        }
        self.held = next;
        while self.inflight.front().is_some_and(|(end, _)| has_moved && *end <= next) {
            self.inflight.pop_front();
        }
        has_moved
    }

    /// The follower has answered a message of `round`: a part that left before that one, and is still not answered, is lost, and
    /// those behind it with it; or it is the last one, whose answer takes a disk.
    pub fn handle_echo(&mut self, round: Round) {
        if self.inflight.front().is_some_and(|(_, sent)| *sent < round) {
            self.inflight.clear();
        }
    }

    /// Parts in flight are lost.
    pub fn reset(&mut self) {
        self.inflight.clear();
    }
}
