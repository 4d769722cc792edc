//! Changes of a client's session, and the program's signs of life.

use super::api::Client;
use super::calls::until;
use super::core::Wait;
use super::data::SessionInfo;
use crate::sys::Descriptor;
use crate::{Error, Status};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

impl Client {
    /// Readable while `next_event` has a change; `None` when the process has no file descriptor
    /// left.
    #[must_use]
    pub fn events_fd(&self) -> Option<RawFd> {
        self.events_descriptor().ok().map(|descriptor| descriptor.as_raw_fd())
    }

    /// The same descriptor as [`events_fd`](Self::events_fd), kept open as long as the returned
    /// value.
    ///
    /// # Errors
    /// LIMIT: the process has no descriptor left; CLOSED, FORKED.
    pub fn events_descriptor(&self) -> Result<Descriptor, Error> {
        let shared = &self.handle.shared;
        let feed = shared.look(|inner, _| Arc::clone(inner.session_feed()))?;
        shared.described(|shared| shared.feed_fd(&feed))
    }

    /// Each change of the session's state, in order: VALID, JEOPARDY, ENDED; beyond 1,024 unread ones the newest
    /// replaces the one before it. The state at the opening is no change. One reader.
    ///
    /// # Errors
    /// AGAIN: nothing new within `wait`; INVALID: another thread reads or waits here; CLOSED, FORKED, INTERNAL.
    pub fn next_event(&self, wait: Wait) -> Result<SessionInfo, Error> {
        let shared = &self.handle.shared;
        let feed = shared.look(|inner, _| Arc::clone(inner.session_feed()))?;
        shared.next(&feed, until(wait))?.ok_or(Status::Again.into())
    }

    /// A sign of life: with `ClientOptions::progress` the session is renewed only while the program
    /// calls this.
    ///
    /// # Errors
    /// CLOSED, FORKED, INTERNAL.
    pub fn progress(&self) -> Result<(), Error> {
        self.handle.shared.with(|inner, now| {
            inner.check_open()?;
            inner.core.progress(now);
            Ok(())
        })?
    }
}
