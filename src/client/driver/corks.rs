//! Corks: what a thread asks for while it has one need not leave at once, so that many calls leave in one turn.
//!
//! A call is handed to the core as ever, and what it ends here ends at once (L13). Only the turn in which the core says what to send
//! is put off: so nothing counts as sent before it leaves, and every start of a belief is sampled in the turn in which it does
//! (L19). Any other turn does it, whoever's it is: another thread's call, a wait, what comes from a server, a renewal that is due.

use super::obeying::Round;
use super::{Inner, Promise, Shared, Taken};
use crate::Error;
use crate::base::Sample;
use crate::base::time::nanos;
use crate::client::core::{CallId, Core};
use crate::sys::fork::OfProcess;
use crate::sys::{clock, exit, thread};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// The threads that have corked a client, and what has not left.
#[derive(Debug)]
pub(super) struct Corks {
    /// Each thread that has some, and how many.
    threads: Vec<(u64, u32)>,
    /// Calls since the last turn.
    calls: usize,
    /// When they leave at the latest, as a reading of BOOTTIME.
    until: u64,
    /// It is among those that an end of the process sends.
    is_known: bool,
}

impl Corks {
    pub(super) fn new() -> Self {
        Self { threads: Vec::new(), calls: 0, until: u64::MAX, is_known: false }
    }

    fn add(&mut self, thread: u64) {
        match self.threads.iter_mut().find(|(other, _)| *other == thread) {
            Some((_, count)) => *count += 1,
            None => self.threads.push((thread, 1)),
        }
    }

    /// Whether `thread` had one; then it has one less.
    fn remove(&mut self, thread: u64) -> bool {
        let Some(at) = self.threads.iter().position(|(other, _)| *other == thread) else {
            return false;
        };
        self.threads[at].1 -= 1;
        if self.threads[at].1 == 0 {
            self.threads.swap_remove(at);
        }
        true
    }

    /// Whether this thread has one.
    fn is_on(&self) -> bool {
        !self.threads.is_empty() && self.has(thread::number())
    }

    fn has(&self, thread: u64) -> bool {
        self.threads.iter().any(|(other, _)| *other == thread)
    }

    /// One more call: whether it may wait for others.
    fn take_call(&mut self, now: &Sample) -> bool {
        if self.calls == 0 {
            self.until = now.boot().saturating_add(nanos(DELAY_MAX));
        }
        self.calls += 1;
        self.calls < CALLS_MAX
    }

    /// Everything leaves.
    pub(super) fn reset(&mut self) {
        (self.calls, self.until) = (0, u64::MAX);
    }

    /// When what waits leaves at the latest, as a reading of BOOTTIME.
    pub(super) fn until(&self) -> u64 {
        self.until
    }

    /// Whether something waits to leave.
    pub(super) fn has_calls(&self) -> bool {
        self.calls > 0
    }
}

impl Shared {
    /// The calls of this thread may leave later, until `uncork`.
    ///
    /// # Errors
    /// FORKED, or INTERNAL once there was a panic.
    pub(in crate::client) fn cork(self: &Arc<Self>) -> Result<(), Error> {
        let mut inner = self.lock()?;
        inner.check_whole()?;
        inner.corks.add(thread::number());
        if !std::mem::replace(&mut inner.corks.is_known, true) {
            remember(self);
        }
        Ok(())
    }

    /// Takes back one cork of `thread`; with its last one all that waits leaves. Whether there was one.
    ///
    /// # Errors
    /// As for `cork`.
    pub(in crate::client) fn uncork(&self, thread: u64) -> Result<bool, Error> {
        let mut inner = self.lock()?;
        let had_one = inner.corks.remove(thread);
        if !inner.corks.has(thread) {
            inner.flush_corked()?;
        }
        Ok(had_one)
    }

    /// What waits leaves now.
    ///
    /// # Errors
    /// As for `cork`.
    pub(in crate::client) fn flush_corked(&self) -> Result<(), Error> {
        self.lock()?.flush_corked()
    }

    /// As `with`, for what may leave later.
    ///
    /// # Errors
    /// As for `with`.
    pub(in crate::client) fn with_corked<T>(
        &self,
        input: impl FnOnce(&mut Inner, &Sample) -> T,
    ) -> Result<T, Error> {
        let mut inner = self.lock()?;
        let result = inner.guarded(|inner| {
            let now = clock::sample();
            let value = input(inner, &now);
            inner.follow(now);
            value
        });
        inner.set_alarm_corked();
        result
    }

    /// As `call_corked`, of what nobody waits for: tells only what is decided at once.
    ///
    /// # Errors
    /// As for `with`.
    pub(in crate::client) fn call_unattended(
        &self,
        call: impl FnOnce(&mut Core, &Sample) -> CallId,
    ) -> Result<Taken, Error> {
        let mut inner = self.lock()?;
        let result = inner.guarded(|inner| {
            let now = clock::sample();
            inner.see_fired(&now);
            inner.see_lapse();
            let id = call(&mut inner.core, &now);
            inner.unattended = Some((id, Taken::Undecided));
            inner.follow(now);
            inner.unattended.take().map_or(Taken::Undecided, |(_, taken)| taken)
        });
        inner.set_alarm_corked();
        result
    }

    /// As `call`, for what may leave later.
    ///
    /// # Errors
    /// As for `with`.
    pub(in crate::client) fn call_corked(
        &self,
        call: impl FnOnce(&mut Core, &Sample) -> CallId,
    ) -> Result<(CallId, Arc<Promise>), Error> {
        self.with_corked(|inner, now| {
            let id = call(&mut inner.core, now);
            (id, inner.promise_of(id))
        })
    }
}

impl Inner {
    /// What is due is done in time. What waits to leave is soon, and the end of a wait that is sooner is seen then.
    fn set_alarm_corked(&mut self) {
        match self.corks.has_calls() {
            true => self.alarm.set(self.corks.until()),
            false => self.set_alarm(),
        }
    }

    /// What follows from a call: a turn, or, if this thread has corked it, only what the core has said by itself.
    fn follow(&mut self, now: Sample) {
        if !self.corks.is_on() || !self.corks.take_call(&now) {
            return self.settle(now);
        }
        let said = self.core.take_said();
        let round = self.perform(said, Round::default());
        if !round.is_over() {
            self.hang_up(round);
            self.settle(clock::sample());
        }
    }

    /// What waits leaves now.
    pub(super) fn flush_corked(&mut self) -> Result<(), Error> {
        if !self.corks.has_calls() {
            return self.check_whole();
        }
        let result = self.guarded(|inner| inner.settle(clock::sample()));
        self.set_alarm();
        result
    }
}

/// The clients of this process that were ever corked.
#[derive(Debug, Default)]
struct Known {
    clients: Mutex<Vec<Weak<Shared>>>,
    /// The end of the process is known to send what they have.
    is_registered: AtomicBool,
}

static KNOWN: OfProcess<Known> = OfProcess::new();

/// A process that ends by `exit`, or by a return from `main`, sends what its threads left corked.
fn remember(client: &Arc<Shared>) {
    let known = KNOWN.value();
    let mut clients = known.clients.lock();
    clients.retain(|known| known.strong_count() > 0);
    clients.push(Arc::downgrade(client));
    if !known.is_registered.swap(true, Ordering::SeqCst) {
        exit::at_exit(flush_all);
    }
}

/// On the thread that ends the process, while others may still run. A child that was forked has nothing of its parent's to send.
extern "C" fn flush_all() {
    let clients = KNOWN.value().clients.try_lock().map(|clients| clients.clone());
    let clients = clients.unwrap_or_default();
    for client in clients.iter().filter_map(Weak::upgrade).filter(|client| !client.is_forked()) {
        // Nobody is there to be told of a failure.
        if let Some(mut inner) = client.inner.try_lock_for(EXIT_WAIT) {
            let _ = inner.flush_corked();
        }
    }
}

/// More do not share a system call: theirs is shared by enough, and the servers have something to do.
const CALLS_MAX: usize = 64;
/// Longer than what a program does between two of many calls, and shorter than what a person or a lease notices.
const DELAY_MAX: Duration = Duration::from_millis(5);
/// A thread that has a client at the end of the process has it for a turn.
const EXIT_WAIT: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
