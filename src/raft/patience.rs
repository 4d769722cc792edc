//! Patience: how long silence may last before a node stands for election. It follows measured delays.
//!
//! A busy machine runs its nodes late, and a slow disk keeps them deaf; with a fixed timeout such a cluster elects
//! leaders without end. So each node measures, from the samples that it is given, and waits
//!
//! ```text
//! clamp(heartbeat + 4 · lateness, 4 · write; election, bound)
//! ```
//!
//! over the largest values seen lately: `lateness` is by how much later than a heartbeat interval a leader's message
//! reached a follower, or a quorum's answers reached a leader, within one term of one leader; `write` is how long a
//! write was under way. The silence that ends a term is not measured: a leader that was stopped or cut off was
//! replaced for a good reason, and the next one deserves no longer wait. A write that took longer than any wait may
//! have been such an end, so it counts once another write is durable in the same term. No rule of safety rests on any
//! of this (C1 and C2 count with Δ, which does not follow it).

use crate::base::{NodeId, Sample, Term};
use crate::raft::Config;
use std::time::Duration;

/// Measured delays, and the wait that follows from them.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    heartbeat: Duration,
    election: Duration,
    lateness: Recent,
    writes: Recent,
    /// A write of this term took so long, longer than `wait`.
    doubtful: Option<(Term, Duration)>,
    /// The leader that spoke last, in its term, and when.
    heard: Option<(Term, NodeId, Sample)>,
}

/// The largest value of the last while.
#[derive(Clone, Debug)]
struct Recent {
    since: Sample,
    count: u32,
    largest: Duration,
    largest_before: Duration,
}

impl Patience {
    pub fn new(config: &Config, now: &Sample) -> Self {
        Self {
            heartbeat: config.heartbeat,
            election: config.election,
            lateness: Recent::new(now),
            writes: Recent::new(now),
            doubtful: None,
            heard: None,
        }
    }

    /// How long nothing may be heard: the smallest election timeout as things are.
    pub fn wait(&self) -> Duration {
        let lateness = self.lateness.largest().saturating_mul(LATENESS_FACTOR);
        let wanted = self.votes_wait().max(self.heartbeat.saturating_add(lateness));
        wanted.min(self.bound()).max(self.election)
    }

    /// How long votes take that have to pass two disks.
    pub fn votes_wait(&self) -> Duration {
        self.writes.largest().saturating_mul(WRITE_FACTOR).min(self.bound())
    }

    /// Upper bound of the wait, however late everything is: the leader may be dead, or its disk (C7).
    fn bound(&self) -> Duration {
        self.election.saturating_mul(BOUND_FACTOR).min(BOUND_MAX).max(self.election)
    }

    /// The leader of `term` spoke.
    pub fn handle_leader_heard(&mut self, now: &Sample, leader: NodeId, term: Term) {
        if let Some((of_term, before, at)) = self.heard
            && (of_term, before) == (term, leader)
        {
            self.lateness.note(now, now.elapsed_hi(&at).saturating_sub(self.heartbeat));
        }
        self.heard = Some((term, leader, *now));
    }

    /// The leader's connection closed: what comes next was not late.
    pub fn handle_leader_lost(&mut self) {
        self.heard = None;
    }

    /// Notes that this node leads and that a quorum has answered after `silence`.
    pub fn handle_quorum_heard(&mut self, now: &Sample, silence: Duration) {
        self.lateness.note(now, silence.saturating_sub(self.heartbeat));
    }

    /// A write is durable in `term` that was under way for so long.
    pub fn handle_written(&mut self, now: &Sample, term: Term, took: Duration) {
        if let Some((of_term, before)) = self.doubtful.take()
            && of_term == term
        {
            self.writes.note(now, before);
        }
        if took > self.wait() {
            self.doubtful = Some((term, took));
        } else {
            self.writes.note(now, took);
        }
    }
}

impl Recent {
    fn new(now: &Sample) -> Self {
        Self { since: *now, count: 0, largest: Duration::ZERO, largest_before: Duration::ZERO }
    }

    fn largest(&self) -> Duration {
        self.largest.max(self.largest_before)
    }

    /// Forgets the values of the window before last, once there are newer ones.
    fn note(&mut self, now: &Sample, value: Duration) {
        if self.count >= WINDOW_COUNT && now.elapsed_lo(&self.since) >= WINDOW {
            self.largest_before = std::mem::take(&mut self.largest);
            (self.since, self.count) = (*now, 0);
        }
        self.count = self.count.saturating_add(1);
        self.largest = self.largest.max(value);
    }
}

/// Ratio of the largest of some ten thousand delays to the largest of some hundred. With the default timeouts a delay
/// of at most 30 ms counts as on time.
const LATENESS_FACTOR: u32 = 4;
/// A candidacy passes two disks one after the other, and each may take twice as long as it did.
const WRITE_FACTOR: u32 = 4;
/// The longest wait, in election timeouts, and whatever the election timeout is.
const BOUND_FACTOR: u32 = 8;
const BOUND_MAX: Duration = Duration::from_secs(10);
/// Values count for one to two windows, each of at least so many values: a disk may be idle for long.
const WINDOW: Duration = Duration::from_secs(15);
const WINDOW_COUNT: u32 = 4;
