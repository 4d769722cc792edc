//! What a session's request is answered with.

use super::Name;
use crate::base::{Right, Token};
use serde::{Deserialize, Serialize};

/// What a request is answered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Held under this token.
    Granted { token: Token },
    /// Waits; this many are ahead, holders not counted.
    Queued { ahead: u32 },
    /// A try found it held by `client`.
    Held { client: String },
    /// An acquire that was granted, whose grant stands no longer.
    Ended { token: Token },
    /// An acquire that was withdrawn, or the withdrawal itself.
    Withdrawn,
    /// Released, or closed.
    Done,
    /// A release that found the token not holding the name.
    NotHeld,
    /// The session is not alive.
    SessionExpired,
    /// Not done.
    Refused(Refusal),
    /// An acquire that would have waited for ever, for others who wait for its own owner; who waits for whom.
    Deadlock { circle: String },
    /// Nobody of that name waits for it.
    NoWaiter,
    /// The session's subject lacks this right for this lock (L27).
    Denied { right: Right, name: Name },
}

/// Why a request was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// This version does not act on an option.
    Unsupported,
    /// An argument is out of range.
    Invalid,
    /// A bound of `base::limits` is reached.
    Limit,
    /// Refused for load.
    Busy,
    /// Not this connection's session.
    Denied,
    /// The request id is below the floor: answered and forgotten (L17).
    BelowFloor,
    /// The request id was used for another request; nothing is done (L17). From level 2 on.
    Conflict,
}
