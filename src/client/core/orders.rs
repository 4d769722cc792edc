//! Logged requests that a program waits for at most for the request timeout: proclamations of a
//! value, and breaks of a lock.
//!
//! On a timeout a request that surely never left is withdrawn, and UNAVAILABLE; any other goes on
//! under its id (safety L14), and is UNKNOWN. At most one proclamation of each grant is under way:
//! a later value must never be overwritten by an earlier one that was refused for load and sent
//! again.

use super::lease::lost;
use super::refusal::is_passing;
use super::requests::Purpose;
use super::session::session_expired;
use super::transfer::check_heir;
use super::types::{BreakCall, CallId, Done, EndReason, LeaseId};
use super::{Core, Timer};
use crate::base::limits::{BREAK_REASON_BYTES_MAX, REFUSAL_TEXT_BYTES_MAX, VALUE_BYTES_MAX};
use crate::base::locks::{Answer, Operation, Refusal};
use crate::base::{RequestId, Sample, SessionId, Token, text};
use crate::{Error, Status};
use std::collections::{BTreeMap, BTreeSet};

/// The undecided orders.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    calls: BTreeMap<CallId, Order>,
    /// Orders without a request, in the order of their calls.
    ready: BTreeSet<CallId>,
    /// Grants with a proclamation under way, waited for or not.
    proclaiming: BTreeSet<Token>,
}

#[derive(Clone, Debug)]
struct Order {
    operation: Operation,
    /// Its request in the session in force.
    request: Option<RequestId>,
    over_at: u64,
}

impl Orders {
    /// Whether an order waits for a session.
    pub(super) fn wants_session(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The first order that may have a request now.
    fn next(&self) -> Option<(CallId, Operation)> {
        let of = |call: &CallId| Some((*call, self.calls.get(call)?.operation.clone()));
        let is_free = |operation: &Operation| {
            proclaimed(operation).is_none_or(|token| !self.proclaiming.contains(&token))
        };
        self.ready.iter().filter_map(of).find(|(_, operation)| is_free(operation))
    }

    fn remove(&mut self, call: CallId) -> Option<Order> {
        self.ready.remove(&call);
        self.calls.remove(&call)
    }
}

impl Core {
    /// Replaces the value of `lease`'s grant; decided as `Done::Obeyed`, or LOST if it had
    /// ended; UNKNOWN or UNAVAILABLE after the request timeout.
    pub fn proclaim(&mut self, now: &Sample, lease: LeaseId, value: Vec<u8>) -> CallId {
        self.check_belief(now);
        let call = self.new_call();
        if value.len() > VALUE_BYTES_MAX {
            let text = format!("a value has at most {VALUE_BYTES_MAX} bytes, not {}", value.len());
            self.decide(call, Err(Error::new(Status::Invalid, text)));
        } else if let Some((name, token)) = self.leases.held(lease) {
            self.start_order(now, call, Operation::Proclaim { name, token, value });
        } else {
            self.decide(call, Err(lost()));
        }
        call
    }

    /// Takes a lock from its holder (L23). Decided as `Done::Obeyed`; NOT_FOUND if nobody holds it,
    /// or not under that token, or if the named heir does not wait; UNKNOWN or UNAVAILABLE after
    /// the request timeout.
    pub fn break_lock(&mut self, now: &Sample, wish: BreakCall) -> CallId {
        self.check_belief(now);
        let call = self.new_call();
        let BreakCall { name, token, way, to, reason } = wish;
        if let Err(error) = check_heir(to.as_deref()).and_then(|()| check_reason(&reason)) {
            self.decide(call, Err(error));
        } else if let Some(error) = self.contradicted() {
            self.decide(call, Err(error));
        } else {
            self.start_order(now, call, Operation::Break { name, token, way, to, reason });
        }
        call
    }

    fn start_order(&mut self, now: &Sample, call: CallId, operation: Operation) {
        if self.is_closed() {
            return self.decide(call, Err(Status::Closed.into()));
        }
        if self.orders.calls.len() >= ORDERS_MAX {
            let text = format!("{ORDERS_MAX} orders of this client are not answered yet");
            return self.decide(call, Err(Error::new(Status::Limit, text)));
        }
        let over_at = now.hint(self.options.request_timeout);
        self.timers.insert((over_at, Timer::OrderOver(call)));
        self.orders.calls.insert(call, Order { operation, request: None, over_at });
        self.orders.ready.insert(call);
        self.want_session(now);
    }

    /// Makes requests of the orders that may have one.
    pub(super) fn start_ready_orders(&mut self) {
        while let Some((call, operation)) = self.orders.next() {
            let Some(session) = self.session.as_mut().filter(|one| one.window.has_room()) else {
                return;
            };
            let token = proclaimed(&operation);
            if token.is_some_and(|token| !self.leases.has_grant(token)) {
                self.take_order(call);
                self.decide(call, Err(lost()));
                continue;
            }
            self.orders.proclaiming.extend(token);
            let purpose = Purpose::Order(Some(call));
            let request = session.window.submit(operation, purpose, Vec::new(), self.largest_token);
            self.orders.ready.remove(&call);
            if let Some(order) = self.orders.calls.get_mut(&call) {
                order.request = Some(request);
            }
        }
    }

    fn take_order(&mut self, call: CallId) -> Option<Order> {
        let order = self.orders.remove(call)?;
        self.timers.remove(&(order.over_at, Timer::OrderOver(call)));
        Some(order)
    }

    /// Forgets an order that no call waits for any more. `None`: there was no such order.
    pub(super) fn forget_order(&mut self, call: CallId) -> Option<Fate> {
        let order = self.take_order(call)?;
        let (Some(request), Some(session)) = (order.request, &mut self.session) else {
            return Some(Fate::NeverLeft);
        };
        if session.window.outstanding(request).is_some_and(|one| one.transmissions > 0) {
            session.window.forget_waiter(call);
            return Some(Fate::GoesOn);
        }
        self.remove_order_request(request);
        Some(Fate::NeverLeft)
    }

    pub(super) fn handle_order_over(&mut self, call: CallId) {
        let error = match self.forget_order(call) {
            None => return,
            Some(Fate::NeverLeft) => Error::new(Status::Unavailable, self.why_unavailable()),
            Some(Fate::GoesOn) => not_answered(),
        };
        self.decide(call, Err(error));
    }

    pub(super) fn handle_order_answer(
        &mut self,
        now: &Sample,
        (call, request): (Option<CallId>, RequestId),
        answer: Answer,
    ) {
        let outstanding =
            self.session.as_ref().and_then(|session| session.window.outstanding(request));
        let Some(outstanding) = outstanding else { return };
        let proclaimed = proclaimed(&outstanding.operation);
        let nobody = nobody(&outstanding.operation, &answer);
        let left_once = outstanding.transmissions <= 1;
        let result = match (answer, proclaimed) {
            (Answer::Done, _) => Ok(Done::Obeyed),
            (Answer::NotHeld, Some(token)) => {
                // The news of the break is on its way.
                self.end_grant(token, EndReason::Broken);
                Err(lost())
            }
            (Answer::NotHeld | Answer::NoWaiter, None) => {
                Err(Error::new(Status::NotFound, nobody.unwrap_or_default()))
            }
            // This transmission was not carried out, but an earlier one may have been: then ask
            // again.
            (Answer::Refused(refusal), _)
                if refusal == Refusal::Busy || is_passing(refusal) && !left_once =>
            {
                return self.retry(now, request);
            }
            (Answer::Refused(refusal), _) => Err(self.refused(refusal)),
            // No answer to an order.
            _ => return,
        };
        self.remove_order_request(request);
        if let Some(call) = call {
            self.take_order(call);
            self.decide(call, result);
        }
    }

    /// Handles a denial.
    pub(super) fn deny(&mut self, session: SessionId, request: RequestId, text: String) {
        let current = self.session.as_ref().filter(|current| current.id == session);
        let outstanding = current.and_then(|current| current.window.outstanding(request));
        let text = text::one_line(&text, REFUSAL_TEXT_BYTES_MAX);
        let denied = Err(Error::new(Status::Denied, text));
        match outstanding.map(|outstanding| outstanding.purpose) {
            Some(Purpose::Order(call)) => {
                self.remove_order_request(request);
                if let Some(call) = call {
                    self.take_order(call);
                    self.decide(call, denied);
                }
            }
            // Also an acquire that waits already, and lost its right. The answer is final for all
            // transmissions.
            Some(Purpose::Acquire(call)) => {
                self.take_acquire(call);
                self.remove_request(request);
                self.decide(call, denied);
            }
            Some(Purpose::Withdrawn) => self.window_replied(request),
            // Giving back needs no right.
            Some(Purpose::Withdraw(_) | Purpose::Release(_) | Purpose::Transfer(_)) | None => {}
        }
    }

    fn remove_order_request(&mut self, request: RequestId) {
        let removed = self.remove_request(request);
        if let Some(token) = removed.and_then(|removed| proclaimed(&removed.operation)) {
            self.orders.proclaiming.remove(&token);
        }
    }

    /// After the session's end: a break that never left goes on in the next session; `left` are the
    /// calls whose request left.
    pub(super) fn handle_orders_lost(&mut self, left: &BTreeSet<CallId>) {
        self.orders.proclaiming.clear();
        let calls: Vec<CallId> = self.orders.calls.keys().copied().collect();
        for call in calls {
            let Some(order) = self.orders.calls.get_mut(&call) else { continue };
            let error = match proclaimed(&order.operation) {
                Some(_) => session_expired(),
                None if left.contains(&call) => not_answered(),
                None => {
                    order.request = None;
                    self.orders.ready.insert(call);
                    continue;
                }
            };
            self.take_order(call);
            self.decide(call, Err(error));
        }
    }

    /// Fails all orders without a request in a session.
    pub(super) fn fail_ready_orders(&mut self, error: &Error) {
        for call in self.orders.ready.clone() {
            self.take_order(call);
            self.decide(call, Err(error.clone()));
        }
    }

    pub(super) fn fail_orders(&mut self, error: &Error) {
        let calls: Vec<CallId> = self.orders.calls.keys().copied().collect();
        for call in calls {
            self.take_order(call);
            self.decide(call, Err(error.clone()));
        }
    }
}

/// The fate of an order that no call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Surely not done.
    NeverLeft,
    /// The order may be carried out, now or later.
    GoesOn,
}

/// The grant whose value a proclamation replaces.
fn proclaimed(operation: &Operation) -> Option<Token> {
    match operation {
        Operation::Proclaim { token, .. } => Some(*token),
        _ => None,
    }
}

fn check_reason(reason: &str) -> Result<(), Error> {
    if reason.len() <= BREAK_REASON_BYTES_MAX {
        return Ok(());
    }
    let text = format!("a reason has at most {BREAK_REASON_BYTES_MAX} bytes, not {}", reason.len());
    Err(Error::new(Status::Invalid, text))
}

fn not_answered() -> Error {
    Error::new(Status::Unknown, "no leader answered in time; it may be done, now or later")
}

/// The sentence of a break that found no holder or heir.
fn nobody(operation: &Operation, answer: &Answer) -> Option<String> {
    let Operation::Break { name, token, to, .. } = operation else { return None };
    let name = name.as_str();
    match (answer, to) {
        (Answer::NotHeld, _) if *token == Token(0) => Some(format!("nobody holds {name:?}")),
        (Answer::NotHeld, _) => Some(format!("nobody holds {name:?} under token {token}")),
        (Answer::NoWaiter, Some(to)) => {
            Some(format!("no client called {to:?} waits for {name:?} alone"))
        }
        (Answer::NoWaiter, None) => Some(format!("nobody waits for {name:?} alone")),
        _ => None,
    }
}

/// The most unanswered orders of one client.
const ORDERS_MAX: usize = 1024;
