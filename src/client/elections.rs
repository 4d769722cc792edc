//! Elections. An election is a lock with a value.

use super::api::Client;
use super::calls::{checked_name, wait_for_order};
use super::core::Wait;
use super::data::AcquireOptions;
use super::lease::Lease;
use super::pending::{Pending, Purpose};
use super::sentences::of_lease;
use crate::Error;

impl Client {
    /// Waits to be elected, and returns only if the lease is still believed in at that instant.
    ///
    /// # Errors
    /// As for `acquire`; LOST: elected, but the lease ended before the call returned.
    pub fn campaign(&self, name: &str, wait: Wait, value: &[u8]) -> Result<Lease, Error> {
        self.campaign_start(name, wait, value)?.take(Wait::Forever)
    }

    /// Begins to campaign and returns at once.
    ///
    /// # Errors
    /// As for `acquire_start`.
    pub fn campaign_start(&self, name: &str, wait: Wait, value: &[u8]) -> Result<Pending, Error> {
        let options = AcquireOptions { value: value.to_vec(), ..AcquireOptions::default() };
        self.start((checked_name(name)?, Vec::new()), wait, options, Purpose::Campaign)
    }
}

impl Lease {
    /// Replaces the value that others see.
    ///
    /// # Errors
    /// LOST if it had ended; UNAVAILABLE, UNKNOWN after the request timeout; INVALID.
    pub fn proclaim(&self, value: &[u8]) -> Result<(), Error> {
        let before = self.ended();
        let (lease, value) = (self.state.id, value.to_vec());
        let shared = &self.handle.shared;
        let (_, promise) = shared.call(|core, now| core.proclaim(now, lease, value))?;
        let done = wait_for_order(&self.handle, &promise);
        done.map_err(|error| of_lease(&self.state, before, error))
    }
}
