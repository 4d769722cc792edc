//! Observers, which follow the holders of a lock or the leaders of an election.

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

/// Follows the holders of one lock, for one reader. A drop ends the observation.
pub struct Observer {
    pub(super) name: Name,
    handle: Arc<Handle>,
    id: ObserverId,
    feed: Arc<Feed<Observed>>,
}

impl Client {
    /// Follows the holders of `name`, a lock or an election.
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
    /// Readable while `next` has an observation; `None` when the process has no file descriptor
    /// left.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        self.descriptor().ok().map(|descriptor| descriptor.as_raw_fd())
    }

    /// The same descriptor as [`fd`](Self::fd), kept open as long as the returned value.
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

    /// Ends the observation, from any thread: `next`, also a waiting one, gives CLOSED once all is
    /// read.
    pub fn close(&self) {
        // In a forked child, and after a failure, the observation has ended.
        let _ = self.handle.shared.with(|inner, now| inner.unobserve(now, self.id));
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.close();
    }
}
