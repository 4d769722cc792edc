//! Acquires, from the wish to the grant, the withdrawal, or the next try (L14).

use super::acquire_call::Ownership;
use super::refusal::refusal_error;
use super::requests::{OwnerKey, Purpose};
use super::session::session_expired;
use super::types::{AcquireCall, CallId, CoreAction, Done, Wait};
use super::{Core, Life, Timer};
use crate::base::limits::REQUESTS_PER_SESSION_MAX;
use crate::base::locks::{Name, Refusal};
use crate::base::row::Row;
use crate::base::{RequestId, Sample, Token};
use crate::{Error, Status};
use std::collections::{BTreeMap, BTreeSet};

/// The undecided acquires.
#[derive(Clone, Debug, Default)]
pub(super) struct Acquires {
    calls: Row<CallId, Acquiring>,
    /// Acquires without a request that may get one, first come first.
    ready: Row<CallId, ()>,
    /// Acquires behind an earlier request of the same owner about one of their locks (L14), by one such owner
    /// and lock.
    held_back: BTreeMap<OwnerKey, BTreeSet<CallId>>,
}

#[derive(Clone, Debug)]
pub(super) struct Acquiring {
    pub(super) wish: AcquireCall,
    /// `None` for an owner of its own.
    pub(super) ownership: Option<Ownership>,
    /// The owner and lock that hold it back.
    behind: Option<OwnerKey>,
    /// Its request in the session in force.
    request: Option<RequestId>,
    began: Sample,
    /// Its timer, to be removed with it.
    wait_over: Option<u64>,
    /// Grants to it that had ended before the client knew of them.
    ended: u32,
    /// The servers' last word on their load.
    load: Load,
}

/// The word of the servers on their load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// Nothing.
    Unsaid,
    /// They refuse for load.
    Refused,
}

impl Acquires {
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Has no request in force, and may get one.
    pub(super) fn make_ready(&mut self, call: CallId) {
        if let Some(acquiring) = self.calls.value_mut(&call) {
            acquiring.request = None;
            self.ready.insert(call, ());
        }
    }

    /// A request with these keys is decided: the acquires behind it may try.
    pub(super) fn make_ready_held_back(&mut self, keys: &[OwnerKey]) {
        for key in keys {
            let free = self.held_back.remove(key).unwrap_or_default();
            self.ready.extend(free.into_iter().map(|call| (call, ())));
        }
    }

    /// The session is over, and its owners hold nothing back.
    pub(super) fn release_held_back(&mut self) {
        let free = std::mem::take(&mut self.held_back).into_values().flatten();
        self.ready.extend(free.map(|call| (call, ())));
    }

    fn hold_back(&mut self, call: CallId, key: OwnerKey) {
        if let Some(acquiring) = self.calls.value_mut(&call) {
            acquiring.behind = Some(key.clone());
            self.held_back.entry(key).or_default().insert(call);
        }
    }

    pub(super) fn is_held_back(&self, call: CallId) -> bool {
        let behind = self.calls.get(&call).and_then(|acquiring| acquiring.behind.as_ref());
        let held_back = behind.and_then(|key| self.held_back.get(key));
        held_back.is_some_and(|calls| calls.contains(&call))
    }

    /// A grant to `call` had ended before the client knew of it, so its request is gone: the number of
    /// such grants.
    pub(super) fn count_ended(&mut self, call: CallId) -> u32 {
        let Some(acquiring) = self.calls.value_mut(&call) else { return 0 };
        acquiring.request = None;
        acquiring.ended += 1;
        acquiring.ended
    }

    /// Notes the servers' last word on load to `call`.
    pub(super) fn mark_load(&mut self, call: CallId, load: Load) {
        if let Some(acquiring) = self.calls.value_mut(&call) {
            acquiring.load = load;
        }
    }

    /// The servers' last word on load to `call`.
    pub(super) fn load_of(&self, call: CallId) -> Option<Load> {
        self.calls.get(&call).map(|acquiring| acquiring.load)
    }

    /// The tries, and the beginning of each.
    pub(super) fn tries(&self) -> Vec<(CallId, Sample)> {
        let tries = self.calls.iter().filter(|(_, acquiring)| acquiring.wish.wait == Wait::Try);
        tries.map(|(call, acquiring)| (call, acquiring.began)).collect()
    }

    /// The beginning of the try `call`; `None` if it is none.
    pub(super) fn began_try(&self, call: CallId) -> Option<Sample> {
        self.calls.get(&call).filter(|_| self.is_try(call)).map(|acquiring| acquiring.began)
    }

    /// Moves the end of the wait to `over_at`; the former end.
    pub(super) fn set_wait_over(&mut self, call: CallId, over_at: u64) -> Option<u64> {
        self.calls.value_mut(&call)?.wait_over.replace(over_at)
    }

    pub(super) fn is_try(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|acquiring| acquiring.wish.wait == Wait::Try)
    }

    fn remove(&mut self, call: CallId) -> Option<Acquiring> {
        self.ready.remove(&call);
        let removed = self.calls.remove(&call)?;
        if let Some(key) = &removed.behind
            && let Some(held_back) = self.held_back.get_mut(key)
        {
            held_back.remove(&call);
            if held_back.is_empty() {
                self.held_back.remove(key);
            }
        }
        Some(removed)
    }
}

impl Core {
    /// Asks for a lock, or several in one step. Decided by `CoreAction::Decided`.
    pub fn acquire(&mut self, now: &Sample, wish: AcquireCall) -> CallId {
        self.check_belief(now);
        let call = self.new_call();
        self.start_acquire(now, call, wish);
        call
    }

    fn start_acquire(&mut self, now: &Sample, call: CallId, wish: AcquireCall) {
        if self.life == Life::Closed {
            return self.decide(call, Err(Status::Closed.into()));
        }
        if let Err(error) = wish.check() {
            return self.decide(call, Err(error));
        }
        if let Some(error) = self.contradicted() {
            return self.decide(call, Err(error));
        }
        if self.acquires.calls.len() + self.leases.len() >= REQUESTS_PER_SESSION_MAX {
            let text = format!("a client has at most {REQUESTS_PER_SESSION_MAX} leases and waits");
            return self.decide(call, Err(Error::new(Status::Limit, text)));
        }
        let wait_over = match wish.wait {
            Wait::Try => Some(self.try_checked_at(now)),
            Wait::For(wait) => Some(now.hint(wait)),
            Wait::Forever => None,
        };
        self.timers.extend(wait_over.map(|at| (at, Timer::WaitOver(call))));
        let acquiring = Acquiring {
            ownership: wish.ownership(),
            wish,
            behind: None,
            request: None,
            began: *now,
            wait_over,
            ended: 0,
            load: Load::Unsaid,
        };
        self.acquires.calls.insert(call, acquiring);
        self.acquires.ready.insert(call, ());
        self.want_session(now);
    }

    /// Gives requests to the acquires that may have one: the session is believed in.
    pub(super) fn start_ready_acquires(&mut self) {
        while let Some(call) = self.acquires.ready.first_key() {
            let Some(session) = &self.session else { return };
            if !session.window.has_room() {
                return;
            }
            self.acquires.ready.remove(&call);
            match self.way_of(call) {
                Way::Submitted => self.submit_acquire(call),
                Way::ReEnters(token) => self.grant_again(call, token),
                Way::HeldBack(key) => self.acquires.hold_back(call, key),
                Way::Refused(name) => {
                    self.take_acquire(call);
                    let text = format!(
                        "this owner holds {name:?} already, and enters again only what is the same: the same names, mode \
                         and permits"
                    );
                    self.decide(call, Err(Error::new(Status::Invalid, text)));
                }
            }
        }
    }

    /// The way of an acquire without a request. Re-entrance is counted here, without a server (L14).
    fn way_of(&self, call: CallId) -> Way {
        let ownership =
            self.acquires.calls.get(&call).and_then(|acquiring| acquiring.ownership.as_ref());
        let (Some(ownership), Some(session)) = (ownership, &self.session) else {
            return Way::Submitted;
        };
        let keys = ownership.keys();
        let mut owned = keys.iter().filter_map(|key| Some((key, self.leases.owned(key)?)));
        if let Some(((_, name), token)) = owned.next() {
            return if self.leases.is_claim(token, ownership) {
                Way::ReEnters(token)
            } else {
                Way::Refused(name.clone())
            };
        }
        let busy = keys.into_iter().find(|key| session.window.is_busy(key));
        busy.map_or(Way::Submitted, Way::HeldBack)
    }

    fn submit_acquire(&mut self, call: CallId) {
        let (Some(session), Some(acquiring)) =
            (&mut self.session, self.acquires.calls.value_mut(&call))
        else {
            return;
        };
        let keys = acquiring.ownership.as_ref().map(Ownership::keys).unwrap_or_default();
        let (operation, purpose) = (acquiring.wish.operation(), Purpose::Acquire(call));
        let request = session.window.submit(operation, purpose, keys, self.largest_token);
        acquiring.request = Some(request);
    }

    /// The owner has the lock: adds a handle on the same grant, which ends with it, asked to or not.
    fn grant_again(&mut self, call: CallId, token: Token) {
        let Some(acquiring) = self.take_acquire(call) else { return };
        let lease = self.leases.add_handle(token);
        let name = acquiring.wish.name;
        self.decide(call, Ok(Done::Acquired { lease, name, token }));
        if let Some((deadline, reason)) = self.leases.asked(token).cloned() {
            self.actions.push(CoreAction::LeaseAsked { lease, deadline, reason });
        }
    }

    pub(super) fn take_acquire(&mut self, call: CallId) -> Option<Acquiring> {
        let acquiring = self.acquires.remove(call)?;
        if let Some(at) = acquiring.wait_over {
            self.timers.remove(&(at, Timer::WaitOver(call)));
        }
        Some(acquiring)
    }

    /// Takes back an undecided acquire; its withdrawal leaves with the next transmission (L14). True:
    /// there was one.
    pub(super) fn withdraw(&mut self, call: CallId) -> bool {
        let Some(acquiring) = self.take_acquire(call) else { return false };
        if let (Some(request), Some(session)) = (acquiring.request, &mut self.session) {
            session.window.withdraw(request);
            let keys = acquiring.ownership.as_ref().map(Ownership::keys).unwrap_or_default();
            self.acquires.make_ready_held_back(&keys);
        }
        true
    }

    pub(super) fn handle_wait_over(&mut self, now: &Sample, call: CallId) {
        if self.has_try_time(now, call) {
            return;
        }
        let Some(acquiring) = self.acquires.calls.get(&call) else { return };
        let error = match acquiring.wish.wait {
            _ if acquiring.load == Load::Refused => refusal_error(Refusal::Busy),
            Wait::Try if self.acquires.is_held_back(call) => {
                let text = "an earlier request of the same owner about this lock is not decided";
                Error::new(Status::Held, text)
            }
            Wait::Try => Error::new(Status::Unavailable, self.why_unavailable()),
            Wait::For(_) | Wait::Forever
                if self.session.is_none()
                    || self.links.home().is_none()
                    || self.links.condition().is_some() =>
            {
                let why = self.why_unavailable();
                Error::new(Status::Timeout, format!("{}; {why}", Status::Timeout.text()))
            }
            Wait::For(_) | Wait::Forever => Status::Timeout.into(),
        };
        self.withdraw(call);
        self.decide(call, Err(error));
    }

    /// The session of the acquire is over: a wait goes to the tail of the queue in the next session,
    /// a try fails.
    pub(super) fn handle_acquire_lost(&mut self, now: &Sample, call: CallId) {
        let Some(acquiring) = self.acquires.calls.get(&call) else { return };
        match acquiring.wish.wait {
            Wait::Try => {
                self.take_acquire(call);
                self.decide(call, Err(session_expired()));
            }
            Wait::For(_) if acquiring.wait_over.is_some_and(|at| at <= now.boot()) => {
                self.take_acquire(call);
                self.decide(call, Err(Status::Timeout.into()));
            }
            Wait::For(_) | Wait::Forever => self.acquires.make_ready(call),
        }
    }

    /// Takes back all undecided acquires, which fail with `error`.
    pub(super) fn withdraw_all(&mut self, error: &Error) {
        let calls: Vec<CallId> = self.acquires.calls.keys().collect();
        for call in calls {
            self.withdraw(call);
            self.decide(call, Err(error.clone()));
        }
    }

    pub(super) fn fail_acquires(&mut self, error: Error) {
        let calls: Vec<CallId> = self.acquires.calls.keys().collect();
        for call in calls {
            self.take_acquire(call);
            self.decide(call, Err(error.clone()));
        }
    }
}

/// The ways of an acquire without a request.
#[derive(Debug)]
enum Way {
    /// A request to the servers.
    Submitted,
    /// The owner holds exactly these locks, under this token.
    ReEnters(Token),
    /// The owner holds this lock in another way, and would wait for itself.
    Refused(Name),
    /// The acquire waits for an undecided request of this owner about this lock.
    HeldBack(OwnerKey),
}
