//! Grants: how a lock is taken, given back, and handed on.

use super::Granted;
use super::command::{Acquire, Answer, Mode, Name, Refusal};
use super::dedupe::{Fixed, Known, Place};
use super::machine::{Call, LockMachine};
use super::queue::{Queue, Waiter};
use super::session::Session;
use crate::base::limits::VALUE_BYTES_MAX;
use crate::base::{RequestId, SessionId, Token};

/// A lock that is held.
#[derive(Clone, Debug)]
pub(super) struct Lock {
    pub(super) grant: Grant,
    pub(super) queue: Queue,
}

/// The decision that one acquire holds a lock.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) session: SessionId,
    pub(super) request: RequestId,
    pub(super) token: Token,
    pub(super) since_unix_ms: u64,
    pub(super) value: Box<[u8]>,
}

impl LockMachine {
    /// Grants at once, queues, or refuses; whatever it answers is remembered (L17).
    ///
    /// Each acquire is an owner of its own, whatever `owner` says: a second one of the same owner queues
    /// behind the first.
    pub(super) fn acquire(&mut self, call: Call, acquire: &Acquire) -> Answer {
        if let Err(refusal) = check_options(acquire) {
            return self.fix(call, Fixed::Refused(refusal));
        }
        if self.live_session(call.session).answers.standing() >= self.bounds.requests_per_session {
            return self.fix(call, Fixed::Refused(Refusal::Limit));
        }
        match self.locks.get(&acquire.name) {
            None if self.locks.len() >= self.bounds.locks => {
                self.fix(call, Fixed::Refused(Refusal::Limit))
            }
            None => self.grant_free(call, acquire),
            Some(lock) if acquire.try_only => {
                let client = self.live_session(lock.grant.session).client.clone();
                self.fix(call, Fixed::Held(client))
            }
            Some(lock) if lock.queue.len() >= self.bounds.waiters_per_lock => {
                self.fix(call, Fixed::Refused(Refusal::Limit))
            }
            Some(_) => self.enqueue(call, acquire),
        }
    }

    /// Frees the lock only if this session holds it under this token (L13).
    pub(super) fn release(
        &mut self,
        call: Call,
        name: &Name,
        token: Token,
        granted: &mut Vec<Granted>,
    ) -> Answer {
        let grant = self.locks.get(name).map(|lock| &lock.grant);
        let Some(grant) = grant.filter(|held| held.session == call.session && held.token == token)
        else {
            return self.fix(call, Fixed::NotHeld);
        };
        let acquire = grant.request;
        let answers = &mut self.live_session_mut(call.session).answers;
        answers.end_grant(acquire);
        answers.fix(acquire, Fixed::Ended(token));
        self.hand_over(name, call.unix_ms, granted);
        self.fix(call, Fixed::Done)
    }

    /// Takes back `acquire` and fixes its answer, also if it has not arrived yet: then it finds the
    /// answer there, and does nothing (L14). An answer that is fixed already stays as it is.
    pub(super) fn withdraw(
        &mut self,
        call: Call,
        acquire: RequestId,
        granted: &mut Vec<Granted>,
    ) -> Answer {
        let answers = &mut self.live_session_mut(call.session).answers;
        match answers.known(acquire) {
            Some(Known::Fixed(_)) => {}
            None => answers.fix(acquire, Fixed::Withdrawn),
            Some(Known::Waiting(_)) => {
                let place = answers.leave_queue(acquire);
                answers.fix(acquire, Fixed::Withdrawn);
                self.leave_queue(&place);
            }
            Some(Known::Granted(_)) => {
                let name = answers.end_grant(acquire);
                answers.fix(acquire, Fixed::Withdrawn);
                self.hand_over(&name, call.unix_ms, granted);
            }
        }
        self.fix(call, Fixed::Withdrawn)
    }

    /// Gives `name`, whose holder is gone, to the first in its queue (L5), or drops it. The waiter's
    /// session lives: what ends a session takes it out of all queues before it frees anything.
    pub(super) fn hand_over(&mut self, name: &Name, unix_ms: u64, granted: &mut Vec<Granted>) {
        let lock = self.locks.get_mut(name).unwrap_or_else(|| panic!("{name:?} is not held"));
        let Some(Waiter { session, request, value, .. }) = lock.queue.pop() else {
            self.locks.remove(name);
            return;
        };
        let token = self.tokens.next();
        lock.grant = Grant { session, request, token, since_unix_ms: unix_ms, value };
        let answers = &mut self.live_session_mut(session).answers;
        let place = answers.leave_queue(request);
        answers.note_grant(request, place.name);
        granted.push(Granted { session, request, token });
    }

    /// Takes the waiter at `place` out of its queue.
    pub(super) fn leave_queue(&mut self, place: &Place) {
        let lock = self.locks.get_mut(&place.name);
        let waiter = lock.and_then(|lock| lock.queue.remove(place.ticket));
        assert!(waiter.is_some(), "nobody waits at {place:?}");
    }

    /// The answer to a request that is known, as it now stands.
    pub(super) fn known_answer(&self, session: SessionId, request: RequestId) -> Answer {
        match self.live_session(session).answers.known(request) {
            Some(Known::Fixed(fixed)) => fixed.into(),
            Some(Known::Granted(name)) => Answer::Granted { token: self.locks[name].grant.token },
            Some(Known::Waiting(place)) => self.queued_answer(place),
            None => panic!("request {request} of session {session} is not known"),
        }
    }

    /// The answer to an acquire that waits.
    pub(super) fn queued_answer(&self, place: &Place) -> Answer {
        let ahead = self.locks[&place.name].queue.ahead(place.ticket);
        Answer::Queued { ahead: ahead.unwrap_or_else(|| panic!("nobody waits at {place:?}")) }
    }

    fn grant_free(&mut self, call: Call, acquire: &Acquire) -> Answer {
        let Call { session, request, unix_ms } = call;
        let token = self.tokens.next();
        let value = acquire.value.as_slice().into();
        let grant = Grant { session, request, token, since_unix_ms: unix_ms, value };
        self.locks.insert(acquire.name.clone(), Lock { grant, queue: Queue::default() });
        self.live_session_mut(session).answers.note_grant(request, acquire.name.clone());
        Answer::Granted { token }
    }

    fn enqueue(&mut self, call: Call, acquire: &Acquire) -> Answer {
        let Call { session, request, unix_ms } = call;
        let value = acquire.value.as_slice().into();
        let waiter = Waiter { session, request, since_unix_ms: unix_ms, value };
        let lock = self.locks.get_mut(&acquire.name).expect("found held above");
        let place = Place { name: acquire.name.clone(), ticket: lock.queue.push(waiter) };
        let answer = self.queued_answer(&place);
        self.live_session_mut(session).answers.note_waiting(request, place);
        answer
    }

    /// Fixes the answer of the request being applied.
    fn fix(&mut self, call: Call, fixed: Fixed) -> Answer {
        let answer = Answer::from(&fixed);
        self.live_session_mut(call.session).answers.fix(call.request, fixed);
        answer
    }

    pub(super) fn live_session(&self, session: SessionId) -> &Session {
        self.sessions.get(&session).unwrap_or_else(|| panic!("session {session} is not alive"))
    }

    fn live_session_mut(&mut self, session: SessionId) -> &mut Session {
        self.sessions.get_mut(&session).unwrap_or_else(|| panic!("session {session} is not alive"))
    }
}

/// Whether level 1 acts on what `acquire` asks for. 0 permits mean the default, 1.
fn check_options(acquire: &Acquire) -> Result<(), Refusal> {
    let is_plain = acquire.mode == Mode::Exclusive && acquire.limit == 0 && acquire.permits <= 1;
    if !is_plain || acquire.delay_ms > 0 {
        return Err(Refusal::Unsupported);
    }
    if acquire.value.len() > VALUE_BYTES_MAX {
        return Err(Refusal::Invalid);
    }
    Ok(())
}
