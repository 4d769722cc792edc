//! Orders to holders to end their work (safety L23), and the present holder of a lock.
//!
//! A mark is found by its grant's token, so a lock without one pays nothing, and a grant of several locks has
//! one. The mark goes with its grant.

use super::dedupe::Hold;
use super::locks::Slot;
use super::machine::LockMachine;
use super::{AskedHolder, Holding, HoldingRef};
use crate::base::limits::HOLDERS_SHOWN_MAX;
use crate::base::locks::Name;
use crate::base::{RequestId, SessionId, Token};
use std::sync::Arc;

/// An order to end a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The lock that was named; its grant may be of others too.
    pub(super) name: Name,
    /// Above 0: a grace of 0 says that the grant was taken already.
    pub(super) grace_ms: u32,
    /// The reason, for people.
    pub(super) reason: Arc<str>,
    /// The client to which `name` goes when the grant has ended, if the client still waits for it.
    pub(super) heir: Option<Arc<str>>,
}

impl Mark {
    /// The message to the holder.
    pub(super) fn asked(&self, session: SessionId, token: Token) -> AskedHolder {
        let Self { name, grace_ms, reason, .. } = self;
        AskedHolder {
            session,
            name: name.clone(),
            token,
            grace_ms: *grace_ms,
            reason: reason.clone(),
        }
    }
}

impl LockMachine {
    /// The marks on the grants of `session`, in the order of the tokens: repeated at a reconnect.
    #[must_use]
    pub fn asked(&self, session: SessionId) -> Vec<AskedHolder> {
        let mut asked = self.standing_above(session, RequestId(0), usize::MAX).asked;
        asked.sort_unstable_by_key(|asked| asked.token);
        asked
    }

    /// The mark on the grant of `hold`, if `request` is the grant's oldest handle.
    pub(super) fn asked_of(
        &self,
        session: SessionId,
        request: RequestId,
        hold: &Hold,
    ) -> Option<AskedHolder> {
        let mark = self.asked.get(&hold.token)?;
        let is_oldest = self.grant(hold.slot, hold.token)?.first_handle() == request;
        is_oldest.then(|| mark.asked(session, hold.token))
    }

    /// The oldest mark on a holder of `name`, and its heir for `name`.
    #[must_use]
    pub fn order(&self, name: &Name) -> Option<(AskedHolder, Option<Arc<str>>)> {
        let mut marked =
            self.locks.by_name(name.as_str())?.holders.iter().take(1 + HOLDERS_SHOWN_MAX);
        marked.find_map(|grant| {
            let mark = self.asked.get(&grant.token)?;
            // The heir is for the lock that was named.
            let heir = mark.heir.clone().filter(|_| mark.name == *name);
            Some((mark.asked(grant.stake.session, grant.token), heir))
        })
    }

    /// Whether a client called `client` waits for `name` and nothing else; `None`: whether anybody waits for
    /// it.
    #[must_use]
    pub fn waits(&self, name: &Name, client: Option<&str>) -> bool {
        self.locks.find(name).is_some_and(|slot| self.waits_in(slot, client))
    }

    /// [`LockMachine::waits`] for the lock in `slot`.
    pub(super) fn waits_in(&self, slot: Slot, client: Option<&str>) -> bool {
        let Some(client) = client else {
            let mut waiting = self.locks[slot].queue().iter().map(|(_, waiter)| waiter);
            return waiting.any(|waiter| {
                !self.is_ending(waiter.stake.session) && !self.is_lost(&waiter.stake, slot)
            });
        };
        self.waiting_alone(slot, client).next().is_some()
    }

    /// The oldest holder of `name`.
    #[must_use]
    pub fn holding(&self, name: &Name) -> Option<Holding> {
        self.holding_in(self.locks.find(name)?).map(Holding::from)
    }

    /// The oldest holder of the lock in `slot`; `None` if the lock was dropped, or has no holder.
    pub(super) fn holding_in(&self, slot: Slot) -> Option<HoldingRef<'_>> {
        let grant = self.locks.get(slot)?.holders.first()?;
        Some(HoldingRef {
            token: grant.token,
            client: self.client_of(grant.stake.session),
            value: grant.stake.value(),
            since_unix_ms: grant.since_unix_ms,
        })
    }
}
