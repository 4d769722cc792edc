//! Holders that were asked to end their work (safety L23), and what is known of a lock's present holder.
//!
//! A mark is found by its grant's token, so a lock that is not asked pays nothing for it, and a grant of several
//! locks has one. It goes with its grant.

use super::dedupe::Hold;
use super::holders::Grant;
use super::machine::LockMachine;
use super::{Asked, Holding};
use crate::base::limits::HOLDERS_SHOWN_MAX;
use crate::base::locks::Name;
use crate::base::{RequestId, SessionId, Token};
use std::sync::Arc;

/// That a grant is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The lock that was named; its grant may be of others too.
    pub(super) name: Name,
    /// From 1, since 0 says that it was taken already.
    pub(super) grace_ms: u32,
    /// For people.
    pub(super) reason: Arc<str>,
    /// The client to which `name` goes when the grant has ended, if it still waits for it then.
    pub(super) heir: Option<Arc<str>>,
}

impl Mark {
    /// What the holder is told.
    pub(super) fn asked(&self, session: SessionId, token: Token) -> Asked {
        let Self { name, grace_ms, reason, .. } = self;
        Asked { session, name: name.clone(), token, grace_ms: *grace_ms, reason: reason.clone() }
    }
}

impl LockMachine {
    /// The grants of `session` that it was asked to end, in the order of their tokens, with the grace that each was
    /// given: what a reconnect is told again.
    #[must_use]
    pub fn asked(&self, session: SessionId) -> Vec<Asked> {
        let mut asked = self.standing_above(session, RequestId(0), usize::MAX).asked;
        asked.sort_unstable_by_key(|asked| asked.token);
        asked
    }

    /// What `session` was asked of the grant that `request` has a handle on, if that is its oldest one.
    pub(super) fn asked_of(
        &self,
        session: SessionId,
        request: RequestId,
        hold: &Hold,
    ) -> Option<Asked> {
        let mark = self.asked.get(&hold.token)?;
        let is_oldest = self.grant(&hold.name, hold.token)?.first_handle() == request;
        is_oldest.then(|| mark.asked(session, hold.token))
    }

    /// What the holders of `name` were asked, and who gets it then: of the oldest of those who were.
    #[must_use]
    pub fn order(&self, name: &Name) -> Option<(Asked, Option<Arc<str>>)> {
        let mut marked = self.locks.get(name)?.holders.iter().take(1 + HOLDERS_SHOWN_MAX);
        marked.find_map(|grant| {
            let mark = self.asked.get(&grant.token)?;
            // The heir is that of the lock which was named.
            let heir = mark.heir.clone().filter(|_| mark.name == *name);
            Some((mark.asked(grant.claim.session, grant.token), heir))
        })
    }

    /// Whether anybody whose client is called `client` waits for `name` and for nothing else; `None`: whether anybody
    /// waits for it.
    #[must_use]
    pub fn waits(&self, name: &Name, client: Option<&str>) -> bool {
        let Some(client) = client else {
            let queue = self.locks.get(name).map(|lock| lock.queue().iter());
            let mut waiting = queue.into_iter().flatten().map(|(_, waiter)| waiter);
            return waiting.any(|waiter| {
                !self.is_ending(waiter.claim.session) && !self.is_lost(&waiter.claim, name)
            });
        };
        self.waiting_alone(name, client).next().is_some()
    }

    /// The oldest holder of `name`.
    #[must_use]
    pub fn holding(&self, name: &Name) -> Option<Holding> {
        let grant = self.oldest(name)?;
        Some(Holding {
            token: grant.token,
            client: self.client_of(grant.claim.session).clone(),
            value: grant.claim.value().into(),
            since_unix_ms: grant.since_unix_ms,
        })
    }

    /// The oldest grant of `name`.
    pub(super) fn oldest(&self, name: &Name) -> Option<&Grant> {
        self.locks.get(name)?.holders.first()
    }
}
