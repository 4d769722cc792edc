//! Observers: who follows who holds a lock or leads.

use super::api::{Client, Handle};
use super::calls::{checked_name, until};
use super::core::{ObserverId, Wait};
use super::data::Observed;
use super::driver::Feed;
use crate::base::locks::Name;
use crate::sys::Descriptor;
use crate::{Error, Status};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

/// Follows who holds one lock, for one reader. Dropped it follows no more.
pub struct Observer {
    pub(super) name: Name,
    handle: Arc<Handle>,
    id: ObserverId,
    feed: Arc<Feed<Observed>>,
}

impl Client {
    /// Follows who holds `name`, a lock or an election.
    ///
    /// # Errors
    /// INVALID, CLOSED, FORKED, LIMIT.
    pub fn observe(&self, name: &str) -> Result<Observer, Error> {
        let name = checked_name(name)?;
        let followed = name.clone();
        let (id, feed) = self.handle.shared.with(|inner, now| inner.observe(now, followed))??;
        Ok(Observer { name, handle: Arc::clone(&self.handle), id, feed })
    }
}

impl Observer {
    /// Readable while `next` has something; `None` when the process has no file descriptor left.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        self.descriptor().ok().map(|descriptor| descriptor.as_raw_fd())
    }

    /// The same descriptor as [`fd`](Self::fd), kept open by what is returned.
    ///
    /// # Errors
    /// LIMIT: the process has no descriptor left; CLOSED, FORKED.
    pub fn descriptor(&self) -> Result<Descriptor, Error> {
        self.handle.shared.described(|shared| shared.feed_fd(&self.feed))
    }

    /// The present holder, then each change in order; beyond 1,024 unread ones the newest comes with `missed`.
    ///
    /// # Errors
    /// AGAIN: nothing new within `wait`; INVALID: another thread reads or waits here; CLOSED, FORKED, INTERNAL.
    pub fn next(&self, wait: Wait) -> Result<Observed, Error> {
        self.handle.shared.next(&self.feed, until(wait))?.ok_or(Status::Again.into())
    }

    /// Follows no more, from any thread: `next`, also where it waits already, gives CLOSED once all is read.
    pub fn close(&self) {
        // In a forked child, and after a failure, there is nothing to end.
        let _ = self.handle.shared.with(|inner, now| inner.unobserve(now, self.id));
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.close();
    }
}
