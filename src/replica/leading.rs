//! The state that a replica has only while it leads: timers, observers, requests held back,
//! creations under way; and the change of role.

use super::decisions::Beginning;
use super::listing::Listings;
use super::metering::Begun;
use super::observers::Observers;
use super::operators::Ordered;
use super::parts::Parts;
use super::raising::Raising;
use super::restoring::Restoring;
use super::shares::{Opener, Shares};
use super::telling::Tellings;
use super::timers::Timers;
use super::{Replica, ServerMessage};
use crate::base::limits::{HELD_REQUESTS_MAX, TTL_MS_DEFAULT, TTL_MS_MAX};
use crate::base::{ConnectionId, Index, Sample, SessionId, Token};
use crate::lock::{Command, Name, Refusal, Settings};
use crate::raft::{Role, Urgency};
use crate::wire::Request;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

/// A leader's own state; empty in any other role.
#[derive(Clone, Debug, Default)]
pub struct Leading {
    /// When each session may be expired (L8).
    pub sessions: Timers<SessionId>,
    /// When the lock delay of a token on a name is over (L16).
    pub delays: Timers<(Token, Name)>,
    /// The observers of locks.
    pub observers: Observers,
    /// Changes of locks that observers are still to be told.
    pub tellings: Tellings,
    /// Lists of standing grants and places for attached sessions, as far as not sent.
    pub listings: Listings,
    /// How far the timers have begun.
    pub beginning: Beginning,
    /// Requests that wait for the apply of the leader's own no-op (L11), or then for their turn.
    pub held: VecDeque<(ConnectionId, Request)>,
    /// Requests that wait for the end of a restore (L15).
    pub held_by_restore: VecDeque<(ConnectionId, Request)>,
    /// The requester of the session that the entry at this index creates.
    pub creations: BTreeMap<Index, Creation>,
    /// The shares of connections and addresses in the sessions.
    pub shares: Shares,
    /// The requester of the change of members under way.
    pub change: Option<Ordered>,
    /// The requester of the move of leadership under way.
    pub handover: Option<Ordered>,
    /// The wait of a restored cluster.
    pub restoring: Restoring,
    /// How far the next level is.
    pub raising: Raising,
    /// Whether this leader has proposed a key of the cluster.
    pub has_given_key: bool,
    /// What entries leave to later ones.
    pub parts: Parts,
    /// Logged requests that are not answered yet.
    pub begun: Begun,
    /// The requester of the change of rights that the entry at this index makes.
    pub(super) access: BTreeMap<Index, Ordered>,
    /// After a change of rights, observers after this one are still to be judged.
    pub(super) judging: Option<Bound<(ConnectionId, u64)>>,
    stage: Stage,
}

/// A creation under way.
#[derive(Clone, Copy, Debug)]
pub struct Creation {
    /// The client that asked.
    pub opener: Opener,
    /// The client's number of the transmission (L7).
    pub number: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Not leading, or the leader's own no-op is not applied.
    #[default]
    Waiting,
    /// Answers requests.
    Ready,
}

impl Leading {
    /// Whether requests may be answered: the leader's own no-op is committed and applied (L11).
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }

    /// Whether work is left over for the next turn.
    #[must_use]
    pub fn has_left_over(&self) -> bool {
        !self.tellings.is_empty()
            || self.listings.are_due()
            || !self.beginning.is_over()
            || self.observers.has_forgotten()
            || self.judging.is_some()
    }
}

impl Replica {
    /// Handles a change of the role, term or known leader.
    pub(super) fn handle_role(&mut self, role: Role) {
        let meters = (role == Role::Leader).then(|| Arc::clone(&self.options.meters));
        self.machine.count_into(meters);
        if role != Role::Leader {
            let mut before = std::mem::take(&mut self.leading);
            self.end_access(std::mem::take(&mut before.access).into_values());
            let sessions = self.clients.unbind_all();
            self.drop_confirmed();
            self.end_orders(before.change.take(), before.handover.take());
            for Creation { opener, .. } in before.creations.values() {
                self.clients.end_waiting(opener.connection);
            }
            let held = std::mem::take(&mut before.held).into_iter();
            let held = held.chain(std::mem::take(&mut before.held_by_restore));
            if !sessions.is_empty() || before.is_ready() {
                self.retired.leading.push(before);
                self.retired.sessions.push(sessions);
            }
            for (connection, request) in held {
                self.clients.end_waiting(connection);
                match request {
                    Request::Order { read, .. } => self.drop_order(connection, read),
                    _ => self.want_hint(connection),
                }
            }
        }
        self.push_hint();
    }

    /// Becomes ready once the leader's own no-op is applied: timers start, and held requests are
    /// taken up.
    pub(super) fn become_ready(&mut self, now: &Sample) {
        self.leading.stage = Stage::Ready;
        self.begin_waits(now);
        self.propose_settings();
        self.begin_restoring(now);
        self.retry_held(now);
    }

    /// Takes up requests that were held back, a bounded number at a time. New requests do not wait
    /// for them: concurrent requests have no order.
    pub(super) fn retry_held(&mut self, now: &Sample) {
        if !self.can_retry_held() {
            return;
        }
        let count = self.leading.held.len().min(HELD_PER_TURN_MAX);
        let taken: Vec<_> = self.leading.held.drain(..count).collect();
        for (connection, request) in taken {
            self.clients.end_waiting(connection);
            self.handle_request(now, connection, request);
        }
    }

    /// Whether held requests could be taken up.
    pub(super) fn can_retry_held(&self) -> bool {
        let may = self.leading.is_ready() && !self.raft.is_transferring();
        // Orders wait until a change of rights is applied.
        may && !self.leading.held.is_empty() && self.leading.access.is_empty()
    }

    /// Holds a request until it can be taken up; refuses it if too many are held, in all or of its
    /// connection.
    pub(super) fn hold(&mut self, connection: ConnectionId, request: Request) {
        let by_restore = self.leading.is_ready() && self.waits_for_restore(&request);
        let Leading { held, held_by_restore, .. } = &mut self.leading;
        let has_room = held.len() + held_by_restore.len() < HELD_REQUESTS_MAX;
        if has_room && self.clients.begin_waiting(connection) {
            let queue = if by_restore { held_by_restore } else { held };
            queue.push_back((connection, request));
        } else {
            self.refuse(connection, &request, Refusal::Busy);
        }
    }

    /// Proposes this node's settings if they exceed the replicated ones, which only grow (C1).
    fn propose_settings(&mut self) {
        let own = Settings {
            lease_ms: self.options.lease_ms,
            ttl_ms_max: self.own_ttl_ms_max(),
            // A new cluster begins at the first level: no member has told yet what it reads.
            level: 1,
        };
        let wanted = match self.machine.settings() {
            None => own,
            Some(now) => Settings {
                lease_ms: now.lease_ms.max(own.lease_ms),
                ttl_ms_max: now.ttl_ms_max.max(own.ttl_ms_max),
                level: now.level.max(own.level),
            },
        };
        if self.machine.settings() != Some(&wanted) {
            // A refusal (a full log) leaves the cluster without a claim, which is safe; the next leader
            // asks again.
            let _ = self.propose(&Command::Settings(wanted), Urgency::Frees);
        }
    }

    /// The largest session TTL that this node asks for, within the limit of any node (L15).
    pub(super) fn own_ttl_ms_max(&self) -> u32 {
        self.options.ttl_ms_max.clamp(TTL_MS_DEFAULT, TTL_MS_MAX)
    }

    /// Begins a new session: its wait starts at the apply of its creation (L8).
    pub(super) fn begin_session(
        &mut self,
        now: &Sample,
        index: Index,
        session: SessionId,
        ttl_ms: u32,
    ) {
        self.begin_ttl(now, session, ttl_ms);
        let Some(Creation { opener, number }) = self.take_creation(index) else { return };
        self.leading.shares.own(session, opener);
        let connection = opener.connection;
        if self.clients.contains(connection) {
            self.clients.bind(connection, session);
            let rho_ppm = crate::base::time::RHO_PPM;
            self.reply(
                connection,
                ServerMessage::SessionOpened { number, session, ttl_ms, rho_ppm },
            );
        }
    }

    /// Takes the requester of the session that the entry at `index` was to create, if connected
    /// here.
    pub(super) fn take_creation(&mut self, index: Index) -> Option<Creation> {
        let creation = self.leading.creations.remove(&index)?;
        self.clients.end_waiting(creation.opener.connection);
        Some(creation)
    }

    /// Tells one client who leads: its request must be sent there.
    pub(super) fn send_hint(&mut self, connection: ConnectionId) {
        let hint = self.leader_hint();
        self.reply(connection, ServerMessage::Leader(hint));
    }
}

/// Requests taken up in one turn once a leader is ready, or a restore is over (NT29).
const HELD_PER_TURN_MAX: usize = 256;
