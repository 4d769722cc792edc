//! The remaining validity of the certificates behind an open connection, counted on clocks that
//! nobody sets.
//!
//! The wall clock decides once, at the handshake. From then on the rest is counted down on the
//! clocks of safety §1: a jump of the wall clock, by NTP or by hand, neither ends a connection nor
//! prolongs it.

use super::validity::not_after;
use crate::base::Sample;
use rustls::pki_types::{CertificateDer, UnixTime};
use std::time::Duration;

/// A countdown that began at the end of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The wall clock at the beginning.
    wall: Duration,
    began: Sample,
    left: Duration,
}

impl Standing {
    /// A countdown to the earliest end in `chain`. Certificates that had ended already were not
    /// needed, or the handshake would have failed.
    pub(super) fn begin(chain: &[CertificateDer<'_>], wall: UnixTime, began: Sample) -> Self {
        let wall = Duration::from_secs(wall.as_secs());
        let ends = chain.iter().filter_map(not_after).filter(|end| *end >= wall.as_secs());
        let left = ends.min().map_or(Duration::MAX, |end| {
            // The last second counts whole.
            Duration::from_secs(end.saturating_add(1)).saturating_sub(wall)
        });
        Self { wall, began, left }
    }

    /// Whether a certificate has ended by `now`.
    pub(super) fn is_over(&self, now: &Sample) -> bool {
        now.elapsed_hi(&self.began) >= self.left
    }

    /// When to check for the end, as a reading of BOOTTIME.
    pub(super) fn ends_at(&self) -> u64 {
        self.began.hint(self.left)
    }

    /// The reading of a wall clock that nobody has set since.
    pub(super) fn wall(&self, now: &Sample) -> UnixTime {
        UnixTime::since_unix_epoch(self.wall.saturating_add(now.elapsed_hi(&self.began)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    const SECOND: u64 = 1_000_000_000;

    fn until(day: u8) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(2026, 6, day);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    /// The wall clock at the begin of a day.
    fn wall(day: u8) -> UnixTime {
        let seconds = date_time_ymd(2026, 6, day).unix_timestamp();
        UnixTime::since_unix_epoch(Duration::from_secs(seconds.unsigned_abs()))
    }

    #[test]
    fn what_is_left_is_counted_down_and_the_last_second_is_whole() {
        let standing = Standing::begin(&[until(2)], wall(1), Sample::at(0));
        let day = 86_400 * SECOND;
        assert!(!standing.is_over(&Sample::at(day)));
        assert!(standing.is_over(&Sample::at(day + SECOND)));
        assert_eq!(standing.ends_at(), day + SECOND);
        assert_eq!(standing.wall(&Sample::at(day)), wall(2));
    }

    #[test]
    fn sleep_counts() {
        let standing = Standing::begin(&[until(2)], wall(1), Sample::at(0));
        let slept = 86_401 * SECOND;
        // The clocks that stop in suspend have hardly moved.
        let woken =
            Sample { boot_before: slept, monotonic: SECOND, raw: SECOND, boot_after: slept };
        assert!(standing.is_over(&woken));
    }

    #[test]
    fn the_first_of_the_chain_to_end_counts_and_what_had_ended_before_does_not() {
        let chain = [until(9), until(4), until(1)];
        let standing = Standing::begin(&chain, wall(2), Sample::at(0));
        assert_eq!(standing.left, Duration::from_secs(2 * 86_400 + 1));
        let endless = Standing::begin(&[], wall(2), Sample::at(7));
        assert!(!endless.is_over(&Sample::at(u64::MAX - 8)) && endless.ends_at() == u64::MAX);
    }
}
