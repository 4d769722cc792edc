//! Log that a leader keeps for a follower on its way from a snapshot: the entries behind it, until the follower has
//! them.
//!
//! Without it a follower whose snapshot takes longer to send than the next one to make would get one snapshot after
//! another and never an entry. The kept log is bounded in bytes and in time: a follower that never finishes is then
//! like any other that lags.

use crate::base::Sample;
use std::time::Duration;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// A follower that lacks no more than this has caught up: so much is kept for everybody.
    pub lag_bytes: u64,
    /// Entries that are kept for one follower at the most, in bytes.
    pub most_bytes: u64,
}

/// A follower on its way from a snapshot to the end of the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct CatchUp {
    begun: Sample,
    /// When it last had more than before.
    moved: Sample,
}

impl CatchUp {
    pub fn begun(now: &Sample) -> Self {
        Self { begun: *now, moved: *now }
    }

    pub fn note_move(&mut self, now: &Sample) {
        self.moved = *now;
    }

    /// Whether entries of `behind` bytes are still kept for it.
    pub fn is_worth_waiting(&self, now: &Sample, behind: u64, kept: &Kept) -> bool {
        behind <= kept.most_bytes
            && now.elapsed_hi(&self.moved) < STANDSTILL_MAX
            && now.elapsed_hi(&self.begun) < CATCH_UP_MAX
    }
}

/// The longest standstill of a follower that is waited for: a restart, or storing a snapshot of gigabytes, takes less.
const STANDSTILL_MAX: Duration = Duration::from_secs(60);
/// How long it may take as a whole: the largest snapshot over 10 MB/s takes less.
const CATCH_UP_MAX: Duration = Duration::from_secs(15 * 60);
