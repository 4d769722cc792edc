//! A promise: the result of a call, set once, and the waking of the thread that waits for it.

use super::lease::SharedLease;
use crate::sys::Descriptor;
use crate::sys::clock;
use crate::sys::event::EventFd;
use crate::wire::ReadAnswer;
use crate::{Error, Status};
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The value of a call that succeeded.
#[derive(Debug)]
pub(crate) enum CallResult {
    Lease(Arc<SharedLease>),
    Read(ReadAnswer),
    Done,
}

/// The promise of one call. Written and read under the client's mutex, so its inner mutex is never
/// contended.
#[derive(Debug)]
pub(crate) struct Promise {
    /// Made for the first thread that waits: most calls of a program that has many under way are decided before.
    waiter: OnceLock<Arc<Waiter>>,
    state: Mutex<State>,
    event: OnceLock<Arc<EventFd>>,
}

/// Where a thread sleeps until a result is there: one at a time.
#[derive(Debug, Default)]
pub(crate) struct Waiter {
    /// How often the waiter was woken. A mutex of its own, held for a moment at a time: the
    /// client's must be free when a thread falls asleep.
    told: Mutex<u64>,
    condvar: Condvar,
    is_waiting: AtomicBool,
}

/// The right of one thread to wait and take the result, until it is dropped.
#[derive(Debug)]
pub(super) struct Waits<'a>(&'a AtomicBool);

impl Waiter {
    /// Claims the wait until a reading of BOOTTIME. A look does not wait and claims nothing:
    /// `None`.
    ///
    /// # Errors
    /// INVALID: another thread waits already; each would get a part.
    pub(super) fn begin(&self, until: Option<u64>) -> Result<Option<Waits<'_>>, Error> {
        let is_look = until.is_some_and(|until| until <= clock::boot_nanos());
        let is_taken = match is_look {
            true => self.is_waiting.load(Ordering::SeqCst),
            false => self.is_waiting.swap(true, Ordering::SeqCst),
        };
        if is_taken {
            let text = "another thread waits in this call already: one at a time";
            return Err(Error::new(Status::Invalid, text));
        }
        Ok((!is_look).then_some(Waits(&self.is_waiting)))
    }

    /// Wakes the waiting threads. Under the client's mutex.
    pub(super) fn tell(&self) {
        *self.told.lock() += 1;
        self.condvar.notify_all();
    }

    /// How often the waiter was woken. Read under the client's mutex, so that `sleep` misses no
    /// wake after it.
    pub(super) fn told(&self) -> u64 {
        *self.told.lock()
    }

    /// Sleeps until a wake after `told`, or for `timeout`.
    pub(super) fn sleep(&self, told: u64, timeout: Option<Duration>) {
        let mut now = self.told.lock();
        let is_same = |now: &mut u64| *now == told;
        match timeout {
            Some(timeout) => drop(self.condvar.wait_while_for(&mut now, is_same, timeout)),
            None => self.condvar.wait_while(&mut now, is_same),
        }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

#[derive(Debug)]
enum State {
    Undecided,
    Decided(Result<CallResult, Error>),
    Taken,
}

/// The content of a promise.
#[derive(Debug)]
pub(crate) enum Taken {
    Undecided,
    Decided(CallResult),
    Failed(Error),
    /// Taken before.
    Nothing,
}

impl Promise {
    pub(super) fn new() -> Arc<Self> {
        let state = Mutex::new(State::Undecided);
        Arc::new(Self { waiter: OnceLock::new(), state, event: OnceLock::new() })
    }

    /// Who waits is told with this.
    pub(super) fn waiter(&self) -> &Arc<Waiter> {
        self.waiter.get_or_init(Arc::default)
    }

    /// The same, if anybody has waited.
    pub(super) fn used_waiter(&self) -> Option<&Arc<Waiter>> {
        self.waiter.get()
    }

    /// Sets the result, the first one for good, and wakes the waiting thread.
    pub(super) fn decide(&self, result: Result<CallResult, Error>) {
        let mut state = self.state.lock();
        if matches!(*state, State::Undecided) {
            *state = State::Decided(result);
        }
        if let Some(event) = self.event.get() {
            event.set();
        }
        if let Some(waiter) = self.waiter.get() {
            waiter.tell();
        }
    }

    pub(crate) fn take(&self) -> Taken {
        let mut state = self.state.lock();
        if matches!(*state, State::Undecided) {
            return Taken::Undecided;
        }
        match std::mem::replace(&mut *state, State::Taken) {
            State::Decided(Ok(given)) => Taken::Decided(given),
            State::Decided(Err(error)) => Taken::Failed(error),
            State::Undecided | State::Taken => Taken::Nothing,
        }
    }

    pub(crate) fn is_decided(&self) -> bool {
        !matches!(*self.state.lock(), State::Undecided)
    }

    /// Whether the result was taken: nothing is left to clean up here.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(*self.state.lock(), State::Taken)
    }

    /// Readable once decided; made at the first call, under the client's mutex.
    pub(super) fn event_fd(&self) -> Option<Descriptor> {
        if self.event.get().is_none() {
            let event = EventFd::new().ok()?;
            if self.is_decided() {
                event.set();
            }
            let _ = self.event.set(Arc::new(event));
        }
        self.event.get().cloned().map(Descriptor::of)
    }
}
