//! The program's signs of life: if demanded, the session is renewed only while they come, so that a
//! wedged worker loses its locks.
//!
//! No argument for safety rests on this: a withheld renewal only ends belief sooner.

use super::Core;
use crate::base::Sample;
use crate::base::time::nanos;
use std::time::Duration;

/// The last sign of life, and how long it counts.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// How long a sign counts; `None`: none is demanded.
    within: Option<Duration>,
    /// The last sign, a reading of BOOTTIME: suspend counts as silence.
    moved_at: u64,
}

impl Progress {
    pub(super) fn new(within: Option<Duration>) -> Self {
        Self { within, moved_at: 0 }
    }

    /// Notes a sign of life at `at`, or the creation of a session.
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
    /// A sign of life of the program: with `CoreOptions::progress` the session is renewed only
    /// while these come.
    pub fn progress(&mut self, now: &Sample) {
        self.check_belief(now);
        self.progress.handle_moved(now);
        if let Some(session) = &mut self.session {
            session.renewals.resume();
        }
    }
}
