//! Connections that were closed for what they sent: counted, and logged at most once a second.

use crate::base::time::nanos;
use std::fmt::Display;
use std::time::Duration;

/// The count, and when the last line was written.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    count: u64,
    last: String,
    last_at: u64,
    unlogged: u64,
}

impl Complaints {
    /// Counts one connection; writes a line unless one was just written, or the same one lately.
    pub(super) fn add(&mut self, now: u64, why: &dyn Display) {
        self.count += 1;
        let why = why.to_string();
        let silence = if why == self.last { SILENCE_AFTER_THE_SAME } else { SILENCE };
        if self.count > 1 && now.saturating_sub(self.last_at) < nanos(silence) {
            self.unlogged += 1;
            return;
        }
        match std::mem::take(&mut self.unlogged) {
            0 => log::warn!("closed a connection: {why}"),
            others => {
                log::warn!("closed a connection: {why} ({others} others since the last line)")
            }
        }
        (self.last, self.last_at) = (why, now);
    }

    /// Connections counted since the start.
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

const SILENCE: Duration = Duration::from_secs(1);
/// A peer that is refused comes back each second, for days.
const SILENCE_AFTER_THE_SAME: Duration = Duration::from_secs(60);
