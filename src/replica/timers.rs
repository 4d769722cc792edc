//! When each session may be expired (safety L8): the leader's own, not replicated.
//!
//! A session's wait starts at the latest of: the last renewal acknowledged here, the apply of its creation,
//! the apply of the leader's own no-op. It is over when elapsed_lo reaches the TTL. The order below is only a
//! hint of when to look; the decision compares samples.

use crate::base::{Sample, SessionId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The sessions of one leader, by the time at which to look at them.
#[derive(Clone, Debug, Default)]
pub struct SessionTimers {
    sessions: BTreeMap<SessionId, Timer>,
    /// (reading of BOOTTIME, session): exactly one for each session that is not expiring. May be earlier
    /// than need be, since a renewal leaves it where it is.
    order: BTreeSet<(u64, SessionId)>,
}

#[derive(Clone, Debug)]
struct Timer {
    ttl: Duration,
    since: Sample,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Renewals are acknowledged.
    Live,
    /// Its `Expire` is appended: no renewal is acknowledged any more (L10).
    Expiring,
}

impl SessionTimers {
    /// Starts the wait for a session that is new here.
    pub fn insert(&mut self, session: SessionId, ttl: Duration, since: &Sample) {
        let timer = Timer { ttl, since: *since, state: State::Live };
        if self.sessions.insert(session, timer).is_none() {
            self.order.insert((since.hint(ttl), session));
        }
    }

    /// Forgets a session that ended.
    pub fn remove(&mut self, session: SessionId) {
        // Its place in the order goes when it comes up.
        self.sessions.remove(&session);
    }

    /// Starts the wait anew for an acknowledged renewal; false if it must not be acknowledged (L10).
    #[must_use]
    pub fn renew(&mut self, session: SessionId, since: &Sample) -> bool {
        match self.sessions.get_mut(&session) {
            Some(timer) if timer.state == State::Live => {
                timer.since = *since;
                true
            }
            _ => false,
        }
    }

    /// The sessions whose wait is over at `now`, at most `limit`; each is expiring from here on, so the
    /// caller must append its `Expire` in the same step (L10), or give it back with `postpone`.
    pub fn take_due(&mut self, now: &Sample, limit: usize) -> Vec<SessionId> {
        let mut due = Vec::new();
        while due.len() < limit {
            let Some(&(hint, session)) = self.order.first() else { break };
            if hint > now.boot() {
                break;
            }
            self.order.pop_first();
            let Some(timer) = self.sessions.get_mut(&session) else { continue };
            let elapsed = now.elapsed_lo(&timer.since);
            if elapsed >= timer.ttl {
                timer.state = State::Expiring;
                due.push(session);
            } else {
                // At least a microsecond on, so that a hint in the past cannot spin.
                let rest = (timer.ttl - elapsed).max(Duration::from_micros(1));
                self.order.insert((now.hint(rest), session));
            }
        }
        due
    }

    /// Takes back a session whose `Expire` could not be appended: it is looked at again after `wait`.
    pub fn postpone(&mut self, session: SessionId, now: &Sample, wait: Duration) {
        if let Some(timer) = self.sessions.get_mut(&session) {
            timer.state = State::Live;
            self.order.insert((now.hint(wait), session));
        }
    }

    /// The least time before the session may be expired, for people.
    #[must_use]
    pub fn remaining(&self, session: SessionId, now: &Sample) -> Duration {
        self.sessions
            .get(&session)
            .map_or(Duration::ZERO, |timer| timer.ttl.saturating_sub(now.elapsed_lo(&timer.since)))
    }

    /// When to look next, as a reading of BOOTTIME; a hint.
    #[must_use]
    pub fn next_deadline(&self) -> u64 {
        self.order.first().map_or(u64::MAX, |(hint, _)| *hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_millis(100);
    const MS: u64 = 1_000_000;

    fn timers() -> SessionTimers {
        let mut timers = SessionTimers::default();
        timers.insert(SessionId(1), TTL, &Sample::at(0));
        timers
    }

    #[test]
    fn a_session_is_due_only_after_its_whole_ttl() {
        let mut timers = timers();
        assert!(timers.take_due(&Sample::at(100 * MS - 1), 10).is_empty());
        assert_eq!(timers.take_due(&Sample::at(100 * MS), 10), [SessionId(1)]);
    }

    #[test]
    fn a_renewal_starts_the_wait_anew() {
        let mut timers = timers();
        assert!(timers.renew(SessionId(1), &Sample::at(90 * MS)));
        assert!(timers.take_due(&Sample::at(189 * MS), 10).is_empty());
        assert_eq!(timers.next_deadline(), 190 * MS);
        assert_eq!(timers.take_due(&Sample::at(190 * MS), 10), [SessionId(1)]);
    }

    #[test]
    fn no_renewal_is_acknowledged_once_the_expiry_is_decided() {
        let mut timers = timers();
        assert_eq!(timers.take_due(&Sample::at(100 * MS), 10), [SessionId(1)]);
        assert!(!timers.renew(SessionId(1), &Sample::at(100 * MS)));
    }

    #[test]
    fn the_decision_counts_on_the_slower_clock() {
        let mut timers = timers();
        let raw_lags = Sample { raw: 99 * MS, ..Sample::at(100 * MS) };
        assert!(timers.take_due(&raw_lags, 10).is_empty());
        assert_eq!(timers.next_deadline(), 101 * MS);
    }

    #[test]
    fn a_postponed_expiry_comes_up_again_and_renewals_count_meanwhile() {
        let mut timers = timers();
        let now = Sample::at(100 * MS);
        assert_eq!(timers.take_due(&now, 10), [SessionId(1)]);
        timers.postpone(SessionId(1), &now, Duration::from_millis(5));
        assert!(timers.renew(SessionId(1), &now));
        assert!(timers.take_due(&Sample::at(105 * MS), 10).is_empty());
    }

    #[test]
    fn of_a_mass_expiry_a_bounded_number_is_due_at_once() {
        let mut timers = SessionTimers::default();
        (1..=10).for_each(|id| timers.insert(SessionId(id), TTL, &Sample::at(0)));
        let now = Sample::at(100 * MS);
        let batches: Vec<usize> =
            std::iter::repeat_with(|| timers.take_due(&now, 4).len()).take(4).collect();
        assert_eq!(batches, [4, 4, 2, 0]);
    }

    #[test]
    fn a_removed_session_is_never_due() {
        let mut timers = timers();
        timers.remove(SessionId(1));
        assert!(timers.take_due(&Sample::at(500 * MS), 10).is_empty());
        assert_eq!(timers.next_deadline(), u64::MAX);
    }
}
