//! A histogram of times in microseconds: quantiles, the maximum, and the maximum of the last
//! minute.
//!
//! Recording is an addition, without allocation or sort. A quantile is at most an eighth too long;
//! a maximum is exact.

use crate::wire::Timing;

/// Times since the start of the process.
#[derive(Debug)]
pub(super) struct Histogram {
    counts: [u64; BUCKETS],
    count: u64,
    longest: u64,
    /// The maximum of each of the last seconds, at the second's number modulo [`MINUTE`].
    seconds: [u64; MINUTE as usize],
    newest: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        let (counts, seconds) = ([0; BUCKETS], [0; MINUTE as usize]);
        Self { counts, count: 0, longest: 0, seconds, newest: 0 }
    }
}

impl Histogram {
    /// Counts a time that ended at `now`; both in nanoseconds.
    pub(super) fn record(&mut self, now: u64, nanos: u64) {
        let micros = nanos / 1000;
        self.counts[bucket_of(micros)] += 1;
        self.count += 1;
        self.longest = self.longest.max(micros);
        self.forget(now / SECOND);
        let second = &mut self.seconds[place_of(self.newest)];
        *second = (*second).max(micros);
    }

    /// The summary; `None`: no times.
    pub(super) fn timing(&self, now: u64) -> Option<Timing> {
        (self.count > 0).then(|| Timing {
            count: self.count,
            p50: self.quantile(50),
            p99: self.quantile(99),
            max: self.longest,
            max_minute: self.longest_of_minute(now / SECOND),
        })
    }

    /// Clears the maxima of seconds without records.
    fn forget(&mut self, second: u64) {
        let passed = second.saturating_sub(self.newest).min(MINUTE);
        for step in 0..passed {
            self.seconds[place_of(second - step)] = 0;
        }
        self.newest = self.newest.max(second);
    }

    fn longest_of_minute(&self, second: u64) -> u64 {
        let age = second.saturating_sub(self.newest);
        let known = (age..MINUTE).map(|back| self.newest.checked_sub(back - age));
        known.flatten().map(|second| self.seconds[place_of(second)]).max().unwrap_or_default()
    }

    /// The least time that `percent` of all are at most.
    fn quantile(&self, percent: u64) -> u64 {
        let mut below = 0;
        let bucket = self.counts.iter().position(|count| {
            below += count;
            below * 100 >= self.count * percent
        });
        bucket.map_or(0, |bucket| longest_in(bucket).min(self.longest))
    }
}

fn place_of(second: u64) -> usize {
    (second % MINUTE) as usize
}

/// The bucket of a time: one for each microsecond up to 15, then eight for each power of two.
fn bucket_of(micros: u64) -> usize {
    let micros = micros.min(MICROS_MAX);
    if micros < 16 {
        return micros as usize;
    }
    let exponent = u64::from(micros.ilog2());
    (16 + (exponent - 4) * 8 + ((micros >> (exponent - 3)) & 7)) as usize
}

fn longest_in(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 16 {
        return bucket;
    }
    let (exponent, eighth) = (4 + (bucket - 16) / 8, (bucket - 16) % 8);
    ((9 + eighth) << (exponent - 3)) - 1
}

const SECOND: u64 = 1_000_000_000;
/// In seconds.
const MINUTE: u64 = 60;
/// Nineteen hours: longer times count as that.
const MICROS_MAX: u64 = (1 << 36) - 1;
const BUCKETS: usize = 16 + (36 - 4) * 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_in_the_bucket_whose_longest_is_at_most_an_eighth_longer() {
        let near = (0..36).flat_map(|power| [(1u64 << power) - 1, 1 << power, (1 << power) + 1]);
        for micros in (0..5000).chain(near).filter(|micros| *micros <= MICROS_MAX) {
            let longest = longest_in(bucket_of(micros));
            assert!((micros..=micros + micros / 8).contains(&longest), "{micros}: {longest}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_and_the_longest_are_those_of_all() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.timing(0), None);
        (1..=100).for_each(|micros| histogram.record(SECOND, micros * 1000));
        let timing = histogram.timing(SECOND).unwrap();
        assert_eq!((timing.count, timing.p50, timing.p99, timing.max), (100, 51, 100, 100));
    }

    #[test]
    fn the_longest_of_the_last_minute_is_forgotten_after_it() {
        let mut histogram = Histogram::default();
        let at = |histogram: &Histogram, second: u64| {
            let timing = histogram.timing(second * SECOND).unwrap();
            (timing.max, timing.max_minute)
        };
        histogram.record(100 * SECOND, 9_000);
        histogram.record(130 * SECOND, 5_000);
        assert_eq!(at(&histogram, 130), (9, 9));
        assert_eq!(at(&histogram, 159), (9, 9));
        assert_eq!(at(&histogram, 160), (9, 5));
        histogram.record(165 * SECOND, 2_000);
        assert_eq!(at(&histogram, 165), (9, 5));
        assert_eq!(at(&histogram, 190), (9, 2));
        assert_eq!(at(&histogram, 1000), (9, 0));
    }
}
