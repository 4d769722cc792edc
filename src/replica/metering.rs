//! What requests are counted as: once each, when they are answered, under what was asked and what became of it.

use super::Replica;
use crate::base::Index;
use crate::base::meters::{Meters, RequestKind, RequestResult, RightKind};
use crate::lock::{Answer, Outcome, Refusal};
use crate::wire::{OrderAnswer, ReadAnswer};
use std::collections::VecDeque;

/// Logged requests that this leader has proposed and not answered, in the order of their entries.
#[derive(Clone, Debug, Default)]
pub struct Begun(VecDeque<Beginning>);

/// What one of them is, and when it was read: a reading of BOOTTIME.
#[derive(Clone, Copy, Debug)]
struct Beginning {
    index: Index,
    kind: RequestKind,
    at: u64,
}

impl Begun {
    /// The entry at `index` is one.
    pub(super) fn begin(&mut self, index: Index, kind: RequestKind, at: u64) {
        self.0.push_back(Beginning { index, kind, at });
    }

    /// The one that the entry at `index` is, which is being applied.
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
    /// Where this replica counts.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.options.meters
    }

    /// Observers of locks that this node tells of changes; a leader has them.
    #[must_use]
    pub fn observer_count(&self) -> usize {
        self.leading.observers.count()
    }

    /// A request was answered at once.
    pub(super) fn count(&self, kind: RequestKind, result: RequestResult) {
        self.meters().count_request(kind, result);
    }

    /// Something was denied for want of this: once each, as the answer that says so leaves.
    pub(super) fn count_denial(&self, lacking: RightKind) {
        self.meters().denials[lacking as usize].add(1);
    }

    /// One that was read at `began` is answered now.
    pub(super) fn count_since(
        &self,
        kind: RequestKind,
        result: RequestResult,
        began: u64,
        now: u64,
    ) {
        self.meters().count_timed(kind, result, now.saturating_sub(began));
    }

    /// The entry at `index` was applied, and this came of it.
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

/// What became of a logged request.
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

/// What became of what is refused.
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

/// What became of a read.
pub(super) fn result_of_read(answer: &ReadAnswer) -> RequestResult {
    match answer {
        ReadAnswer::Refused(refusal) => refused(*refusal),
        ReadAnswer::Denied { .. } => RequestResult::Denied,
        _ => RequestResult::Ok,
    }
}

/// What became of an order.
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
        // What lies before an entry that is applied was applied without being one.
        assert!(begun.take(Index(8)).is_none() && begun.take(Index(7)).is_none());
    }
}
