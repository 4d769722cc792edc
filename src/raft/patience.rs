//! How long silence may last before it is taken for an end: it follows what this node sees.
//!
//! A machine that is busy runs its nodes late, and a slow disk keeps them from hearing: whoever waits no longer there than on a calm one
//! elects leaders without end. So each node measures, from the samples that it is told, and waits
//!
//! ```text
//! clamp(heartbeat + 4 · lateness, 4 · write; election, bound)
//! ```
//!
//! with the largest values seen lately: how much later than a heartbeat a leader's word came to a follower, or a quorum's
//! answers to a leader, in one term of one leader; and how long a write was under way. What ends a term is not
//! measured: who was stopped, or cut off, was replaced for a good reason, and nobody need wait longer for the next one. A
//! write that took longer than anybody waits may have been that, so it counts once another is durable in the same term.
//! No safety rests on any of this (C1 and C2 count with Δ, which does not follow).

use crate::base::{NodeId, Sample, Term};
use crate::raft::Config;
use std::time::Duration;

/// What was measured, and what follows from it.
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

    /// However late everything is, nobody waits longer: for a leader that is dead, or one whose disk is (C7).
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

    /// This node leads, and a quorum answers, of which nothing was heard for `silence`.
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

    /// What was seen over one window ago is forgotten, once something else was seen since.
    fn note(&mut self, now: &Sample, value: Duration) {
        if self.count >= WINDOW_COUNT && now.elapsed_lo(&self.since) >= WINDOW {
            self.largest_before = std::mem::take(&mut self.largest);
            (self.since, self.count) = (*now, 0);
        }
        self.count = self.count.saturating_add(1);
        self.largest = self.largest.max(value);
    }
}

/// What the largest of some hundred delays says of the largest of some ten thousand. On time, with the default
/// timeouts, is what is at most 30 ms late.
const LATENESS_FACTOR: u32 = 4;
/// A candidacy passes two disks one after the other, and each may take twice as long as it did.
const WRITE_FACTOR: u32 = 4;
/// The longest wait, in election timeouts, and whatever the election timeout is.
const BOUND_FACTOR: u32 = 8;
const BOUND_MAX: Duration = Duration::from_secs(10);
/// Values count for one to two windows, each of at least so many values: a disk may be idle for long.
const WINDOW: Duration = Duration::from_secs(15);
const WINDOW_COUNT: u32 = 4;
