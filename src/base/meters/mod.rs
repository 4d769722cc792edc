//! Meters: what a node counts of itself, in words that its loop writes and any thread reads, without locks.
//!
//! Each word has one writer, the thread of the node's loop, so counting is a load and a store. Readers see each word
//! as it was a moment ago, and no two of one instant. No decision reads a meter: the cores are as deterministic with
//! them as without.

mod kinds;
mod loop_state;
mod times;

pub use kinds::{
    ChangeReason, EndReason, HandshakeResult, LinkKind, RequestKind, RequestResult, RightKind,
};
pub use loop_state::{Doing, LoopState};
pub use times::Times;

use crate::base::NodeId;
use crate::base::limits::MEMBERS_MAX;
use std::array::from_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// All of them, since the node was started.
#[derive(Debug)]
pub struct Meters {
    /// Whether a leader is known, and whether it is this node: 0 or 1.
    pub has_leader: Gauge,
    /// Whether this node leads: 0 or 1.
    pub is_leader: Gauge,
    /// The current term.
    pub term: Gauge,
    /// Committed up to here.
    pub commit: Gauge,
    /// Applied up to here.
    pub applied: Gauge,
    /// The level of the lock machine in force; 0 until founded.
    pub level: Gauge,
    /// Entries since the last snapshot, in bytes, and the bound on them.
    pub log_bytes: Gauge,
    /// Bound on `log_bytes`.
    pub log_bytes_max: Gauge,
    /// The newest snapshot.
    pub snapshot_bytes: Gauge,
    /// Bytes that the applied state takes.
    pub state_bytes: Gauge,
    /// Sessions alive.
    pub sessions: Gauge,
    /// Locks that are held.
    pub locks: Gauge,
    /// Acquires that wait in queues.
    pub waiters: Gauge,
    /// Observers of locks; a leader has them.
    pub observers: Gauge,
    /// Open connections, by [`LinkKind`].
    pub connections: [Gauge; LinkKind::COUNT],
    /// Connections closed because of bytes that are no protocol of ours.
    pub refused_connections: Counter,
    /// TLS handshakes, by [`HandshakeResult`].
    pub handshakes: [Counter; HandshakeResult::COUNT],
    /// The last second of this node's certificate, since 1970; 0: there is none.
    pub certificate_ends: Gauge,
    /// Denied requests, by [`RightKind`].
    pub denials: [Counter; RightKind::COUNT],
    /// Messages of peers that could not be (R15).
    pub refused_messages: Counter,
    /// How often the leader lease ran out while it led.
    pub lease_gaps: Counter,
    /// Changes of leader that it has seen, by [`ChangeReason`].
    pub leader_changes: [Counter; ChangeReason::COUNT],
    /// The other members, as their leader knows them; a place with peer 0 is vacant.
    pub peers: [Peer; MEMBERS_MAX],
    /// State of the loop.
    pub now: LoopState,
    /// The turns of its loop, without the disk.
    pub turns: Times,
    /// Writing to the disk and waiting for it.
    pub syncs: Times,
    /// From the begin of a snapshot until it is stored.
    pub snapshots: Times,
    /// Requests of clients, by [`RequestKind`] and [`RequestResult`].
    pub requests: [[Counter; RequestResult::COUNT]; RequestKind::COUNT],
    /// From reading a request to its answer, by [`RequestKind`]; of those that are logged or confirmed.
    pub request_times: [Times; RequestKind::COUNT],
    /// Grants, of this node as leader, like all that follows.
    pub grants: Counter,
    /// Sessions that were ended because nothing was heard of them.
    pub expiries: Counter,
    /// Grants that ended, by [`EndReason`].
    pub ends: [Counter; EndReason::COUNT],
    /// How long those who had to queue waited for a grant.
    pub waits: Times,
    /// How long grants lasted that have ended.
    pub holds: Times,
}

impl Meters {
    /// Meters that are all zero.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            has_leader: Gauge::default(),
            is_leader: Gauge::default(),
            term: Gauge::default(),
            commit: Gauge::default(),
            applied: Gauge::default(),
            level: Gauge::default(),
            log_bytes: Gauge::default(),
            log_bytes_max: Gauge::default(),
            snapshot_bytes: Gauge::default(),
            state_bytes: Gauge::default(),
            sessions: Gauge::default(),
            locks: Gauge::default(),
            waiters: Gauge::default(),
            observers: Gauge::default(),
            connections: from_fn(|_| Gauge::default()),
            refused_connections: Counter::default(),
            handshakes: from_fn(|_| Counter::default()),
            certificate_ends: Gauge::default(),
            denials: from_fn(|_| Counter::default()),
            refused_messages: Counter::default(),
            lease_gaps: Counter::default(),
            leader_changes: from_fn(|_| Counter::default()),
            peers: from_fn(|_| Peer::default()),
            now: LoopState::default(),
            turns: Times::short(),
            syncs: Times::short(),
            snapshots: Times::long(),
            requests: from_fn(|_| from_fn(|_| Counter::default())),
            request_times: from_fn(|_| Times::short()),
            grants: Counter::default(),
            expiries: Counter::default(),
            ends: from_fn(|_| Counter::default()),
            waits: Times::long(),
            holds: Times::long(),
        })
    }

    /// Counts one answer to a client.
    pub fn count_request(&self, kind: RequestKind, result: RequestResult) {
        self.requests[kind as usize][result as usize].add(1);
    }

    /// Counts one answer, and that it took so many nanoseconds.
    pub fn count_timed(&self, kind: RequestKind, result: RequestResult, nanos: u64) {
        self.count_request(kind, result);
        self.request_times[kind as usize].record(nanos);
    }
}

/// Another member, as this node knows it while it leads.
#[derive(Debug, Default)]
pub struct Peer {
    /// Its id; 0: nobody.
    pub node: Gauge,
    /// Entries of this node's log that it is not known to have.
    pub lag: Gauge,
    /// The round trip to it in nanoseconds, as the network has it; 0: not known.
    pub round_trip: Gauge,
}

impl Peer {
    /// Gives this place to `node`; readers see a vacant place meanwhile.
    pub fn take(&self, node: Option<NodeId>, lag: u64, round_trip: u64) {
        let id = node.map_or(0, |node| node.0);
        if self.node.value() != id {
            self.node.set(0);
        }
        self.lag.set(lag);
        self.round_trip.set(round_trip);
        self.node.set(id);
    }
}

/// A count that only grows. One thread writes it.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts `more`.
    pub fn add(&self, more: u64) {
        self.0.store(self.value().wrapping_add(more), Ordering::Relaxed);
    }

    /// Sets a count that is kept elsewhere.
    pub fn reach(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// How many by now.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A present value. One thread writes it.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The present value.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_counted_under_its_kind_and_result_and_its_time_with_it() {
        let meters = Meters::new();
        meters.count_timed(RequestKind::Acquire, RequestResult::Queued, 1_000_000);
        meters.count_request(RequestKind::Acquire, RequestResult::Ok);
        let of = |kind: RequestKind, result: RequestResult| {
            meters.requests[kind as usize][result as usize].value()
        };
        assert_eq!(of(RequestKind::Acquire, RequestResult::Queued), 1);
        assert_eq!(of(RequestKind::Acquire, RequestResult::Ok), 1);
        assert_eq!(of(RequestKind::Release, RequestResult::Ok), 0);
        assert_eq!(meters.request_times[RequestKind::Acquire as usize].sum(), 1_000_000);
    }

    #[test]
    fn a_place_that_another_peer_takes_is_the_new_ones() {
        let peer = Peer::default();
        peer.take(Some(NodeId(2)), 5, 100);
        peer.take(Some(NodeId(3)), 7, 200);
        assert_eq!((peer.node.value(), peer.lag.value(), peer.round_trip.value()), (3, 7, 200));
        peer.take(None, 0, 0);
        assert_eq!(peer.node.value(), 0);
    }
}
