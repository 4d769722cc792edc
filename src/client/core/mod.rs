//! The client's half of the safety proof, sans IO: sessions, renewals with their send times, the request
//! window, and what each lease may believe. Driven by `client::driver` and by the simulator.

mod types;

pub use types::{
    AcquireCall, Action, Belief, CallId, CoreOptions, Done, EndReason, LeaseId, LinkId,
    SessionState, Wait,
};

use crate::base::{Sample, SessionId, Token};
use crate::wire::{ClientWelcome, Query, Refused, ServerMessage};
use std::time::Duration;

/// One client. All methods that take input leave their effects in [`Core::take_actions`].
#[derive(Debug)]
pub struct Core {}

#[allow(unused_variables)]
impl Core {
    /// A client that is not yet connected; dials with the first `take_actions`.
    #[must_use]
    pub fn new(options: CoreOptions, now: &Sample) -> Self {
        todo!()
    }

    /// The node behind `link` welcomed us (the driver has sent the hello).
    pub fn handle_welcome(&mut self, now: &Sample, link: LinkId, welcome: ClientWelcome) {
        todo!()
    }

    /// The node behind `link` refused us; the driver closes it.
    pub fn handle_refused(&mut self, now: &Sample, link: LinkId, refused: Refused) {
        todo!()
    }

    /// `link` could not be dialed, or is closed by the other side; `why` in words.
    pub fn handle_closed(&mut self, now: &Sample, link: LinkId, why: &str) {
        todo!()
    }

    /// A message came. `now` was sampled after it was read (L19).
    pub fn handle_message(&mut self, now: &Sample, link: LinkId, message: ServerMessage) {
        todo!()
    }

    /// Time has passed; ask what is due.
    pub fn handle_deadline(&mut self, now: &Sample) {
        todo!()
    }

    /// Wants a lock. Decided by `Action::Decided`.
    pub fn acquire(&mut self, now: &Sample, call: AcquireCall) -> CallId {
        todo!()
    }

    /// Gives up a call that is undecided: withdrawn under its id (L14), decided as CANCELLED.
    pub fn cancel(&mut self, now: &Sample, call: CallId) {
        todo!()
    }

    /// Ends belief in `lease` at once (L13) and releases it at the server; decided as `Done::Released`, or
    /// LOST if it had ended. The release goes on until answered, whoever waits.
    pub fn release(&mut self, now: &Sample, lease: LeaseId) -> CallId {
        todo!()
    }

    /// A linearizable read.
    pub fn read(&mut self, now: &Sample, query: Query) -> CallId {
        todo!()
    }

    /// Ends the session and everything in it; decided as `Done::Closed`. Undecided calls become CLOSED.
    pub fn close(&mut self, now: &Sample) -> CallId {
        todo!()
    }

    /// What to do, in order.
    pub fn take_actions(&mut self, now: &Sample) -> Vec<Action> {
        todo!()
    }

    /// When to call `handle_deadline` at the latest, as a reading of BOOTTIME; a hint.
    #[must_use]
    pub fn next_deadline(&self) -> u64 {
        todo!()
    }

    /// How long `lease` may still be believed in, at `now`; zero for good once it has been zero (L24).
    #[must_use]
    pub fn remaining(&self, now: &Sample, lease: LeaseId) -> Duration {
        todo!()
    }

    /// The token of a lease that was granted here.
    #[must_use]
    pub fn token(&self, lease: LeaseId) -> Option<Token> {
        todo!()
    }

    /// The session in force, and its state at `now`.
    #[must_use]
    pub fn session(&self, now: &Sample) -> (SessionState, Option<SessionId>) {
        todo!()
    }
}
