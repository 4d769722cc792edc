//! Grants that were taken at once (L23): what their holders may still believe, and for how long.
//!
//! A holder is told when its grant is taken, which takes as long as a message; one that is cut off or stopped is not
//! told, and believes up to the TTL of its session. So its belief and its successors' may overlap, and its own may
//! even begin behind theirs, when it hears of the grant late. Each successor began only after the break was sent,
//! though: one that began before it was granted beside a holder.

use super::grants::Grants;
use super::history::{Belief, History};
use super::nanos;
use super::orders::{Answer, Break};
use super::violation::{Rule, Violations};
use std::collections::BTreeMap;

/// Which grants were taken at once, or may have been.
#[derive(Debug, Default)]
pub struct Taken<'a>(BTreeMap<(u32, u64), &'a Break>);

impl<'a> Taken<'a> {
    /// By lock and token; of several breaks the first that was sent.
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

    /// Whether the grant of `lock` under `token` may have been taken.
    #[must_use]
    pub fn contain(&self, lock: u32, token: u64) -> bool {
        self.0.contains_key(&(lock, token))
    }

    /// Whether the two may be believed in at once, or in the wrong order: the earlier grant was taken, and the later one
    /// began after that was sent. The stamps of two boots say nothing of that.
    #[must_use]
    pub fn excuse(&self, one: &Belief, other: &Belief) -> bool {
        let (earlier, later) = if one.token < other.token { (one, other) } else { (other, one) };
        let order = self.0.get(&(earlier.lock, earlier.token));
        earlier.token < later.token
            && order.is_some_and(|order| order.boot != later.boot || order.at <= later.from)
    }
}

/// Checks how long holders believed on after a break was done; says how many were done.
pub fn check(history: &History, grants: &Grants<'_>, found: &mut Violations) -> Vec<u64> {
    let mut done = Vec::new();
    for order in &history.orders.breaks {
        let Answer::Took { by } = order.answer else { continue };
        done.push(by);
        let Some(belief) = grants.find(order.lock, order.token) else { continue };
        // Each renewal that counts was sent before the grant was taken, and so before the answer came.
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
