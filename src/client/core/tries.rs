//! Tries: acquires that wait for no holder, and fail soon without a leader.
//!
//! A connected leader has the request timeout to answer. Without a leader a try waits only as long
//! as a change of leader may take, so that planned work fails no try; and in a new client as long
//! as its opening may take.

use super::acquire::Load;
use super::types::CallId;
use super::{Core, Timer};
use crate::base::Sample;
use std::time::Duration;

impl Core {
    /// When to check, next after `now`, whether the time of a try is over.
    pub(super) fn try_checked_at(&self, now: &Sample) -> u64 {
        now.hint(LEADERLESS_MAX.min(self.options.request_timeout))
    }

    /// The end of a try that began at `began`, by the present state of links.
    fn try_over_at(&self, call: CallId, began: &Sample) -> u64 {
        let latest = began.hint(self.options.request_timeout);
        let is_answered = self.acquires.load_of(call) != Some(Load::Refused);
        let soon = began.hint(LEADERLESS_MAX);
        let over_at = match self.links.home() {
            Some(_) if is_answered && !self.acquires.is_held_back(call) => latest,
            Some(_) => soon,
            None => {
                let opening = if self.is_new { self.opens_until } else { 0 };
                soon.max(self.leaderless_since.hint(LEADERLESS_MAX)).max(opening)
            }
        };
        over_at.min(latest)
    }

    /// Whether a try has time left by the present state of links; if so, it is checked again later.
    pub(super) fn has_try_time(&mut self, now: &Sample, call: CallId) -> bool {
        let Some(began) = self.acquires.began_try(call) else { return false };
        let over_at = self.try_over_at(call, &began);
        let has_time = over_at > now.boot();
        if has_time {
            self.set_wait_over(call, over_at.min(self.try_checked_at(now)));
        }
        has_time
    }

    /// After the loss of the leader: its unanswered tries wait for the next one, and not for long.
    pub(super) fn hasten_tries(&mut self, now: &Sample) {
        self.leaderless_since = *now;
        for (call, began) in self.acquires.tries() {
            let over_at = self.try_over_at(call, &began);
            self.set_wait_over(call, over_at);
        }
    }

    fn set_wait_over(&mut self, call: CallId, over_at: u64) {
        if let Some(before) = self.acquires.set_wait_over(call, over_at) {
            self.timers.remove(&(before, Timer::WaitOver(call)));
        }
        self.timers.insert((over_at, Timer::WaitOver(call)));
    }
}

/// How long a try waits for a leader: some three elections, with the default timeouts.
const LEADERLESS_MAX: Duration = Duration::from_secs(1);
