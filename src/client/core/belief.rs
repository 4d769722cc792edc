//! How long one session may be believed in: the client's half of the argument that beliefs never overlap.

use super::types::Belief;
use crate::base::time::{RHO_PPM, belief, nanos};
use crate::base::{Sample, SessionId};
use std::time::Duration;

impl Belief {
    /// The belief that an acknowledgement at `now` of the transmission sent at `start` allows
    /// (safety §2).
    ///
    /// The loss timer runs on BOOTTIME alone, which may be slewed by up to 8.3 %: it is armed for 7/8 of
    /// what remains, so that it fires before V is over whatever the rate.
    pub(super) fn new(
        session: SessionId,
        start: Sample,
        ttl: Duration,
        server_rho_ppm: u32,
        now: &Sample,
    ) -> Self {
        let length = belief(ttl, RHO_PPM, server_rho_ppm);
        let mut made = Self { session, start, length, fires_at: 0 };
        made.fires_at = made.timer_instant(now);
        made
    }

    /// Counts from the later transmission sent at `start`, acknowledged at `now`.
    pub(super) fn extend(&mut self, start: Sample, now: &Sample) {
        assert!(!self.is_over(now), "an end is final (safety L24): {self:?} at {now:?}");
        self.start = start;
        self.fires_at = self.fires_at.max(self.timer_instant(now));
    }

    /// How long the session may still be believed in at `now`: min(V − elapsed_hi, time to the
    /// timer's instant).
    #[must_use]
    pub fn remaining(&self, now: &Sample) -> Duration {
        let until_timer = Duration::from_nanos(self.fires_at.saturating_sub(now.boot()));
        self.by_length(now).min(until_timer)
    }

    /// Whether nothing remains: for good (safety L24).
    #[must_use]
    pub fn is_over(&self, now: &Sample) -> bool {
        self.remaining(now).is_zero()
    }

    /// A hint for the end of the belief, unless extended, as a reading of BOOTTIME.
    pub(super) fn ends_at(&self) -> u64 {
        self.fires_at.min(self.start.boot_before.saturating_add(nanos(self.length)))
    }

    fn by_length(&self, now: &Sample) -> Duration {
        self.length.saturating_sub(now.elapsed_hi(&self.start))
    }

    fn timer_instant(&self, now: &Sample) -> u64 {
        let remaining = nanos(self.by_length(now));
        now.boot().saturating_add(remaining - remaining.div_ceil(8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn ten_seconds(start: u64, now: u64) -> Belief {
        let ttl = Duration::from_secs(10);
        Belief::new(SessionId(1), Sample::at(start), ttl, RHO_PPM, &Sample::at(now))
    }

    #[test]
    fn belief_counts_from_the_send_and_not_from_the_answer() {
        let early = ten_seconds(0, SECOND);
        assert_eq!(early.length - early.by_length(&Sample::at(3 * SECOND)), Duration::from_secs(3));
        assert!(
            early.remaining(&Sample::at(SECOND))
                < ten_seconds(SECOND, SECOND).remaining(&Sample::at(SECOND))
        );
    }

    #[test]
    fn nothing_remains_from_the_instant_at_which_the_timer_fires() {
        let belief = ten_seconds(0, 0);
        assert!(belief.fires_at <= nanos(belief.length) / 8 * 7 + 8);
        assert!(!belief.is_over(&Sample::at(belief.fires_at - 1)));
        assert!(belief.is_over(&Sample::at(belief.fires_at)));
    }

    #[test]
    fn a_slow_boottime_does_not_lengthen_belief_beyond_v() {
        let belief = ten_seconds(0, 0);
        let raw = nanos(belief.length);
        let slow = raw / 8 * 6;
        let now = Sample { boot_before: slow, monotonic: slow, raw, boot_after: slow };
        assert!(belief.is_over(&now));
    }

    #[test]
    fn a_later_send_never_shortens() {
        let mut belief = ten_seconds(0, 0);
        let before = belief.remaining(&Sample::at(4 * SECOND));
        belief.extend(Sample::at(3 * SECOND), &Sample::at(4 * SECOND));
        assert!(belief.remaining(&Sample::at(4 * SECOND)) > before);
    }

    #[test]
    #[should_panic(expected = "an end is final")]
    fn an_end_is_never_extended() {
        let mut belief = ten_seconds(0, 0);
        belief.extend(Sample::at(9 * SECOND), &Sample::at(belief.fires_at));
    }
}
