//! What Rust programs call; the C header is the same, function by function.

use super::data::{AcquireOptions, ClientOptions, Holder, LeaseState, SessionInfo, client_name};
use super::driver::{Given, LeaseState as State, Shared, Slot, Taken, Waiter};
use super::{Operator, endpoints, status};
use crate::base::time::nanos;
use crate::base::{SessionId, SessionKey, Token};
use crate::client::core::{AcquireCall, CallId, CoreOptions, EndReason, SessionState, Wait};
use crate::lock::Name;
use crate::sys::{clock, random};
use crate::wire::{NodeStatus, Order, OrderAnswer, Query, ReadAnswer};
use crate::{Error, Status};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

/// A connection to a cluster, and the session in it. Thread-safe; clones share it. The session ends with
/// `close`, or some time after the last clone, lease and pending call is dropped.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) handle: Arc<Handle>,
}

/// What a client, its leases and its pending calls have in common: they may be dropped in any order, and
/// with the last of them the session is closed in the background.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Never waits. In a forked child it says nothing: the session is the parent's.
        let _ = self.shared.with(|inner, now| inner.core.close(now));
    }
}

impl Client {
    /// Connects to the cluster of which `endpoints` ("host:port,…") are nodes, and makes a session.
    ///
    /// # Errors
    /// INVALID for malformed endpoints; UNAVAILABLE says which nodes were tried and why each failed.
    pub fn open(endpoints: &str, options: ClientOptions) -> Result<Self, Error> {
        let endpoints = endpoints::parse(endpoints)?;
        let core_options = CoreOptions {
            endpoints,
            client: client_name(options.name)?,
            ttl: options.ttl,
            connect_timeout: options.connect_timeout,
            request_timeout: options.request_timeout,
            progress: options.progress,
            key: SessionKey(random::bytes16()),
            seed: random::seed(),
        };
        let shared = Shared::start(core_options)
            .map_err(|error| Error::new(Status::Io, format!("a client cannot start: {error}")))?;
        let client = Self { handle: Arc::new(Handle { shared }) };
        let waiter = Arc::new(Waiter::default());
        client.shared().with(|inner, _| inner.set_opener(Some(Arc::clone(&waiter))))?;
        if !options.background {
            client.wait_for_session(&waiter, options.connect_timeout)?;
        }
        client.shared().with(|inner, _| inner.set_opener(None))?;
        Ok(client)
    }

    fn wait_for_session(&self, waiter: &Arc<Waiter>, timeout: Duration) -> Result<(), Error> {
        let until = clock::boot_nanos().saturating_add(nanos(timeout));
        let is_open = |state| state != SessionState::Ended;
        self.shared().wait(waiter, Some(until), |inner| {
            is_open(inner.core.session(&clock::sample_end()).0)
        })?;
        let (state, why) = self
            .shared()
            .look(|inner, now| (inner.core.session(now).0, inner.core.why_unavailable()))?;
        if is_open(state) { Ok(()) } else { Err(Error::new(Status::Unavailable, why)) }
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    /// The session as known here. Local.
    #[must_use]
    pub fn session(&self) -> SessionInfo {
        let known = self.shared().look(|inner, now| {
            let (state, session) = inner.core.session(now);
            SessionInfo {
                state,
                session: session.unwrap_or_default(),
                remaining: inner.core.session_remaining(now),
                ttl: inner.core.ttl(),
                leases: u32::try_from(inner.core.lease_count()).unwrap_or(u32::MAX),
            }
        });
        // In a forked child, or after a failure, there is none.
        known.unwrap_or(SessionInfo {
            state: SessionState::Ended,
            session: SessionId(0),
            remaining: Duration::ZERO,
            ttl: Duration::ZERO,
            leases: 0,
        })
    }

    /// Acquires `name`: [`Client::acquire_start`], then [`Pending::take`].
    ///
    /// # Errors
    /// TIMEOUT, HELD (a try), UNAVAILABLE, INVALID, CLOSED, SESSION_EXPIRED, …
    pub fn acquire(&self, name: &str, wait: Wait, options: AcquireOptions) -> Result<Lease, Error> {
        self.acquire_start(name, wait, options)?.take(Wait::Forever)
    }

    /// Begins to acquire `name` and returns at once.
    ///
    /// # Errors
    /// INVALID, CLOSED, FORKED.
    pub fn acquire_start(
        &self,
        name: &str,
        wait: Wait,
        options: AcquireOptions,
    ) -> Result<Pending, Error> {
        let AcquireOptions { value, owner, mode, limit, permits, lock_delay } = options;
        let delay_ms = u32::try_from(lock_delay.as_millis()).unwrap_or(u32::MAX);
        let (permits, also) = (permits.max(1), Vec::new());
        let name = checked(name)?;
        let wish = AcquireCall { name, also, wait, value, owner, mode, limit, permits, delay_ms };
        let (call, slot) = self.shared().call(|core, now| core.acquire(now, wish))?;
        Ok(Pending { handle: Arc::clone(&self.handle), call, slot })
    }

    /// Who holds `name`, linearizably; `None` if vacant.
    ///
    /// # Errors
    /// UNAVAILABLE, INVALID, CLOSED, …
    pub fn holder_of(&self, name: &str) -> Result<Option<Holder>, Error> {
        match self.read(Query::Lock { name: checked(name)? })? {
            ReadAnswer::Lock { lock, .. } => {
                Ok(lock.filter(|lock| lock.token != Token(0)).map(|lock| Holder {
                    token: lock.token,
                    client: lock.client,
                    value: lock.value,
                    since_unix_ms: lock.since_unix_ms,
                }))
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Whether `token` holds `name` now, at the server.
    ///
    /// # Errors
    /// As for `holder_of`.
    pub fn validate(&self, name: &str, token: Token) -> Result<bool, Error> {
        match self.read(Query::Validate { name: checked(name)?, token })? {
            ReadAnswer::Valid(valid) => Ok(valid),
            other => Err(unexpected(&other)),
        }
    }

    /// Any linearizable read.
    ///
    /// # Errors
    /// As for `holder_of`.
    pub fn read(&self, query: Query) -> Result<ReadAnswer, Error> {
        let (_, slot) = self.shared().call(|core, now| core.read(now, query))?;
        self.shared().wait_for(&slot, None)?;
        match slot.take() {
            Taken::Given(Given::Read(answer)) => Ok(answer),
            Taken::Failed(error) => Err(error),
            other => Err(bug(&other)),
        }
    }

    /// Asks each configured node for its own status: in the order of the endpoints, an error for one that
    /// does not answer within `timeout`. Needs no quorum and no session: an associated function.
    pub fn status_of(
        endpoints: &str,
        timeout: Duration,
    ) -> Vec<(String, Result<NodeStatus, Error>)> {
        match endpoints::parse(endpoints) {
            Ok(endpoints) => status::ask_all(endpoints, timeout),
            Err(error) => vec![(endpoints.to_owned(), Err(error))],
        }
    }

    /// Gives the leader an order: [`Operator::connect`], then [`Operator::order`].
    ///
    /// # Errors
    /// As for those two.
    pub fn order_of(
        endpoints: &str,
        order: &Order,
        timeout: Duration,
    ) -> Result<OrderAnswer, Error> {
        Operator::connect(endpoints, timeout)?.order(order)
    }

    /// Ends the session and all its leases: belief ends at once; waits at most `wait` for the server.
    /// Waiting calls return CLOSED.
    ///
    /// # Errors
    /// TIMEOUT: the server did not answer in time; its TTL will free the locks.
    pub fn close(&self, wait: Wait) -> Result<(), Error> {
        let (call, slot) = self.shared().call(|core, now| core.close(now))?;
        let done = wait_for_done(&self.handle, call, &slot, wait)?;
        done.unwrap_or_else(|| {
            let text =
                "no leader answered the close in time; the locks are freed when the TTL is over";
            Err(Error::new(Status::Timeout, text))
        })
    }
}

/// An acquire that is under way. Dropped before it is taken it is withdrawn, or released.
#[derive(Debug)]
pub struct Pending {
    handle: Arc<Handle>,
    call: CallId,
    slot: Arc<Slot>,
}

impl Pending {
    /// Readable once decided; `None` when the process has no file descriptor left.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        self.handle.shared.event_fd(&self.slot)
    }

    /// The lease, or why there is none; waits at most `wait` for the decision (AGAIN after it).
    ///
    /// # Errors
    /// AGAIN while undecided; else as for `acquire`. Once: INVALID afterwards.
    pub fn take(&self, wait: Wait) -> Result<Lease, Error> {
        if self.handle.shared.is_forked() {
            return Err(Status::Forked.into());
        }
        if wait != Wait::Try {
            self.handle.shared.wait_for(&self.slot, until(wait))?;
        }
        match self.slot.take() {
            Taken::Given(Given::Lease(state)) => {
                Ok(Lease { handle: Arc::clone(&self.handle), state })
            }
            Taken::Failed(error) => Err(error),
            Taken::Undecided => Err(Status::Again.into()),
            Taken::Nothing => Err(Error::new(Status::Invalid, "this call was taken before")),
            other => Err(bug(&other)),
        }
    }

    /// Withdraws it, from any thread; `take` gives CANCELLED.
    pub fn cancel(&self) {
        // In a forked child there is nothing to withdraw.
        let _ = self.handle.shared.with(|inner, now| inner.core.cancel(now, self.call));
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.handle.shared.is_forked() {
            return;
        }
        // After a failure there is nothing to withdraw.
        let _ = self.handle.shared.with(|inner, now| match self.slot.take() {
            Taken::Undecided => {
                inner.forget(self.call);
                inner.core.cancel(now, self.call);
            }
            Taken::Given(Given::Lease(state)) => {
                inner.core.release(now, state.id);
            }
            _ => {}
        });
    }
}

/// A grant, as long as it may be believed in. Thread-safe. Dropped it is released in the background.
#[derive(Debug)]
pub struct Lease {
    handle: Arc<Handle>,
    state: Arc<State>,
}

impl Lease {
    /// What is held.
    #[must_use]
    pub fn name(&self) -> &str {
        self.state.name.as_str()
    }

    /// The fencing token.
    #[must_use]
    pub fn token(&self) -> Token {
        self.state.token
    }

    /// How long it may still be believed in; zero means never again. Local and lock-free: two atomic
    /// loads around a reading of the clocks.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        if self.handle.shared.is_forked() { Duration::ZERO } else { self.state.remaining() }
    }

    /// As [`Lease::remaining`], in nanoseconds.
    #[must_use]
    pub fn remaining_ns(&self) -> u64 {
        nanos(self.remaining())
    }

    /// Held, or ended and why.
    #[must_use]
    pub fn state(&self) -> LeaseState {
        if self.handle.shared.is_forked() {
            return LeaseState::Ended(EndReason::Forked);
        }
        match self.state.ended() {
            Some(reason) => LeaseState::Ended(reason),
            None if self.state.remaining().is_zero() => LeaseState::Ended(EndReason::Expired),
            None => LeaseState::Held,
        }
    }

    /// Readable no later than `remaining` reaches zero; `None` when the process has no descriptor left.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        self.handle.shared.timer_fd(&self.state)
    }

    /// Releases it: belief ends at once, then waits at most `wait` for the server's word. With a wait of
    /// zero (`Wait::Try`) it returns at once and the release goes on in the background.
    ///
    /// # Errors
    /// LOST if it had ended; UNKNOWN, TIMEOUT: not answered in time, going on in the background.
    pub fn release(&self, wait: Wait) -> Result<(), Error> {
        let lease = self.state.id;
        let (call, slot) = self.handle.shared.call(|core, now| core.release(now, lease))?;
        let done = wait_for_done(&self.handle, call, &slot, wait)?;
        done.unwrap_or_else(|| {
            let text = "the release is not answered yet; it goes on in the background";
            Err(Error::new(Status::Unknown, text))
        })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.handle.shared.is_forked() || self.state.ended().is_some() {
            return;
        }
        // After a failure there is nothing to release.
        let _ = self.handle.shared.with(|inner, now| inner.core.release(now, self.state.id));
    }
}

/// What a release or close gave; `None` if it is undecided when the wait is over. A try asks only for what
/// is known already.
fn wait_for_done(
    handle: &Handle,
    call: CallId,
    slot: &Slot,
    wait: Wait,
) -> Result<Option<Result<(), Error>>, Error> {
    if wait != Wait::Try {
        handle.shared.wait_for(slot, until(wait))?;
    }
    let done = match slot.take() {
        Taken::Given(_) => Some(Ok(())),
        Taken::Failed(error) => Some(Err(error)),
        Taken::Nothing => Some(Err(bug(&Taken::Nothing))),
        Taken::Undecided => None,
    };
    if done.is_none() {
        handle.shared.with(|inner, _| inner.forget(call))?;
    }
    Ok(done.or_else(|| (wait == Wait::Try).then_some(Ok(()))))
}

fn until(wait: Wait) -> Option<u64> {
    match wait {
        Wait::Try => Some(0),
        Wait::For(wait) => Some(clock::boot_nanos().saturating_add(nanos(wait))),
        Wait::Forever => None,
    }
}

fn checked(name: &str) -> Result<Name, Error> {
    Name::try_from(name).map_err(|error| Error::new(Status::Invalid, error.to_string()))
}

fn unexpected(answer: &ReadAnswer) -> Error {
    Error::new(Status::Internal, format!("the server answered another question: {answer:?}"))
}

fn bug(taken: &Taken) -> Error {
    Error::new(Status::Internal, format!("a call was decided as {taken:?}"))
}
