//! The reactor: one thread and one poller for all clients of a process.
//!
//! Clients are its *members*, grouped by the placement of the threads that opened them: threads of
//! another priority, on other processors or in another network namespace have a reactor of their
//! own, as they would have threads of their own. A reactor begins with its first member and ends
//! with the last; a forked child begins with none.
//!
//! The thread waits for no single client. It tries a client's mutex and goes on if that is taken;
//! the thread that has it rings the client's [`Bell`] after unlocking. Each client gets one bounded
//! turn, then others have theirs. The reactor shares the [`Book`] with calling threads, under a
//! mutex that is held for a few instructions.

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

/// The state that the thread and the clients share.
pub(super) struct Reactor {
    /// Registers sockets with the poller.
    pub(super) registrar: Registrar,
    wake: Wake,
    book: Mutex<Book>,
    /// The log of its thread, and of waiting threads.
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

/// The number of a client in its reactor, reused after it has left.
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
        // A program without descriptors gets the error now, and not only when no node could be
        // dialed.
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
        // Under the lock on the running reactors: one without members ends.
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

    /// Ends the reactor if it has no members; says whether it has ended.
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

    /// Closes the reactor to new members; gives the present ones.
    fn abandon(self: &Arc<Self>) -> Vec<Arc<Shared>> {
        RUNNING.value().lock().retain(|(_, other)| !Arc::ptr_eq(self, other));
        self.book.lock().members()
    }

    /// Sets when to serve `member`: `due`, a reading of BOOTTIME, in place of any earlier one.
    pub(super) fn set_due(&self, member: Member, due: u64) {
        self.book.lock().set_due(member, due);
    }

    fn leave(&self, member: Member) {
        let client = { self.book.lock().remove(member) };
        // This may drop the client, which takes time: not under the lock.
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

    /// Takes back an `event` that is not set.
    pub(super) fn give_back(&self, event: EventFd) {
        let mut spare = self.spare_events.lock();
        if spare.len() < SPARE_EVENTS_MAX {
            spare.push(event);
        }
    }
}

impl Member {
    /// The poller's key of a link.
    pub(super) fn key(self, link: LinkId) -> Key {
        Key((self.0 as u64) << LINK_BITS | link.0 & LINK_MASK)
    }
}

/// The member and link of a key. A closed link may be reported once more, when its number is
/// another member's already: that member looks, and finds nothing.
fn link_of(key: Key) -> (Member, LinkId) {
    (Member((key.0 >> LINK_BITS) as usize), LinkId(key.0 & LINK_MASK))
}

/// A key has the member's number and the link's: 16 million clients at once, and for each three
/// thousand years of dials at ten a second.
const LINK_BITS: u32 = 40;
const LINK_MASK: u64 = (1 << LINK_BITS) - 1;
/// Links are numbered from 1, so this key and the next are no link's.
const WAKE: Key = Key(0);
const ALARM: Key = Key(1 << LINK_BITS);

/// The reactors of this process.
static RUNNING: OfProcess<Mutex<Running>> = OfProcess::new();

/// Each reactor with the placement of the threads that opened its members.
type Running = Vec<(Placement, Arc<Reactor>)>;

/// Links reported by one wait.
const READY_MAX: usize = 256;
/// More threads seldom wait at once.
const SPARE_EVENTS_MAX: usize = 64;

#[cfg(test)]
mod tests;
