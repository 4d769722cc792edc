//! Waits that end by the leader's clocks: a session's TTL (safety L8), a lock's delay (L16). The leader's own, not
//! replicated.
//!
//! A wait starts at the latest of: the apply of what began it, the apply of the leader's own no-op, and for a
//! session the last renewal acknowledged here. It is over when elapsed_lo reaches its length. The order below is
//! only a hint of when to look; the decision compares samples.

use crate::base::Sample;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The waits of one leader, ordered by when to look at them.
#[derive(Clone, Debug)]
pub struct Timers<K> {
    waits: BTreeMap<K, Wait>,
    /// (reading of BOOTTIME, key): exactly one for each wait that is not known to be over. May be earlier than need
    /// be, since a restart leaves it where it is.
    order: BTreeSet<(u64, K)>,
}

#[derive(Clone, Debug)]
struct Wait {
    length: Duration,
    since: Sample,
    state: State,
    /// Its instant in the order; 0 if it is over.
    place: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The wait may be restarted.
    Running,
    /// The wait is over and its consequence appended: a session's renewals are not acknowledged any
    /// more (L10).
    Over,
}

impl<K: Clone + Ord> Timers<K> {
    /// Starts a new wait.
    pub fn insert(&mut self, key: K, length: Duration, since: &Sample) {
        self.remove(&key);
        let place = since.hint(length);
        let wait = Wait { length, since: *since, state: State::Running, place };
        self.waits.insert(key.clone(), wait);
        self.order.insert((place, key));
    }

    /// Starts a wait unless it has started already.
    pub fn begin(&mut self, key: K, length: Duration, since: &Sample) {
        if !self.contains(&key) {
            self.insert(key, length, since);
        }
    }

    /// Whether a wait has started, or is over, and is not forgotten.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.waits.contains_key(key)
    }

    /// Forgets a wait, with its place in the order: those that end early may be many, and their time far off.
    pub fn remove(&mut self, key: &K) {
        if let Some((key, wait)) = self.waits.remove_entry(key) {
            self.order.remove(&(wait.place, key));
        }
    }

    /// Restarts a wait; false if it is over.
    #[must_use]
    pub fn restart(&mut self, key: &K, since: &Sample) -> bool {
        match self.waits.get_mut(key) {
            Some(wait) if wait.state == State::Running => {
                wait.since = *since;
                true
            }
            _ => false,
        }
    }

    /// The waits that are over at `now`, at most `limit`. None of them can be restarted from here
    /// on, so the caller must append the consequence in the same step (L10), or give the wait back
    /// with `postpone`.
    pub fn take_due(&mut self, now: &Sample, limit: usize) -> Vec<K> {
        let mut due = Vec::new();
        while due.len() < limit {
            if self.order.first().is_none_or(|(hint, _)| *hint > now.boot()) {
                break;
            }
            let (_, key) = self.order.pop_first().expect("looked at");
            let Some(wait) = self.waits.get_mut(&key) else { continue };
            let elapsed = now.elapsed_lo(&wait.since);
            if elapsed >= wait.length {
                wait.state = State::Over;
                due.push(key);
            } else {
                // At least a microsecond on, so that a hint in the past cannot spin.
                let rest = (wait.length - elapsed).max(Duration::from_micros(1));
                wait.place = now.hint(rest);
                self.order.insert((wait.place, key));
            }
        }
        due
    }

    /// Takes back a wait whose consequence could not be appended: due again after `pause`.
    pub fn postpone(&mut self, key: K, now: &Sample, pause: Duration) {
        if let Some(wait) = self.waits.get_mut(&key) {
            wait.state = State::Running;
            wait.place = now.hint(pause);
            self.order.insert((wait.place, key));
        }
    }

    /// The length of the wait for `key`.
    #[must_use]
    pub fn length(&self, key: &K) -> Option<Duration> {
        Some(self.waits.get(key)?.length)
    }

    /// The least time before a wait is over, for people.
    #[must_use]
    pub fn remaining(&self, key: &K, now: &Sample) -> Duration {
        self.waits
            .get(key)
            .map_or(Duration::ZERO, |wait| wait.length.saturating_sub(now.elapsed_lo(&wait.since)))
    }

    /// When to look next, as a reading of BOOTTIME; a hint.
    #[must_use]
    pub fn next_deadline(&self) -> u64 {
        self.order.first().map_or(u64::MAX, |(hint, _)| *hint)
    }
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { waits: BTreeMap::new(), order: BTreeSet::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SessionId;

    const TTL: Duration = Duration::from_millis(100);
    const MS: u64 = 1_000_000;

    fn timers() -> Timers<SessionId> {
        let mut timers = Timers::default();
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
        assert!(timers.restart(&SessionId(1), &Sample::at(90 * MS)));
        assert!(timers.take_due(&Sample::at(189 * MS), 10).is_empty());
        assert_eq!(timers.next_deadline(), 190 * MS);
        assert_eq!(timers.take_due(&Sample::at(190 * MS), 10), [SessionId(1)]);
    }

    #[test]
    fn no_renewal_is_acknowledged_once_the_expiry_is_decided() {
        let mut timers = timers();
        assert_eq!(timers.take_due(&Sample::at(100 * MS), 10), [SessionId(1)]);
        assert!(!timers.restart(&SessionId(1), &Sample::at(100 * MS)));
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
        assert!(timers.restart(&SessionId(1), &now));
        assert!(timers.take_due(&Sample::at(105 * MS), 10).is_empty());
    }

    #[test]
    fn of_a_mass_expiry_a_bounded_number_is_due_at_once() {
        let mut timers = Timers::default();
        (1..=10).for_each(|id| timers.insert(SessionId(id), TTL, &Sample::at(0)));
        let now = Sample::at(100 * MS);
        let batches: Vec<usize> =
            std::iter::repeat_with(|| timers.take_due(&now, 4).len()).take(4).collect();
        assert_eq!(batches, [4, 4, 2, 0]);
    }

    #[test]
    fn what_ends_early_leaves_nothing_behind() {
        let mut timers = timers();
        (2..1000).for_each(|id| timers.insert(SessionId(id), TTL, &Sample::at(id)));
        let late = Sample::at(150 * MS);
        assert!((1..1000).all(|id| timers.restart(&SessionId(id), &late)));
        assert!(timers.take_due(&late, 10).is_empty());
        (1..1000).for_each(|id| timers.remove(&SessionId(id)));
        assert_eq!((timers.waits.len(), timers.order.len()), (0, 0));
    }

    #[test]
    fn a_removed_session_is_never_due() {
        let mut timers = timers();
        timers.remove(&SessionId(1));
        assert!(timers.take_due(&Sample::at(500 * MS), 10).is_empty());
        assert_eq!(timers.next_deadline(), u64::MAX);
    }
}
