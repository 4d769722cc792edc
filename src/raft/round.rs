//! Numbered rounds of a leader's messages, each with the clock sample taken before its first (safety §1,
//! *Rounds*), and the reads that wait for one.

use crate::base::limits::HELD_REQUESTS_MAX;
use crate::base::{Index, ReadId, Round, Sample};
use std::collections::VecDeque;

/// Samples kept for rounds that no quorum has echoed yet.
const SAMPLES_MAX: usize = 4096;
/// Reads that may wait for the next heartbeat; one of a turn each.
const LEISURELY_MAX: usize = 256;

/// The rounds of one term. Invariant: `samples` rises in round and is never empty; the sample of a round
/// is the last one kept at or before it, which is never later than its first message.
#[derive(Clone, Debug)]
pub(super) struct Rounds {
    current: Round,
    samples: VecDeque<(Round, Sample)>,
}

impl Rounds {
    /// Round 0 of a term, whose first message is built at or after `now`.
    pub fn new(now: &Sample) -> Self {
        Self { current: Round(0), samples: VecDeque::from([(Round(0), *now)]) }
    }

    /// The round that messages built now carry.
    pub fn current(&self) -> Round {
        self.current
    }

    /// ++k: all messages built from now on carry a number that no earlier one did.
    ///
    /// With no room for one more sample the round shares the one before it, which is the safe side.
    pub fn begin(&mut self, now: &Sample) -> Round {
        self.current = self.current.next();
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push_back((self.current, *now));
        }
        self.current
    }

    /// Forgets samples of rounds before `confirmed`: as long as the members stay, nobody will ask for them.
    pub fn prune(&mut self, confirmed: Round) {
        while self.samples.len() > 1 && self.samples[1].0 <= confirmed {
            self.samples.pop_front();
        }
    }

    /// A time by which `round` had begun; for a forgotten round the earliest that is known.
    pub fn begun_by(&self, round: Round) -> Sample {
        self.sample(round).unwrap_or(self.samples[0].1)
    }

    /// A time at or before which no message of `round` was built. `None`: that sample is forgotten; a quorum of new
    /// members may have echoed less than one of the old ones had.
    pub fn sample(&self, round: Round) -> Option<Sample> {
        let after = self.samples.partition_point(|(kept, _)| *kept <= round);
        Some(self.samples[after.checked_sub(1)?].1)
    }
}

/// A read that waits for its round.
#[derive(Clone, Debug)]
struct Waiting {
    read: ReadId,
    /// The commit index at receipt.
    index: Index,
    need: Round,
    is_urgent: bool,
}

/// Reads in the order in which they were asked (ReadIndex, R13).
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    /// Not assigned yet: they share the ++k that follows the last of them.
    asked: Vec<(ReadId, Index)>,
    /// One of those cannot wait until a heartbeat is due.
    is_urgent: bool,
    waiting: VecDeque<Waiting>,
}

impl Reads {
    /// Whether one more would be too many.
    pub fn is_full(&self) -> bool {
        self.asked.len() + self.waiting.len() >= HELD_REQUESTS_MAX
    }

    /// A read was received while the commit index stood at `commit`.
    pub fn ask(&mut self, read: ReadId, commit: Index) {
        self.ask_leisurely(read, commit);
        self.is_urgent = true;
    }

    /// The same for a read that can wait for the next heartbeat's round, unless many do.
    pub fn ask_leisurely(&mut self, read: ReadId, commit: Index) {
        self.asked.push((read, commit));
        self.is_urgent |= self.asked.len() >= LEISURELY_MAX;
    }

    /// Whether a round must begin for reads.
    pub fn need_round(&self) -> bool {
        self.is_urgent
    }

    /// The reads received so far wait for `need`, which began after the last of them.
    pub fn assign(&mut self, need: Round) {
        let is_urgent = std::mem::take(&mut self.is_urgent);
        let waiting = self.asked.drain(..);
        let waiting = waiting.map(|(read, index)| Waiting { read, index, need, is_urgent });
        self.waiting.extend(waiting);
    }

    /// Whether any wait for their round to be echoed.
    pub fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether any do that cannot wait for a heartbeat.
    pub fn are_urgent(&self) -> bool {
        self.is_urgent || self.waiting.iter().any(|waiting| waiting.is_urgent)
    }

    /// The next read that `confirmed` confirms, with the commit index at its receipt.
    pub fn pop_confirmed(&mut self, confirmed: Round) -> Option<(ReadId, Index)> {
        self.waiting.front().filter(|waiting| waiting.need <= confirmed)?;
        self.waiting.pop_front().map(|waiting| (waiting.read, waiting.index))
    }

    /// All that wait, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = ReadId> {
        let waiting = self.waiting.drain(..).map(|waiting| waiting.read);
        waiting.chain(self.asked.drain(..).map(|(read, _)| read))
    }
}
