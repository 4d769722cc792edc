//! What a holder does with its grant besides giving it back: it shows another value, or names who gets it next.

use super::dedupe::Fixed;
use super::effects::Effects;
use super::machine::{Call, LockMachine};
use crate::base::limits::VALUE_BYTES_MAX;
use crate::base::locks::{Answer, Name, Refusal};
use crate::base::{RequestId, Right, Token};
use std::sync::Arc;

impl LockMachine {
    /// Replaces the value of a grant in each of its locks, in which it stands alike.
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
        let Some(names) = self.names_held(call, name, token) else {
            return self.fix(call, Fixed::NotHeld);
        };
        let value: Arc<[u8]> = value.into();
        for name in &names {
            let is_oldest = self.oldest(name).is_some_and(|oldest| oldest.token == token);
            let grant = self.grant_mut(name, token);
            if grant.claim.value() != &*value {
                grant.claim.change(|extras| extras.value = Arc::clone(&value));
                if is_oldest {
                    effects.note_change(name);
                }
            }
        }
        self.count_grant(&names[0], token);
        self.fix(call, Fixed::Done)
    }

    /// Counts a grant again, whose first name is `name`.
    fn count_grant(&mut self, name: &Name, token: Token) {
        let grant = self.grant_mut(name, token);
        let (session, bytes) = (grant.claim.session, grant.claim.bytes(name));
        let handles: Vec<RequestId> = grant.handles().collect();
        let answers = &mut self.live_session_mut(session).answers;
        handles.into_iter().for_each(|request| answers.set_bytes(request, bytes));
    }

    /// Ends a grant with all its handles: the client has ended its belief in it for good (L13). Who is named goes
    /// before the heir of a break, who goes before the queue; the grant's other locks go to their queues.
    pub(super) fn transfer(
        &mut self,
        call: Call,
        name: &Name,
        token: Token,
        to: Option<&str>,
        effects: &mut Effects,
    ) -> Answer {
        if self.names_held(call, name, token).is_none() {
            return self.fix(call, Fixed::NotHeld);
        }
        let mut freed = self.end_grant(name, token, effects);
        let is_awaited = match to {
            Some(client) => self.put_first(name, client, effects),
            None => self.waits(name, None),
        };
        if to.is_some() && is_awaited {
            freed.disinherit(name);
        }
        self.pass_on(&freed, call.unix_ms, effects);
        // To give back takes no right; but who waits is told to nobody who may not see it (L27).
        let may_hear = self.session_may(call.session, Right::Read, name);
        self.fix(call, if is_awaited || !may_hear { Fixed::Done } else { Fixed::NoWaiter })
    }

    /// All names of the grant of `name` under `token`, if the session of `call` holds it.
    fn names_held(&self, call: Call, name: &Name, token: Token) -> Option<Vec<Name>> {
        let claim = &self.grant(name, token)?.claim;
        (claim.session == call.session).then(|| claim.names(name).to_vec())
    }
}
