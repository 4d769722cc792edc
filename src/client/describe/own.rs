//! The counters of a client as JSON.

use crate::base::meters::RequestKind;
use crate::client::SessionInfo;
use crate::client::core::SessionState;
use crate::client::driver::Tally;
use serde_json::{Map, Value, json};

/// All counters since the client was opened, and its present session.
pub(super) fn to_json(tally: &Tally, session: &SessionInfo) -> Value {
    let sent = RequestKind::ALL.iter().map(|kind| (kind, tally.requests[*kind as usize]));
    let requests: Map<String, Value> = sent
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| (kind.name().to_owned(), json!(count)))
        .collect();
    json!({
        "client": {
            "session": session.session.map(|id| id.0),
            "state": state_name(session.state),
            "leases": session.leases,
            "dials": tally.dials,
            "connections": tally.connections,
            "sessions": tally.sessions,
            "sessions_ended": tally.sessions_ended,
            "jeopardies": tally.jeopardies,
            "renewals": tally.renewals,
            "requests": requests,
            "leases_granted": tally.leases,
            "lease_ends": tally.lease_ends,
            "failed_calls": tally.failures,
        },
    })
}

fn state_name(state: SessionState) -> &'static str {
    match state {
        SessionState::Valid => "valid",
        SessionState::Jeopardy => "jeopardy",
        SessionState::Ended => "ended",
    }
}
