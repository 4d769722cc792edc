//! Elections, and who follows them. An election is a lock with a value.

use super::api::{Client, Lease, Pending};
use super::core::Wait;
use super::data::Observed;
use crate::Error;
use std::os::fd::RawFd;

impl Client {
    /// Waits to be elected, and returns only if the lease is still believed in at that instant.
    ///
    /// # Errors
    /// As for `acquire`.
    pub fn campaign(&self, name: &str, wait: Wait, value: &[u8]) -> Result<Lease, Error> {
        self.campaign_start(name, wait, value)?.take(Wait::Forever)
    }

    /// Begins to campaign and returns at once.
    ///
    /// # Errors
    /// As for `acquire_start`.
    pub fn campaign_start(&self, name: &str, wait: Wait, value: &[u8]) -> Result<Pending, Error> {
        let _ = (name, wait, value);
        todo!("client driver")
    }

    /// Follows who holds `name`, a lock or an election.
    ///
    /// # Errors
    /// INVALID, CLOSED, FORKED, LIMIT.
    pub fn observe(&self, name: &str) -> Result<Observer, Error> {
        let _ = name;
        todo!("client driver")
    }
}

impl Lease {
    /// Replaces the value that others see.
    ///
    /// # Errors
    /// LOST if it had ended; UNAVAILABLE, UNKNOWN after the request timeout; INVALID.
    pub fn proclaim(&self, value: &[u8]) -> Result<(), Error> {
        let _ = value;
        todo!("client driver")
    }
}

/// Follows who holds one lock, for one reader. Dropped it follows no more.
#[derive(Debug)]
pub struct Observer {}

impl Observer {
    /// Readable while `next` has something; `None` when the process has no file descriptor left.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        todo!("client driver")
    }

    /// The present holder, then each change in order; beyond 1,024 unread ones the newest comes with `missed`.
    ///
    /// # Errors
    /// AGAIN: nothing new within `wait`; CLOSED, FORKED, INTERNAL.
    pub fn next(&self, wait: Wait) -> Result<Observed, Error> {
        let _ = wait;
        todo!("client driver")
    }
}
