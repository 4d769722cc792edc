//! Counts requests: once each, when answered, by kind and result.

use super::Replica;
use crate::base::Index;
use crate::base::meters::{Meters, RequestKind, RequestResult, RightKind};
use crate::lock::{Answer, Outcome, Refusal};
use crate::wire::{OrderAnswer, ReadAnswer};
use std::collections::VecDeque;

/// Logged requests that this leader has proposed and not answered, in the order of entries.
#[derive(Clone, Debug, Default)]
pub struct Begun(VecDeque<Beginning>);

/// The entry, kind, and time of receipt (a reading of BOOTTIME) of such a request.
#[derive(Clone, Copy, Debug)]
struct Beginning {
    index: Index,
    kind: RequestKind,
    at: u64,
}

impl Begun {
    /// Adds the request of the entry at `index`.
    pub(super) fn begin(&mut self, index: Index, kind: RequestKind, at: u64) {
        self.0.push_back(Beginning { index, kind, at });
    }

    /// Takes the request of the entry at `index`, which is being applied.
    fn take(&mut self, index: Index) -> Option<Beginning> {
        while let Some(first) = self.0.front()
            && first.index <= index
        {
            let first = self.0.pop_front()?;
            if first.index == index {
                return Some(first);
            }
        }
        None
    }
}

impl Replica {
    /// The counters of this replica.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.options.meters
    }

    /// The number of observers at this leader.
    #[must_use]
    pub fn observer_count(&self) -> usize {
        self.leading.observers.count()
    }

    /// Counts a request that was answered at once.
    pub(super) fn count(&self, kind: RequestKind, result: RequestResult) {
        self.meters().count_request(kind, result);
    }

    /// Counts a denial, by the lacking right: once each, when its answer leaves.
    pub(super) fn count_denial(&self, lacking: RightKind) {
        self.meters().denials[lacking as usize].add(1);
    }

    /// Counts a request that was received at `began` and is answered now.
    pub(super) fn count_since(
        &self,
        kind: RequestKind,
        result: RequestResult,
        began: u64,
        now: u64,
    ) {
        self.meters().count_timed(kind, result, now.saturating_sub(began));
    }

    /// Counts the request of the applied entry at `index`, by its outcome.
    pub(super) fn count_applied(&mut self, index: Index, outcome: Option<&Outcome>, now: u64) {
        let Some(Beginning { kind, at, .. }) = self.leading.begun.take(index) else { return };
        let result = match outcome {
            Some(Outcome::Answered { answer, .. }) => result_of(answer),
            Some(Outcome::SessionRefused(refusal)) => refused(*refusal),
            Some(_) => RequestResult::Ok,
            None => return,
        };
        self.count_since(kind, result, at, now);
    }
}

/// The result of a logged request.
fn result_of(answer: &Answer) -> RequestResult {
    match answer {
        Answer::Granted { .. } | Answer::Ended { .. } | Answer::Withdrawn | Answer::Done => {
            RequestResult::Ok
        }
        Answer::Queued { .. } => RequestResult::Queued,
        Answer::Held { .. } => RequestResult::Held,
        Answer::NotHeld | Answer::NoWaiter => RequestResult::NotHeld,
        Answer::SessionExpired => RequestResult::Expired,
        Answer::Deadlock { .. } => RequestResult::Deadlock,
        Answer::Refused(refusal) => refused(*refusal),
        Answer::Denied { .. } => RequestResult::Denied,
    }
}

/// The result of a refused request.
pub(super) fn refused(refusal: Refusal) -> RequestResult {
    match refusal {
        Refusal::Limit => RequestResult::Limit,
        Refusal::Busy => RequestResult::Busy,
        Refusal::Denied => RequestResult::Denied,
        Refusal::Unsupported | Refusal::Invalid | Refusal::BelowFloor | Refusal::Conflict => {
            RequestResult::Invalid
        }
    }
}

/// The result of a read.
pub(super) fn result_of_read(answer: &ReadAnswer) -> RequestResult {
    match answer {
        ReadAnswer::Refused(refusal) => refused(*refusal),
        ReadAnswer::Denied { .. } => RequestResult::Denied,
        _ => RequestResult::Ok,
    }
}

/// The result of an order.
pub(super) fn result_of_order(answer: &OrderAnswer) -> RequestResult {
    match answer {
        OrderAnswer::Refused { .. } => RequestResult::Invalid,
        OrderAnswer::Denied { .. } => RequestResult::Denied,
        _ => RequestResult::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_is_none_of_this_leaders_ends_no_request_of_it() {
        let mut begun = Begun::default();
        begun.begin(Index(5), RequestKind::Acquire, 100);
        begun.begin(Index(7), RequestKind::Release, 200);
        assert!(begun.take(Index(4)).is_none());
        assert_eq!(begun.take(Index(5)).map(|one| one.at), Some(100));
        // Requests before an applied entry were applied without an answer.
        assert!(begun.take(Index(8)).is_none() && begun.take(Index(7)).is_none());
    }
}
