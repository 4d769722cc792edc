//! The alarm of a client: the latest instant of its next turn on the reactor's thread, for the
//! deadlines of the core and of waiting threads, whichever thread polls the sockets meanwhile.

use super::reactor::{Member, Reactor};
use std::sync::Arc;

/// An alarm, set under the client's mutex. Instants are readings of BOOTTIME.
#[derive(Debug)]
pub(super) struct Alarm {
    reactor: Arc<Reactor>,
    member: Member,
    /// When the alarm rings; `None`: the client has left.
    at: Option<u64>,
}

impl Alarm {
    /// An alarm that is not set.
    pub(super) fn new(reactor: Arc<Reactor>, member: Member) -> Self {
        Self { reactor, member, at: Some(u64::MAX) }
    }

    /// Rings at `due`, if not before.
    pub(super) fn set(&mut self, due: u64) {
        if self.at.is_some_and(|at| due < at) {
            self.reset(due);
        }
    }

    /// Rings at `due`, and not before.
    pub(super) fn reset(&mut self, due: u64) {
        if self.at.is_some_and(|at| due != at) {
            self.reactor.set_due(self.member, due);
            self.at = Some(due);
        }
    }

    /// Unsets the alarm: no thread sleeps that it would have to wake.
    pub(super) fn rest(&mut self) {
        self.at = self.at.map(|_| 0);
    }

    /// Ends the alarm: the client's number is another's from now on.
    pub(super) fn leave(&mut self) {
        self.at = None;
    }
}
