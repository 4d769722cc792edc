//! How a lock is taken from its holder by somebody else (safety L23): it is asked to end, or its grant is ended.

use super::Asked;
use super::asked::Mark;
use super::command::{Answer, BreakWay, Name, Refusal};
use super::dedupe::Fixed;
use super::effects::Effects;
use super::freed::Freed;
use super::holders::Grant;
use super::machine::{Call, LockMachine};
use crate::base::Token;
use crate::base::limits::TTL_MS_MAX;
use std::sync::Arc;

/// What is to be taken, and for whom.
pub(super) struct Breaking<'a> {
    pub(super) name: &'a Name,
    /// 0: from all who hold it.
    pub(super) token: Token,
    /// Who gets it then.
    pub(super) to: Option<&'a str>,
    pub(super) reason: &'a str,
}

impl LockMachine {
    /// Does all of it or nothing. What the session of `call` holds itself is no exception.
    pub(super) fn break_lock(
        &mut self,
        call: Call,
        breaking: &Breaking<'_>,
        way: BreakWay,
        effects: &mut Effects,
    ) -> Answer {
        if breaking.reason.len() > REASON_BYTES_MAX {
            return self.fix(call, Fixed::Refused(Refusal::Invalid));
        }
        let tokens = self.tokens_of(breaking);
        if tokens.is_empty() {
            return self.fix(call, Fixed::NotHeld);
        }
        if breaking.to.is_some() && !self.waits(breaking.name, breaking.to) {
            return self.fix(call, Fixed::NoWaiter);
        }
        match way {
            BreakWay::Ask { grace_ms } => self.ask(breaking, &tokens, grace_ms, effects),
            BreakWay::Now => self.take(call, breaking, &tokens, effects),
        }
        self.fix(call, Fixed::Done)
    }

    /// The grants that are meant, the oldest first.
    fn tokens_of(&self, breaking: &Breaking<'_>) -> Vec<Token> {
        let Some(lock) = self.locks.get(breaking.name) else { return Vec::new() };
        match breaking.token {
            Token(0) => lock.holders.iter().map(|grant| grant.token).collect(),
            token => lock.holders.by_token(token).map(|grant| grant.token).into_iter().collect(),
        }
    }

    /// Marks the grants. A mark that is there already is replaced: the newest order counts, and a holder keeps to the
    /// shortest time that it was told.
    fn ask(
        &mut self,
        breaking: &Breaking<'_>,
        tokens: &[Token],
        grace_ms: Option<u32>,
        effects: &mut Effects,
    ) {
        let (reason, heir) = (Arc::from(breaking.reason), breaking.to.map(Arc::from));
        for token in tokens {
            let session = self.held(breaking.name, *token).claim.session;
            let ttl_ms = self.ttl_ms_of(session);
            let grace_ms = grace_ms.unwrap_or(ttl_ms).clamp(1, TTL_MS_MAX);
            let (name, reason, heir) = (breaking.name.clone(), Arc::clone(&reason), heir.clone());
            let mark = Mark { name, grace_ms, reason, heir };
            effects.asked.push(mark.asked(session, *token));
            self.weight.add(mark.bytes());
            let before = self.asked.insert(*token, mark);
            self.weight.take_off(before.as_ref().map_or(0, Mark::bytes));
        }
    }

    /// Ends the grants, all before any is handed on. No delay is left (L16): whoever takes a lock so has said that
    /// tokens protect.
    fn take(
        &mut self,
        call: Call,
        breaking: &Breaking<'_>,
        tokens: &[Token],
        effects: &mut Effects,
    ) {
        let mut all_freed: Vec<Freed> = Vec::with_capacity(tokens.len());
        let reason = Arc::from(breaking.reason);
        for token in tokens {
            let session = self.held(breaking.name, *token).claim.session;
            let (name, reason) = (breaking.name.clone(), Arc::clone(&reason));
            effects.asked.push(Asked { session, name, token: *token, grace_ms: 0, reason });
            let mut freed = self.end_grant(breaking.name, *token, effects);
            // Whom an earlier break had named for this lock does not count any more.
            freed.disinherit(breaking.name);
            all_freed.push(freed);
        }
        if let Some(client) = breaking.to {
            self.put_first(breaking.name, client, effects);
        }
        for freed in &all_freed {
            self.pass_on(freed, call.unix_ms, effects);
        }
    }

    fn held(&self, name: &Name, token: Token) -> &Grant {
        self.grant(name, token).unwrap_or_else(|| panic!("nobody holds {name:?} under {token}"))
    }
}

/// Why a lock is taken, in bytes.
pub(super) const REASON_BYTES_MAX: usize = 255;
