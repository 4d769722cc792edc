//! Sessions that ended here and are closed at the server in the background, so that their locks are
//! free before the TTL is over.
//!
//! An open client closes them however long that takes: while no server runs no TTL passes, and
//! after an outage each session has a whole one. A closed client tries for as long as running
//! servers may need to end the session by themselves. A dropped client tries once and lets go:
//! belief has ended, and the TTL frees the locks.

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
    /// When to give up: a reading of BOOTTIME.
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

    /// Bounds the attempts of a closed client: running servers end its sessions by themselves.
    pub(super) fn bound_retiring(&mut self, now: &Sample) {
        for retiring in &mut self.retiring {
            retiring.until = now.hint(retiring.ttl.saturating_mul(RETIRING_TTLS));
        }
    }

    /// Closes a dropped client, which tries no longer than a change of leader may take.
    pub fn let_go(&mut self, now: &Sample) {
        self.close(now);
        let until = now.hint(LETTING_GO_MAX);
        self.retiring.iter_mut().for_each(|retiring| retiring.until = until.min(retiring.until));
    }

    /// Handles an answer to a request of a session that ended here: only that of its close matters.
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

    /// Gives up sessions whose time is over.
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

/// The most sessions closed in the background at once; older ones are left to their TTL.
const RETIRING_MAX: usize = 4;
/// An unrenewed session is gone after its TTL, and after another one if the leader changed.
const RETIRING_TTLS: u32 = 3;
/// How long a dropped client tries to close its session.
const LETTING_GO_MAX: Duration = Duration::from_secs(1);
