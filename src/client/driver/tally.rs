//! The counters of a client since it was opened: actions of its core, and outcomes of its calls.

use crate::base::meters::RequestKind;
use crate::client::core::{CoreAction, Done, EndReason, SessionState};
use crate::{Error, Status};
use std::collections::BTreeMap;

/// Counters, under the client's mutex.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Attempts to connect.
    pub(crate) dials: u64,
    /// Connections that a node welcomed.
    pub(crate) connections: u64,
    /// Requests sent, repetitions included, by [`RequestKind`].
    pub(crate) requests: [u64; RequestKind::COUNT],
    /// Renewals that were acknowledged in time, the first belief of each session included.
    pub(crate) renewals: u64,
    /// Sessions opened.
    pub(crate) sessions: u64,
    /// Times that a renewal was overdue.
    pub(crate) jeopardies: u64,
    /// Ends of sessions.
    pub(crate) sessions_ended: u64,
    /// Leases granted.
    pub(crate) leases: u64,
    /// Leases that ended, by reason.
    pub(crate) lease_ends: BTreeMap<&'static str, u64>,
    /// Calls that failed, by their status.
    pub(crate) failures: BTreeMap<&'static str, u64>,
    state: Option<SessionState>,
}

impl Tally {
    /// Counts an action of the core.
    pub(super) fn note(&mut self, action: &CoreAction) {
        match action {
            CoreAction::Dial { .. } => self.dials += 1,
            CoreAction::Send { request, .. } => self.requests[request.kind() as usize] += 1,
            CoreAction::Extend(_) => self.renewals += 1,
            CoreAction::LeaseEnded { reason, .. } => {
                *self.lease_ends.entry(reason_name(*reason)).or_default() += 1;
            }
            CoreAction::SessionChanged { state, .. } => self.note_state(*state),
            CoreAction::Decided { result, .. } => self.note_decision(result),
            CoreAction::Hangup { .. }
            | CoreAction::LeaseAsked { .. }
            | CoreAction::Observed { .. }
            | CoreAction::ObserverFailed { .. } => {}
        }
    }

    fn note_state(&mut self, state: SessionState) {
        let before = self.state.replace(state).unwrap_or(SessionState::Ended);
        match state {
            SessionState::Valid if before == SessionState::Ended => self.sessions += 1,
            SessionState::Jeopardy if before != SessionState::Jeopardy => self.jeopardies += 1,
            SessionState::Ended if before != SessionState::Ended => self.sessions_ended += 1,
            _ => {}
        }
    }

    fn note_decision(&mut self, result: &Result<Done, Error>) {
        match result {
            Ok(Done::Acquired { .. }) => self.leases += 1,
            Ok(_) => {}
            Err(error) => *self.failures.entry(Status::name(error.status)).or_default() += 1,
        }
    }
}

/// The name of a reason in JSON.
fn reason_name(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Released => "released",
        EndReason::Expired => "expired",
        EndReason::SessionClosed => "closed",
        EndReason::Broken => "broken",
        EndReason::Transferred => "transferred",
        EndReason::Stalled => "stalled",
        EndReason::Forked => "forked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_recovers_is_one_and_its_jeopardy_is_counted() {
        let mut tally = Tally::default();
        let states = [
            SessionState::Valid,
            SessionState::Jeopardy,
            SessionState::Valid,
            SessionState::Ended,
            SessionState::Valid,
        ];
        for state in states {
            tally.note(&CoreAction::SessionChanged { state, session: None });
        }
        assert_eq!((tally.sessions, tally.jeopardies, tally.sessions_ended), (2, 1, 1));
    }
}
