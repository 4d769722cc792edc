//! Durations, counted by bounds: the stuff of a Prometheus histogram.

use super::Counter;
use std::array::from_fn;

/// Times in nanoseconds. To record one is a search among sixteen bounds and two additions.
#[derive(Debug)]
pub struct Times {
    bounds: &'static [u64; BOUNDS],
    /// Counts up to each bound and above the one before; the last: above all bounds.
    counts: [Counter; BOUNDS + 1],
    sum: Counter,
}

impl Times {
    /// For what should take less than a second.
    #[must_use]
    pub fn short() -> Self {
        Self::with(&SHORT)
    }

    /// For what may take a day.
    #[must_use]
    pub fn long() -> Self {
        Self::with(&LONG)
    }

    fn with(bounds: &'static [u64; BOUNDS]) -> Self {
        Self { bounds, counts: from_fn(|_| Counter::default()), sum: Counter::default() }
    }

    /// Counts one duration.
    pub fn record(&self, nanos: u64) {
        let place = self.bounds.partition_point(|bound| *bound < nanos);
        self.counts[place].add(1);
        self.sum.add(nanos);
    }

    /// Each bound in nanoseconds with how many took at most so long; behind them, without a bound, how many there are.
    pub fn cumulated(&self) -> impl Iterator<Item = (Option<u64>, u64)> + '_ {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        bounds.zip(&self.counts).scan(0, |below, (bound, count)| {
            *below += count.value();
            Some((bound, *below))
        })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().map(Counter::value).sum()
    }

    /// Sum of all, in nanoseconds.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum.value()
    }
}

const BOUNDS: usize = 16;
const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// From 50 µs, less than any disk needs, to the TTL of a session.
const SHORT: [u64; BOUNDS] = [
    50 * MICRO,
    100 * MICRO,
    250 * MICRO,
    500 * MICRO,
    MILLI,
    2_500 * MICRO,
    5 * MILLI,
    10 * MILLI,
    25 * MILLI,
    50 * MILLI,
    100 * MILLI,
    250 * MILLI,
    500 * MILLI,
    SECOND,
    2_500 * MILLI,
    10 * SECOND,
];
/// From a millisecond, the least that a wall clock tells apart here, to a day.
const LONG: [u64; BOUNDS] = [
    MILLI,
    5 * MILLI,
    10 * MILLI,
    50 * MILLI,
    100 * MILLI,
    500 * MILLI,
    SECOND,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    60 * SECOND,
    300 * SECOND,
    900 * SECOND,
    3_600 * SECOND,
    14_400 * SECOND,
    86_400 * SECOND,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_at_every_bound_that_it_does_not_exceed() {
        let times = Times::short();
        [0, 50 * MICRO, 50 * MICRO + 1, 20 * SECOND].into_iter().for_each(|it| times.record(it));
        let cumulated: Vec<_> = times.cumulated().collect();
        assert_eq!(cumulated[0], (Some(50 * MICRO), 2));
        assert_eq!(cumulated[1], (Some(100 * MICRO), 3));
        assert_eq!(cumulated[BOUNDS - 1], (Some(10 * SECOND), 3));
        assert_eq!(cumulated[BOUNDS], (None, 4));
        assert_eq!((times.count(), times.sum()), (4, 20 * SECOND + 100 * MICRO + 1));
    }

    #[test]
    fn bounds_rise() {
        assert!(SHORT.is_sorted_by(|a, b| a < b) && LONG.is_sorted_by(|a, b| a < b));
    }
}
