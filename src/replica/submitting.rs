//! Logged requests of sessions: checked by what they say of themselves and by what their session has asked before, then
//! proposed.

use super::Replica;
use super::checks::{check_operation, check_reach, check_terms};
use super::metering::refused;
use super::requests::Unproposed;
use crate::base::meters::RequestKind;
use crate::base::{ConnectionId, Index, RequestId, Sample, SessionId};
use crate::lock::{Command, Operation, Refusal};
use crate::raft::{Payload, Role, Urgency};
use crate::wire::Submission;

/// What must be known of a request until it is proposed.
pub(super) struct Submitted {
    session: SessionId,
    request: RequestId,
    floor: RequestId,
    /// The latest request that it speaks of, itself or another.
    named: RequestId,
    kind: RequestKind,
    urgency: Urgency,
    /// The level of its command.
    level: u32,
    /// Whether its arguments are in range.
    checked: Result<(), Refusal>,
}

impl Submitted {
    fn of(
        session: SessionId,
        request: RequestId,
        floor: RequestId,
        operation: &Operation,
        level: u32,
    ) -> Self {
        let named = match operation {
            Operation::Withdraw { acquire } => *acquire,
            _ => request,
        };
        let (kind, urgency) = (operation.kind(), urgency_of(operation));
        let checked = check_operation(request, operation);
        Self { session, request, floor, named, kind, urgency, level, checked }
    }

    fn read(submission: &Submission) -> Self {
        let Submission { session, request, floor, terms, .. } = *submission;
        let (kind, urgency) = match terms {
            Some(_) => (RequestKind::Acquire, Urgency::Normal),
            None => (RequestKind::Release, Urgency::Frees),
        };
        let checked = check_terms(request, terms.as_ref());
        Self { session, request, floor, named: request, kind, urgency, level: 1, checked }
    }
}

impl Replica {
    /// Handles a client's acquire or release of one name: what [`Self::handle_request`] would do with the same.
    pub fn handle_submitted(
        &mut self,
        now: &Sample,
        connection: ConnectionId,
        submission: Submission,
    ) {
        let is_taken = self.raft.role() == Role::Leader
            && self.leading.is_ready()
            && !self.raft.is_transferring()
            && self.machine.restoring().is_none()
            && self.clients.contains(connection);
        if is_taken {
            let submitted = Submitted::read(&submission);
            return self.submit(connection, &submitted, |_| Ok(submission.payload));
        }
        let request = submission.to_request().expect("what was read as one decodes");
        self.handle_request(now, connection, request);
    }

    /// Handles a logged request of any kind.
    pub(super) fn submit_any(
        &mut self,
        connection: ConnectionId,
        session: SessionId,
        (request, floor): (RequestId, RequestId),
        operation: Operation,
    ) {
        let command = Command::Request { session, request, floor, operation };
        let Command::Request { operation, .. } = &command else { return };
        let submitted = Submitted::of(session, request, floor, operation, command.level());
        self.submit(connection, &submitted, |replica| replica.encode(&command));
    }

    fn submit(
        &mut self,
        connection: ConnectionId,
        submitted: &Submitted,
        payload: impl FnOnce(&mut Self) -> Result<Payload, Unproposed>,
    ) {
        let Submitted { session, request, kind, .. } = *submitted;
        if self.clients.session_of(connection) != Some(session) {
            // Not attached, or attached elsewhere since, or ended: the end is said only if confirmed.
            return self.ask_end(connection, session, kind);
        }
        let reach = self.machine.reach(session);
        let near = || check_reach(reach, [request, submitted.floor, submitted.named]);
        if let Err(refusal) = submitted.checked.and_then(|()| near()) {
            self.count(kind, refused(refusal));
            return self.refuse_request(connection, session, request, refusal);
        }
        let payload = payload(self);
        let proposed = payload.and_then(|it| self.propose_counted(connection, submitted, it));
        match proposed {
            Ok(index) => self.leading.begun.begin(index, kind, self.turn_began),
            Err(Unproposed::NotLeader) => self.send_hint(connection),
            Err(Unproposed::Refused(refusal)) => {
                self.count(kind, refused(refusal));
                self.explain_refusal(connection);
                self.refuse_request(connection, session, request, refusal);
            }
        }
    }

    /// Appends a request of a connection that has not too many unanswered ones.
    fn propose_counted(
        &mut self,
        connection: ConnectionId,
        submitted: &Submitted,
        payload: Payload,
    ) -> Result<Index, Unproposed> {
        let bytes = payload.bytes().len();
        if !self.clients.begin_logged(connection, bytes) {
            return Err(Unproposed::Refused(Refusal::Busy));
        }
        let proposed = self.propose_payload(payload, submitted.level, submitted.urgency);
        if proposed.is_err() {
            self.clients.end_logged(connection, bytes);
        }
        proposed
    }
}

/// The urgency of an operation: a full log admits only those that free something.
fn urgency_of(operation: &Operation) -> Urgency {
    match operation {
        Operation::Acquire(_) | Operation::AcquireAll { .. } | Operation::Proclaim { .. } => {
            Urgency::Normal
        }
        Operation::Release { .. }
        | Operation::Withdraw { .. }
        | Operation::Close
        | Operation::Transfer { .. }
        | Operation::Break { .. } => Urgency::Frees,
    }
}
