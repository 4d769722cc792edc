//! Breaks: a lock is taken from its holder by order of a client (safety L23). The holder is asked to end, or
//! its grant is ended.

use super::AskedHolder;
use super::asked::Mark;
use super::dedupe::Fixed;
use super::effects::Effects;
use super::freed::Freed;
use super::holders::Grant;
use super::locks::Slot;
use super::machine::{Call, LockMachine};
use crate::base::limits::{BREAK_REASON_BYTES_MAX, TTL_MS_MAX};
use crate::base::locks::{Answer, BreakWay, Name, Refusal};
use crate::base::{SessionId, Token};
use std::sync::Arc;

/// The order of a break.
pub(super) struct Breaking<'a> {
    pub(super) name: &'a Name,
    /// 0: all holders.
    pub(super) token: Token,
    /// The client that gets the lock, if it waits for it.
    pub(super) to: Option<&'a str>,
    pub(super) reason: &'a str,
}

impl LockMachine {
    /// Breaks as a whole, or changes nothing. Grants of the session of `call` are no exception.
    pub(super) fn break_lock(
        &mut self,
        call: Call,
        breaking: &Breaking<'_>,
        way: BreakWay,
        effects: &mut Effects,
    ) -> Answer {
        if breaking.reason.len() > BREAK_REASON_BYTES_MAX {
            return self.fix(call, Fixed::Refused(Refusal::Invalid));
        }
        let Some(slot) = self.locks.find(breaking.name) else {
            return self.fix(call, Fixed::NotHeld);
        };
        let is_meant = match breaking.token {
            // An unfinished taking from all holders goes on for the newest order.
            Token(0) if way == BreakWay::Now => true,
            Token(0) => self.keeping(slot).next().is_some(),
            token => !self.is_to_lose(slot, token) && self.grant(slot, token).is_some(),
        };
        if !is_meant || self.locks[slot].holders.is_empty() {
            return self.fix(call, Fixed::NotHeld);
        }
        if breaking.to.is_some() && !self.waits_in(slot, breaking.to) {
            return self.fix(call, Fixed::NoWaiter);
        }
        if breaking.token == Token(0) {
            if self.is_for_parts(slot, way) {
                self.order_all(slot, breaking, way, effects);
                return self.fix(call, Fixed::Done);
            }
            self.end_asking(slot);
        }
        let grants = self.grants_of(slot, breaking.token);
        match way {
            BreakWay::Ask { grace_ms } => self.ask(breaking, &grants, grace_ms, effects),
            BreakWay::Now => self.take(call, breaking, (slot, &grants), effects),
        }
        self.fix(call, Fixed::Done)
    }

    /// The grants to break, the oldest first, with their sessions: none of 100,000 readers is looked up
    /// again.
    fn grants_of(&self, slot: Slot, token: Token) -> Vec<(Token, SessionId)> {
        let whose = |grant: &Grant| (grant.token, grant.stake.session);
        match token {
            Token(0) => self.keeping(slot).map(whose).collect(),
            token => self.grant(slot, token).map(whose).into_iter().collect(),
        }
    }

    /// Marks the grants. A mark that is there already is replaced: the newest order counts, and a holder keeps to the
    /// shortest time that it was told.
    fn ask(
        &mut self,
        breaking: &Breaking<'_>,
        grants: &[(Token, SessionId)],
        grace_ms: Option<u32>,
        effects: &mut Effects,
    ) {
        let (reason, heir) = (Arc::from(breaking.reason), breaking.to.map(Arc::from));
        effects.asked.reserve(grants.len());
        for (token, session) in grants {
            let session = *session;
            let grace_ms = grace_ms.unwrap_or_else(|| self.ttl_ms_of(session)).clamp(1, TTL_MS_MAX);
            let (name, reason, heir) = (breaking.name.clone(), Arc::clone(&reason), heir.clone());
            self.except(breaking.name, *token);
            self.mark(*token, session, Mark { name, grace_ms, reason, heir }, effects);
        }
    }

    /// Marks one grant, and notifies its holder.
    pub(super) fn mark(
        &mut self,
        token: Token,
        session: SessionId,
        mark: Mark,
        effects: &mut Effects,
    ) {
        effects.asked.push(mark.asked(session, token));
        self.weight.add(mark.bytes());
        let before = self.asked.insert(token, mark);
        self.weight.take_off(before.as_ref().map_or(0, Mark::bytes));
    }

    /// Ends the grants, all before any is handed on. No delay is left (L16): this order says that
    /// tokens protect.
    fn take(
        &mut self,
        call: Call,
        breaking: &Breaking<'_>,
        (slot, grants): (Slot, &[(Token, SessionId)]),
        effects: &mut Effects,
    ) {
        let mut all_freed: Vec<Freed> = Vec::with_capacity(grants.len());
        effects.asked.reserve(grants.len());
        let reason = Arc::from(breaking.reason);
        for (token, session) in grants {
            let session = *session;
            let (name, reason) = (breaking.name.clone(), Arc::clone(&reason));
            effects.asked.push(AskedHolder { session, name, token: *token, grace_ms: 0, reason });
            let mut freed = self.end_grant(slot, *token, effects);
            // The heir of an earlier break of this lock does not count any more.
            freed.disinherit(breaking.name);
            all_freed.push(freed);
        }
        if let Some(client) = breaking.to {
            self.put_first(slot, client, effects);
        }
        // Of the grants of this lock alone, now without heirs, the first hands it over for all.
        let mut is_handed_on = false;
        for freed in &all_freed {
            let is_alone = freed.slots().len() == 1;
            if !(is_alone && is_handed_on) {
                self.pass_on(freed, call.unix_ms, effects);
            }
            is_handed_on |= is_alone;
        }
    }
}
