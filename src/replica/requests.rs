//! Requests of clients: commands are proposed, requests that need a round join one, the rest is
//! answered at once.

use super::confirm::Question;
use super::leading::Creation;
use super::metering::refused;
use super::{Replica, ServerMessage, Storage};
use crate::base::limits::{CLIENT_NAME_BYTES_MAX, TTL_MS_MIN};
use crate::base::meters::{RequestKind, RequestResult, RightKind};
use crate::base::{
    ClientSource, ConnectionId, Index, RequestId, Sample, SessionId, SessionKey, Subject, codec,
};
use crate::lock::{ACCESS_LEVEL, Answer, Command, Refusal};
use crate::raft::{EntryHeader, EntryKind, Payload, ProposeError, Role, Urgency};
use crate::wire::{Abilities, Request};
use std::ops::Bound;

impl Replica {
    /// Adds a connected client with its source, abilities and identity; it is told of each change
    /// of leader.
    pub fn handle_client_up(
        &mut self,
        connection: ConnectionId,
        source: ClientSource,
        abilities: Abilities,
        subject: Subject,
    ) {
        self.clients.insert(connection, source, abilities, subject);
    }

    /// The connected clients after a bound, with their abilities.
    pub fn clients(
        &self,
        behind: Bound<ConnectionId>,
    ) -> impl Iterator<Item = (ConnectionId, Abilities)> + '_ {
        self.clients.listeners(behind)
    }

    /// Removes a closed client's connection.
    pub fn handle_client_down(&mut self, connection: ConnectionId) {
        self.clients.remove(connection);
        self.leading.observers.remove_connection(connection);
        self.shortage.forget(connection);
    }

    /// Handles a client's request.
    pub fn handle_request(&mut self, now: &Sample, connection: ConnectionId, request: Request) {
        if !self.clients.contains(connection) {
            return;
        }
        if let Request::Order { read, order } = request {
            return self.handle_order(now, connection, read, order);
        }
        if self.raft.role() != Role::Leader {
            self.count(request.kind(), RequestResult::NotLeader);
            return self.send_hint(connection);
        }
        if !self.leading.is_ready() || self.must_wait(&request) {
            return self.hold(connection, request);
        }
        match request {
            Request::OpenSession { number, ttl_ms, key, client } => {
                self.open_session(connection, number, ttl_ms, key, client);
            }
            Request::Attach { session, key } => self.attach(connection, session, &key),
            Request::Renew { session, number } => self.ask_renewal(connection, session, number),
            Request::Submit { session, request, floor, operation } => {
                self.submit_any(connection, session, (request, floor), operation);
            }
            Request::Read { read, query } => {
                self.ask(connection, Question::Read { read, query });
            }
            Request::Observe { read, name, since } => self.observe(connection, read, name, since),
            Request::Unobserve { read } => {
                self.count(RequestKind::Observe, RequestResult::Ok);
                self.leading.observers.remove(connection, read);
            }
            // Answered by the process, which knows more.
            Request::Status { .. } | Request::Describe { .. } | Request::Order { .. } => {}
        }
    }

    /// Whether a request can only be taken later: what is logged while leadership is handed over, by whoever
    /// leads then; the end of an observation whose begin may be among what is held back.
    fn must_wait(&self, request: &Request) -> bool {
        let waits = match request {
            Request::OpenSession { .. } | Request::Submit { .. } => self.raft.is_transferring(),
            Request::Unobserve { .. } => !self.leading.held.is_empty(),
            _ => false,
        };
        waits || self.waits_for_restore(request)
    }

    fn open_session(
        &mut self,
        connection: ConnectionId,
        number: u64,
        ttl_ms: u32,
        key: SessionKey,
        client: String,
    ) {
        let refuse = |replica: &mut Self, refusal: Refusal| {
            replica.count(RequestKind::OpenSession, refused(refusal));
            replica.reply(connection, ServerMessage::SessionRefused { number, refusal });
        };
        if client.len() > CLIENT_NAME_BYTES_MAX {
            return refuse(self, Refusal::Invalid);
        }
        // Its own where none is in force yet: no session outlasts what some node ran with (L15).
        let settings = self.machine.settings();
        let ttl_ms_max = settings.map_or(self.own_ttl_ms_max(), |settings| settings.ttl_ms_max);
        let ttl_ms = ttl_ms.clamp(TTL_MS_MIN, ttl_ms_max.max(TTL_MS_MIN));
        let command = match self.machine.level() >= ACCESS_LEVEL {
            true => {
                let subject = self.subject(connection);
                Command::OpenSessionOf { ttl_ms, key, client, subject }
            }
            false => Command::OpenSession { ttl_ms, key, client },
        };
        let Some(opener) = self.clients.opener(connection) else { return };
        let count = self.machine.session_count() + self.leading.creations.len();
        if !self.leading.shares.begin(opener, count) {
            return refuse(self, Refusal::Limit);
        }
        if !self.clients.begin_waiting(connection) {
            self.leading.shares.give_back(opener);
            return refuse(self, Refusal::Busy);
        }
        match self.propose(&command, Urgency::Normal) {
            Ok(index) => {
                self.leading.creations.insert(index, Creation { opener, number });
                self.leading.begun.begin(index, RequestKind::OpenSession, self.turn_began);
            }
            Err(unproposed) => {
                self.clients.end_waiting(connection);
                self.leading.shares.give_back(opener);
                match unproposed {
                    Unproposed::NotLeader => self.send_hint(connection),
                    Unproposed::Refused(refusal) => {
                        self.explain_refusal(connection);
                        refuse(self, refusal);
                    }
                }
            }
        }
    }

    /// Binds a connection to a session, and repeats what stands for it: answers, then what it was asked to end
    /// (L23). That much needs no round: grants are believed only as far as confirmed renewals reach. That there is
    /// nothing else ends leases, so only a confirmed leader may say it; what was granted meanwhile was said before.
    fn attach(&mut self, connection: ConnectionId, session: SessionId, key: &SessionKey) {
        let known = self.machine.check_key(session, key);
        let is_own = self
            .clients
            .subject(connection)
            .is_some_and(|subject| self.machine.may_attach(session, subject));
        match known {
            Some(true) if is_own => {
                self.clients.bind(connection, session);
                if let Some(opener) = self.clients.opener(connection) {
                    self.leading.shares.adopt(session, opener);
                }
                self.count(RequestKind::Attach, RequestResult::Ok);
                self.reply(connection, ServerMessage::Attached { session });
                self.begin_list(connection, session);
            }
            // Another key, or another's session (L27).
            Some(_) => {
                self.count(RequestKind::Attach, RequestResult::Denied);
                self.count_denial(RightKind::Session);
                self.reply(connection, ServerMessage::AttachDenied { session });
            }
            // That it is gone is final for the client, so only a confirmed leader may say it.
            None => self.ask_end(connection, session, RequestKind::Attach),
        }
    }

    fn ask_renewal(&mut self, connection: ConnectionId, session: SessionId, number: u64) {
        if self.clients.session_of(connection) == Some(session) {
            self.ask(connection, Question::Renewal { session, number });
        } else {
            self.ask_end(connection, session, RequestKind::Renew);
        }
    }

    /// A request of `kind` names a session that does not speak through this connection: whether it lives at all is said
    /// only once a round has confirmed it.
    pub(super) fn ask_end(
        &mut self,
        connection: ConnectionId,
        session: SessionId,
        kind: RequestKind,
    ) {
        self.count(kind, RequestResult::Expired);
        self.ask(connection, Question::SessionEnd { session });
    }

    /// Encodes a command and appends it to the leader's log.
    pub(super) fn propose(
        &mut self,
        command: &Command,
        urgency: Urgency,
    ) -> Result<Index, Unproposed> {
        let payload = self.encode(command)?;
        self.propose_payload(payload, command.level(), urgency)
    }

    pub(super) fn encode(&mut self, command: &Command) -> Result<Payload, Unproposed> {
        self.encoded.clear();
        let encoded = codec::encode_into(command, &mut self.encoded);
        encoded.map_err(|_| Unproposed::Refused(Refusal::Invalid))?;
        Ok(Payload::from(&self.encoded[..]))
    }

    /// `level` is that of the command in `payload`, and so the format of its entry.
    pub(super) fn propose_payload(
        &mut self,
        payload: Payload,
        level: u32,
        urgency: Urgency,
    ) -> Result<Index, Unproposed> {
        if self.storage == Storage::Tight && urgency == Urgency::Normal {
            return Err(Unproposed::Refused(Refusal::Limit));
        }
        let header = EntryHeader {
            format: u8::try_from(level).expect("levels are few"),
            kind: EntryKind::Command,
            proposer_unix_ms: self.unix_ms,
        };
        self.raft.propose(header, payload, urgency).map_err(|error| match error {
            ProposeError::NotLeader => Unproposed::NotLeader,
            ProposeError::Busy | ProposeError::Transferring => Unproposed::Refused(Refusal::Busy),
            ProposeError::LogFull => Unproposed::Refused(Refusal::Limit),
            ProposeError::TooLarge => Unproposed::Refused(Refusal::Invalid),
        })
    }

    /// Refuses a request in the form of its answer.
    pub(super) fn refuse(&mut self, connection: ConnectionId, request: &Request, refusal: Refusal) {
        self.count(request.kind(), refused(refusal));
        match *request {
            Request::OpenSession { number, .. } => {
                self.reply(connection, ServerMessage::SessionRefused { number, refusal });
            }
            Request::Submit { session, request, .. } => {
                self.refuse_request(connection, session, request, refusal);
            }
            Request::Read { read, .. } | Request::Observe { read, .. } => {
                self.refuse_read(connection, read, refusal);
            }
            Request::Order { read, .. } => self.drop_order(connection, read),
            // No answer, or the client repeats the request by itself.
            Request::Unobserve { .. }
            | Request::Attach { .. }
            | Request::Renew { .. }
            | Request::Status { .. }
            | Request::Describe { .. } => {}
        }
    }

    pub(super) fn refuse_request(
        &mut self,
        connection: ConnectionId,
        session: SessionId,
        request: RequestId,
        refusal: Refusal,
    ) {
        let answer = Answer::Refused(refusal);
        self.reply(connection, ServerMessage::Answered { session, request, answer });
    }
}

/// Why a command was not proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unproposed {
    /// Another node may lead.
    NotLeader,
    /// Surely not done.
    Refused(Refusal),
}
