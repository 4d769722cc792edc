//! Requests of clients: what is logged is proposed, what needs a round joins one, the rest is answered.

use super::confirm::Asked;
use super::leading::Creation;
use super::{Replica, ServerMessage, Storage};
use crate::base::limits::{
    CLIENT_NAME_BYTES_MAX, NAMES_PER_ACQUIRE_MAX, TTL_MS_MAX, TTL_MS_MIN, VALUE_BYTES_MAX,
};
use crate::base::{ConnectionId, Index, RequestId, Sample, SessionId, SessionKey, codec};
use crate::lock::{Answer, Command, Operation, Refusal};
use crate::raft::{EntryHeader, EntryKind, Payload, ProposeError, Role, Urgency};
use crate::wire::{ReadAnswer, Request};

impl Replica {
    /// A client connected: it is told at each change who leads.
    pub fn handle_client_up(&mut self, connection: ConnectionId) {
        self.clients.insert(connection);
    }

    /// A client's connection is gone.
    pub fn handle_client_down(&mut self, connection: ConnectionId) {
        self.clients.remove(connection);
    }

    /// A client asks for something.
    pub fn handle_request(&mut self, now: &Sample, connection: ConnectionId, request: Request) {
        if !self.clients.contains(connection) {
            return;
        }
        if let Request::Order { read, order } = request {
            return self.handle_order(now, connection, read, order);
        }
        if self.raft.role() != Role::Leader {
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
                self.submit(connection, session, request, floor, operation);
            }
            Request::Read { read, query } => {
                self.confirmations.gather(connection, Asked::Read { read, query });
            }
            Request::Observe { .. } | Request::Unobserve { .. } => todo!("replica"),
            // Answered by the process, which knows more of itself.
            Request::Status { .. } | Request::Order { .. } => {}
        }
    }

    /// Whether a request can only be taken later: what is logged while leadership is handed over, by whoever
    /// leads then.
    fn must_wait(&self, request: &Request) -> bool {
        let is_logged = matches!(request, Request::OpenSession { .. } | Request::Submit { .. });
        is_logged && self.raft.is_transferring() || self.waits_for_restore(request)
    }

    fn open_session(
        &mut self,
        connection: ConnectionId,
        number: u64,
        ttl_ms: u32,
        key: SessionKey,
        client: String,
    ) {
        if client.len() > CLIENT_NAME_BYTES_MAX {
            let refusal = Refusal::Invalid;
            return self.reply(connection, ServerMessage::SessionRefused { number, refusal });
        }
        let ttl_ms_max = self.machine.settings().map_or(TTL_MS_MAX, |settings| settings.ttl_ms_max);
        let ttl_ms = ttl_ms.clamp(TTL_MS_MIN, ttl_ms_max.max(TTL_MS_MIN));
        let command = Command::OpenSession { ttl_ms, key, client };
        match self.propose(&command, Urgency::Normal) {
            Ok(index) => {
                self.leading.creations.insert(index, Creation { connection, number });
            }
            Err(Unproposed::NotLeader) => self.send_hint(connection),
            Err(Unproposed::Refused(refusal)) => {
                self.reply(connection, ServerMessage::SessionRefused { number, refusal });
            }
        }
    }

    /// Binds a connection to a session, and repeats what stands for it. That much needs no round: grants
    /// are believed only as far as confirmed renewals reach.
    fn attach(&mut self, connection: ConnectionId, session: SessionId, key: &SessionKey) {
        match self.machine.check_key(session, key) {
            Some(true) => {
                self.clients.bind(connection, session);
                self.reply(connection, ServerMessage::Attached { session });
                for (request, answer) in self.machine.standing(session) {
                    self.reply(connection, ServerMessage::Answered { session, request, answer });
                }
            }
            Some(false) => self.reply(connection, ServerMessage::AttachDenied { session }),
            // That it is gone is final for the client, so only a confirmed leader may say it.
            None => self.confirmations.gather(connection, Asked::SessionEnd { session }),
        }
    }

    fn ask_renewal(&mut self, connection: ConnectionId, session: SessionId, number: u64) {
        if self.clients.session_of(connection) == Some(session) {
            self.confirmations.gather(connection, Asked::Renewal { session, number });
        } else {
            self.confirmations.gather(connection, Asked::SessionEnd { session });
        }
    }

    fn submit(
        &mut self,
        connection: ConnectionId,
        session: SessionId,
        request: RequestId,
        floor: RequestId,
        operation: Operation,
    ) {
        if self.clients.session_of(connection) != Some(session) {
            // Not attached, or attached elsewhere since, or ended: the end is said only if confirmed.
            return self.confirmations.gather(connection, Asked::SessionEnd { session });
        }
        if let Err(refusal) = check_operation(request, &operation) {
            return self.refuse_request(connection, session, request, refusal);
        }
        if !self.clients.begin_request(connection) {
            return self.refuse_request(connection, session, request, Refusal::Busy);
        }
        let urgency = match operation {
            Operation::Acquire(_) | Operation::AcquireAll { .. } | Operation::Proclaim { .. } => {
                Urgency::Normal
            }
            Operation::Release { .. }
            | Operation::Withdraw { .. }
            | Operation::Close
            | Operation::Transfer { .. }
            | Operation::Break { .. } => Urgency::Frees,
        };
        let command = Command::Request { session, request, floor, operation };
        match self.propose(&command, urgency) {
            Ok(_) => {}
            Err(unproposed) => {
                self.clients.end_request(connection);
                match unproposed {
                    Unproposed::NotLeader => self.send_hint(connection),
                    Unproposed::Refused(refusal) => {
                        self.refuse_request(connection, session, request, refusal);
                    }
                }
            }
        }
    }

    /// Encodes a command and appends it to the leader's log.
    pub(super) fn propose(
        &mut self,
        command: &Command,
        urgency: Urgency,
    ) -> Result<Index, Unproposed> {
        if self.storage == Storage::Tight && urgency == Urgency::Normal {
            return Err(Unproposed::Refused(Refusal::Limit));
        }
        let payload = codec::encode(command).map_err(|_| Unproposed::Refused(Refusal::Invalid))?;
        let header = EntryHeader {
            format: ENTRY_FORMAT,
            kind: EntryKind::Command,
            proposer_unix_ms: self.unix_ms,
        };
        self.raft.propose(header, Payload::from(payload), urgency).map_err(|error| match error {
            ProposeError::NotLeader => Unproposed::NotLeader,
            ProposeError::Busy | ProposeError::Transferring => Unproposed::Refused(Refusal::Busy),
            ProposeError::LogFull => Unproposed::Refused(Refusal::Limit),
            ProposeError::TooLarge => Unproposed::Refused(Refusal::Invalid),
        })
    }

    /// Refuses any request in the form in which it is answered.
    pub(super) fn refuse(&mut self, connection: ConnectionId, request: &Request, refusal: Refusal) {
        match *request {
            Request::OpenSession { number, .. } => {
                self.reply(connection, ServerMessage::SessionRefused { number, refusal });
            }
            Request::Submit { session, request, .. } => {
                self.refuse_request(connection, session, request, refusal);
            }
            Request::Read { read, .. } => {
                let (index, answer) = (self.applied, ReadAnswer::Refused(refusal));
                self.reply(connection, ServerMessage::Read { read, index, answer });
            }
            Request::Observe { .. } | Request::Unobserve { .. } => todo!("replica"),
            // Repeated by the client as a matter of course.
            Request::Attach { .. }
            | Request::Renew { .. }
            | Request::Status { .. }
            | Request::Order { .. } => {}
        }
    }

    fn refuse_request(
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

/// Why a command is not in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unproposed {
    /// Another node may lead.
    NotLeader,
    /// Surely not done.
    Refused(Refusal),
}

/// What can be known wrong before anything is logged.
fn check_operation(request: RequestId, operation: &Operation) -> Result<(), Refusal> {
    // A retry of what stands may lie below the floor (L17): only the lock machine can tell.
    if request.0 == 0 {
        return Err(Refusal::Invalid);
    }
    if let Some(acquire) = operation.acquire() {
        if acquire.value.len() > VALUE_BYTES_MAX {
            return Err(Refusal::Invalid);
        }
        // No leader measures lock delays yet: one would never end (L16).
        if acquire.delay_ms > 0 {
            return Err(Refusal::Unsupported);
        }
    }
    match operation {
        Operation::AcquireAll { also, .. } if also.len() >= NAMES_PER_ACQUIRE_MAX => {
            Err(Refusal::Invalid)
        }
        Operation::Withdraw { acquire } if acquire.0 == 0 => Err(Refusal::Invalid),
        _ => Ok(()),
    }
}

/// The payload format of entries that this version writes: a `Command` through `base::codec`.
pub(super) const ENTRY_FORMAT: u8 = 1;
