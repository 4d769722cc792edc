//! Answers to requests, from the present state.

use super::access::Denial;
use super::dedupe::{Fixed, Known, Place};
use super::locks::Slot;
use super::machine::{Call, LockMachine};
use super::session::Session;
use super::stake::Stake;
use crate::base::locks::Answer;
use crate::base::{RequestId, Right, SessionId};
use std::sync::Arc;

impl LockMachine {
    /// The present answer to a remembered request.
    pub(super) fn known_answer(&self, session: SessionId, request: RequestId) -> Answer {
        match self.live_session(session).answers.known(request) {
            Some(Known::Fixed(remembered)) => (&remembered.answer).into(),
            Some(Known::Granted(hold)) => Answer::Granted { token: hold.token },
            Some(Known::Waiting(place)) => self.queued_answer(place),
            None => panic!("request {request} of session {session} is not known"),
        }
    }

    /// The answer to a waiting acquire: of its queues, the longest way to the head.
    pub(super) fn queued_answer(&self, place: &Place) -> Answer {
        let ahead = place.spots().map(|(slot, ticket)| {
            let ahead = self.locks[slot].queue().ahead(ticket);
            ahead.unwrap_or_else(|| panic!("nobody waits for {slot:?} at {place:?}"))
        });
        Answer::Queued { ahead: ahead.max().expect("it waits for something") }
    }

    /// The client named to a try that failed: the oldest holder of the lock in `slot`, or the former holder
    /// whose delay runs (L16), or the first waiter, for this lock and others.
    pub(super) fn client_in(&self, slot: Slot) -> Arc<str> {
        let lock = &self.locks[slot];
        let client = |stake: &Stake| self.client_of(stake.session).clone();
        let holder = lock.holders.first().map(|grant| client(&grant.stake));
        let delayed = || lock.delays().iter().next().map(|(_, delay)| delay.client.clone());
        let waiter = || lock.queue().first().map(|waiter| client(&waiter.stake));
        let found = holder.or_else(delayed).or_else(waiter);
        found.unwrap_or_else(|| panic!("nobody is in {:?}", self.locks.name(slot)))
    }

    /// [`LockMachine::client_in`] as `session` may hear it: empty without the right to read the name (L27).
    pub(super) fn client_told(&self, session: SessionId, slot: Slot) -> Arc<str> {
        match self.session_may(session, Right::Read, self.locks.name(slot)) {
            true => self.client_in(slot),
            false => Arc::from(""),
        }
    }

    /// Denies a request; the denial is remembered like any answer.
    pub(super) fn deny_request(&mut self, call: Call, denial: Denial) -> Answer {
        let name = denial.name.expect("an operation of a session is of a name");
        self.fix(call, Fixed::Denied(denial.right, name))
    }

    /// Fixes the answer of the request being applied.
    pub(super) fn fix(&mut self, call: Call, fixed: Fixed) -> Answer {
        let answer = Answer::from(&fixed);
        let Call { session, request, print, .. } = call;
        self.live_session_mut(session).answers.fix(request, print, fixed);
        answer
    }

    pub(super) fn live_session(&self, session: SessionId) -> &Session {
        self.sessions.get(&session).unwrap_or_else(|| panic!("session {session} is not alive"))
    }

    pub(super) fn live_session_mut(&mut self, session: SessionId) -> &mut Session {
        self.weight.touch(session);
        self.sessions.get_mut(&session).unwrap_or_else(|| panic!("session {session} is not alive"))
    }
}
