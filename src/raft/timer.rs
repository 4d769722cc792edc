//! The election timer (Raft §5.2): when a node that does not lead stands for election.

use crate::base::Sample;
use crate::base::rng::Rng;
use crate::raft::Config;
use crate::raft::patience::Patience;
use std::time::Duration;

/// Candidacies begun by a closed connection that may follow each other after short waits; then somebody
/// is better served by patience.
///
/// A candidacy is decided once votes have passed two disks. Where that takes longer than the spread of
/// the waits, all candidates vote for themselves before they hear of each other: so each failure doubles
/// the spread, until it is that of any election.
const QUICK_TRIES_MAX: u32 = 8;

/// The election timer (Raft §5.2). It decides by samples; only `remaining` is a hint.
#[derive(Clone, Debug)]
pub(super) struct ElectionTimer {
    start: Sample,
    wait: Duration,
    /// Candidacies that may still follow after a short wait; 0 unless a leader's connection closed, or none was
    /// heard since the start.
    quick_tries: u32,
    rng: Rng,
    heartbeat: Duration,
    peer_down_wait: Duration,
}

impl ElectionTimer {
    pub fn new(config: &Config, patience: &Patience, now: &Sample) -> Self {
        let mut timer = Self {
            start: *now,
            wait: Duration::ZERO,
            quick_tries: 0,
            rng: Rng::new(config.seed),
            heartbeat: config.heartbeat,
            peer_down_wait: config.peer_down_wait,
        };
        timer.restart(now, patience);
        timer
    }

    /// Restarts with a full timeout, drawn again: a leader was heard, a vote was given, or leadership was lost.
    pub fn restart(&mut self, now: &Sample, patience: &Patience) {
        self.quick_tries = 0;
        self.wait_patiently(now, patience);
    }

    /// The leader closed its connection: all its followers see that at once, so they wait a short,
    /// random time instead of a timeout.
    pub fn leader_lost(&mut self, now: &Sample, patience: &Patience) {
        self.quick_tries = QUICK_TRIES_MAX;
        self.wait_briefly(now, patience);
    }

    /// Enough voters are reached to elect a leader, and this node hears none: a short wait, unless one runs already.
    pub fn voters_met(&mut self, now: &Sample, patience: &Patience) {
        if self.quick_tries == 0 {
            self.leader_lost(now, patience);
        }
    }

    /// A candidacy begins with its pre-vote.
    pub fn candidacy_begun(&mut self, now: &Sample, patience: &Patience) {
        self.wait_for_votes(now, patience);
        self.quick_tries = self.quick_tries.saturating_sub(1);
    }

    /// Its pre-vote was won; now for the votes.
    pub fn candidacy_continues(&mut self, now: &Sample, patience: &Patience) {
        self.wait_for_votes(now, patience);
    }

    /// A candidacy was refused, or the vote was split.
    pub fn candidacy_failed(&mut self, now: &Sample, patience: &Patience) {
        if self.quick_tries == 0 {
            self.wait_patiently(now, patience)
        } else {
            self.wait_briefly(now, patience)
        }
    }

    /// Whether it is surely time.
    pub fn is_due(&self, now: &Sample) -> bool {
        now.elapsed_lo(&self.start) >= self.wait
    }

    /// For how long it has been time.
    pub fn lateness(&self, now: &Sample) -> Duration {
        now.elapsed_lo(&self.start).saturating_sub(self.wait)
    }

    /// How long until it may be time, as seen at `now`.
    pub fn remaining(&self, now: &Sample) -> Duration {
        self.wait.saturating_sub(now.elapsed_lo(&self.start))
    }

    /// How long a candidacy may stay undecided. A quick one gets at least a heartbeat interval, and what votes take
    /// that have to pass two disks.
    fn wait_for_votes(&mut self, now: &Sample, patience: &Patience) {
        if self.quick_tries == 0 {
            return self.wait_patiently(now, patience);
        }
        self.start = *now;
        let least = self.widened(self.heartbeat, patience).max(patience.votes_wait());
        self.wait = self.rng.duration(least, least + self.widened(self.peer_down_wait, patience));
    }

    fn wait_patiently(&mut self, now: &Sample, patience: &Patience) {
        self.start = *now;
        let least = patience.wait();
        self.wait = self.rng.duration(least, least * 2);
    }

    fn wait_briefly(&mut self, now: &Sample, patience: &Patience) {
        self.start = *now;
        let most = self.widened(self.peer_down_wait, patience);
        self.wait = self.rng.duration(Duration::ZERO, most);
    }

    /// `wait`, doubled for each quick candidacy that has failed; at most the smallest election timeout as things are.
    fn widened(&self, wait: Duration, patience: &Patience) -> Duration {
        let failed = QUICK_TRIES_MAX.saturating_sub(self.quick_tries + 1);
        wait.saturating_mul(1 << failed).min(patience.wait().max(wait))
    }
}
