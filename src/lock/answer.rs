//! What requests are answered with, as the state now stands.

use super::command::{Answer, Name};
use super::dedupe::{Fixed, Known, Place};
use super::machine::{Call, LockMachine};
use super::session::Session;
use crate::base::{RequestId, SessionId};
use std::sync::Arc;

impl LockMachine {
    /// The answer to a request that is known, as it now stands.
    pub(super) fn known_answer(&self, session: SessionId, request: RequestId) -> Answer {
        match self.live_session(session).answers.known(request) {
            Some(Known::Fixed(fixed)) => fixed.into(),
            Some(Known::Granted(hold)) => Answer::Granted { token: hold.token },
            Some(Known::Waiting(place)) => self.queued_answer(place),
            None => panic!("request {request} of session {session} is not known"),
        }
    }

    /// The answer to an acquire that waits.
    pub(super) fn queued_answer(&self, place: &Place) -> Answer {
        let ahead = self.locks[&place.name].queue.ahead(place.ticket);
        Answer::Queued { ahead: ahead.unwrap_or_else(|| panic!("nobody waits at {place:?}")) }
    }

    /// Whom a try is told of: the oldest holder of `name`, or who held it until its delay began (L16).
    pub(super) fn client_in(&self, name: &Name) -> Arc<str> {
        let lock = &self.locks[name];
        let oldest =
            lock.holders.first().map(|grant| &self.live_session(grant.claim.session).client);
        let client = oldest.or_else(|| lock.delays.iter().next().map(|(_, delay)| &delay.client));
        client.unwrap_or_else(|| panic!("nobody is in {name:?}")).clone()
    }

    /// Fixes the answer of the request being applied.
    pub(super) fn fix(&mut self, call: Call, fixed: Fixed) -> Answer {
        let answer = Answer::from(&fixed);
        self.live_session_mut(call.session).answers.fix(call.request, fixed);
        answer
    }

    pub(super) fn live_session(&self, session: SessionId) -> &Session {
        self.sessions.get(&session).unwrap_or_else(|| panic!("session {session} is not alive"))
    }

    pub(super) fn live_session_mut(&mut self, session: SessionId) -> &mut Session {
        self.sessions.get_mut(&session).unwrap_or_else(|| panic!("session {session} is not alive"))
    }
}
