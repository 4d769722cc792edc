//! Sessions: opened, renewed, lost, replaced, and closed in the background.

use super::back_off::{BackOff, SPARE_STEP_MAX, STEP_MAX};
use super::renewal::Renewals;
use super::requests::{Purpose, Window};
use super::standing::StandingList;
use super::types::{Belief, CallId, CoreAction, Done, EndReason, LinkId, SessionState};
use super::{Core, Life};
use crate::base::limits::{TTL_MS_MAX, TTL_MS_MIN};
use crate::base::locks::Refusal;
use crate::base::rng::Rng;
use crate::base::time::nanos;
use crate::base::{RequestId, Sample, SessionId};
use crate::{Error, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A session that is believed in.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) ttl: Duration,
    pub(super) belief: Belief,
    pub(super) renewals: Renewals,
    pub(super) window: Window,
    pub(super) roll: StandingList,
    /// When it was acknowledged, as a reading of BOOTTIME.
    opened_at: u64,
}

/// When the next session may be asked for. If sessions end as soon as they are made, there are
/// pauses between them: such servers are not asked as fast as they answer.
#[derive(Clone, Debug)]
pub(super) struct Reopening {
    not_before: u64,
    back_off: BackOff,
    /// How many short-lived sessions there were in a row.
    short_lived: u32,
}

impl Reopening {
    pub(super) fn new() -> Self {
        Self { not_before: 0, back_off: BackOff::new(), short_lived: 0 }
    }

    fn handle_end(&mut self, now: &Sample, lived: Duration, rng: &mut Rng) {
        if lived >= SHORT_LIFE {
            *self = Self::new();
            return;
        }
        self.short_lived += 1;
        if self.short_lived > 1 {
            self.not_before = self.back_off.next(now, SPARE_STEP_MAX, rng);
        }
    }

    /// Whether sessions end at once, one after the other.
    pub(super) fn is_in_vain(&self) -> bool {
        self.short_lived > 2
    }
}

/// The opening of a session. Each transmission creates one of its own (L7); the first answer
/// counts.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    /// The send times of the transmissions on the present home.
    pub(super) sent: BTreeMap<u64, Sample>,
    pub(super) retry_at: u64,
    pub(super) back_off: BackOff,
    /// Why the last transmission was refused.
    pub(super) refusal: Option<Refusal>,
}

/// The cause of a session's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndedBy {
    /// The belief ran out, or a loss timer fired: the session may live on at the server.
    Lapse,
    /// The server says so.
    Server,
    /// Most endpoints are of another cluster.
    Contradiction,
}

impl Session {
    fn new(now: &Sample, id: SessionId, ttl: Duration, belief: Belief) -> Self {
        let renewals = Renewals::new(ttl, &belief.start);
        let (window, roll, opened_at) = (Window::new(), StandingList::default(), now.boot());
        Self { id, ttl, belief, renewals, window, roll, opened_at }
    }

    pub(super) fn state(&self, now: &Sample) -> SessionState {
        if self.belief.is_over(now) {
            SessionState::Ended
        } else if now.boot() >= self.jeopardy_at() {
            SessionState::Jeopardy
        } else {
            SessionState::Valid
        }
    }

    /// When the session is in jeopardy: two renewals are due since the last acknowledged one.
    fn jeopardy_at(&self) -> u64 {
        self.belief.start.boot_before.saturating_add(nanos(self.ttl / 3 * 2))
    }
}

impl Opening {
    /// An opening that is not sent before `retry_at`, a reading of BOOTTIME.
    pub(super) fn new(retry_at: u64) -> Self {
        Self { sent: BTreeMap::new(), retry_at, back_off: BackOff::new(), refusal: None }
    }
}

impl Core {
    pub(super) fn handle_session_opened(
        &mut self,
        now: &Sample,
        link: LinkId,
        number: u64,
        (id, ttl_ms, rho_ppm): (SessionId, u32, u32),
    ) {
        // Only home's: the server binds the session to the link that asked, and ours is home.
        if self.links.home().is_none_or(|home| home.link != link) || id == SessionId(0) {
            return;
        }
        let Some(opening) = &mut self.opening else { return };
        let Some(start) = opening.sent.remove(&number) else { return };
        let ttl = Duration::from_millis(u64::from(ttl_ms)).min(self.options.ttl);
        let belief = Belief::new(id, start, ttl, rho_ppm, now);
        self.bound.handle_opened(id);
        if belief.is_over(now) || self.links.contradiction().is_some() {
            // Too late, a TTL of zero, or perhaps another cluster's: never believed in; another
            // session follows.
            opening.retry_at = opening.back_off.next(now, STEP_MAX, &mut self.rng);
            self.retire(now, (id, ttl), (RequestId(1), RequestId(1)), None);
            return;
        }
        self.opening = None;
        self.links.bind_cluster(link);
        self.is_new = false;
        self.progress.handle_moved(&start);
        self.session = Some(Session::new(now, id, ttl, belief));
        self.actions.push(CoreAction::Extend(belief));
        self.report_state(now);
    }

    pub(super) fn handle_session_refused(&mut self, now: &Sample, number: u64, refusal: Refusal) {
        let Some(opening) = &mut self.opening else { return };
        if opening.sent.remove(&number).is_none() {
            return;
        }
        opening.refusal = Some(refusal);
        let longest = if refusal == Refusal::Busy { STEP_MAX } else { SPARE_STEP_MAX };
        opening.retry_at = opening.back_off.next(now, longest, &mut self.rng);
        if refusal != Refusal::Busy {
            let error = self.refused(refusal);
            self.fail_acquires(error.clone());
            self.fail_ready_orders(&error);
        }
    }

    pub(super) fn handle_renewed(&mut self, now: &Sample, id: SessionId, number: u64) {
        let Some(session) = self.session.as_mut().filter(|session| session.id == id) else {
            return;
        };
        if let Some(start) = session.renewals.take_acknowledged(number) {
            session.belief.extend(start, now);
            self.actions.push(CoreAction::Extend(session.belief));
        }
    }

    /// Handles the server's final word that a session has ended.
    pub(super) fn handle_session_ended(&mut self, now: &Sample, id: SessionId) {
        if self.session.as_ref().is_some_and(|session| session.id == id) {
            self.lose_session(now, EndedBy::Server);
        }
        self.finish_retiring(id);
    }

    /// Ends beliefs that are over at `now`. First in each input, so that an end comes before any
    /// extension, grant or release (L6, L24).
    pub(super) fn check_belief(&mut self, now: &Sample) {
        if self.session.as_ref().is_some_and(|session| session.belief.is_over(now)) {
            self.lose_session(now, EndedBy::Lapse);
        }
        self.check_asked(now);
    }

    /// Ends the session here for good: it is not renewed any more, and replaced when a call needs
    /// one.
    pub(super) fn lose_session(&mut self, now: &Sample, by: EndedBy) {
        let Some(session) = self.session.take() else { return };
        let lived = Duration::from_nanos(now.boot().saturating_sub(session.opened_at));
        self.reopening.handle_end(now, lived, &mut self.rng);
        let reason = match by {
            EndedBy::Lapse if session.renewals.is_withheld() => EndReason::Stalled,
            EndedBy::Lapse | EndedBy::Server | EndedBy::Contradiction => EndReason::Expired,
        };
        self.end_all_leases(reason);
        self.report_state(now);
        if by != EndedBy::Server {
            let ids = (session.window.next_request(), session.window.floor());
            self.retire(now, (session.id, session.ttl), ids, None);
        }
        self.handle_requests_lost(now, session.window);
        self.links.hasten_others(now);
        if !self.acquires.is_empty() || self.orders.wants_session() {
            self.want_session(now);
        }
    }

    fn handle_requests_lost(&mut self, now: &Sample, window: Window) {
        let mut left = BTreeSet::new();
        for outstanding in window.into_outstanding() {
            match outstanding.purpose {
                Purpose::Acquire(call) => self.handle_acquire_lost(now, call),
                Purpose::Release(Some(call)) | Purpose::Transfer(Some(call)) => {
                    self.decide(call, Err(session_expired()));
                }
                Purpose::Order(Some(call)) if outstanding.transmissions > 0 => {
                    left.insert(call);
                }
                Purpose::Release(None)
                | Purpose::Transfer(None)
                | Purpose::Order(_)
                | Purpose::Withdrawn
                | Purpose::Withdraw(_) => {}
            }
        }
        self.handle_orders_lost(&left);
        self.acquires.release_held_back();
    }

    /// Opens a session unless there is one, or one is being opened.
    pub(super) fn want_session(&mut self, now: &Sample) {
        if self.session.is_none() && self.opening.is_none() && self.life == Life::Open {
            self.opening = Some(Opening::new(now.boot().max(self.reopening.not_before)));
        }
    }

    pub(super) fn start_close(&mut self, now: &Sample, call: CallId) {
        if self.life == Life::Closed {
            return self.decide(call, Ok(Done::Closed));
        }
        self.life = Life::Closed;
        self.opening = None;
        self.end_all_leases(EndReason::SessionClosed);
        self.fail_acquires(Status::Closed.into());
        self.fail_orders(&Status::Closed.into());
        self.fail_observers(&Status::Closed.into());
        for read in self.reads.take_all() {
            self.decide(read, Err(Status::Closed.into()));
        }
        self.timers.clear();
        let Some(session) = self.session.take() else {
            self.bound_retiring(now);
            return self.decide(call, Ok(Done::Closed));
        };
        self.report_state(now);
        let ids = (session.window.next_request(), session.window.floor());
        self.retire(now, (session.id, session.ttl), ids, Some(call));
        self.bound_retiring(now);
        for outstanding in session.window.into_outstanding() {
            if let Purpose::Release(Some(ended)) | Purpose::Transfer(Some(ended)) =
                outstanding.purpose
            {
                self.decide(ended, Err(Status::Closed.into()));
            }
        }
    }

    /// When the session's belief or state changes by itself, as a reading of BOOTTIME.
    pub(super) fn session_deadline(&self) -> u64 {
        let retired = self.retiring.iter().map(|one| one.until).min().unwrap_or(u64::MAX);
        let Some(session) = &self.session else { return retired };
        let jeopardy = match self.reported.0 {
            SessionState::Valid => session.jeopardy_at(),
            SessionState::Jeopardy | SessionState::Ended => u64::MAX,
        };
        let asked = self.leases.next_deadline();
        retired.min(jeopardy).min(asked).min(session.belief.ends_at())
    }
}

/// A session that lived shorter than this is short-lived: shorter than any TTL.
const SHORT_LIFE: Duration = Duration::from_millis(100);
const _: () = assert!(SHORT_LIFE.as_millis() <= TTL_MS_MIN as u128);

/// The TTL within the servers' bounds.
pub(super) fn clamp_ttl(ttl: Duration) -> Duration {
    let (low, high) = (u64::from(TTL_MS_MIN), u64::from(TTL_MS_MAX));
    ttl.clamp(Duration::from_millis(low), Duration::from_millis(high))
}

pub(super) fn session_expired() -> Error {
    Error::new(Status::SessionExpired, "the session expired while the call waited in it")
}
