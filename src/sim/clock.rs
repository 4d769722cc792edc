//! The clocks of one simulated machine: rate, slew and suspend, within the model of safety §1.
//!
//! Real time is the simulator's own, in nanoseconds; nobody inside can read it. RAW runs at a rate within ρ
//! of real time and stops while the machine sleeps. MONOTONIC and BOOTTIME are slewed alike, further than
//! ρ; BOOTTIME counts sleep, MONOTONIC does not. All arithmetic is on integers, so that a seed replays the
//! same on every machine.

use crate::base::{Sample, rng::Rng, time::RHO_PPM};

/// How far NTP may slew: chrony's default bound.
pub const SLEW_PPM_MAX: i64 = 83_333;

/// Three clocks, each a straight line from the last change on.
#[derive(Clone, Debug)]
pub struct Clocks {
    since: u64,
    boot: u64,
    monotonic: u64,
    raw: u64,
    raw_ppm: i64,
    slew_ppm: i64,
    state: State,
}

/// Which clocks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Awake,
    /// Suspended: BOOTTIME alone runs.
    Asleep,
    /// Stopped by a hypervisor: none runs, which breaks ρ.
    Frozen,
}

impl Clocks {
    /// The clocks of a machine that started some time ago, each at a rate of its own.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let rho = i64::from(RHO_PPM);
        let raw_ppm = match rng.below(4) {
            0 => -rho,
            1 => rho,
            2 => 0,
            _ => signed_below(rng, rho),
        };
        let monotonic = rng.between(1, 1 << 50);
        Self {
            since: 0,
            boot: monotonic + rng.below(1 << 45),
            monotonic,
            raw: rng.between(1, 1 << 50),
            raw_ppm,
            slew_ppm: 0,
            state: State::Awake,
        }
    }

    /// The reading at four instants, one for each clock read in turn.
    #[must_use]
    pub fn sample(&self, at: [u64; 4]) -> Sample {
        let [boot_before, monotonic, raw, boot_after] = at;
        Sample {
            boot_before: self.boot_at(boot_before),
            monotonic: self.monotonic_at(monotonic),
            raw: self.raw_at(raw),
            boot_after: self.boot_at(boot_after),
        }
    }

    /// The reading at one instant.
    #[must_use]
    pub fn sample_at(&self, now: u64) -> Sample {
        self.sample([now; 4])
    }

    /// The first real instant, not before `now`, at which BOOTTIME reads at least `boot`.
    #[must_use]
    pub fn instant_of(&self, boot: u64, now: u64) -> u64 {
        let missing = boot.saturating_sub(self.boot_at(now));
        let rate = u128::try_from(1_000_000 + self.boot_ppm()).expect("a clock runs forwards");
        let real = (u128::from(missing) * 1_000_000).div_ceil(rate.max(1));
        now.saturating_add(u64::try_from(real).unwrap_or(u64::MAX))
    }

    /// From `now` on, MONOTONIC and BOOTTIME run off by `slew_ppm` from RAW.
    pub fn slew(&mut self, now: u64, slew_ppm: i64) {
        assert!(slew_ppm.abs() <= SLEW_PPM_MAX, "a slew of {slew_ppm} ppm");
        self.rebase(now);
        self.slew_ppm = slew_ppm;
    }

    /// The machine goes to sleep, or wakes.
    pub fn set_asleep(&mut self, now: u64, asleep: bool) {
        self.rebase(now);
        self.state = if asleep { State::Asleep } else { State::Awake };
    }

    /// A hypervisor stops the machine with its clocks, or lets it go on.
    pub fn set_frozen(&mut self, now: u64, frozen: bool) {
        self.rebase(now);
        self.state = if frozen { State::Frozen } else { State::Awake };
    }

    fn rebase(&mut self, now: u64) {
        assert!(now >= self.since, "clocks changed at {now}, before {}", self.since);
        let (boot, monotonic, raw) = (self.boot_at(now), self.monotonic_at(now), self.raw_at(now));
        (self.since, self.boot, self.monotonic, self.raw) = (now, boot, monotonic, raw);
    }

    fn boot_ppm(&self) -> i64 {
        match self.state {
            State::Awake => self.raw_ppm + self.slew_ppm,
            // Only the battery clock runs, and nobody slews it.
            State::Asleep => self.raw_ppm,
            State::Frozen => -1_000_000,
        }
    }

    fn boot_at(&self, now: u64) -> u64 {
        advance(self.boot, now.saturating_sub(self.since), self.boot_ppm())
    }

    fn monotonic_at(&self, now: u64) -> u64 {
        advance(self.monotonic, self.awake(now), self.raw_ppm + self.slew_ppm)
    }

    fn raw_at(&self, now: u64) -> u64 {
        advance(self.raw, self.awake(now), self.raw_ppm)
    }

    /// How long the machine has been awake since the last change.
    fn awake(&self, now: u64) -> u64 {
        if self.state == State::Awake { now.saturating_sub(self.since) } else { 0 }
    }
}

/// A slew of either sign.
pub fn draw_slew(rng: &mut Rng) -> i64 {
    match rng.below(4) {
        0 => 0,
        1 => SLEW_PPM_MAX,
        2 => -SLEW_PPM_MAX,
        _ => signed_below(rng, SLEW_PPM_MAX),
    }
}

fn signed_below(rng: &mut Rng, bound: i64) -> i64 {
    let span = u64::try_from(2 * bound).expect("a bound is not negative");
    i64::try_from(rng.between(0, span)).expect("a span is small") - bound
}

fn advance(from: u64, real: u64, ppm: i64) -> u64 {
    let real = i64::try_from(real).expect("no run takes 292 years");
    // Rounded towards zero; in 64 bits as long as it fits, which division is quick at.
    let drift = match real.checked_mul(ppm) {
        Some(product) => product / 1_000_000,
        None => {
            i64::try_from(i128::from(real) * i128::from(ppm) / 1_000_000).expect("less than real")
        }
    };
    from + u64::try_from(real + drift).expect("time does not run backwards")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: u64 = 1_000_000_000;

    fn clocks(raw_ppm: i64) -> Clocks {
        Clocks {
            since: 0,
            boot: 50,
            monotonic: 20,
            raw: 10,
            raw_ppm,
            slew_ppm: 0,
            state: State::Awake,
        }
    }

    #[test]
    fn any_slew_and_sleep_keep_both_measures_within_the_model() {
        for seed in 0..200 {
            let mut rng = Rng::new(seed);
            let mut clocks = Clocks::draw(&mut rng);
            let mut now = rng.below(SECOND);
            let (from, start) = (now, clocks.sample_at(now));
            for _ in 0..20 {
                now += rng.below(SECOND);
                match rng.below(3) {
                    0 => clocks.slew(now, draw_slew(&mut rng)),
                    choice => clocks.set_asleep(now, choice == 1),
                }
            }
            let (end, real) = (clocks.sample_at(now), u128::from(now - from));
            let (hi, lo) = (end.elapsed_hi(&start).as_nanos(), end.elapsed_lo(&start).as_nanos());
            // One nanosecond is lost at each change by rounding.
            assert!(hi + 100 >= real * 99 / 100, "seed {seed}: {hi} of {real}");
            assert!(lo <= real * 101 / 100 + 100, "seed {seed}: {lo} of {real}");
        }
    }

    #[test]
    fn sleep_stops_all_but_boottime() {
        let mut clocks = clocks(0);
        clocks.set_asleep(SECOND, true);
        let sample = clocks.sample_at(3 * SECOND);
        assert_eq!(sample.boot(), 50 + 3 * SECOND);
        assert_eq!((sample.monotonic, sample.raw), (20 + SECOND, 10 + SECOND));
    }

    #[test]
    fn a_hypervisor_stops_all_three() {
        let mut clocks = clocks(0);
        clocks.set_frozen(SECOND, true);
        let stopped = clocks.sample_at(SECOND);
        assert_eq!(clocks.sample_at(3 * SECOND), stopped);
        clocks.set_frozen(3 * SECOND, false);
        assert_eq!(clocks.sample_at(4 * SECOND).raw, stopped.raw + SECOND);
    }

    #[test]
    fn the_instant_of_a_deadline_is_the_first_at_which_it_has_passed() {
        let mut clocks = clocks(-10_000);
        clocks.slew(0, SLEW_PPM_MAX);
        let deadline = clocks.sample_at(0).hint(Duration::from_millis(150));
        let at = clocks.instant_of(deadline, 0);
        assert!(clocks.sample_at(at).boot() >= deadline);
        assert!(clocks.sample_at(at - 2).boot() < deadline);
        assert_eq!(clocks.instant_of(0, at), at);
    }
}
