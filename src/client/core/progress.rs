//! Whether the program moves: if it must say so, its session is renewed only as long as it does, so that a wedged
//! worker loses its locks.
//!
//! No argument for safety rests on this: a renewal that is withheld only ends belief sooner.

use super::Core;
use crate::base::Sample;
use crate::base::time::nanos;
use std::time::Duration;

/// When the program last said that it moves, and how long that lasts.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// `None`: it need not say so.
    within: Option<Duration>,
    /// A reading of BOOTTIME: a machine that slept did not move.
    moved_at: u64,
}

impl Progress {
    pub(super) fn new(within: Option<Duration>) -> Self {
        Self { within, moved_at: 0 }
    }

    /// It moved at `at`: the program said so, or a session was created for it.
    pub(super) fn handle_moved(&mut self, at: &Sample) {
        self.moved_at = self.moved_at.max(at.boot());
    }

    /// Whether a renewal may leave.
    pub(super) fn is_recent(&self, now: &Sample) -> bool {
        let elapsed = now.boot().saturating_sub(self.moved_at);
        self.within.is_none_or(|within| elapsed < nanos(within))
    }
}

impl Core {
    /// The program says that it moves: with `CoreOptions::progress` the session is renewed only as long as it does.
    pub fn progress(&mut self, now: &Sample) {
        self.check_belief(now);
        self.progress.handle_moved(now);
        if let Some(session) = &mut self.session {
            session.renewals.resume();
        }
    }
}
