//! The state of one client, and how what the core says is done.

use super::Shared;
use super::alarm::Alarm;
use super::corks::Corks;
use super::lease::SharedLease;
use super::link::{Link, Said};
use super::loss_timers::LossTimers;
use super::obeying::Round;
use super::poll_duty::PollDuty;
use super::promise::{Promise, Taken, Waiter};
use super::published::Published;
use super::reactor::{Bell, Line, Member, Reactor};
use super::subscriptions::Subscriptions;
use super::tally::Tally;
use crate::base::Sample;
use crate::base::row::Row;
use crate::client::core::{CallId, Core, EndReason, LeaseId, LinkId, SessionState};
use crate::net::{LocalNode, Received, TlsDialer};
use crate::sys::clock;
use crate::wire::RefusedCode;
use crate::{Error, Status};
use log::Level;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) core: Core,
    pub(super) links: BTreeMap<LinkId, Link>,
    /// Links of which more is to be read in the next turn.
    pub(super) unread: BTreeSet<LinkId>,
    pub(super) reactor: Arc<Reactor>,
    pub(super) member: Member,
    /// Calls the reactor's thread.
    pub(super) bell: Bell,
    /// What is to be logged when the mutex is free.
    pub(super) lines: Vec<Line>,
    pub(super) duty: PollDuty,
    pub(super) alarm: Alarm,
    pub(super) corks: Corks,
    pub(super) calls: Row<CallId, Arc<Promise>>,
    /// The call that is made just now, if nobody will wait for it, and what it gave at once.
    pub(super) unattended: Option<(CallId, Taken)>,
    pub(super) leases: Row<LeaseId, Arc<SharedLease>>,
    pub(super) loss_timers: LossTimers,
    pub(super) published: Option<Arc<Published>>,
    pub(super) subscriptions: Subscriptions,
    pub(crate) tally: Tally,
    /// The endpoints are of several clusters, and whoever waits for a session was told.
    is_mixed: bool,
    /// Who waits for a session.
    opener: Option<Arc<Waiter>>,
    pub(super) shared: Weak<Shared>,
    /// A node of this process, which is reached without a socket.
    pub(super) local: Option<LocalNode>,
    /// How nodes are reached over TLS; `None`: without.
    pub(super) tls: Option<TlsDialer>,
    /// Why nothing works any more: a panic.
    broken: Option<String>,
}

impl Inner {
    pub(super) fn new(
        core: Core,
        (reactor, member, bell): (Arc<Reactor>, Member, Bell),
        shared: Weak<Shared>,
    ) -> Self {
        Self {
            core,
            links: BTreeMap::new(),
            unread: BTreeSet::new(),
            alarm: Alarm::new(Arc::clone(&reactor), member),
            reactor,
            member,
            bell,
            lines: Vec::new(),
            duty: PollDuty::new(),
            corks: Corks::new(),
            calls: Row::new(),
            unattended: None,
            leases: Row::new(),
            loss_timers: LossTimers::default(),
            published: None,
            subscriptions: Subscriptions::new(),
            tally: Tally::default(),
            is_mixed: false,
            opener: None,
            shared,
            local: None,
            tls: None,
            broken: None,
        }
    }

    /// Where the decision of `call` will be left.
    pub(crate) fn promise_of(&mut self, call: CallId) -> Arc<Promise> {
        let promise = Promise::new();
        self.calls.insert(call, Arc::clone(&promise));
        promise
    }

    /// Nobody waits for `call` any more.
    pub(crate) fn forget(&mut self, call: CallId) {
        self.calls.remove(&call);
    }

    pub(crate) fn set_opener(&mut self, opener: Option<Arc<Waiter>>) {
        self.opener = opener;
    }

    pub(super) fn check_whole(&self) -> Result<(), Error> {
        match &self.broken {
            None => Ok(()),
            Some(text) => {
                let text = format!("a bug in Tenure ended this client: {text}");
                Err(Error::new(Status::Internal, text))
            }
        }
    }

    /// Says it when the mutex is free.
    pub(super) fn log(&mut self, level: Level, text: String) {
        self.lines.push(Line { level, text });
    }

    pub(super) fn is_finished(&self) -> bool {
        self.broken.is_some() || self.core.is_finished() && self.links.is_empty()
    }

    /// A panic: nothing here can be relied on, so all beliefs end and all calls are told.
    pub(super) fn fail(&mut self, text: String) {
        let failed = format!("a client of Tenure has failed and is closed: {text}");
        self.log(Level::Error, failed);
        self.broken = Some(text);
        if let Some(published) = &self.published {
            published.lapse();
        }
        for lease in std::mem::take(&mut self.leases).into_values() {
            lease.end(EndReason::Expired);
        }
        for promise in std::mem::take(&mut self.calls).into_values() {
            promise.decide(Err(Status::Internal.into()));
        }
        self.subscriptions.end_all(&Status::Internal.into());
        self.links.clear();
        self.bell.ring();
        self.duty.interrupt();
    }

    /// Takes what came on `ready`, and does what follows from it and from the time. Of each link no more than one budget:
    /// a server that says ever more holds up no renewal, and no other thread.
    pub(super) fn turn(&mut self, ready: impl IntoIterator<Item = LinkId>) {
        let mut links = std::mem::take(&mut self.unread);
        links.extend(ready);
        for link in links {
            self.receive(link);
        }
        self.settle(clock::sample());
    }

    fn receive(&mut self, id: LinkId) {
        let mut said = Vec::new();
        let Some(link) = self.links.get_mut(&id) else { return };
        let received = link.receive(&self.reactor.registrar, &mut said);
        // After the question was answered and read (L19).
        let now = clock::sample();
        for said in said {
            match said {
                Said::Connected => self.core.handle_connected(id),
                Said::Welcome(welcomed) => {
                    self.tally.connections += 1;
                    self.core.handle_welcome(&now, id, welcomed);
                }
                Said::Message(message) => self.core.handle_message(&now, id, message),
                Said::Refused(refused) => {
                    let was_served = self.links.remove(&id).is_some_and(|link| link.was_served());
                    let is_news = was_served && refused.is_closing();
                    if is_news || refused.code == RefusedCode::SlowReader {
                        self.log(Level::Warn, format!("a node has hung up: {}", refused.text));
                    }
                    return self.core.handle_refused(&now, id, refused);
                }
            }
        }
        match received {
            Ok(Received::All) => {}
            Ok(Received::More) => {
                self.unread.insert(id);
            }
            Err(why) => {
                self.links.remove(&id);
                self.core.handle_closed(&now, id, &why);
            }
        }
    }

    /// Does what the core says until it says nothing more. `now` was taken before anything leaves (L19): what begins then
    /// begins no later than it is said.
    pub(super) fn settle(&mut self, mut now: Sample) {
        self.corks.reset();
        loop {
            self.see_lapse();
            self.serve_loss_timers(&now);
            if self.core.next_deadline() <= now.boot() {
                self.core.handle_deadline(&now);
            }
            let mut round = Round::default();
            self.end_certificates(&now, &mut round);
            let actions = self.core.take_actions(&now);
            let round = self.perform(actions, round);
            if round.is_over() {
                break;
            }
            now = self.hang_up(round);
        }
        self.tell_mixed();
        for warning in self.core.take_warnings() {
            self.log(Level::Warn, warning);
        }
        if self.is_finished() {
            self.bell.ring();
        }
    }

    /// A reader has seen that nothing remains: that stands (L24).
    pub(super) fn see_lapse(&mut self) {
        if let Some(published) = &self.published
            && published.is_lapsed()
        {
            self.core.handle_lapsed(&clock::sample(), published.session());
        }
    }

    /// A loss timer has fired by `now`, whoever has looked: that stands (L24).
    pub(super) fn see_fired(&mut self, now: &Sample) {
        if let Some(published) = &self.published
            && published.fires_at() <= now.boot()
        {
            published.lapse();
            self.see_lapse();
        }
    }

    /// While the endpoints are of several clusters nothing opens: whoever waits for that is told, once.
    fn tell_mixed(&mut self) {
        let was_mixed = std::mem::replace(&mut self.is_mixed, self.core.contradiction().is_some());
        if !self.is_mixed || was_mixed {
            return;
        }
        let (state, _) = self.core.session(&clock::sample_end());
        if state == SessionState::Ended {
            self.wake_opener();
            self.tell_session(state, None);
        }
    }

    pub(super) fn wake_opener(&mut self) {
        if let Some(opener) = &self.opener {
            opener.tell();
            self.duty.interrupt_unless_driving(opener);
        }
    }
}
