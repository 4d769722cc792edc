//! Random numbers from a seed, the same on every machine.

use std::time::Duration;

/// A generator that gives the same numbers for the same seed. Not for secrets.
#[derive(Debug, Clone)]
pub struct Rng(fastrand::Rng);

impl Rng {
    /// A generator for `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.u64(..bound) }
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// The next 64 random bits.
    pub fn number(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// True in `numerator` of `denominator` cases.
    pub fn chance(&mut self, numerator: u64, denominator: u64) -> bool {
        self.below(denominator) < numerator
    }

    /// A duration in `low..=high`, in whole nanoseconds.
    pub fn duration(&mut self, low: Duration, high: Duration) -> Duration {
        let (low, high) = (super::time::nanos(low), super::time::nanos(high));
        Duration::from_nanos(self.between(low, high))
    }

    /// 16 random bytes.
    pub fn bytes16(&mut self) -> [u8; 16] {
        self.0.u128(..).to_le_bytes()
    }

    /// 32 random bytes.
    pub fn bytes32(&mut self) -> [u8; 32] {
        let halves = [self.bytes16(), self.bytes16()].concat();
        halves.try_into().expect("twice 16 bytes")
    }

    /// A generator of its own, seeded from this one.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::new(self.number())
    }
}
