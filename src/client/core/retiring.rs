//! Sessions that ended here and are closed at the server in the background, so that their locks are free before
//! the TTL is over.
//!
//! A client that lives closes them however long that takes: while no server runs no TTL passes, and after an outage each
//! session has a whole one. One that is closed tries for as long as servers that run may need to end the session by
//! themselves. One that nobody has any more says it once and lets go: belief has ended, and the TTL frees.

use super::Core;
use super::back_off::{BackOff, STEP_MAX};
use super::types::{CallId, Done};
use crate::base::locks::{Answer, Refusal};
use crate::base::{RequestId, Sample, SessionId};
use crate::{Error, Status};
use std::time::Duration;

/// A session that ended here, and is closed at the server so that its locks are free before its TTL.
#[derive(Clone, Debug)]
pub(super) struct Retiring {
    pub(super) session: SessionId,
    pub(super) request: RequestId,
    pub(super) floor: RequestId,
    /// Sent on the present home, or to be sent from `retry_at` on.
    pub(super) sent: bool,
    pub(super) retry_at: u64,
    pub(super) back_off: BackOff,
    /// It is given up then: a reading of BOOTTIME.
    pub(super) until: u64,
    pub(super) ttl: Duration,
    pub(super) call: Option<CallId>,
}

impl Core {
    pub(super) fn retire(
        &mut self,
        now: &Sample,
        (session, ttl): (SessionId, Duration),
        (request, floor): (RequestId, RequestId),
        call: Option<CallId>,
    ) {
        if self.retiring.len() >= RETIRING_MAX {
            self.retiring.remove(0);
        }
        self.retiring.push(Retiring {
            session,
            request,
            floor,
            sent: false,
            retry_at: now.boot(),
            back_off: BackOff::new(),
            until: u64::MAX,
            ttl,
            call,
        });
    }

    /// The client is closed: what it still owes is given up once servers that run have ended it by themselves.
    pub(super) fn bound_retiring(&mut self, now: &Sample) {
        for retiring in &mut self.retiring {
            retiring.until = now.hint(retiring.ttl.saturating_mul(RETIRING_TTLS));
        }
    }

    /// Nobody has the client any more: it is closed, and tries no longer than a change of leader may take.
    pub fn let_go(&mut self, now: &Sample) {
        self.close(now);
        let until = now.hint(LETTING_GO_MAX);
        self.retiring.iter_mut().for_each(|retiring| retiring.until = until.min(retiring.until));
    }

    /// An answer to a request of a session that ended here: only that of its close is of interest.
    pub(super) fn handle_retiring_answer(
        &mut self,
        now: &Sample,
        (session, request): (SessionId, RequestId),
        answer: &Answer,
    ) {
        let mut found = self.retiring.iter_mut();
        let of_it = |one: &&mut Retiring| one.session == session && one.request == request;
        let Some(retiring) = found.find(of_it) else { return };
        match answer {
            Answer::Refused(Refusal::Busy | Refusal::Limit | Refusal::Denied) => {
                retiring.sent = false;
                retiring.retry_at = retiring.back_off.next(now, STEP_MAX, &mut self.rng);
            }
            _ => self.finish_retiring(session),
        }
    }

    pub(super) fn finish_retiring(&mut self, session: SessionId) {
        let Some(at) = self.retiring.iter().position(|one| one.session == session) else { return };
        if let Some(call) = self.retiring.remove(at).call {
            self.decide(call, Ok(Done::Closed));
        }
    }

    /// Gives up sessions that were tried to be closed for long enough.
    pub(super) fn drop_retired(&mut self, now: &Sample) {
        let over = |one: &Retiring| one.until <= now.boot();
        let calls: Vec<_> =
            self.retiring.iter().filter(|one| over(one)).filter_map(|one| one.call).collect();
        self.retiring.retain(|one| !over(one));
        for call in calls {
            let text = "no leader answered the close; the locks are freed when the TTL is over";
            self.decide(call, Err(Error::new(Status::Unknown, text)));
        }
    }
}

/// Sessions that are closed in the background at once; older ones are left to their TTL.
const RETIRING_MAX: usize = 4;
/// A session that is renewed no more is gone after its TTL, and after another one if the leader changed.
const RETIRING_TTLS: u32 = 3;
/// How long a client that nobody has any more tries to say that it is gone.
const LETTING_GO_MAX: Duration = Duration::from_secs(1);
