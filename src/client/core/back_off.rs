//! How long to wait before something that failed is tried again.

use crate::base::Sample;
use crate::base::rng::Rng;
use std::time::Duration;

/// Doubles from try to try between two bounds, each delay shortened by a random part, so that clients that
/// failed together do not come back together.
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

    /// When to try again, as a reading of BOOTTIME. `longest` bounds the delay.
    pub(super) fn next(&mut self, now: &Sample, longest: Duration, rng: &mut Rng) -> u64 {
        let step = self.step.min(longest);
        self.step = (step * 2).min(longest);
        now.hint(rng.duration(step / 2, step))
    }
}

/// While something waits for it.
pub(super) const STEP_MIN: Duration = Duration::from_millis(5);
/// See [`STEP_MIN`].
pub(super) const STEP_MAX: Duration = Duration::from_millis(100);
/// For what nobody waits for: a spare connection.
pub(super) const SPARE_STEP_MAX: Duration = Duration::from_secs(1);
