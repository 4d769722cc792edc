//! Clocks that run fast or slow by a constant rate.

use tenure::base::Sample;

/// One process's clock. Its three kernel clocks run alike: nothing is slewed, and nobody sleeps.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// How much faster than real time, in parts per million.
    pub rate_ppm: i64,
}

impl Clock {
    /// What it reads at an instant of real time, in nanoseconds.
    pub fn sample(self, real: u64) -> Sample {
        Sample::at(self.local(real))
    }

    /// The first instant of real time at which it reads `local` or more.
    pub fn instant_of(self, local: u64) -> u64 {
        if local >= FOREVER {
            return u64::MAX;
        }
        let rate = i128::from(MILLION) + i128::from(self.rate_ppm);
        let scaled = i128::from(local.saturating_sub(OFFSET)) * i128::from(MILLION);
        let real = (scaled + rate - 1) / rate;
        u64::try_from(real).expect("instants are positive")
    }

    fn local(self, real: u64) -> u64 {
        let rate = i128::from(MILLION) + i128::from(self.rate_ppm);
        let passed = i128::from(real) * rate / i128::from(MILLION);
        OFFSET + u64::try_from(passed).expect("clocks do not run backwards")
    }
}

pub const MS: u64 = 1_000_000;
const MILLION: i64 = 1_000_000;
/// What every clock reads at instant 0.
const OFFSET: u64 = 1_000 * MS;
/// Deadlines from here on mean "never".
const FOREVER: u64 = u64::MAX / 2;

#[test]
fn an_instant_is_the_first_at_which_the_clock_reads_as_much() {
    for rate_ppm in [-200_000, -10_000, 0, 10_000] {
        let clock = Clock { rate_ppm };
        for local in [OFFSET, OFFSET + 1, OFFSET + 333_333_333] {
            let instant = clock.instant_of(local);
            assert!(clock.local(instant) >= local);
            assert!(instant == 0 || clock.local(instant - 1) < local);
        }
    }
}
