//! Subscriptions of a client's program: the changes of its session, and the locks that it observes.

use super::Inner;
use super::feed::{Coalesce, Feed};
use crate::base::locks::Name;
use crate::base::{Sample, SessionId};
use crate::client::core::{ObserverId, Seen, SessionState};
use crate::client::data::{Holder, Observed, SessionInfo};
use crate::sys::clock;
use crate::{Error, Status};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All feeds of one client.
#[derive(Debug)]
pub(super) struct Subscriptions {
    session: Arc<Feed<SessionInfo>>,
    observers: BTreeMap<ObserverId, Arc<Feed<Observed>>>,
    /// The newest session, also when it has ended.
    last_session: Option<SessionId>,
    is_closed: bool,
}

impl Subscriptions {
    pub(super) fn new() -> Self {
        let (session, observers) = (Feed::new(), BTreeMap::new());
        Self { session, observers, last_session: None, is_closed: false }
    }

    /// Ends all feeds.
    pub(super) fn end_all(&mut self, why: &Error) {
        self.is_closed = true;
        self.session.end(why.clone());
        for feed in self.observers.values() {
            feed.end(why.clone());
        }
    }
}

impl Inner {
    /// The changes of the session's state.
    pub(crate) fn session_feed(&self) -> &Arc<Feed<SessionInfo>> {
        &self.subscriptions.session
    }

    /// Drops the changes of the session so far, which led to the present state.
    pub(crate) fn skip_session_changes(&self) {
        self.subscriptions.session.skip();
    }

    /// The session as known here.
    pub(crate) fn session_info(&self, now: &Sample) -> SessionInfo {
        let (state, session) = self.core.session(now);
        SessionInfo {
            state,
            session: session.or(self.subscriptions.last_session),
            remaining: self.core.session_remaining(now),
            ttl: self.core.ttl(),
            leases: u32::try_from(self.core.lease_count()).unwrap_or(u32::MAX),
        }
    }

    /// # Errors
    /// CLOSED: the client is closed.
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if self.subscriptions.is_closed { Err(Status::Closed.into()) } else { Ok(()) }
    }

    /// Ends all feeds with CLOSED.
    pub(crate) fn close_feeds(&mut self) {
        self.subscriptions.end_all(&Status::Closed.into());
        self.duty.interrupt();
    }

    /// Follows the holders of `name`.
    ///
    /// # Errors
    /// CLOSED, LIMIT.
    pub(crate) fn observe(
        &mut self,
        now: &Sample,
        name: Name,
    ) -> Result<(ObserverId, Arc<Feed<Observed>>), Error> {
        self.check_open()?;
        if self.subscriptions.observers.len() >= OBSERVERS_MAX {
            let text = format!("a client has at most {OBSERVERS_MAX} observers");
            return Err(Error::new(Status::Limit, text));
        }
        let (id, feed) = (self.core.observe(now, name), Feed::new());
        self.subscriptions.observers.insert(id, Arc::clone(&feed));
        Ok((id, feed))
    }

    /// Ends an observation.
    pub(crate) fn unobserve(&mut self, now: &Sample, observer: ObserverId) {
        let Some(feed) = self.subscriptions.observers.remove(&observer) else { return };
        feed.end(Status::Closed.into());
        self.duty.interrupt_unless_driving(&feed.waiter);
        self.core.unobserve(now, observer);
    }

    pub(super) fn tell_observer(&self, observer: ObserverId, seen: Seen) {
        let Some(feed) = self.subscriptions.observers.get(&observer) else { return };
        feed.push(Observed::from(seen));
        self.duty.interrupt_unless_driving(&feed.waiter);
    }

    pub(super) fn end_observer(&self, observer: ObserverId, why: &Error) {
        let Some(feed) = self.subscriptions.observers.get(&observer) else { return };
        feed.end(why.clone());
        self.duty.interrupt_unless_driving(&feed.waiter);
    }

    pub(super) fn tell_session(&mut self, state: SessionState, session: Option<SessionId>) {
        if let Some(session) = session {
            self.subscriptions.last_session = Some(session);
        }
        let info = SessionInfo { state, ..self.session_info(&clock::sample_end()) };
        self.subscriptions.session.push(info);
        self.duty.interrupt_unless_driving(&self.subscriptions.session.waiter);
    }
}

impl Coalesce for Observed {
    fn replaced_by(self, newer: Self) -> Self {
        let missed = self.missed.saturating_add(1).saturating_add(newer.missed);
        Self { missed, ..newer }
    }
}

impl Coalesce for SessionInfo {
    /// The newest state counts.
    fn replaced_by(self, newer: Self) -> Self {
        newer
    }
}

impl From<Seen> for Observed {
    fn from(seen: Seen) -> Self {
        let holder = seen.holder.map(|said| Holder {
            token: said.token,
            client: said.client,
            value: said.value,
            since_unix_ms: said.since_unix_ms,
        });
        Self { holder, missed: seen.missed }
    }
}

/// The most locks that one client observes.
const OBSERVERS_MAX: usize = 1024;
