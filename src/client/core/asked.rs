//! Leases that are asked to end (safety L23): each ends at its deadline at the latest, and only then is its token
//! released, which frees the lock.

use super::Core;
use super::answers::TOKEN_MAX;
use super::requests::Purpose;
use super::types::{CoreAction, Deadline, EndReason};
use crate::base::locks::{Name, Operation};
use crate::base::{Sample, SessionId, Token};
use std::collections::BTreeSet;
use std::time::Duration;

/// A server's order to end a grant.
#[derive(Debug)]
pub(super) struct AskedGrant {
    pub(super) session: SessionId,
    pub(super) name: Name,
    pub(super) token: Token,
    pub(super) grace: Duration,
    pub(super) reason: String,
}

/// Tokens that were released before their grant arrived, or that ended while older acquires were
/// undecided: they are never believed in again (L13).
#[derive(Clone, Debug, Default)]
pub(super) struct Disowned {
    tokens: BTreeSet<Token>,
    /// All tokens up to here are disowned, too, which bounds the memory.
    up_to: Token,
}

impl Disowned {
    pub(super) fn contains(&self, token: Token) -> bool {
        token <= self.up_to || self.tokens.contains(&token)
    }

    fn add(&mut self, token: Token) {
        self.tokens.insert(token);
        if self.tokens.len() > DISOWNED_MAX
            && let Some(least) = self.tokens.pop_first()
        {
            self.up_to = self.up_to.max(least);
        }
    }
}

impl Core {
    /// Handles an order to end a grant of the session in force.
    ///
    /// The grace counts from `now`, which was sampled after the message was read, so from its arrival or a little
    /// later. Either is safe: no server counts the grace; the lock is free when the release arrives, which leaves
    /// after belief has ended here.
    pub(super) fn handle_asked(&mut self, now: &Sample, asked: AskedGrant) {
        let current = self.session.as_ref().is_some_and(|session| session.id == asked.session);
        let AskedGrant { name, token, grace, reason, .. } = asked;
        if !current || token == Token(0) || token.0 > TOKEN_MAX {
            return;
        }
        if !self.leases.has_grant(token) {
            return self.disown(name, token);
        }
        let deadline = Deadline { start: *now, length: grace };
        if !self.leases.ask(now, token, (deadline, &reason)) {
            return;
        }
        for lease in self.leases.handles(token).to_vec() {
            let reason = reason.clone();
            self.actions.push(CoreAction::LeaseAsked { lease, deadline, reason });
        }
        // Broken at once: only the reason is left.
        if deadline.remaining(now).is_zero() {
            self.check_asked(now);
        }
    }

    /// Ends grants whose deadline is over, and releases them: belief first (L13). The release is
    /// never dropped (L14).
    pub(super) fn check_asked(&mut self, now: &Sample) {
        for token in self.leases.overdue(now) {
            self.break_grant(token);
        }
    }

    /// Ends a grant that is, or soon will be, taken from us.
    pub(super) fn break_grant(&mut self, token: Token) {
        if let Some(grant) = self.end_grant(token, EndReason::Broken) {
            self.submit_release(token, grant, None);
        }
    }

    /// Disowns an ended grant: an older undecided acquire could not tell it from a new one.
    pub(super) fn disown_ended(&mut self, token: Token) {
        if self.session.as_ref().is_some_and(|session| session.window.may_be_granted(token)) {
            self.disowned.add(token);
        }
    }

    /// Gives back, once, a grant that never arrived here.
    fn disown(&mut self, name: Name, token: Token) {
        let Some(session) = &mut self.session else { return };
        if self.disowned.contains(token) || session.window.is_ending(token) {
            return;
        }
        self.disowned.add(token);
        // Bounded, against a server that names ever more unknown grants: those are freed with the
        // session.
        if session.window.unattended() < UNATTENDED_MAX {
            let operation = Operation::Release { name, token };
            session.window.submit(
                operation,
                Purpose::Release(None),
                Vec::new(),
                self.largest_token,
            );
        }
    }
}

/// Tokens remembered one by one.
const DISOWNED_MAX: usize = 1024;
/// The most undecided releases that no call waits for; beyond it unknown grants are not given back.
const UNATTENDED_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_stays_disowned() {
        let mut disowned = Disowned::default();
        let most = DISOWNED_MAX as u64;
        for token in (1..=most + 10).map(Token) {
            disowned.add(token);
            assert!(disowned.contains(Token(1)) && disowned.contains(token));
        }
        assert_eq!(disowned.tokens.len(), DISOWNED_MAX);
        assert!(!disowned.contains(Token(most + 11)));
    }
}
