//! Drives the core: connections, clocks, the thread that all clients share, and the threads that call.
//!
//! All state of a client is behind one mutex, in [`Inner`]. The thread that holds it hands input to
//! the core and obeys the core's actions at once, sends included: a call's bytes leave on the
//! calling thread. Answers are read by waiting threads: the first one goes on *poll duty*
//! ([`poll_duty`]) and polls the client's sockets itself, because a wake of a thread on another
//! core costs 25 µs. While nobody waits the reactor's thread polls the sockets ([`reactor`]), those
//! of all clients of the process; it serves their timers always ([`alarm`]).
//!
//! The belief of a lease is read without the mutex ([`published`]).

mod alarm;
mod background;
mod certificates;
mod corks;
mod dialing;
mod feed;
mod inner;
mod lease;
mod link;
mod locked;
mod loss_timers;
mod obeying;
mod poll_duty;
mod promise;
mod published;
mod reactor;
mod shared_deadline;
mod subscriptions;
mod tally;

pub(super) use feed::{Coalesce, Feed};
pub(super) use inner::Inner;
pub(super) use lease::SharedLease;
pub(super) use promise::{CallResult, Promise, Taken, Waiter};
pub(super) use tally::Tally;

use crate::base::Sample;
use crate::client::core::{CallId, Core, CoreOptions};
use crate::net::{LocalNode, TlsDialer};
use crate::sys::{Descriptor, clock, fork};
use crate::{Error, Status};
use background::Errand;
use locked::Locked;
use parking_lot::Mutex;
use reactor::{Bell, Reactor};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// One client, shared by its handles and its reactor.
#[derive(Debug)]
pub(super) struct Shared {
    inner: Mutex<Inner>,
    /// The reactor's thread found the mutex taken, and wants to be called.
    is_awaited: AtomicBool,
    /// Calls the reactor's thread.
    bell: Bell,
    /// Input for the next turn; a mutex that is never held for long.
    errands: Mutex<Vec<Errand>>,
    /// The fork generation of the process that opened the client (L20).
    generation: u32,
}

impl Shared {
    /// Joins the reactor and starts the core, which dials. A node of this process is reached
    /// without a socket.
    ///
    /// # Errors
    /// The process has no file descriptor or thread left.
    pub(super) fn start(
        options: CoreOptions,
        local: Option<LocalNode>,
        tls: Option<TlsDialer>,
    ) -> io::Result<Arc<Self>> {
        let core = Core::new(options, &clock::sample());
        Reactor::join(|reactor, member, bell| {
            Arc::new_cyclic(|weak| {
                let membership = (reactor, member, bell.clone());
                let mut inner = Inner::new(core, membership, weak.clone());
                (inner.local, inner.tls) = (local, tls);
                let (inner, errands) = (Mutex::new(inner), Mutex::default());
                let (is_awaited, generation) = (AtomicBool::new(false), fork::generation());
                Self { inner, is_awaited, bell, errands, generation }
            })
        })
    }

    /// Whether this is a forked child of the process that opened the client: then the mutex may be
    /// held by a thread that does not exist here, and must not be touched.
    pub(super) fn is_forked(&self) -> bool {
        fork::generation() != self.generation
    }

    fn lock(&self) -> Result<Locked<'_>, Error> {
        if self.is_forked() {
            return Err(Status::Forked.into());
        }
        Ok(Locked::new(self, self.inner.lock()))
    }

    /// Hands input to the core and obeys its actions.
    ///
    /// # Errors
    /// FORKED, or INTERNAL once there was a panic.
    pub(super) fn with<T>(&self, input: impl FnOnce(&mut Inner, &Sample) -> T) -> Result<T, Error> {
        let mut inner = self.lock()?;
        let result = inner.guarded(|inner| {
            let now = clock::sample();
            let value = input(inner, &now);
            inner.settle(now);
            value
        });
        inner.set_alarm();
        result
    }

    /// Drops the promise of a call that nobody waits for any more, without further effect.
    ///
    /// # Errors
    /// As for `with`.
    pub(super) fn forget(&self, call: CallId) -> Result<(), Error> {
        self.lock()?.guarded(|inner| inner.forget(call))
    }

    /// Reads the state, without any effect.
    ///
    /// # Errors
    /// As for `with`.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Inner, &Sample) -> T) -> Result<T, Error> {
        self.lock()?.guarded(|inner| look(inner, &clock::sample()))
    }

    /// As `look`, for `{:?}`: `None` in a forked child, and while another thread has the client.
    pub(super) fn glance<T>(&self, look: impl FnOnce(&Inner) -> T) -> Option<T> {
        if self.is_forked() {
            return None;
        }
        self.inner.try_lock().map(|inner| look(&Locked::new(self, inner)))
    }

    /// Makes a call; the promise will hold its result.
    ///
    /// # Errors
    /// As for `with`.
    pub(super) fn call(
        &self,
        call: impl FnOnce(&mut Core, &Sample) -> CallId,
    ) -> Result<(CallId, Arc<Promise>), Error> {
        self.with(|inner, now| {
            let id = call(&mut inner.core, now);
            (id, inner.promise_of(id))
        })
    }

    /// Waits for the result, at most until a reading of BOOTTIME.
    ///
    /// # Errors
    /// As for `with`; INVALID while another thread waits for it.
    pub(super) fn wait_for(&self, promise: &Promise, until: Option<u64>) -> Result<(), Error> {
        // Made before the mutex is taken, under which it is decided: who decides it later tells.
        let waiter = promise.waiter();
        let _waits = waiter.begin(until)?;
        self.wait(waiter, until, |_| promise.is_decided())
    }

    /// The descriptor that is readable once `promise` is decided.
    pub(super) fn event_fd(&self, promise: &Promise) -> Option<Descriptor> {
        self.look(|_, _| promise.event_fd()).ok().flatten()
    }

    /// The descriptor that `descriptor` gives, or why there is none.
    ///
    /// # Errors
    /// FORKED, CLOSED, INTERNAL; LIMIT: the process has no descriptor left.
    pub(super) fn described(
        &self,
        descriptor: impl FnOnce(&Self) -> Option<Descriptor>,
    ) -> Result<Descriptor, Error> {
        self.look(|_, _| ())?;
        descriptor(self).ok_or_else(|| Error::new(Status::Limit, Descriptor::NONE_LEFT))
    }

    /// The next item of `feed`; `None`: none until a reading of BOOTTIME.
    ///
    /// # Errors
    /// As for `with`; CLOSED once all is read; INVALID while another thread reads it.
    pub(super) fn next<T: Coalesce>(
        &self,
        feed: &Feed<T>,
        until: Option<u64>,
    ) -> Result<Option<T>, Error> {
        if self.is_forked() {
            return Err(Status::Forked.into());
        }
        let _waits = feed.waiter.begin(until)?;
        self.wait(&feed.waiter, until, |_| feed.has_something())?;
        self.look(|_, _| feed.take())?
    }

    /// The descriptor that is readable while `feed` has an item.
    pub(super) fn feed_fd<T: Coalesce>(&self, feed: &Feed<T>) -> Option<Descriptor> {
        self.look(|_, _| feed.event_fd()).ok().flatten()
    }
}

impl Inner {
    /// Runs `body`; a panic in it ends this client alone, and not the host.
    fn guarded<T>(&mut self, body: impl FnOnce(&mut Self) -> T) -> Result<T, Error> {
        self.check_whole()?;
        match catch_unwind(AssertUnwindSafe(|| body(self))) {
            Ok(value) => Ok(value),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.into()));
                self.fail(text.unwrap_or_default());
                self.check_whole().and(Err(Status::Internal.into()))
            }
        }
    }
}
