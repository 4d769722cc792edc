//! Grants that were broken at once (L23): how long their holders may believe on.
//!
//! A message tells the holder of the break; a holder that is cut off or stopped believes on, up to
//! the TTL of its session. So its belief may overlap its successors', and may even begin after
//! theirs, if it hears of the grant late. Each successor began only after the break was sent,
//! though: an earlier one was granted beside a holder.

use super::grants::Grants;
use super::history::{Belief, History};
use super::nanos;
use super::orders::{Answer, Break};
use super::violation::{Rule, Violations};
use std::collections::BTreeMap;

/// The grants that were, or may have been, broken at once.
#[derive(Debug, Default)]
pub struct Taken<'a>(BTreeMap<(u32, u64), &'a Break>);

impl<'a> Taken<'a> {
    /// Collects breaks by lock and token; of several the first that was sent.
    #[must_use]
    pub fn of(history: &'a History) -> Self {
        let mut taken: BTreeMap<(u32, u64), &Break> = BTreeMap::new();
        let breaks = history.orders.breaks.iter();
        for order in breaks.filter(|order| order.answer != Answer::Spared) {
            let first = taken.entry((order.lock, order.token)).or_insert(order);
            if (order.boot, order.at) < (first.boot, first.at) {
                *first = order;
            }
        }
        Self(taken)
    }

    /// Whether the grant of `lock` under `token` may have been broken.
    #[must_use]
    pub fn contain(&self, lock: u32, token: u64) -> bool {
        self.0.contains_key(&(lock, token))
    }

    /// Whether the two beliefs may overlap or be out of order: the earlier grant was broken, and
    /// the later belief began after the break was sent. Stamps of different boots cannot be
    /// compared.
    #[must_use]
    pub fn excuse(&self, one: &Belief, other: &Belief) -> bool {
        let (earlier, later) = if one.token < other.token { (one, other) } else { (other, one) };
        let order = self.0.get(&(earlier.lock, earlier.token));
        earlier.token < later.token
            && order.is_some_and(|order| order.boot != later.boot || order.at <= later.from)
    }
}

/// Checks how long holders believed on after a break; gives when each break was done.
pub fn check(history: &History, grants: &Grants<'_>, found: &mut Violations) -> Vec<u64> {
    let mut done = Vec::new();
    for order in &history.orders.breaks {
        let Answer::Took { by } = order.answer else { continue };
        done.push(by);
        let Some(belief) = grants.find(order.lock, order.token) else { continue };
        // Each renewal that counts was sent before the break took effect, and so before its answer
        // came.
        let end = by.saturating_add(nanos(belief.ttl_ms));
        if belief.ttl_ms > 0 && belief.boot == order.boot && belief.until > end {
            found.add(Rule::Outlived, || {
                format!(
                    "\"{}\" was taken from {} by {by} ({}), and believed to be held until {} ({}), with a TTL of {} ms",
                    history.locks.name(belief.lock),
                    history.whose(belief),
                    history.place(order.source),
                    belief.until,
                    history.place(belief.ended),
                    belief.ttl_ms,
                )
            });
        }
    }
    done
}
