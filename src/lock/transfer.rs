//! Proclaim and transfer: a holder shows another value, or names the next holder.

use super::dedupe::Fixed;
use super::effects::Effects;
use super::locks::{Slot, Slots};
use super::machine::{Call, LockMachine};
use super::stake::shared_value;
use crate::base::limits::VALUE_BYTES_MAX;
use crate::base::locks::{Answer, Name, Refusal};
use crate::base::{RequestId, Right, Token};

impl LockMachine {
    /// Replaces the value of a grant, in each of its locks.
    pub(super) fn proclaim(
        &mut self,
        call: Call,
        name: &Name,
        token: Token,
        value: &[u8],
        effects: &mut Effects,
    ) -> Answer {
        if value.len() > VALUE_BYTES_MAX {
            return self.fix(call, Fixed::Refused(Refusal::Invalid));
        }
        let Some((_, slots)) = self.held(call, name, token) else {
            return self.fix(call, Fixed::NotHeld);
        };
        let value = shared_value(value);
        for slot in &*slots {
            let (name, lock) = self.locks.named_mut(*slot);
            let is_oldest = lock.holders.first().is_some_and(|oldest| oldest.token == token);
            let grant = lock.holders.by_token_mut(token).expect("it is held in each");
            if grant.stake.value() != value.as_deref().unwrap_or_default() {
                grant.stake.change(|extras| extras.value.clone_from(&value));
                if is_oldest {
                    effects.note_change(*slot, name);
                }
            }
        }
        self.count_grant(slots[0], token);
        self.fix(call, Fixed::Done)
    }

    /// Recounts the bytes of a grant whose first lock is in `slot`.
    fn count_grant(&mut self, slot: Slot, token: Token) {
        let grant = self.grant(slot, token).expect("it is held");
        let (session, bytes) = (grant.stake.session, grant.stake.bytes(slot, &self.locks));
        let handles: Vec<RequestId> = grant.handles().collect();
        let answers = &mut self.live_session_mut(session).answers;
        handles.into_iter().for_each(|request| answers.set_bytes(request, bytes));
    }

    /// Ends a grant with all its handles: the client has ended its belief in it for good (L13). The named
    /// client goes before the heir of a break, and the heir before the queue; the grant's other locks go to
    /// their queues.
    pub(super) fn transfer(
        &mut self,
        call: Call,
        name: &Name,
        token: Token,
        to: Option<&str>,
        effects: &mut Effects,
    ) -> Answer {
        let Some((slot, _)) = self.held(call, name, token) else {
            return self.fix(call, Fixed::NotHeld);
        };
        let mut freed = self.end_grant(slot, token, effects);
        let is_awaited = match to {
            Some(client) => self.put_first(slot, client, effects),
            None => self.waits_in(slot, None),
        };
        if to.is_some() && is_awaited {
            freed.disinherit(name);
        }
        self.pass_on(&freed, call.unix_ms, effects);
        // Giving back takes no right; but waiters are told only to those that may see them (L27).
        let may_hear = self.session_may(call.session, Right::Read, name);
        self.fix(call, if is_awaited || !may_hear { Fixed::Done } else { Fixed::NoWaiter })
    }

    /// The slot of `name`, and all locks of its grant under `token`, if the session of `call` holds
    /// it.
    fn held(&self, call: Call, name: &Name, token: Token) -> Option<(Slot, Slots)> {
        let slot = self.locks.find(name)?;
        let stake = &self.grant(slot, token)?.stake;
        (stake.session == call.session).then(|| (slot, stake.shared_slots(slot)))
    }
}
