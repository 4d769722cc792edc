//! Answers to logged requests, and their effect on the call behind each.

use super::Core;
use super::acquire::Load;
use super::lease::lost;
use super::refusal::is_passing;
use super::requests::{Outstanding, Purpose};
use super::session::EndedBy;
use super::types::{CallId, Done};
use super::{Timer, back_off};
use crate::base::locks::{Answer, Operation, Refusal};
use crate::base::{RequestId, Sample, SessionId, Token};
use crate::{Error, Status};

impl Core {
    /// Handles an answer to a logged request. An answer that no request waits for is ignored, but
    /// for stray grants.
    pub(super) fn handle_answer(
        &mut self,
        now: &Sample,
        session: SessionId,
        request: RequestId,
        answer: Answer,
    ) {
        let current = self.session.as_ref().filter(|current| current.id == session);
        let Some(current) = current else {
            return self.handle_retiring_answer(now, (session, request), &answer);
        };
        if answer == Answer::SessionExpired {
            return self.lose_session(now, EndedBy::Server);
        }
        let Some(outstanding) = current.window.outstanding(request) else {
            return self.disown_stray(request, &answer);
        };
        let (purpose, above) = (outstanding.purpose, outstanding.above);
        let transmissions = outstanding.transmissions;
        match purpose {
            Purpose::Acquire(call) => match answer {
                Answer::Granted { token } => {
                    self.handle_granted(now, (call, request), (token, above));
                }
                Answer::Refused(refusal) if refusal != Refusal::BelowFloor => {
                    self.handle_acquire_refused(now, (call, request, transmissions), refusal);
                }
                answer => self.handle_not_granted(now, call, request, answer),
            },
            Purpose::Withdrawn => self.window_replied(request),
            Purpose::Withdraw(acquire) => match answer {
                Answer::Refused(refusal) if is_passing(refusal) => self.retry(now, request),
                _ => {
                    self.remove_request(acquire);
                    self.remove_request(request);
                }
            },
            Purpose::Release(call) => self.handle_release_answer(now, (call, request), answer),
            Purpose::Transfer(call) => self.handle_transfer_answer(now, (call, request), answer),
            Purpose::Order(call) => self.handle_order_answer(now, (call, request), answer),
        }
    }

    /// Gives back a grant to a request that is decided here and left no lease: a copy of the
    /// request has arrived at the server after its refusal, which nothing remembers (L14). Else the
    /// session would keep the grant until its end. A QUEUED is ignored: a late one may be of a
    /// grant that is held by now.
    fn disown_stray(&mut self, request: RequestId, answer: &Answer) {
        let (Some(session), Answer::Granted { token }) = (&mut self.session, answer) else {
            return;
        };
        let is_stray = !self.leases.has_grant(*token) && !session.window.is_ending(*token);
        if is_stray && session.window.was_used(request) && !session.window.is_withdrawing(request) {
            let (purpose, operation) =
                (Purpose::Withdraw(request), Operation::Withdraw { acquire: request });
            session.window.submit(operation, purpose, Vec::new(), self.largest_token);
        }
    }

    /// Handles a grant. Belief holds at this instant: `check_belief` went before (L6).
    fn handle_granted(
        &mut self,
        now: &Sample,
        (call, request): (CallId, RequestId),
        (token, above): (Token, Token),
    ) {
        // A new ownership's token is larger than every token known when it was asked for (L3, L4); a token
        // that ended here is not, and is never believed again (L13).
        if token <= above || token.0 > TOKEN_MAX || self.leases.has_grant(token) {
            return;
        }
        if self.disowned.contains(token) {
            return self.ask_instead(now, call, request);
        }
        let Some(acquiring) = self.take_acquire(call) else { return };
        self.largest_token = self.largest_token.max(token);
        let name = acquiring.wish.name;
        let lease = self.leases.add_grant(token, name.clone(), acquiring.ownership);
        self.decide(call, Ok(Done::Acquired { lease, name, token }));
        self.remove_request(request);
    }

    fn handle_not_granted(
        &mut self,
        now: &Sample,
        call: CallId,
        request: RequestId,
        answer: Answer,
    ) {
        match answer {
            Answer::Queued { .. } => {
                self.acquires.mark_load(call, Load::Unsaid);
                self.window_replied(request);
            }
            Answer::Held { client } if self.acquires.is_try(call) => {
                self.take_acquire(call);
                self.remove_request(request);
                // The server sends no name to a client without the right to read it.
                let client = if client.is_empty() { "somebody" } else { &client };
                let text = format!("held by {client}");
                self.decide(call, Err(Error::new(Status::Held, text)));
            }
            Answer::Deadlock { circle } => {
                self.take_acquire(call);
                self.remove_request(request);
                self.decide(call, Err(Error::new(Status::Deadlock, circle)));
            }
            Answer::Ended { .. } | Answer::Withdrawn | Answer::Refused(Refusal::BelowFloor) => {
                self.remove_request(request);
                self.ask_again(now, call);
            }
            // No answer to an acquire of ours.
            _ => {}
        }
    }

    /// The granted token was disowned here before the answer came: withdraws the request, and asks
    /// again.
    fn ask_instead(&mut self, now: &Sample, call: CallId, request: RequestId) {
        if let Some(session) = &mut self.session {
            session.window.withdraw(request);
        }
        self.ask_again(now, call);
    }

    /// The grant had ended before its answer came: asks again, the first time at once, then with
    /// pauses.
    fn ask_again(&mut self, now: &Sample, call: CallId) {
        if self.acquires.count_ended(call) == 1 {
            self.acquires.make_ready(call);
        } else {
            let pause = now.hint(back_off::STEP_MAX);
            self.timers.insert((pause, Timer::AskAgain(call)));
        }
    }

    fn handle_acquire_refused(
        &mut self,
        now: &Sample,
        (call, request, transmissions): (CallId, RequestId, u32),
        refusal: Refusal,
    ) {
        if refusal == Refusal::Busy {
            self.acquires.mark_load(call, Load::Refused);
            return self.retry(now, request);
        }
        // An earlier transmission may have been carried out all the same: then it must be withdrawn
        // (L14).
        if transmissions > 1 {
            self.withdraw(call);
        } else {
            self.take_acquire(call);
            self.remove_request(request);
        }
        self.decide(call, Err(self.refused(refusal)));
    }

    fn handle_release_answer(
        &mut self,
        now: &Sample,
        (call, request): (Option<CallId>, RequestId),
        answer: Answer,
    ) {
        let result = match answer {
            // Below the floor: the release was answered before.
            Answer::Done | Answer::Refused(Refusal::BelowFloor) => Ok(Done::Released),
            Answer::Refused(refusal) if is_passing(refusal) => return self.retry(now, request),
            Answer::Refused(refusal) => Err(self.refused(refusal)),
            Answer::NotHeld | Answer::Ended { .. } => Err(lost()),
            // No answer to a release.
            _ => return,
        };
        self.remove_request(request);
        if let Some(call) = call {
            self.decide(call, result);
        }
    }

    pub(super) fn window_replied(&mut self, request: RequestId) {
        if let Some(session) = &mut self.session {
            session.window.handle_reply(request);
        }
    }

    pub(super) fn retry(&mut self, now: &Sample, request: RequestId) {
        if let Some(session) = &mut self.session {
            session.window.handle_refused(request, now, &mut self.rng);
        }
    }

    /// Removes a decided request; requests that were held back by it may leave.
    pub(super) fn remove_request(&mut self, request: RequestId) -> Option<Outstanding> {
        let removed = self.session.as_mut()?.window.remove(request)?;
        self.acquires.make_ready_held_back(&removed.keys);
        Some(removed)
    }
}

/// Tokens are positive as signed numbers, for SQL and Java.
pub(super) const TOKEN_MAX: u64 = i64::MAX as u64;
