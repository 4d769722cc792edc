//! An acquire: at once, as one more handle, in the queue, or refused.

use super::command::{Acquire, Answer, Mode, Refusal};
use super::dedupe::{Fixed, Hold, Place};
use super::grant::Lock;
use super::holders::{ALONE, Claim, Grant, Handles};
use super::machine::{Call, LockMachine};
use super::queue::Waiter;
use crate::base::Token;
use crate::base::limits::{LOCK_DELAY_MS_MAX, VALUE_BYTES_MAX};

impl LockMachine {
    /// Grants at once, queues, or refuses; whatever it answers is remembered (L17).
    pub(super) fn acquire(&mut self, call: Call, acquire: &Acquire) -> Answer {
        let claim = claim_of(call, acquire);
        match self.way_of(call, acquire, &claim) {
            Way::Refused(refusal) => self.fix(call, Fixed::Refused(refusal)),
            Way::ReEnters(token) => self.re_enter(call, acquire, token),
            Way::Free => self.grant_free(call, acquire, claim),
            Way::Taken if acquire.try_only => {
                let client = self.client_in(&acquire.name);
                self.fix(call, Fixed::Held(client))
            }
            Way::Taken => self.enqueue(call, acquire, claim),
        }
    }

    /// What becomes of an acquire, without changing anything.
    fn way_of(&self, call: Call, acquire: &Acquire, claim: &Claim) -> Way {
        if let Err(refusal) = check_options(acquire) {
            return Way::Refused(refusal);
        }
        if self.live_session(call.session).answers.standing() >= self.bounds.requests_per_session {
            return Way::Refused(Refusal::Limit);
        }
        let Some(lock) = self.locks.get(&acquire.name) else {
            let is_full = self.locks.len() >= self.bounds.locks;
            return if is_full { Way::Refused(Refusal::Limit) } else { Way::Free };
        };
        // Those who are in it have fixed the limit.
        if lock.limit != acquire.limit {
            return Way::Refused(Refusal::Invalid);
        }
        match lock.holders.by_owner(claim.session, claim.owner) {
            Some(grant) if grant.claim.is_of_kind(claim) => Way::ReEnters(grant.token),
            Some(_) => Way::Refused(Refusal::Invalid),
            // What is undecided may still come to hold it, and would be waited for by its own owner (L14).
            None if self.waits_already(claim, acquire) => Way::Refused(Refusal::Invalid),
            None if lock.queue.len() == 0 && lock.has_room(claim, &self.bounds) => Way::Free,
            None if lock.queue.len() >= self.bounds.waiters_per_lock && !acquire.try_only => {
                Way::Refused(Refusal::Limit)
            }
            None => Way::Taken,
        }
    }

    fn waits_already(&self, claim: &Claim, acquire: &Acquire) -> bool {
        let answers = &self.live_session(claim.session).answers;
        claim.owner != ALONE && answers.waits_as(claim.owner, &acquire.name)
    }

    /// One more handle on the grant that the owner has: the same token, and nothing else of it changes.
    fn re_enter(&mut self, call: Call, acquire: &Acquire, token: Token) -> Answer {
        let hold = Hold { name: acquire.name.clone(), token };
        self.grant_mut(&hold).handles.add(call.request);
        self.live_session_mut(call.session).answers.note_grant(call.request, hold);
        Answer::Granted { token }
    }

    fn grant_free(&mut self, call: Call, acquire: &Acquire, claim: Claim) -> Answer {
        let Call { session, request, unix_ms } = call;
        let token = self.tokens.next();
        let handles = Handles::new(request);
        let grant = Grant { token, since_unix_ms: unix_ms, handles, claim };
        let lock = self.locks.entry(acquire.name.clone());
        lock.or_insert_with(|| Lock::new(acquire.limit)).holders.add(grant);
        let hold = Hold { name: acquire.name.clone(), token };
        self.live_session_mut(session).answers.note_grant(request, hold);
        Answer::Granted { token }
    }

    fn enqueue(&mut self, call: Call, acquire: &Acquire, claim: Claim) -> Answer {
        let Call { session, request, unix_ms } = call;
        let waiter = Waiter { request, since_unix_ms: unix_ms, claim };
        let lock = self.locks.get_mut(&acquire.name).expect("found taken above");
        let (name, ticket) = (acquire.name.clone(), lock.queue.push(waiter));
        let place = Place { name, ticket, owner: acquire.owner };
        let answer = self.queued_answer(&place);
        self.live_session_mut(session).answers.note_waiting(request, place);
        answer
    }
}

/// What becomes of an acquire.
#[derive(Debug)]
enum Way {
    Refused(Refusal),
    /// Its owner holds the lock under this token.
    ReEnters(Token),
    /// There is room, and nobody waits.
    Free,
    /// Others have it, or wait for it.
    Taken,
}

fn claim_of(call: Call, acquire: &Acquire) -> Claim {
    Claim {
        session: call.session,
        owner: acquire.owner,
        mode: acquire.mode,
        permits: acquire.permits,
        delay_ms: acquire.delay_ms,
        value: acquire.value.as_slice().into(),
    }
}

/// Whether there is such a lock: a semaphore is exclusive in its permits, and a lock has just one.
fn check_options(acquire: &Acquire) -> Result<(), Refusal> {
    let most = acquire.limit.max(1);
    let is_counted = acquire.limit > 0;
    let fits = (1..=most).contains(&acquire.permits)
        && !(is_counted && acquire.mode == Mode::Shared)
        && acquire.delay_ms <= LOCK_DELAY_MS_MAX
        && acquire.value.len() <= VALUE_BYTES_MAX;
    fits.then_some(()).ok_or(Refusal::Invalid)
}
