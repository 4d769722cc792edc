//! Checks that beliefs in a lock never exceed its capacity, and that tokens rise from grant to
//! grant.
//!
//! Stamps are of beliefs that surely stood, so an overlap here is an overlap; a belief may have
//! lasted a little longer than its log says. Tokens are compared between grants that exclude each
//! other and of which one was over before the other began: two readers may hear of their grants in
//! any order. A grant that was broken at once may overlap its successors ([`Taken`]).

use super::breaks::Taken;
use super::history::{Belief, History, Share};
use super::violation::{Rule, Violations};
use std::collections::BTreeMap;

/// Checks each lock of each boot.
pub fn check(history: &History, taken: &Taken<'_>, found: &mut Violations) {
    let mut order: Vec<&Belief> = history.beliefs.iter().collect();
    order.sort_unstable_by_key(|belief| (belief.boot, belief.lock, belief.from, belief.until));
    for lock in order.chunk_by(|a, b| (a.boot, a.lock) == (b.boot, b.lock)) {
        let mut sweep = Sweep { history, taken, standing: Vec::new(), over: Over::default() };
        for (place, belief) in lock.iter().enumerate() {
            sweep.take(belief, &lock[..place], found);
        }
    }
}

/// One lock, in the order in which its beliefs began.
struct Sweep<'a> {
    history: &'a History,
    taken: &'a Taken<'a>,
    standing: Vec<&'a Belief>,
    over: Over<'a>,
}

impl<'a> Sweep<'a> {
    /// Takes the next belief, after `earlier`.
    fn take(&mut self, belief: &'a Belief, earlier: &[&'a Belief], found: &mut Violations) {
        // No overlap if one ended at the instant at which the other began: both read the clock in
        // between.
        let over = &mut self.over;
        self.standing.retain(|before| {
            let stands = before.until > belief.from;
            if !stands {
                over.add(before);
            }
            stands
        });
        let excludes = |before: &&&Belief| {
            before.share.excludes(belief.share) && !self.taken.excuse(before, belief)
        };
        if let Some(before) = self.standing.iter().find(excludes) {
            found.add(Rule::Overlap, || self.tell_overlap(before, belief));
        } else if self.is_over_limit(belief) {
            found.add(Rule::Overlap, || self.tell_limit(belief));
        }
        if let Some(highest) = self.over.highest(belief.share)
            && highest.token >= belief.token
            && let Some(before) = self.out_of_order(highest, belief, earlier)
        {
            found.add(Rule::TokenOrder, || self.tell_order(before, belief));
        }
        self.standing.push(belief);
    }

    /// A belief that was over before `belief` began, and has no smaller token: `highest`, or
    /// another one if that is excused.
    fn out_of_order(
        &self,
        highest: &'a Belief,
        belief: &Belief,
        earlier: &[&'a Belief],
    ) -> Option<&'a Belief> {
        let is_excused = |before: &Belief| self.taken.excuse(before, belief);
        if !is_excused(highest) {
            return Some(highest);
        }
        earlier.iter().rev().copied().find(|before| {
            before.until <= belief.from
                && before.token >= belief.token
                && before.share.excludes(belief.share)
                && !is_excused(before)
        })
    }

    fn is_over_limit(&self, belief: &Belief) -> bool {
        let Share::Counted { limit, .. } = belief.share else { return false };
        let permits = |share| match share {
            Share::Counted { permits, .. } => u64::from(permits),
            Share::Exclusive | Share::Shared => 0,
        };
        let beside = self.standing.iter().filter(|before| !self.taken.excuse(before, belief));
        let standing: u64 = beside.map(|before| permits(before.share)).sum();
        standing + permits(belief.share) > u64::from(limit)
    }

    fn tell_overlap(&self, before: &Belief, belief: &Belief) -> String {
        let history = self.history;
        let together = before.until.min(belief.until).saturating_sub(belief.from);
        format!(
            "\"{}\" was held by {} {}, and by {}: for {}.{:06} ms by both",
            history.locks.name(belief.lock),
            history.whose(before),
            history.end(before),
            history.beginning(belief),
            together / 1_000_000,
            together % 1_000_000,
        )
    }

    fn tell_limit(&self, belief: &Belief) -> String {
        let history = self.history;
        let others = self
            .standing
            .iter()
            .map(|before| format!("{} ({})", history.whose(before), history.place(before.granted)));
        format!(
            "\"{}\" has no room for {} at {} ({}) beside {}",
            history.locks.name(belief.lock),
            history.whose(belief),
            belief.from,
            history.place(belief.granted),
            others.collect::<Vec<_>>().join(", "),
        )
    }

    fn tell_order(&self, before: &Belief, belief: &Belief) -> String {
        let history = self.history;
        format!(
            "\"{}\" was held by {} {}, and after it by {}",
            history.locks.name(belief.lock),
            history.whose(before),
            history.end(before),
            history.beginning(belief),
        )
    }
}

/// The beliefs with the highest tokens among those that are over.
#[derive(Default)]
struct Over<'a> {
    exclusive: Option<&'a Belief>,
    shared: Option<&'a Belief>,
    /// Beliefs of semaphores, by permits.
    counted: BTreeMap<u32, &'a Belief>,
}

impl<'a> Over<'a> {
    fn add(&mut self, belief: &'a Belief) {
        let higher = |known: Option<&'a Belief>| match known {
            Some(known) if known.token >= belief.token => known,
            _ => belief,
        };
        match belief.share {
            Share::Exclusive => self.exclusive = Some(higher(self.exclusive)),
            Share::Shared => self.shared = Some(higher(self.shared)),
            Share::Counted { permits, .. } => {
                let known = self.counted.get(&permits).copied();
                self.counted.insert(permits, higher(known));
            }
        }
    }

    /// The belief with the highest token among those that exclude `share`.
    fn highest(&self, share: Share) -> Option<&'a Belief> {
        let alone = self.exclusive.into_iter().chain(self.shared);
        let all = alone.chain(self.counted.values().copied());
        all.filter(|belief| belief.share.excludes(share)).max_by_key(|belief| belief.token)
    }
}
