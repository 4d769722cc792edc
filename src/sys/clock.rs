//! Readings of the clocks that safety §1 names.

use crate::base::Sample;
use std::time::{SystemTime, UNIX_EPOCH};

/// A reading of all clocks, for starts and ends of intervals alike. About 100 ns.
#[must_use]
pub fn sample() -> Sample {
    Sample {
        boot_before: read(libc::CLOCK_BOOTTIME),
        monotonic: read(libc::CLOCK_MONOTONIC),
        raw: read(libc::CLOCK_MONOTONIC_RAW),
        boot_after: read(libc::CLOCK_BOOTTIME),
    }
}

/// A reading that only ends an interval of belief (`elapsed_hi`): one clock call less.
#[must_use]
pub fn sample_end() -> Sample {
    let monotonic = read(libc::CLOCK_MONOTONIC);
    let raw = read(libc::CLOCK_MONOTONIC_RAW);
    let boot = read(libc::CLOCK_BOOTTIME);
    Sample { boot_before: boot, monotonic, raw, boot_after: boot }
}

/// `CLOCK_BOOTTIME` in nanoseconds.
#[must_use]
pub fn boot_nanos() -> u64 {
    read(libc::CLOCK_BOOTTIME)
}

/// Processor time of the calling thread so far, in nanoseconds.
#[must_use]
pub fn thread_nanos() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Processor time of all threads of this process so far, in nanoseconds.
#[must_use]
pub fn process_nanos() -> u64 {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// The wall clock in milliseconds since 1970, for people only.
#[must_use]
pub fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec for the kernel to write to, and lives through the call.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    assert_eq!(result, 0, "clock {clock} cannot be read");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_taken_in_the_order_that_intervals_need() {
        let start = sample();
        let end = sample_end();
        assert!(start.boot_before <= start.boot_after);
        assert!(end.elapsed_lo(&start) <= end.elapsed_hi(&start));
    }
}
