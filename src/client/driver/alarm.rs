//! The alarm of a client: when the reactor's thread serves it at the latest for whatever is due next, in the core or for a
//! thread that waits, whoever polls the sockets meanwhile.

use super::reactor::{Member, Reactor};
use std::sync::Arc;

/// Set under the client's mutex. Instants are readings of BOOTTIME.
#[derive(Debug)]
pub(super) struct Alarm {
    reactor: Arc<Reactor>,
    member: Member,
    /// When it rings; `None`: the client has left.
    at: Option<u64>,
}

impl Alarm {
    /// One that is not set.
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

    /// Nobody sleeps whom it would have to wake.
    pub(super) fn rest(&mut self) {
        self.at = self.at.map(|_| 0);
    }

    /// It rings no more: the client's number is another's from now on.
    pub(super) fn leave(&mut self) {
        self.at = None;
    }
}
