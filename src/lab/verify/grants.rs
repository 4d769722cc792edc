//! All grants in the order of their tokens, lock by lock.

use super::history::{Belief, History};

/// Grants, found by lock and token.
#[derive(Debug)]
pub struct Grants<'a>(Vec<&'a Belief>);

impl<'a> Grants<'a> {
    /// The grants of all boots.
    #[must_use]
    pub fn of(history: &'a History) -> Self {
        let mut order: Vec<&Belief> = history.beliefs.iter().collect();
        order.sort_unstable_by_key(|belief| (belief.lock, belief.token));
        Self(order)
    }

    /// The grant of `lock` under `token`.
    #[must_use]
    pub fn find(&self, lock: u32, token: u64) -> Option<&'a Belief> {
        self.from(lock, token).first().copied().filter(|grant| grant.token == token)
    }

    /// The grants of `lock` under `token` and larger ones.
    #[must_use]
    pub fn from(&self, lock: u32, token: u64) -> &[&'a Belief] {
        let begin = self.place(lock, token);
        let end = self.0.partition_point(|grant| grant.lock <= lock);
        &self.0[begin..end]
    }

    /// The grants of `lock` under smaller tokens.
    #[must_use]
    pub fn before(&self, lock: u32, token: u64) -> &[&'a Belief] {
        &self.0[self.place(lock, 0)..self.place(lock, token)]
    }

    fn place(&self, lock: u32, token: u64) -> usize {
        self.0.partition_point(|grant| (grant.lock, grant.token) < (lock, token))
    }
}
