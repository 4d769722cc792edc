//! Breaks, in parts, of a lock that very many hold (from level 3 on; safety L5, L23): 100,000 readers are
//! asked, or lose the lock, 2,048 names an entry.
//!
//! The ordering entry fixes the grants to break, all up to a token, and does its share. The rest is in the
//! state, and later entries go on with it, in the order of the tokens (`lock/parts.rs`).
//!
//! * A grant that is to be taken holds until its part comes, and then frees the lock, as an ended session
//!   does. Meanwhile later orders, the search for deadlocks and lock delays treat it as gone: it leaves no
//!   delay.
//! * The lock is handed over only when the last of these grants has ended: to the heir, then to the queue
//!   (L5). A newcomer that finds an empty queue may share the lock as ever; its token is newer, so the break
//!   spares it.
//! * The newest order counts. An order for all replaces an unfinished one that asks all; an unfinished one
//!   that takes all goes on, for the newer heir. A grant that was asked on its own meanwhile is left out.

use super::AskedHolder;
use super::asked::Mark;
use super::breaking::Breaking;
use super::effects::Effects;
use super::holders::Grant;
use super::locks::Slot;
use super::machine::LockMachine;
use crate::base::limits::TTL_MS_MAX;
use crate::base::locks::{BreakWay, Name};
use crate::base::meters::EndReason;
use crate::base::{SessionId, Token};
use std::collections::BTreeSet;
use std::sync::Arc;

/// An unfinished break of all holders of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) way: BreakWay,
    /// The newest grant to break.
    pub(super) until: Token,
    /// Grants up to this one have been asked, or taken.
    pub(super) done: Token,
    /// The reason, for people.
    pub(super) reason: Arc<str>,
    /// The client that gets the lock then, if it still waits for it.
    pub(super) heir: Option<Arc<str>>,
    /// Grants that were asked on their own since, by a newer order.
    pub(super) except: BTreeSet<Token>,
}

impl Order {
    /// The mark for each grant that is asked.
    fn mark(&self, name: &Name, grace_ms: u32) -> Mark {
        let (reason, heir) = (Arc::clone(&self.reason), self.heir.clone());
        Mark { name: name.clone(), grace_ms, reason, heir }
    }
}

impl LockMachine {
    /// Whether an unfinished break of the lock in `slot` is going to take it from the grant under `token`.
    pub(super) fn is_to_lose(&self, slot: Slot, token: Token) -> bool {
        self.taking(slot).is_some_and(|order| token <= order.until)
    }

    /// Whether a break is going to take any lock of `grant`, which holds the one in `slot`.
    pub(super) fn is_to_end(&self, slot: Slot, grant: &Grant) -> bool {
        let mut slots = grant.stake.slots(&slot).iter();
        !self.orders.is_empty() && slots.any(|slot| self.is_to_lose(*slot, grant.token))
    }

    /// Whether the lock in `slot` is not handed over, since it is being taken from its holders.
    pub(super) fn is_being_taken(&self, slot: Slot) -> bool {
        self.taking(slot).is_some()
    }

    /// The holders of the lock in `slot` without those that are to lose it, the oldest first.
    pub(super) fn keeping(&self, slot: Slot) -> impl Iterator<Item = &Grant> {
        let after = self.taking(slot).map_or(Token(0), |order| order.until);
        self.locks[slot].holders.behind(after)
    }

    fn taking(&self, slot: Slot) -> Option<&Order> {
        let order = (!self.orders.is_empty()).then(|| self.orders.get(self.locks.name(slot)))?;
        order.filter(|order| order.way == BreakWay::Now)
    }

    /// Whether a break of all holders of the lock in `slot` is too much for one entry, or replaces an
    /// unfinished one.
    pub(super) fn is_for_parts(&self, slot: Slot, way: BreakWay) -> bool {
        if self.level() < ORDERS_LEVEL {
            return false;
        }
        let mut left = self.names_per_part();
        let mut others = self.locks[slot].holders.iter();
        let names = |grant: &Grant| match way {
            BreakWay::Ask { .. } => 1,
            BreakWay::Now => grant.stake.slots(&slot).len(),
        };
        let is_small = others.all(|grant| {
            let fits = names(grant) <= left;
            left = left.saturating_sub(names(grant));
            fits
        });
        match self.is_being_taken(slot) {
            true => way == BreakWay::Now,
            false => !is_small,
        }
    }

    /// Begins a break of all holders of the lock in `slot`, and does as much of it as this entry
    /// may.
    pub(super) fn order_all(
        &mut self,
        slot: Slot,
        breaking: &Breaking<'_>,
        way: BreakWay,
        effects: &mut Effects,
    ) {
        let until = self.locks[slot].holders.last().map_or(Token(0), |newest| newest.token);
        let (reason, heir) = (Arc::from(breaking.reason), breaking.to.map(Arc::from));
        self.end_order(slot);
        let (done, except) = (Token(0), BTreeSet::new());
        let order = Order { way, until, done, reason, heir, except };
        self.weight.add(order.bytes());
        self.orders.insert(breaking.name.clone(), order);
        self.go_on_with_order(breaking.name, effects);
    }

    /// Leaves the grant under `token`, asked on its own, out of an older order for all.
    pub(super) fn except(&mut self, name: &Name, token: Token) {
        let Some(order) = self.orders.get_mut(name) else { return };
        if token > order.done && token <= order.until {
            self.weight.take_off(order.bytes());
            order.except.insert(token);
            self.weight.add(order.bytes());
        }
    }

    /// Ends an older order that asks the holders of the lock in `slot`: a newer one takes its
    /// place.
    pub(super) fn end_asking(&mut self, slot: Slot) {
        if !self.is_being_taken(slot) {
            self.end_order(slot);
        }
    }

    /// Removes the order for all holders of the lock in `slot`, if there is one.
    pub(super) fn end_order(&mut self, slot: Slot) {
        if self.orders.is_empty() {
            return;
        }
        let name = self.locks.name(slot);
        if let Some(order) = self.orders.remove(name) {
            self.weight.take_off(order.bytes());
        }
    }

    /// Goes on with the break of `name` until the entry's share is used up, or nothing is left.
    pub(super) fn go_on_with_order(&mut self, name: &Name, effects: &mut Effects) {
        let Some(slot) = self.locks.find(name) else { return };
        // All ends in it count as broken, even in a later entry.
        effects.why = EndReason::Broken;
        while let Some(order) = self.orders.get(name) {
            let next = self.locks[slot].holders.behind(order.done).next();
            let next = next.filter(|grant| grant.token <= order.until);
            let next = next.map(|grant| (grant.token, grant.stake.session));
            let is_heir_due = order.way == BreakWay::Now
                && order.heir.is_some()
                && self.locks[slot].queue().len() > 0;
            if !effects.lasts() && (next.is_some() || is_heir_due) {
                return;
            }
            match (next, order.way) {
                (None, way) => return self.finish_order(slot, way, effects),
                (Some((token, session)), BreakWay::Now) => {
                    self.take_one(slot, token, session, effects);
                }
                (Some((token, session)), BreakWay::Ask { grace_ms }) => {
                    self.ask_one(name, token, (session, grace_ms), effects);
                }
            }
            // With its last holder the lock may be gone, and its order with it.
            if let Some(order) = self.orders.get_mut(name) {
                order.done = next.map_or(order.done, |(token, _)| token);
            }
        }
    }

    /// Ends one grant, and hands over its other locks; the lock in `slot` waits for the last grant.
    fn take_one(&mut self, slot: Slot, token: Token, session: SessionId, effects: &mut Effects) {
        let name = self.locks.name(slot).clone();
        let mut freed = self.end_grant(slot, token, effects);
        let reason = Arc::clone(&self.orders[&name].reason);
        freed.disinherit(&name);
        effects.asked.push(AskedHolder { session, name, token, grace_ms: 0, reason });
        effects.spend(freed.slots().len() + self.spent_on_heir(freed.has_heir()));
        if freed.slots().len() > 1 {
            self.pass_on(&freed, effects.unix_ms, effects);
        }
    }

    fn ask_one(
        &mut self,
        name: &Name,
        token: Token,
        (session, grace_ms): (SessionId, Option<u32>),
        effects: &mut Effects,
    ) {
        effects.spend(1);
        let order = &self.orders[name];
        if order.except.contains(&token) {
            return;
        }
        let grace_ms = grace_ms.unwrap_or_else(|| self.ttl_ms_of(session)).clamp(1, TTL_MS_MAX);
        self.mark(token, session, order.mark(name, grace_ms), effects);
    }

    /// All grants were asked, or have ended: hands the lock over.
    fn finish_order(&mut self, slot: Slot, way: BreakWay, effects: &mut Effects) {
        let heir = self.orders.get(self.locks.name(slot)).and_then(|order| order.heir.clone());
        self.end_order(slot);
        if way == BreakWay::Now {
            if let Some(heir) = heir.filter(|_| self.locks[slot].queue().len() > 0) {
                effects.spend(self.spent_on_heir(true));
                self.put_first(slot, &heir, effects);
            }
            self.hand_over(slot, effects.unix_ms, effects);
        }
    }
}

/// The level from which on a break of very many goes on in parts.
pub(super) const ORDERS_LEVEL: u32 = 3;
