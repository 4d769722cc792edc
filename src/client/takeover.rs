//! Hand-overs of a lock by its holder, and breaks of a lock by others (L13, L23).

use super::api::Client;
use super::calls::{checked_name, unexpected, wait_for_done, wait_for_order};
use super::core::{BreakCall, Wait};
use super::data::{BreakOptions, Grace};
use super::lease::Lease;
use super::sentences::of_lease;
use crate::base::Token;
use crate::base::limits::BREAK_REASON_BYTES_MAX;
use crate::base::locks::BreakWay;
use crate::wire::{Query, ReadAnswer};
use crate::{Error, Status};

impl Client {
    /// Takes `name` from its holder (L23): asks it to end, or at once.
    ///
    /// # Errors
    /// NOT_FOUND: nobody holds it, or not under that token, or no waiter has the name `to`;
    /// UNAVAILABLE, UNKNOWN after the request timeout; INVALID, CLOSED, …
    pub fn break_lock(&self, name: &str, options: BreakOptions) -> Result<(), Error> {
        let BreakOptions { token, grace, to, reason } = options;
        if reason.len() > BREAK_REASON_BYTES_MAX {
            let bytes = reason.len();
            let text = format!("a reason has at most {BREAK_REASON_BYTES_MAX} bytes, not {bytes}");
            return Err(Error::new(Status::Invalid, text));
        }
        let (name, token, way) = (checked_name(name)?, token.unwrap_or(Token(0)), grace.way());
        let wish = BreakCall { name, token, way, to, reason };
        let (_, promise) = self.handle.shared.call(|core, now| core.break_lock(now, wish))?;
        wait_for_order(&self.handle, &promise)
    }
}

impl Lease {
    /// Ends the lease, belief first (L13), and hands the lock to the first waiter whose client is
    /// called `to`; `None`: to the next in the queue.
    ///
    /// # Errors
    /// NOT_FOUND: nobody of that name waits: the lease goes on, or, if the waiter left just now,
    /// was released; LOST if it had ended; UNAVAILABLE; UNKNOWN: not answered in time, going on in
    /// the background.
    pub fn transfer(&self, to: Option<&str>) -> Result<(), Error> {
        let before = self.ended();
        if before.is_some() {
            return Err(of_lease(&self.state, before, Status::Lost.into()));
        }
        self.check_somebody_waits(to)?;
        let (lease, to) = (self.state.id, to.map(str::to_owned));
        let shared = &self.handle.shared;
        let (call, promise) = shared.call(|core, now| core.transfer(now, lease, to))?;
        let wait = Wait::For(self.handle.request_timeout);
        let done = wait_for_done(&self.handle, call, &promise, wait)?.unwrap_or_else(|| {
            let text = "the handover is not answered yet; it goes on in the background";
            Err(Error::new(Status::Unknown, text))
        });
        done.map_err(|error| of_lease(&self.state, before, error))
    }

    /// Asks for the queue before belief ends: a lease that nobody could take over goes on.
    fn check_somebody_waits(&self, to: Option<&str>) -> Result<(), Error> {
        let (name, client) = (self.state.name.clone(), to.map(str::to_owned));
        match self.handle.read(Query::Waits { name, client })? {
            ReadAnswer::Valid(true) => Ok(()),
            ReadAnswer::Valid(false) => {
                let who = to.map_or("nobody".to_owned(), |to| format!("no client called {to:?}"));
                let text = format!("{who} waits for {:?} alone: the lease goes on", self.name());
                Err(Error::new(Status::NotFound, text))
            }
            other => Err(unexpected(&other)),
        }
    }
}

impl Grace {
    /// The grace in the form of a command.
    fn way(self) -> BreakWay {
        match self {
            Self::Ttl => BreakWay::Ask { grace_ms: None },
            Self::For(grace) => {
                // A grace of less than a millisecond is not at once: belief still ends before the
                // lock is free.
                let grace_ms = u32::try_from(grace.as_millis()).unwrap_or(u32::MAX).max(1);
                BreakWay::Ask { grace_ms: Some(grace_ms) }
            }
            Self::Now => BreakWay::Now,
        }
    }
}
