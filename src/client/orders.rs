//! Handing a lock over, taking it from its holder, and showing what there is.

use super::api::{Client, Lease};
use super::data::BreakOptions;
use crate::Error;

impl Client {
    /// Takes `name` from its holder (L23): asks it to end, or at once.
    ///
    /// # Errors
    /// NOT_FOUND: nobody holds it so, or nobody waits who is called as `to` says; UNAVAILABLE, UNKNOWN after the
    /// request timeout; INVALID, CLOSED, …
    pub fn break_lock(&self, name: &str, options: BreakOptions) -> Result<(), Error> {
        let _ = (name, options);
        todo!("client driver")
    }

    /// `what` = "locks" (below the prefix `name`), "lock", "session" (`name` is its id, "" this client's) or "cluster",
    /// as one JSON text: what the program prints with `--json`.
    ///
    /// # Errors
    /// INVALID for another `what`; as for `read`.
    pub fn describe(&self, what: &str, name: &str) -> Result<String, Error> {
        let _ = (what, name);
        todo!("command line")
    }
}

impl Lease {
    /// Ends it, belief first (L13), and hands what it held to the first waiter whose client is called `to`; `None`: to
    /// the next in the queue.
    ///
    /// # Errors
    /// NOT_FOUND: nobody of that name waits: the lease goes on, or, if the waiter left just now, was released;
    /// LOST if it had ended; UNAVAILABLE; UNKNOWN: not answered in time, going on in the background.
    pub fn transfer(&self, to: Option<&str>) -> Result<(), Error> {
        let _ = to;
        todo!("client driver")
    }
}
