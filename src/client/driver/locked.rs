//! A client's mutex, taken, and the duties of its holder after unlocking.
//!
//! Lines for the log are logged after unlocking, since the host's code may take its time. And the
//! reactor's thread, which waits for no client, is called if it came meanwhile. That thread sets a
//! flag that it came, and tries once more; the holder unlocks, and then looks at the flag. So one
//! of the two sees the other: both have a fence in between.

use super::background::Patience;
use super::reactor::say;
use super::{Inner, Shared};
use parking_lot::MutexGuard;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

/// The state of one client, for one thread.
#[derive(Debug)]
pub(super) struct Locked<'a> {
    shared: &'a Shared,
    /// `Some` until the drop.
    guard: Option<MutexGuard<'a, Inner>>,
}

impl<'a> Locked<'a> {
    pub(super) fn new(shared: &'a Shared, guard: MutexGuard<'a, Inner>) -> Self {
        Self { shared, guard: Some(guard) }
    }

    /// Frees the mutex while `body` runs, which may take long: lines so far go to the log thread
    /// first.
    pub(super) fn unlocked<T>(&mut self, body: impl FnOnce() -> T) -> T {
        let lines = std::mem::take(&mut self.lines);
        self.reactor.log.say(lines);
        let shared = self.shared;
        MutexGuard::unlocked(self.guard.as_mut().expect(PRESENT), || {
            shared.freed();
            body()
        })
    }
}

impl Deref for Locked<'_> {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        self.guard.as_deref().expect(PRESENT)
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Inner {
        self.guard.as_deref_mut().expect(PRESENT)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        self.guard = None;
        self.shared.freed();
        say(lines);
    }
}

impl Shared {
    /// After unlocking: calls the reactor's thread if it came meanwhile.
    fn freed(&self) {
        fence(Ordering::SeqCst);
        if self.is_awaited.load(Ordering::Relaxed) && self.is_awaited.swap(false, Ordering::SeqCst)
        {
            self.bell.ring();
        }
    }

    /// For the reactor's thread. `None`: a thread has the mutex, and rings the bell after
    /// unlocking.
    pub(super) fn lock_or_be_called(&self, patience: Patience) -> Option<MutexGuard<'_, Inner>> {
        let free = self.inner.try_lock();
        let locked = free.or_else(|| {
            self.is_awaited.store(true, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            match patience {
                Patience::None => self.inner.try_lock(),
                Patience::Brief => self.inner.try_lock_for(MOMENT),
            }
        })?;
        self.is_awaited.store(false, Ordering::SeqCst);
        Some(locked)
    }
}

const PRESENT: &str = "it is there until this is dropped";
/// A thread that waits so long gets the mutex next (parking_lot is fair after half a millisecond).
const MOMENT: Duration = Duration::from_millis(1);
