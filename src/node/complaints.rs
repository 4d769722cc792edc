//! Connections that were closed for their input: counted and logged, each reason once a minute, and
//! a few reasons a second. So a flood of one kind hides no other.

use crate::base::ClientSource;
use crate::base::time::nanos;
use std::collections::VecDeque;
use std::fmt::Display;
use std::time::Duration;

/// The count, and the recently logged reasons.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    count: u64,
    /// Logged reasons, the oldest first; instants are readings of BOOTTIME.
    told: VecDeque<(u64, String)>,
    unlogged: u64,
}

impl Complaints {
    /// Counts one connection; logs a line unless this reason, or too many others, were logged
    /// lately.
    pub(super) fn add(&mut self, now: u64, source: ClientSource, why: &dyn Display) {
        self.count += 1;
        let why = why.to_string();
        if !self.may_tell(now, &why) {
            self.unlogged += 1;
            return;
        }
        match std::mem::take(&mut self.unlogged) {
            0 => log::warn!("closed a connection with {source}: {why}"),
            others => log::warn!(
                "closed a connection with {source}: {why} ({others} others since the last line)"
            ),
        }
        self.told.push_back((now, why));
    }

    /// Connections counted since the start.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    fn may_tell(&mut self, now: u64, why: &str) -> bool {
        let is_within = |at: u64, span| now.saturating_sub(at) < nanos(span);
        while self.told.front().is_some_and(|(at, _)| !is_within(*at, SILENCE)) {
            self.told.pop_front();
        }
        let lately = self.told.iter().rev().take_while(|(at, _)| is_within(*at, SECOND)).count();
        lately < LINES_PER_SECOND
            && self.told.len() < REASONS_MAX
            && self.told.iter().all(|(_, told)| told != why)
    }
}

/// How long a logged reason is silent: a refused peer dials again each second, for days.
const SILENCE: Duration = Duration::from_secs(60);
/// The most reasons logged within [`SILENCE`].
const REASONS_MAX: usize = 32;
const SECOND: Duration = Duration::from_secs(1);
const LINES_PER_SECOND: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_told_once_a_minute_and_no_flood_hides_another() {
        let mut complaints = Complaints::default();
        let second = nanos(SECOND);
        let mut told = |at: u64, why: &str| {
            complaints.add(at, ClientSource::default(), &why);
            let last = complaints.told.back().expect("something was told");
            (*last == (at, why.to_owned()), complaints.unlogged)
        };
        assert_eq!(told(0, "silent"), (true, 0));
        assert_eq!(told(1, "silent"), (false, 1));
        assert_eq!(told(2, "expired"), (true, 0));
        assert_eq!(told(59 * second, "silent"), (false, 1));
        for reason in ["a", "b", "c", "d", "e"] {
            assert!(told(59 * second, reason).0, "{reason}");
        }
        assert_eq!(told(59 * second, "f"), (false, 1));
        assert_eq!(told(60 * second - 1, "f"), (false, 2), "too many within a second");
        assert_eq!(told(60 * second, "f"), (true, 0));
        assert_eq!(complaints.count(), 12);
    }

    #[test]
    fn reasons_of_any_number_make_a_bounded_number_of_lines() {
        let mut complaints = Complaints::default();
        for number in 0..10_000u64 {
            complaints.add(number * 1_000_000, ClientSource::default(), &number);
        }
        assert_eq!((complaints.told.len(), complaints.count()), (REASONS_MAX, 10_000));
    }
}
