//! What happens to a client's session, and whether its program moves.

use super::api::Client;
use super::core::Wait;
use super::data::SessionInfo;
use crate::Error;
use std::os::fd::RawFd;

impl Client {
    /// Readable while `next_event` has something; `None` when the process has no file descriptor left.
    #[must_use]
    pub fn events_fd(&self) -> Option<RawFd> {
        todo!("client driver")
    }

    /// Each change of the session's state, in order: VALID, JEOPARDY, ENDED. One reader.
    ///
    /// # Errors
    /// AGAIN: nothing new within `wait`; CLOSED, FORKED, INTERNAL.
    pub fn next_event(&self, wait: Wait) -> Result<SessionInfo, Error> {
        let _ = wait;
        todo!("client driver")
    }

    /// The program moves: with `ClientOptions::progress` the session is renewed only as long as it does.
    ///
    /// # Errors
    /// CLOSED, FORKED, INTERNAL.
    pub fn progress(&self) -> Result<(), Error> {
        todo!("client driver")
    }
}
