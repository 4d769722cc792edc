//! The reactor: one thread and one poller for all clients of a process.
//!
//! Clients are its *members*, each with what it was made for by the thread that opened it: threads of another priority, on
//! other processors or in another network have a reactor of their own, as they would have threads of their own. It begins
//! with its first member and ends with the last; a forked child begins anew.
//!
//! Nobody waits in it for one client. The thread tries a client's mutex and goes on where it is taken; whoever has it rings
//! the client's [`Bell`] behind that. Of each client it does one turn, bounded in what is read, and then others have theirs.
//! What it shares with calling threads is the [`Book`], under a mutex that is held for a few instructions.

mod bell;
mod book;
mod event_loop;
mod log_lines;

pub(super) use bell::Bell;
pub(super) use log_lines::{Line, say};

use super::Shared;
use crate::client::core::LinkId;
use crate::net::{Key, Poller, Registrar, Wake};
use crate::sys::event::EventFd;
use crate::sys::fork::OfProcess;
use crate::sys::placement::Placement;
use crate::sys::thread;
use book::Book;
use event_loop::EventLoop;
use log_lines::LogThread;
use parking_lot::Mutex;
use std::fmt;
use std::io;
use std::sync::Arc;

/// What the thread and the clients share.
pub(super) struct Reactor {
    /// Says what is polled.
    pub(super) registrar: Registrar,
    wake: Wake,
    book: Mutex<Book>,
    /// What its thread, and those that wait, have to log.
    pub(super) log: LogThread,
    /// Events that no waiting thread needs at present.
    spare_events: Mutex<Vec<EventFd>>,
}

/// Without its members: each of them has it.
impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reactor")
    }
}

/// The number of a client in its reactor, which a later one has again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member(usize);

impl Reactor {
    /// Makes a client a member of the reactor of threads like this one.
    ///
    /// # Errors
    /// The process has no file descriptor or thread left.
    pub(super) fn join(
        make: impl FnOnce(Arc<Self>, Member, Bell) -> Arc<Shared>,
    ) -> io::Result<Arc<Shared>> {
        // A program that has none left is told at once, and not when nobody could be dialed.
        drop(EventFd::new()?);
        let placement = Placement::of_this_thread();
        let mut running = RUNNING.value().lock();
        let found = running.iter().find(|(of, _)| *of == placement);
        let reactor = match found {
            Some((_, reactor)) => Arc::clone(reactor),
            None => {
                let reactor = Self::start()?;
                running.push((placement, Arc::clone(&reactor)));
                reactor
            }
        };
        // Not without the lock on those that run: one without members ends.
        let (member, ring) = reactor.book.lock().reserve();
        let bell = Bell::new(ring, member, reactor.wake.clone());
        let shared = make(Arc::clone(&reactor), member, bell);
        reactor.book.lock().put(member, Arc::clone(&shared));
        drop(running);
        Ok(shared)
    }

    fn start() -> io::Result<Arc<Self>> {
        let poller = Poller::new(READY_MAX)?;
        let (registrar, wake) = (poller.registrar()?, poller.wake(WAKE)?);
        let book = Book::new()?;
        poller.add_timer(book.timer_fd(), ALARM)?;
        let (book, spare_events) = (Mutex::new(book), Mutex::default());
        let log = LogThread::default();
        let reactor = Arc::new(Self { registrar, wake, book, log, spare_events });
        let event_loop = EventLoop::new(Arc::clone(&reactor), poller);
        thread::spawn("tenure-clients", move || event_loop.run())?;
        Ok(reactor)
    }

    /// Whether it has no member, and gets none any more.
    fn has_ended(self: &Arc<Self>) -> bool {
        if !self.book.lock().is_empty() {
            return false;
        }
        let mut running = RUNNING.value().lock();
        let is_empty = self.book.lock().is_empty();
        if is_empty {
            running.retain(|(_, other)| !Arc::ptr_eq(self, other));
        }
        is_empty
    }

    /// It gets no member any more; those that it has.
    fn abandon(self: &Arc<Self>) -> Vec<Arc<Shared>> {
        RUNNING.value().lock().retain(|(_, other)| !Arc::ptr_eq(self, other));
        self.book.lock().members()
    }

    /// Serves `member` at `due`, a reading of BOOTTIME, and not before for that.
    pub(super) fn set_due(&self, member: Member, due: u64) {
        self.book.lock().set_due(member, due);
    }

    fn leave(&self, member: Member) {
        let client = { self.book.lock().remove(member) };
        // It may be let go of here, and that takes time: not under the lock.
        drop(client);
    }

    /// An event, not set, for a thread that polls for itself.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub(super) fn take_event(&self) -> io::Result<EventFd> {
        let spare = { self.spare_events.lock().pop() };
        spare.map_or_else(EventFd::new, Ok)
    }

    /// `event` is needed no more, and is not set.
    pub(super) fn give_back(&self, event: EventFd) {
        let mut spare = self.spare_events.lock();
        if spare.len() < SPARE_EVENTS_MAX {
            spare.push(event);
        }
    }
}

impl Member {
    /// Under which key a link of it is polled.
    pub(super) fn key(self, link: LinkId) -> Key {
        Key((self.0 as u64) << LINK_BITS | link.0 & LINK_MASK)
    }
}

/// A link of the poller. One that was hung up may be named once more, and its number may be another member's by then:
/// that one looks, and finds nothing.
fn link_of(key: Key) -> (Member, LinkId) {
    (Member((key.0 >> LINK_BITS) as usize), LinkId(key.0 & LINK_MASK))
}

/// A key is the member's number and the link's: 16 million clients at once, and as many dials of one as take three
/// thousand years at ten a second.
const LINK_BITS: u32 = 40;
const LINK_MASK: u64 = (1 << LINK_BITS) - 1;
/// Links are numbered from 1, so these two are none.
const WAKE: Key = Key(0);
const ALARM: Key = Key(1 << LINK_BITS);

/// Those of this process.
static RUNNING: OfProcess<Mutex<Running>> = OfProcess::new();

/// Each with what the threads are like that opened its members.
type Running = Vec<(Placement, Arc<Reactor>)>;

/// Links reported by one wait.
const READY_MAX: usize = 256;
/// More threads than that seldom wait at once.
const SPARE_EVENTS_MAX: usize = 64;

#[cfg(test)]
mod tests;
