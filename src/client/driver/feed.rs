//! A feed: a bounded queue to one reader, of the changes of an observed lock or of a session's state.

use super::promise::Waiter;
use crate::Error;
use crate::sys::Descriptor;
use crate::sys::event::EventFd;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

/// Items of which two can be coalesced.
pub(crate) trait Coalesce: Sized {
    /// The coalescence of this unread item and a `newer` one.
    fn replaced_by(self, newer: Self) -> Self;
}

/// A feed. Written and read under the client's mutex, so its inner mutex is never contended.
#[derive(Debug)]
pub(crate) struct Feed<T> {
    pub(super) waiter: Arc<Waiter>,
    queue: Mutex<Queue<T>>,
    event: OnceLock<Arc<EventFd>>,
}

#[derive(Debug)]
struct Queue<T> {
    unread: VecDeque<T>,
    /// Why the feed has ended.
    end: Option<Error>,
}

impl<T: Coalesce> Feed<T> {
    pub(super) fn new() -> Arc<Self> {
        let queue = Mutex::new(Queue { unread: VecDeque::new(), end: None });
        Arc::new(Self { waiter: Arc::default(), queue, event: OnceLock::new() })
    }

    /// Appends an item. Beyond the bound the newest unread item is replaced.
    pub(super) fn push(&self, news: T) {
        let mut queue = self.queue.lock();
        let full = queue.unread.len() >= UNREAD_MAX;
        let replaced = if full { queue.unread.pop_back() } else { None };
        let news = replaced.into_iter().fold(news, |news, replaced| replaced.replaced_by(news));
        queue.unread.push_back(news);
        drop(queue);
        self.wake();
    }

    /// Ends the feed: the reader gets `why` once all is read. The first reason counts.
    pub(super) fn end(&self, why: Error) {
        self.queue.lock().end.get_or_insert(why);
        self.wake();
    }

    /// Drops all unread items.
    pub(super) fn skip(&self) {
        self.queue.lock().unread.clear();
        self.clear_if_empty();
    }

    /// Whether `take` has an item, or the end.
    pub(super) fn has_something(&self) -> bool {
        let queue = self.queue.lock();
        !queue.unread.is_empty() || queue.end.is_some()
    }

    /// The next item; `None`: none yet.
    ///
    /// # Errors
    /// Why the feed has ended.
    pub(super) fn take(&self) -> Result<Option<T>, Error> {
        let taken = self.queue.lock().unread.pop_front();
        self.clear_if_empty();
        match (taken, &self.queue.lock().end) {
            (None, Some(why)) => Err(why.clone()),
            (taken, _) => Ok(taken),
        }
    }

    /// Readable while `take` has an item, or the end; made at the first call, under the client's
    /// mutex.
    pub(super) fn event_fd(&self) -> Option<Descriptor> {
        if self.event.get().is_none() {
            let event = EventFd::new().ok()?;
            if self.has_something() {
                event.set();
            }
            let _ = self.event.set(Arc::new(event));
        }
        self.event.get().cloned().map(Descriptor::of)
    }

    fn wake(&self) {
        if let Some(event) = self.event.get() {
            event.set();
        }
        self.waiter.tell();
    }

    fn clear_if_empty(&self) {
        if let Some(event) = self.event.get()
            && !self.has_something()
        {
            event.clear();
        }
    }
}

/// Items that a reader may leave unread.
const UNREAD_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;
    use crate::sys::poll::{self, Interest, Ready};
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    /// A number, and how many it has replaced.
    #[derive(Debug, PartialEq)]
    struct Counted(usize, u64);

    impl Coalesce for Counted {
        fn replaced_by(self, newer: Self) -> Self {
            Self(newer.0, self.1 + 1 + newer.1)
        }
    }

    fn is_readable(feed: &Feed<Counted>) -> bool {
        let mut set = [(feed.event_fd().unwrap().as_raw_fd(), Interest::Read, Ready::default())];
        poll::wait(&mut set, Some(Duration::ZERO)).unwrap();
        set[0].2.readable
    }

    #[test]
    fn beyond_the_bound_the_newest_is_replaced_and_counts_what_it_replaced() {
        let feed = Feed::new();
        for number in 0..UNREAD_MAX + 3 {
            feed.push(Counted(number, 0));
        }
        for number in 0..UNREAD_MAX - 1 {
            assert_eq!(feed.take(), Ok(Some(Counted(number, 0))));
        }
        assert_eq!(feed.take(), Ok(Some(Counted(UNREAD_MAX + 2, 3))));
        assert_eq!(feed.take(), Ok(None));
    }

    #[test]
    fn its_descriptor_is_readable_while_something_is_unread() {
        let feed = Feed::new();
        feed.push(Counted(1, 0));
        assert!(is_readable(&feed));
        feed.push(Counted(2, 0));
        feed.take().unwrap();
        assert!(is_readable(&feed));
        feed.take().unwrap();
        assert!(!is_readable(&feed));
        feed.push(Counted(3, 0));
        assert!(is_readable(&feed));
        feed.skip();
        assert!(!is_readable(&feed));
    }

    #[test]
    fn the_end_is_told_behind_what_is_unread_and_from_then_on() {
        let feed = Feed::new();
        feed.push(Counted(1, 0));
        feed.end(Status::Closed.into());
        feed.end(Status::Internal.into());
        assert_eq!(feed.take(), Ok(Some(Counted(1, 0))));
        for _ in 0..2 {
            assert_eq!(feed.take().unwrap_err().status, Status::Closed);
            assert!(is_readable(&feed));
        }
    }
}
