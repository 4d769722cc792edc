//! Time as safety rule arithmetic needs it: samples of three clocks, and intervals rounded to the safe side.
//!
//! `CLOCK_MONOTONIC` stops in suspend; `CLOCK_BOOTTIME` does not; both are slewed by NTP;
//! `CLOCK_MONOTONIC_RAW` is not slewed but stops in suspend. An interval is therefore measured twice:
//! [`Sample::elapsed_hi`] for each "may I still believe?", [`Sample::elapsed_lo`] for each "has it
//! surely ended?" (safety §1, *Clocks*). Nothing here reads a clock; `sys::clock` does.

use std::time::Duration;

/// One reading of the clocks, in nanoseconds since boot.
///
/// BOOTTIME is read twice, around the other two, so that the same sample serves as the start of an
/// interval (where BOOTTIME must be read before MONOTONIC) and as its end (after it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sample {
    /// `CLOCK_BOOTTIME`, read first.
    pub boot_before: u64,
    /// `CLOCK_MONOTONIC`.
    pub monotonic: u64,
    /// `CLOCK_MONOTONIC_RAW`.
    pub raw: u64,
    /// `CLOCK_BOOTTIME`, read last.
    pub boot_after: u64,
}

impl Sample {
    /// A sample in which all clocks read `nanos`: for tests and for simulated machines that never sleep.
    #[must_use]
    pub fn at(nanos: u64) -> Self {
        Self { boot_before: nanos, monotonic: nanos, raw: nanos, boot_after: nanos }
    }

    /// The longest that can have passed since `start`: max(ΔBOOTTIME, ΔRAW + asleep).
    #[must_use]
    pub fn elapsed_hi(&self, start: &Self) -> Duration {
        let boot = self.boot_after.saturating_sub(start.boot_before);
        let raw = self.raw.saturating_sub(start.raw);
        let offset_now = self.boot_after.saturating_sub(self.monotonic);
        let offset_start = start.boot_before.saturating_sub(start.monotonic);
        let asleep = offset_now.saturating_sub(offset_start);
        Duration::from_nanos(boot.max(raw.saturating_add(asleep)))
    }

    /// The least that must have passed since `start`: min(ΔBOOTTIME, ΔRAW).
    #[must_use]
    pub fn elapsed_lo(&self, start: &Self) -> Duration {
        let boot = self.boot_before.saturating_sub(start.boot_after);
        let raw = self.raw.saturating_sub(start.raw);
        Duration::from_nanos(boot.min(raw))
    }

    /// The reading of BOOTTIME that deadline hints are counted on, in nanoseconds.
    #[must_use]
    pub fn boot(&self) -> u64 {
        self.boot_after
    }

    /// A hint for when to wake: `wait` after this sample, on BOOTTIME, in nanoseconds.
    #[must_use]
    pub fn hint(&self, wait: Duration) -> u64 {
        self.boot_after.saturating_add(nanos(wait))
    }
}

/// Whole nanoseconds of `duration`, saturating (safety L21).
#[must_use]
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The bound ρ on how far a process's clock rate is from real time, in parts per million.
///
/// A constant of the protocol: a peer with another is refused in the handshake.
pub const RHO_PPM: u32 = 10_000;

/// How long a client may believe in a session whose TTL is `ttl`, from the send time of the
/// acknowledged renewal: V = ⌊D(1−ρ)/(1+ρₛ)⌋ − 1 ms (safety §2).
#[must_use]
pub fn belief(ttl: Duration, own_rho_ppm: u32, server_rho_ppm: u32) -> Duration {
    const MILLION: u128 = 1_000_000;
    let slow = MILLION.saturating_sub(u128::from(own_rho_ppm));
    let fast = MILLION + u128::from(server_rho_ppm);
    let scaled = ttl.as_nanos().saturating_mul(slow) / fast;
    let scaled = Duration::from_nanos(u64::try_from(scaled).unwrap_or(u64::MAX));
    scaled.saturating_sub(Duration::from_millis(1))
}

/// The length of a leader's claim under lease duration Δ: Λ = ⌊Δ(1−ρ)/(1+ρ)⌋ − 1 ms (safety C1).
#[must_use]
pub fn claim(delta: Duration) -> Duration {
    belief(delta, RHO_PPM, RHO_PPM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(boot: u64, monotonic: u64, raw: u64) -> Sample {
        Sample { boot_before: boot, monotonic, raw, boot_after: boot }
    }

    #[test]
    fn suspend_counts_for_belief_and_not_for_raw_alone() {
        let start = sample(100, 100, 100);
        // 50 ns awake, 1000 ns asleep.
        let end = sample(1150, 150, 150);
        assert_eq!(end.elapsed_hi(&start), Duration::from_nanos(1050));
        assert_eq!(end.elapsed_lo(&start), Duration::from_nanos(50));
    }

    #[test]
    fn slewed_boottime_is_caught_by_raw() {
        let start = sample(0, 0, 0);
        let slow = sample(900, 900, 1000);
        assert_eq!(slow.elapsed_hi(&start), Duration::from_nanos(1000));
        assert_eq!(slow.elapsed_lo(&start), Duration::from_nanos(900));
    }

    #[test]
    fn a_pause_between_two_readings_lengthens_hi_and_shortens_lo() {
        let start = Sample { boot_before: 0, monotonic: 500, raw: 500, boot_after: 500 };
        let end = Sample { boot_before: 1000, monotonic: 1500, raw: 1500, boot_after: 1500 };
        assert_eq!(end.elapsed_hi(&start), Duration::from_nanos(1500));
        assert_eq!(end.elapsed_lo(&start), Duration::from_nanos(500));
    }

    #[test]
    fn belief_is_shorter_than_the_ttl_by_both_rates_and_a_millisecond() {
        let ttl = Duration::from_secs(10);
        let expected = 10_000_000_000u64 * 990_000 / 1_010_000 - 1_000_000;
        assert_eq!(belief(ttl, RHO_PPM, RHO_PPM), Duration::from_nanos(expected));
        assert_eq!(belief(Duration::ZERO, RHO_PPM, RHO_PPM), Duration::ZERO);
        assert!(belief(Duration::MAX, RHO_PPM, RHO_PPM) <= Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn clocks_that_step_back_never_wrap() {
        let later = Sample::at(1000);
        let earlier = Sample::at(10);
        assert_eq!(earlier.elapsed_hi(&later), Duration::ZERO);
        assert_eq!(earlier.elapsed_lo(&later), Duration::ZERO);
    }
}
