//! Linearizable reads: each with its own number, asked again at each new leader, never of an older
//! index than before (safety L18), and after all earlier releases of this client, waited for or
//! not.

use super::refusal::{denied, refusal_error};
use super::repeats::Repeats;
use super::session::Session;
use super::types::{CallId, Done, LinkId};
use super::{Core, Timer};
use crate::base::limits::REQUESTS_PER_SESSION_MAX;
use crate::base::locks::Refusal;
use crate::base::rng::Rng;
use crate::base::{Index, RequestId, Sample, SessionId};
use crate::wire::{Query, ReadAnswer, Request};
use crate::{Error, Status};
use std::collections::{BTreeMap, BTreeSet};

/// The unanswered reads. A read's number is that of its call.
#[derive(Clone, Debug)]
pub(super) struct Reads {
    asked: BTreeMap<CallId, PendingRead>,
    repeats: Repeats<CallId>,
    /// The newest index that this client has seen.
    newest: Index,
}

#[derive(Clone, Debug)]
struct PendingRead {
    query: Query,
    /// The session at the time of the call, and the id of its next request: requests below it come
    /// first.
    behind: Option<(SessionId, RequestId)>,
}

/// The effect of an answer.
#[derive(Debug)]
enum Answered {
    /// The answer decides the call.
    Decided(CallId, Index, ReadAnswer),
    /// None: the read is asked again, or is unknown.
    Nothing,
}

impl Reads {
    pub(super) fn new() -> Self {
        Self { asked: BTreeMap::new(), repeats: Repeats::new(), newest: Index(0) }
    }

    /// Starts over in another cluster, whose indexes are its own.
    pub(super) fn begin_anew(&mut self) {
        self.newest = Index(0);
    }

    fn ask(&mut self, call: CallId, asked: PendingRead) {
        self.asked.insert(call, asked);
        self.repeats.insert(call);
    }

    fn len(&self) -> usize {
        self.asked.len()
    }

    /// Gives up a read, which has no effect; says whether it was undecided.
    pub(super) fn remove(&mut self, call: CallId) -> bool {
        self.repeats.remove(call);
        self.asked.remove(&call).is_some()
    }

    pub(super) fn take_all(&mut self) -> Vec<CallId> {
        self.repeats.begin_anew(BTreeSet::new());
        std::mem::take(&mut self.asked).into_keys().collect()
    }

    fn handle_answer(
        &mut self,
        now: &Sample,
        rng: &mut Rng,
        (read, index, answer): (u64, Index, ReadAnswer),
    ) -> Answered {
        let call = CallId(read);
        if !self.asked.contains_key(&call) {
            return Answered::Nothing;
        }
        let again = index < self.newest || answer == ReadAnswer::Refused(Refusal::Busy);
        if again {
            self.repeats.pause(call, now, rng);
            return Answered::Nothing;
        }
        if !matches!(answer, ReadAnswer::Refused(_) | ReadAnswer::Denied { .. }) {
            self.newest = index;
        }
        self.repeats.reset();
        self.remove(call);
        Answered::Decided(call, index, answer)
    }

    pub(super) fn handle_deadline(&mut self, now: &Sample) {
        self.repeats.handle_deadline(now);
    }

    pub(super) fn next_deadline(&self) -> u64 {
        self.repeats.next_deadline()
    }

    /// Asks everything again, at another leader.
    pub(super) fn send_all_again(&mut self) {
        self.repeats.begin_anew(self.asked.keys().copied().collect());
    }

    /// The next read to send. Reads after one that must wait are later calls, and must wait, too.
    pub(super) fn take_request(&mut self, session: Option<&Session>) -> Option<Request> {
        let call = self.repeats.first()?;
        let asked = self.asked.get(&call).unwrap_or_else(|| panic!("{call:?} to ask is unknown"));
        let waits = asked.behind.zip(session).is_some_and(|((of, request), session)| {
            session.id == of && session.window.changes_before(request)
        });
        if waits {
            return None;
        }
        self.repeats.pop_first();
        Some(Request::Read { read: call.0, query: asked.query.clone() })
    }
}

impl Core {
    /// A linearizable read.
    pub fn read(&mut self, now: &Sample, query: Query) -> CallId {
        self.check_belief(now);
        let id = self.new_call();
        if self.is_closed() {
            self.decide(id, Err(Status::Closed.into()));
        } else if self.reads.len() >= READS_MAX {
            let text = format!("{READS_MAX} reads of this client are not answered yet");
            self.decide(id, Err(Error::new(Status::Limit, text)));
        } else {
            let behind = self.session.as_ref().map(|one| (one.id, one.window.next_request()));
            self.reads.ask(id, PendingRead { query, behind });
            self.timers.insert((now.hint(self.options.request_timeout), Timer::ReadOver(id)));
        }
        id
    }

    pub(super) fn handle_read(
        &mut self,
        now: &Sample,
        link: LinkId,
        (read, index, answer): (u64, Index, ReadAnswer),
    ) {
        if let ReadAnswer::Denied { text } = &answer
            && self.is_observer(read)
        {
            return self.handle_observer_denied(link, read, text);
        }
        if let ReadAnswer::Refused(refusal) = answer
            && self.is_observer(read)
        {
            return self.handle_observer_refused(now, link, (read, refusal));
        }
        let answered = self.reads.handle_answer(now, &mut self.rng, (read, index, answer));
        let Answered::Decided(call, index, answer) = answered else { return };
        let result = match answer {
            ReadAnswer::Refused(refusal) => Err(refusal_error(refusal)),
            ReadAnswer::Denied { text } => Err(denied(&text)),
            answer => Ok(Done::Read { index, answer }),
        };
        self.decide(call, result);
    }

    pub(super) fn handle_read_over(&mut self, call: CallId) {
        if self.reads.remove(call) {
            let text = self.why_unavailable();
            self.decide(call, Err(Error::new(Status::Unavailable, text)));
        }
    }
}

/// The most unanswered reads of one client.
const READS_MAX: usize = 1024;
const _: () = assert!(READS_MAX < REQUESTS_PER_SESSION_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(reads: &mut Reads, call: u64) {
        let query = Query::Lock { name: "a".try_into().unwrap() };
        reads.ask(CallId(call), PendingRead { query, behind: None });
        assert!(reads.take_request(None).is_some());
    }

    fn answer(reads: &mut Reads, read: u64, index: u64) -> Answered {
        let said = (read, Index(index), ReadAnswer::Valid(true));
        reads.handle_answer(&Sample::at(0), &mut Rng::new(1), said)
    }

    #[test]
    fn an_answer_of_an_older_index_is_asked_again() {
        let mut reads = Reads::new();
        ask(&mut reads, 1);
        ask(&mut reads, 2);
        assert!(matches!(answer(&mut reads, 1, 10), Answered::Decided(CallId(1), Index(10), _)));
        assert!(matches!(answer(&mut reads, 2, 9), Answered::Nothing));
        reads.handle_deadline(&Sample::at(u64::MAX));
        assert!(matches!(reads.take_request(None), Some(Request::Read { read: 2, .. })));
        assert!(matches!(answer(&mut reads, 2, 10), Answered::Decided(CallId(2), Index(10), _)));
    }

    #[test]
    fn an_answer_that_nobody_asked_for_says_nothing() {
        let mut reads = Reads::new();
        assert!(matches!(answer(&mut reads, 5, u64::MAX), Answered::Nothing));
        ask(&mut reads, 1);
        assert!(matches!(answer(&mut reads, 1, 1), Answered::Decided(..)));
    }
}
