//! Back-off: the delay before a failed attempt is repeated.

use crate::base::Sample;
use crate::base::rng::Rng;
use std::time::Duration;

/// Exponential back-off between two bounds, with jitter, so that clients that failed together do
/// not return together.
#[derive(Clone, Debug)]
pub(super) struct BackOff {
    step: Duration,
}

impl BackOff {
    pub(super) fn new() -> Self {
        Self { step: STEP_MIN }
    }

    pub(super) fn reset(&mut self) {
        self.step = STEP_MIN;
    }

    /// When to try again, a reading of BOOTTIME. `longest` bounds the delay.
    pub(super) fn next(&mut self, now: &Sample, longest: Duration, rng: &mut Rng) -> u64 {
        let step = self.step.min(longest);
        self.step = (step * 2).min(longest);
        now.hint(rng.duration(step / 2, step))
    }
}

/// The least delay.
pub(super) const STEP_MIN: Duration = Duration::from_millis(5);
/// The longest delay while a call waits.
pub(super) const STEP_MAX: Duration = Duration::from_millis(100);
/// The longest delay of a spare connection, which no call waits for.
pub(super) const SPARE_STEP_MAX: Duration = Duration::from_secs(1);
