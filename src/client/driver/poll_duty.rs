//! Poll duty: the one waiting thread that polls the sockets itself (leader of a leader/followers pattern).
//!
//! Others sleep on their own condition variables and are woken when their call is decided, or when
//! the duty is free. The thread on duty takes the home link out of the reactor's poll, so that an
//! answer wakes one thread; deadlines, the ends of waits included, are served by the reactor's
//! thread, too. Correctness does not rest on the duty: any thread reads a socket under the mutex,
//! until nothing is left, and gives the input to the core. If the process has no descriptor left to
//! interrupt a poll, all waiting threads sleep.

use super::locked::Locked;
use super::promise::Waiter;
use super::{Inner, Shared};
use crate::client::core::LinkId;
use crate::sys::clock;
use crate::sys::event::EventFd;
use crate::sys::poll::{self, Interest, Ready};
use crate::{Error, Status};
use std::cell::Cell;
use std::collections::VecDeque;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

/// The thread on duty, and all waits.
#[derive(Debug)]
pub(super) struct PollDuty {
    holder: Option<Holder>,
    /// The link that the reactor does not poll meanwhile.
    paused: Option<LinkId>,
    sleepers: VecDeque<Ticket>,
    /// The waits of all threads.
    waits: Vec<Waiting>,
    last_ticket: u64,
    /// Interrupts the holder's poll, if there is a holder.
    event: Option<EventFd>,
    /// `event` is set, and the holder has not seen it yet.
    is_interrupted: Cell<bool>,
}

/// The number of one wait of one thread: several may wait for the same promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticket(u64);

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    waiter: Arc<Waiter>,
    /// The end of the wait, a reading of BOOTTIME; `u64::MAX`: for ever, or woken already for its
    /// end.
    until: u64,
}

#[derive(Debug)]
struct Holder {
    ticket: Ticket,
    activity: Activity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    /// In poll(2), without the mutex.
    Polling,
    /// With the mutex.
    Driving,
}

impl PollDuty {
    pub(super) fn new() -> Self {
        let (sleepers, waits, is_interrupted) = (VecDeque::new(), Vec::new(), Cell::new(false));
        let (holder, paused, event) = (None, None, None);
        Self { holder, paused, sleepers, waits, last_ticket: 0, event, is_interrupted }
    }

    fn begin_wait(&mut self, waiter: &Arc<Waiter>, until: u64) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.waits.push(Waiting { ticket, waiter: Arc::clone(waiter), until });
        ticket
    }

    fn end_wait(&mut self, ticket: Ticket) {
        self.waits.retain(|waiting| waiting.ticket != ticket);
    }

    fn waiting(&self, ticket: Ticket) -> Option<&Waiting> {
        self.waits.iter().find(|waiting| waiting.ticket == ticket)
    }

    fn is_held_by(&self, ticket: Ticket) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.ticket == ticket)
    }

    /// Whether the holder of the duty waits with `waiter`.
    fn holds(&self, waiter: &Arc<Waiter>) -> bool {
        let holder = self.holder.as_ref().and_then(|holder| self.waiting(holder.ticket));
        holder.is_some_and(|waiting| Arc::ptr_eq(&waiting.waiter, waiter))
    }

    /// The earliest end of all waits.
    fn first_end(&self) -> u64 {
        self.waits.iter().map(|waiting| waiting.until).min().unwrap_or(u64::MAX)
    }

    /// Interrupts the holder's poll: there is another link to poll, or a decision.
    pub(super) fn interrupt(&self) {
        let is_polling = |holder: &Holder| holder.activity == Activity::Polling;
        if let (Some(event), true) = (&self.event, self.holder.as_ref().is_some_and(is_polling)) {
            event.set();
            self.is_interrupted.set(true);
        }
    }

    /// The holder has seen the interrupt.
    fn clear_interrupt(&self) {
        if let (Some(event), true) = (&self.event, self.is_interrupted.take()) {
            event.clear();
        }
    }

    /// Interrupts the poll of a `waiter` whose result is there, if it is on duty and not this
    /// thread.
    pub(super) fn interrupt_unless_driving(&self, waiter: &Arc<Waiter>) {
        if self.holds(waiter) {
            self.interrupt();
        }
    }
}

impl Shared {
    /// Waits until `done`, or until a reading of BOOTTIME.
    ///
    /// # Errors
    /// FORKED, or INTERNAL once there was a panic; INVALID if another thread waits with this waiter.
    pub(crate) fn wait(
        &self,
        waiter: &Arc<Waiter>,
        until: Option<u64>,
        done: impl Fn(&Inner) -> bool,
    ) -> Result<(), Error> {
        let until = until.unwrap_or(u64::MAX);
        let mut inner = self.lock()?;
        // What is waited for may not have left.
        if inner.corks.has_calls() && !done(&inner) {
            inner.flush_corked()?;
        }
        let ticket = inner.duty.begin_wait(waiter, until);
        inner.alarm.set(until);
        let result = loop {
            if let Err(error) = inner.check_whole() {
                break Err(error);
            }
            if done(&inner) || clock::boot_nanos() >= until {
                break Ok(());
            }
            let waited = match inner.take_duty(ticket) {
                Some(event) => Self::drive(&mut inner, (ticket, event), until),
                None => Self::sleep(&mut inner, (ticket, waiter), until),
            };
            if let Err(error) = waited {
                break Err(error);
            }
        };
        if inner.duty.is_held_by(ticket) {
            inner.leave_duty();
        }
        inner.duty.end_wait(ticket);
        inner.set_alarm();
        result
    }

    /// Polls all sockets once, and handles their input.
    fn drive(
        inner: &mut Locked<'_>,
        (ticket, event): (Ticket, RawFd),
        until: u64,
    ) -> Result<(), Error> {
        inner.pause_home();
        let (links, mut set) = inner.poll_set(event);
        let timeout = timeout_until(inner.next_deadline().min(until));
        let timeout = inner.poll_bound().or(timeout);
        inner.duty.holder = Some(Holder { ticket, activity: Activity::Polling });
        let polled = inner.unlocked(|| poll::wait(&mut set, timeout));
        if let Some(holder) = &mut inner.duty.holder {
            holder.activity = Activity::Driving;
        }
        polled
            .map_err(|error| Error::new(Status::Io, format!("poll: {error}")).because_of(error))?;
        let mut ready = set.iter().map(|(.., ready)| ready.readable || ready.writable);
        if ready.next() == Some(true) {
            inner.duty.clear_interrupt();
        }
        let ready = links.into_iter().zip(ready).filter(|(_, ready)| *ready).map(|(link, _)| link);
        inner.guarded(|inner| inner.turn(ready))
    }

    /// Sleeps until the result is there, the duty is free, or the time is over.
    fn sleep(
        inner: &mut Locked<'_>,
        (ticket, waiter): (Ticket, &Arc<Waiter>),
        until: u64,
    ) -> Result<(), Error> {
        inner.duty.sleepers.push_back(ticket);
        let timeout = timeout_until(inner.next_deadline().min(until));
        let told = waiter.told();
        inner.unlocked(|| waiter.sleep(told, timeout));
        inner.duty.sleepers.retain(|sleeper| *sleeper != ticket);
        if inner.next_deadline() <= clock::boot_nanos() {
            inner.guarded(|inner| inner.settle(clock::sample()))?;
        }
        Ok(())
    }
}

impl Inner {
    /// Gives the duty to the wait of `ticket`, if it is free or that wait's already; returns the
    /// descriptor that interrupts its poll.
    fn take_duty(&mut self, ticket: Ticket) -> Option<RawFd> {
        if self.duty.holder.is_some() && !self.duty.is_held_by(ticket) {
            return None;
        }
        if self.duty.event.is_none() {
            self.duty.event = self.reactor.take_event().ok();
        }
        self.duty.event.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// The set to poll: the event first, then the links.
    fn poll_set(&self, event: RawFd) -> (Vec<LinkId>, Vec<(RawFd, Interest, Ready)>) {
        let mut links = Vec::with_capacity(self.links.len());
        let mut set = Vec::with_capacity(self.links.len() + 1);
        set.push((event, Interest::Read, Ready::default()));
        for (id, link) in &self.links {
            let Some(fd) = link.fd() else { continue };
            let interest = if link.wants_write() { Interest::ReadWrite } else { Interest::Read };
            links.push(*id);
            set.push((fd, interest, Ready::default()));
        }
        (links, set)
    }

    /// Takes the home link out of the reactor's poll while a thread is on duty.
    fn pause_home(&mut self) {
        let home = self.core.home();
        if self.duty.paused == home {
            return;
        }
        self.resume_paused();
        if let Some(link) = home.and_then(|home| self.links.get_mut(&home)) {
            link.pause(&self.reactor.registrar);
            self.duty.paused = home;
        }
    }

    fn resume_paused(&mut self) {
        let Some(id) = self.duty.paused.take() else { return };
        let Some(link) = self.links.get_mut(&id) else { return };
        if let Err(why) = link.resume(&self.reactor.registrar) {
            self.links.remove(&id);
            self.core.handle_closed(&clock::sample(), id, &why);
            // The next thread with the mutex handles the failure, the reactor's at the latest.
            self.bell.ring();
        }
    }

    fn leave_duty(&mut self) {
        self.duty.holder = None;
        // The event may be set for something that the holder has seen by itself.
        self.duty.clear_interrupt();
        if let Some(event) = self.duty.event.take() {
            self.reactor.give_back(event);
        }
        if !self.unread.is_empty() {
            self.bell.ring();
        }
        self.resume_paused();
        let next = self.duty.sleepers.front().and_then(|next| self.duty.waiting(*next));
        if let Some(next) = next {
            // Wakes all threads that wait with this waiter: a single wake might hit another one.
            next.waiter.tell();
        }
    }

    /// Sets the alarm for the core's next deadline, whichever thread polls.
    pub(super) fn set_alarm(&mut self) {
        self.alarm.set(self.next_deadline());
    }

    /// The longest poll: zero if unread input is left.
    pub(super) fn poll_bound(&self) -> Option<Duration> {
        (!self.unread.is_empty()).then_some(Duration::ZERO)
    }

    /// Resets the alarm after the client's turn.
    pub(super) fn reset_alarm(&mut self) {
        self.alarm.reset(self.next_deadline().min(self.duty.first_end()));
    }

    /// Wakes the waits that are over, each once: a thread may take its time to come.
    pub(super) fn end_waits(&mut self) {
        let now = clock::boot_nanos();
        let is_over = |waiting: &&mut Waiting| waiting.until <= now;
        let mut over = Vec::new();
        for waiting in self.duty.waits.iter_mut().filter(is_over) {
            waiting.waiter.tell();
            waiting.until = u64::MAX;
            over.push(waiting.ticket);
        }
        if over.into_iter().any(|ticket| self.duty.is_held_by(ticket)) {
            self.duty.interrupt();
        }
    }
}

/// The time from now until a reading of BOOTTIME; `None`: for ever.
pub(super) fn timeout_until(boot_nanos: u64) -> Option<Duration> {
    let left = || Duration::from_nanos(boot_nanos.saturating_sub(clock::boot_nanos()));
    (boot_nanos != u64::MAX).then(left)
}
