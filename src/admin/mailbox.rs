//! The mailbox between the admin thread and the loop: the question is a flag, and the answer a
//! status. Neither side waits for the other: the loop looks at the flag once a turn, and puts its
//! answer into a slot for one.

use crate::sys::event::EventFd;
use crate::wire::NodeStatus;
use crossbeam_channel::{Receiver, Sender};
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// A status that the loop told, and when: a reading of BOOTTIME.
#[derive(Clone, Debug)]
pub struct Told {
    /// When the loop began to write it.
    pub at: u64,
    /// The status.
    pub status: NodeStatus,
}

/// The admin thread's side.
pub struct Mailbox {
    shared: Arc<Shared>,
    told: Receiver<Told>,
    wake_loop: Box<dyn Fn() + Send>,
}

/// The loop's side.
#[derive(Clone, Debug)]
pub struct Teller {
    shared: Arc<Shared>,
    tell: Sender<Told>,
}

#[derive(Debug)]
struct Shared {
    wanted: AtomicBool,
    stopped: AtomicBool,
    /// Why the loop ended.
    end: OnceLock<String>,
    event: EventFd,
}

impl Mailbox {
    /// Makes both sides. `wake_loop` makes the loop turn once.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn new(wake_loop: impl Fn() + Send + 'static) -> io::Result<(Self, Teller)> {
        let (tell, told) = crossbeam_channel::bounded(1);
        let shared = Arc::new(Shared {
            wanted: AtomicBool::new(true),
            stopped: AtomicBool::new(false),
            end: OnceLock::new(),
            event: EventFd::new()?,
        });
        let teller = Teller { shared: Arc::clone(&shared), tell };
        Ok((Self { shared, told, wake_loop: Box::new(wake_loop) }, teller))
    }

    /// Asks the loop for its status.
    pub(super) fn ask(&self) {
        if !self.shared.wanted.swap(true, Ordering::AcqRel) {
            (self.wake_loop)();
        }
    }

    /// The loop's newest status, if there is a new one.
    pub(super) fn take(&self) -> Option<Told> {
        self.shared.event.clear();
        let told = self.told.try_recv().ok()?;
        // The loop found no room for an answer, and may wait for its sockets by now: wake it.
        if self.shared.wanted.load(Ordering::Acquire) {
            (self.wake_loop)();
        }
        Some(told)
    }

    /// Why the loop ended, if it did.
    pub(super) fn end(&self) -> Option<&str> {
        self.shared.end.get().map(String::as_str)
    }

    /// Whether the admin thread is to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.shared.stopped.load(Ordering::Acquire)
    }
}

impl AsRawFd for Mailbox {
    /// Readable when there is a status to take, or the thread is to end.
    fn as_raw_fd(&self) -> RawFd {
        self.shared.event.as_raw_fd()
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl Teller {
    /// Called after each turn: answers, if the loop was asked. Never waits.
    pub fn tell(&self, told: impl FnOnce() -> Told) {
        let wanted = &self.shared.wanted;
        if !wanted.load(Ordering::Relaxed) || !wanted.swap(false, Ordering::AcqRel) {
            return;
        }
        if self.tell.try_send(told()).is_err() {
            // The slot is full: the question stays open.
            wanted.store(true, Ordering::Release);
        }
        self.shared.event.set();
    }

    /// Has a status told after this turn, asked or not: something has changed.
    pub fn volunteer(&self) {
        self.shared.wanted.store(true, Ordering::Release);
    }

    /// Tells that the loop has ended; the first reason counts.
    pub fn end(&self, why: String) {
        let _ = self.shared.end.set(why);
        self.shared.event.set();
    }

    /// Ends the admin thread.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.shared.event.set();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    fn told(at: u64) -> Told {
        Told { at, status: NodeStatus::default() }
    }

    #[test]
    fn a_loop_that_is_not_asked_says_nothing_and_one_that_is_asked_twice_is_woken_once() {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&woken);
        let (mailbox, teller) = Mailbox::new(move || {
            let _ = count.fetch_add(1, Ordering::SeqCst);
        })
        .unwrap();
        // The first turn tells a status unasked.
        teller.tell(|| told(1));
        assert_eq!(mailbox.take().map(|told| told.at), Some(1));
        teller.tell(|| panic!("nobody asked"));
        mailbox.ask();
        mailbox.ask();
        assert_eq!(woken.load(Ordering::SeqCst), 1);
        teller.tell(|| told(2));
        assert_eq!(mailbox.take().map(|told| told.at), Some(2));
    }

    #[test]
    fn a_loop_whose_answer_is_not_taken_goes_on_and_answers_later() {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&woken);
        let (mailbox, teller) = Mailbox::new(move || {
            let _ = count.fetch_add(1, Ordering::SeqCst);
        })
        .unwrap();
        teller.tell(|| told(1));
        mailbox.ask();
        teller.tell(|| told(2));
        assert_eq!(mailbox.take().map(|told| told.at), Some(1));
        assert_eq!(
            woken.load(Ordering::SeqCst),
            2,
            "once as it was asked, and once more for what was not said"
        );
        teller.tell(|| told(3));
        assert_eq!(mailbox.take().map(|told| told.at), Some(3));
    }
}
