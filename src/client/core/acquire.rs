//! Acquires: from the wish to the grant, the withdrawal, or the next try.

use super::requests::{OwnerKey, Purpose};
use super::session::session_expired;
use super::types::{AcquireCall, CallId, Done, Wait};
use super::{Core, Life, Timer, refusal_error};
use crate::base::limits::{REQUESTS_PER_SESSION_MAX, VALUE_BYTES_MAX};
use crate::base::{Owner, RequestId, Sample, Token};
use crate::lock::{Acquire, Operation, Refusal};
use crate::{Error, Status};
use std::collections::{BTreeMap, BTreeSet};

/// The acquires that are not decided.
#[derive(Clone, Debug, Default)]
pub(super) struct Acquires {
    calls: BTreeMap<CallId, Acquiring>,
    /// Those without a request that may get one, first come first.
    ready: BTreeSet<CallId>,
    /// Those that wait for an earlier request of the same owner about that lock (L14).
    held_back: BTreeMap<OwnerKey, BTreeSet<CallId>>,
}

#[derive(Clone, Debug)]
pub(super) struct Acquiring {
    pub(super) wish: AcquireCall,
    /// The request that stands for it in the session in force.
    request: Option<RequestId>,
    /// Its timers, to be removed with it.
    wait_over: Option<u64>,
    /// How often a grant to it had ended before it was heard of.
    ended: u32,
    /// Whether the last answer was a refusal for load.
    load: Load,
}

/// What the servers said of their load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// Nothing.
    Unsaid,
    /// That it is too much.
    Refused,
}

impl Acquires {
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Has no request in force, and may get one.
    pub(super) fn make_ready(&mut self, call: CallId) {
        if let Some(acquiring) = self.calls.get_mut(&call) {
            acquiring.request = None;
            self.ready.insert(call);
        }
    }

    pub(super) fn make_ready_held_back(&mut self, key: &OwnerKey) {
        self.ready.extend(self.held_back.remove(key).unwrap_or_default());
    }

    /// Owners of a session that is over hold nothing back.
    pub(super) fn release_held_back(&mut self) {
        self.ready.extend(std::mem::take(&mut self.held_back).into_values().flatten());
    }

    fn key(&self, call: CallId) -> Option<OwnerKey> {
        owner_key(&self.calls.get(&call)?.wish)
    }

    fn is_held_back(&self, call: CallId) -> bool {
        let held_back = self.key(call).and_then(|key| self.held_back.get(&key));
        held_back.is_some_and(|calls| calls.contains(&call))
    }

    /// A grant to it had ended before it was heard of: how often that was so.
    pub(super) fn count_ended(&mut self, call: CallId) -> u32 {
        let Some(acquiring) = self.calls.get_mut(&call) else { return 0 };
        acquiring.ended += 1;
        acquiring.ended
    }

    /// Whether the last answer to it was a refusal for load.
    pub(super) fn mark_load(&mut self, call: CallId, load: Load) {
        if let Some(acquiring) = self.calls.get_mut(&call) {
            acquiring.load = load;
        }
    }

    pub(super) fn is_try(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|acquiring| acquiring.wish.wait == Wait::Try)
    }

    fn remove(&mut self, call: CallId) -> Option<Acquiring> {
        self.ready.remove(&call);
        if let Some(key) = self.key(call)
            && let Some(held_back) = self.held_back.get_mut(&key)
        {
            held_back.remove(&call);
            if held_back.is_empty() {
                self.held_back.remove(&key);
            }
        }
        self.calls.remove(&call)
    }
}

impl Core {
    pub(super) fn start_acquire(&mut self, now: &Sample, call: CallId, wish: AcquireCall) {
        if self.life == Life::Closed {
            return self.decide(call, Err(Status::Closed.into()));
        }
        if wish.value.len() > VALUE_BYTES_MAX {
            let text =
                format!("a value has at most {VALUE_BYTES_MAX} bytes, not {}", wish.value.len());
            return self.decide(call, Err(Error::new(Status::Invalid, text)));
        }
        if self.acquires.calls.len() + self.leases.len() >= REQUESTS_PER_SESSION_MAX {
            let text = format!("a client has at most {REQUESTS_PER_SESSION_MAX} leases and waits");
            return self.decide(call, Err(Error::new(Status::Limit, text)));
        }
        let wait_over = match wish.wait {
            Wait::Try => Some(now.hint(self.options.request_timeout)),
            Wait::For(wait) => Some(now.hint(wait)),
            Wait::Forever => None,
        };
        self.timers.extend(wait_over.map(|at| (at, Timer::WaitOver(call))));
        let acquiring = Acquiring { wish, request: None, wait_over, ended: 0, load: Load::Unsaid };
        self.acquires.calls.insert(call, acquiring);
        self.acquires.ready.insert(call);
        self.want_session(now);
    }

    /// Gives requests to those that may have one: the session is believed in.
    pub(super) fn start_ready_acquires(&mut self) {
        while let Some(call) = self.acquires.ready.first().copied() {
            let Some(session) = &self.session else { return };
            if !session.window.has_room() {
                return;
            }
            self.acquires.ready.remove(&call);
            let Some(key) = self.acquires.key(call) else {
                self.submit_acquire(call, None);
                continue;
            };
            if let Some(token) = self.leases.owned(&key) {
                self.grant_again(call, token);
            } else if session.window.is_busy(&key) {
                self.acquires.held_back.entry(key).or_default().insert(call);
            } else {
                self.submit_acquire(call, Some(key));
            }
        }
    }

    fn submit_acquire(&mut self, call: CallId, key: Option<OwnerKey>) {
        let (Some(session), Some(acquiring)) =
            (&mut self.session, self.acquires.calls.get_mut(&call))
        else {
            return;
        };
        let wish = &acquiring.wish;
        let operation = Operation::Acquire(Acquire {
            name: wish.name.clone(),
            value: wish.value.clone(),
            mode: wish.mode,
            limit: wish.limit,
            permits: wish.permits,
            owner: Owner(wish.owner),
            delay_ms: wish.delay_ms,
            try_only: wish.wait == Wait::Try,
        });
        let purpose = Purpose::Acquire(call);
        let request = session.window.submit(operation, purpose, key, self.largest_token);
        acquiring.request = Some(request);
    }

    /// The owner has the lock: another handle on the same grant.
    fn grant_again(&mut self, call: CallId, token: Token) {
        let Some(acquiring) = self.take_acquire(call) else { return };
        let lease = self.leases.add_handle(token);
        let name = acquiring.wish.name;
        self.decide(call, Ok(Done::Acquired { lease, name, token }));
    }

    pub(super) fn take_acquire(&mut self, call: CallId) -> Option<Acquiring> {
        let acquiring = self.acquires.remove(call)?;
        if let Some(at) = acquiring.wait_over {
            self.timers.remove(&(at, Timer::WaitOver(call)));
        }
        Some(acquiring)
    }

    /// Takes back an undecided acquire; its withdrawal leaves with the next transmission (L14). Whether
    /// there was one.
    pub(super) fn withdraw(&mut self, call: CallId) -> bool {
        let Some(acquiring) = self.take_acquire(call) else { return false };
        if let (Some(request), Some(session)) = (acquiring.request, &mut self.session) {
            session.window.withdraw(request);
            self.wake_owner(&acquiring.wish);
        }
        true
    }

    fn wake_owner(&mut self, wish: &AcquireCall) {
        if let Some(key) = owner_key(wish) {
            self.acquires.make_ready_held_back(&key);
        }
    }

    pub(super) fn handle_wait_over(&mut self, call: CallId) {
        let Some(acquiring) = self.acquires.calls.get(&call) else { return };
        let error = match acquiring.wish.wait {
            _ if acquiring.load == Load::Refused => refusal_error(Refusal::Busy),
            Wait::Try if self.acquires.is_held_back(call) => {
                let text = "an earlier request of the same owner about this lock is not decided";
                Error::new(Status::Held, text)
            }
            Wait::Try => Error::new(Status::Unavailable, self.why_unavailable()),
            Wait::For(_) | Wait::Forever
                if self.session.is_none() || self.links.home().is_none() =>
            {
                let why = self.why_unavailable();
                Error::new(Status::Timeout, format!("{}; {why}", Status::Timeout.text()))
            }
            Wait::For(_) | Wait::Forever => Status::Timeout.into(),
        };
        self.withdraw(call);
        self.decide(call, Err(error));
    }

    /// The session in which it was asked is over: it queues again at the tail of the next one, a try
    /// does not.
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

    pub(super) fn fail_acquires(&mut self, error: Error) {
        let calls: Vec<CallId> = self.acquires.calls.keys().copied().collect();
        for call in calls {
            self.take_acquire(call);
            self.decide(call, Err(error.clone()));
        }
    }
}

/// Whose, about what; `None` for an owner of its own.
pub(super) fn owner_key(wish: &AcquireCall) -> Option<OwnerKey> {
    (wish.owner != 0).then(|| (Owner(wish.owner), wish.name.clone()))
}
