//! Transmissions and their order: on a new home the session is bound first, then all undecided requests
//! leave again under their ids (safety L14).

use super::Core;
use super::back_off::{BackOff, STEP_MAX};
use super::links::Home;
use super::standing::StandingList;
use super::types::{CallId, CoreAction, LinkId};
use crate::base::locks::Operation;
use crate::base::rng::Rng;
use crate::base::{Sample, SessionId};
use crate::wire::Request;
use crate::{Error, Status};

/// The home to which all was sent, and the session bound to its link.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    home: Option<Home>,
    /// The session that home's link is bound to.
    session: Option<SessionId>,
    /// The time at which all is sent to the same home again: the home said that it may not have
    /// taken it.
    rebind_at: u64,
    back_off: BackOff,
}

impl Default for Bound {
    fn default() -> Self {
        Self { home: None, session: None, rebind_at: u64::MAX, back_off: BackOff::new() }
    }
}

impl Bound {
    pub(super) fn rebind_later(&mut self, now: &Sample, rng: &mut Rng) {
        if self.rebind_at == u64::MAX {
            self.rebind_at = self.back_off.next(now, STEP_MAX, rng);
        }
    }

    /// A creation binds the link that it was sent on.
    pub(super) fn handle_opened(&mut self, session: SessionId) {
        self.session = Some(session);
    }
}

impl Core {
    /// Pushes all that can leave at `now`.
    pub(super) fn transmit(&mut self, now: &Sample) {
        self.drop_retired(now);
        if self.life == super::Life::Closed && self.retiring.is_empty() {
            return self.links.hang_up_all(&mut self.actions);
        }
        self.links.settle(now, &mut self.actions);
        self.follow_home(now);
        self.start_ready_acquires();
        self.start_ready_orders();
        let Some(home) = self.bound.home else { return };
        self.send_closes(now, home);
        self.send_creation(now, home);
        self.send_requests(now, home);
        self.send_renewal(now, home);
        while let Some(request) = self.reads.take_request(self.session.as_ref()) {
            self.send_read(now, home, request);
        }
        self.send_observers(now, home);
    }

    /// Starts over at a new home, or at the same one in another term, which knows nothing of this client yet.
    fn follow_home(&mut self, now: &Sample) {
        self.reads.handle_deadline(now);
        self.observers.handle_deadline(now);
        if let Some(session) = &mut self.session {
            session.window.handle_deadline(now);
        }
        let home = self.links.home();
        let rebind = self.bound.rebind_at <= now.boot();
        if self.bound.home == home && !rebind {
            return;
        }
        if self.bound.home != home {
            self.bound.back_off.reset();
        }
        if self.bound.home.is_some() && home.is_none() {
            self.hasten_tries(now);
        }
        self.bound.home = home;
        self.bound.session = None;
        self.bound.rebind_at = u64::MAX;
        self.reads.send_all_again();
        self.observers.send_all_again();
        if let Some(session) = &mut self.session {
            session.roll = StandingList::Idle;
            session.window.send_all_again();
            session.renewals.repeat_unanswered(now);
        }
        if let Some(opening) = &mut self.opening {
            opening.sent.clear();
        }
        self.retiring.iter_mut().for_each(|retiring| retiring.sent = false);
    }

    /// Sends the closes of sessions that ended here. Not while a creation is under way on this link: the
    /// two would bind it to different sessions.
    fn send_closes(&mut self, now: &Sample, home: Home) {
        if self.opening.as_ref().is_some_and(|opening| !opening.sent.is_empty()) {
            return;
        }
        for at in 0..self.retiring.len() {
            let retiring = &mut self.retiring[at];
            if retiring.sent || retiring.retry_at > now.boot() {
                continue;
            }
            retiring.sent = true;
            let (session, request, floor) = (retiring.session, retiring.request, retiring.floor);
            self.bind(now, home, session);
            let operation = Operation::Close;
            self.send(now, home, Request::Submit { session, request, floor, operation });
        }
    }

    fn send_creation(&mut self, now: &Sample, home: Home) {
        let Some(opening) = &self.opening else { return };
        if !opening.sent.is_empty() || opening.retry_at > now.boot() {
            return;
        }
        // The answers of the endpoints are compared first (L26).
        if self.links.compared_at() > now.boot() || self.links.contradiction().is_some() {
            return;
        }
        let number = self.new_number();
        if let Some(opening) = &mut self.opening {
            opening.sent.insert(number, *now);
        }
        let ttl_ms = u32::try_from(self.options.ttl.as_millis()).unwrap_or(u32::MAX);
        let (key, client) = (self.options.key, self.options.client.clone());
        self.send(now, home, Request::OpenSession { number, ttl_ms, key, client });
    }

    fn send_requests(&mut self, now: &Sample, home: Home) {
        let Some(session) = &self.session else { return };
        let session = session.id;
        self.bind(now, home, session);
        while let Some(sent) = self.session.as_mut().and_then(|one| one.window.take_transmission())
        {
            let (request, floor, operation) = (sent.request, sent.floor, sent.operation);
            self.send(now, home, Request::Submit { session, request, floor, operation });
        }
    }

    fn send_renewal(&mut self, now: &Sample, home: Home) {
        let Some(session) = &mut self.session else { return };
        if session.renewals.due() > now.boot() {
            return;
        }
        if !self.progress.is_recent(now) {
            return session.renewals.withhold();
        }
        let number = self.new_number();
        let Some(session) = &mut self.session else { return };
        session.renewals.handle_sent(number, now, &mut self.rng);
        let session = session.id;
        self.send(now, home, Request::Renew { session, number });
    }

    /// Sends a read, or fails it if the leader's version does not know it.
    fn send_read(&mut self, now: &Sample, home: Home, request: Request) {
        match request {
            Request::Read { read, .. }
                if !self.links.abilities(home.link).cover(request.needs()) =>
            {
                self.reads.remove(CallId(read));
                let text = "the node that leads runs an older version, which cannot say that";
                self.decide(CallId(read), Err(Error::new(Status::Unsupported, text)));
            }
            request => self.send(now, home, request),
        }
    }

    fn bind(&mut self, now: &Sample, home: Home, session: SessionId) {
        if self.bound.session != Some(session) {
            self.bound.session = Some(session);
            let key = self.options.key;
            self.send(now, home, Request::Attach { session, key });
        }
    }

    /// Sends a request that asks for no answer, so that the link is not called silent for it.
    pub(super) fn send_unanswered(&mut self, link: LinkId, request: Request) {
        self.actions.push(CoreAction::Send { link, request });
    }

    pub(super) fn send(&mut self, now: &Sample, home: Home, request: Request) {
        let abilities = self.links.abilities(home.link);
        debug_assert!(abilities.cover(request.needs()), "{abilities:?} do not cover {request:?}");
        self.links.handle_sent(now, home.link);
        self.actions.push(CoreAction::Send { link: home.link, request });
    }

    /// Whether all was sent to `link`, the present home.
    pub(super) fn is_home(&self, link: LinkId) -> bool {
        let home = self.links.home();
        home == self.bound.home && home.is_some_and(|home| home.link == link)
    }

    /// The time of the next send without an input, as a reading of BOOTTIME.
    pub(super) fn transmit_deadline(&self) -> u64 {
        if self.bound.home.is_none() {
            return u64::MAX;
        }
        let creating = self.opening.as_ref().is_some_and(|opening| !opening.sent.is_empty());
        let close = self
            .retiring
            .iter()
            .filter(|retiring| !retiring.sent && !creating)
            .map(|retiring| retiring.retry_at)
            .min();
        let may_create = !creating && self.links.contradiction().is_none();
        let creation = self.opening.as_ref().filter(|_| may_create);
        let creation = creation.map(|opening| opening.retry_at.max(self.links.compared_at()));
        let session = self.session.as_ref();
        let renewal =
            session.map(|one| one.renewals.next_deadline().min(one.window.next_deadline()));
        let asked = self.reads.next_deadline().min(self.observers.next_deadline());
        [close, creation, renewal, Some(asked), Some(self.bound.rebind_at)]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(u64::MAX)
    }
}
