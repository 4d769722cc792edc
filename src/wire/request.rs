//! What clients ask, and what servers say.

use crate::base::locks::{Answer, LockView, Name, Names, Operation, Refusal, SessionView, Who};
use crate::base::meters::RequestKind;
use crate::base::{Index, RequestId, Right, SessionId, SessionKey, Subject, Token};
use crate::wire::{FixedStatus, LeaderHint, Order, OrderAnswer, Values};
use serde::{Deserialize, Serialize};

/// A client's request. Requests on one connection are answered in any order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Creates a session of this connection. Each transmission has its own `number` and makes a session
    /// of its own (L7); orphans expire.
    OpenSession { number: u64, ttl_ms: u32, key: SessionKey, client: String },
    /// Binds the connection to a session made earlier; the server then repeats its standing answers.
    Attach { session: SessionId, key: SessionKey },
    /// Extends the connection's session. Each transmission has its own `number`, never reused (L7).
    Renew { session: SessionId, number: u64 },
    /// A logged request of the connection's session.
    Submit { session: SessionId, request: RequestId, floor: RequestId, operation: Operation },
    /// A linearizable read, confirmed by a round. `read` is the client's own number for it.
    Read { read: u64, query: Query },
    /// What this node itself knows; answered by any node at once.
    Status { read: u64 },
    /// What an operator asks. `read` is the client's own number for it.
    Order { read: u64, order: Order },
    /// Who holds `name`, linearizably, and from then on each change of its oldest holder, as `Changed` under the
    /// client's own number `read`. `since`: changes up to this index were heard.
    Observe { read: u64, name: Name, since: Option<Index> },
    /// No more of that.
    Unobserve { read: u64 },
    /// As `Status`, answered by named values ([`Ability::Describe`](crate::wire::Ability)).
    Describe { read: u64 },
}

impl Request {
    /// As it is counted.
    #[must_use]
    pub fn kind(&self) -> RequestKind {
        match self {
            Self::OpenSession { .. } => RequestKind::OpenSession,
            Self::Attach { .. } => RequestKind::Attach,
            Self::Renew { .. } => RequestKind::Renew,
            Self::Submit { operation, .. } => operation.kind(),
            Self::Read { .. } => RequestKind::Read,
            Self::Observe { .. } | Self::Unobserve { .. } => RequestKind::Observe,
            Self::Status { .. } | Self::Describe { .. } => RequestKind::Status,
            Self::Order { .. } => RequestKind::Order,
        }
    }

    /// Whose request of which id a body holds, if it is a `Submit`: nothing else of it is looked at.
    #[must_use]
    pub fn submitted(body: &[u8]) -> Option<(SessionId, RequestId)> {
        let (kind, rest) = body.split_first_chunk::<4>()?;
        let (session, rest) = rest.split_first_chunk::<8>()?;
        let (request, _) = rest.split_first_chunk::<8>()?;
        let is_submit = u32::from_le_bytes(*kind) == SUBMIT;
        let numbers = (u64::from_le_bytes(*session), u64::from_le_bytes(*request));
        is_submit.then_some((SessionId(numbers.0), RequestId(numbers.1)))
    }
}

impl ServerMessage {
    /// That a logged request was surely not taken, to whoever knows no denials.
    #[must_use]
    pub fn unsupported(session: SessionId, request: RequestId) -> Self {
        Self::Answered { session, request, answer: Answer::Refused(Refusal::Unsupported) }
    }

    /// That a logged request was surely not taken, for load.
    #[must_use]
    pub fn busy(session: SessionId, request: RequestId) -> Self {
        Self::Answered { session, request, answer: Answer::Refused(Refusal::Busy) }
    }
}

/// What can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Query {
    /// One lock.
    Lock { name: Name },
    /// At most `limit` locks under `prefix` behind `after`, in byte order.
    Locks { prefix: String, after: Option<Name>, limit: u32 },
    /// Whether `token` holds `name` now.
    Validate { name: Name, token: Token },
    /// One session.
    Session { session: SessionId },
    /// Whether anybody whose client is called `client` waits for `name` alone; `None`: whether anybody waits.
    Waits { name: Name, client: Option<String> },
    /// What the holders of these locks were asked, at most as many as [`Query::Locks`] may have.
    Asked { names: Vec<Name> },
    /// Whether rights are on, at most `limit` rules behind a place in their order, and behind the last of them who has a credential
    /// ([`Ability::Access`](crate::wire::Ability)).
    Rules { after: Option<(Who, Names)>, limit: u32 },
    /// Whether the rules allow this, on or off: of a name, or of the cluster.
    Allowed { subject: Subject, right: Right, name: Option<Name> },
}

/// What was read, and the index that it is of (L18).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadAnswer {
    /// The lock, if anybody holds it or waits, with the least time that the leader will wait before it
    /// may expire the holder's session, in milliseconds.
    Lock { lock: Option<LockView>, session_remaining_ms: u64 },
    /// Locks, with `session_remaining_ms` of each; `more` if others follow.
    Locks { locks: Vec<(LockView, u64)>, more: bool },
    /// Whether the token holds, or somebody waits.
    Valid(bool),
    /// The session, if it lives.
    Session(Option<SessionView>),
    /// Not read.
    Refused(Refusal),
    /// What holders were asked: an [`OrderShown`](crate::wire::OrderShown) for each lock whose holder was, as named values.
    Asked(Values),
    /// Whoever asks may not; the sentence says what is missing.
    Denied { text: String },
    /// A [`RulesShown`](crate::wire::RulesShown) as named values.
    Rules(Values),
}

/// What a server says to a client, answers and pushes alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerMessage {
    /// The session of that `OpenSession`. `ttl_ms` is what holds (L21); belief counts from the send time
    /// of the creation `number`, with the servers' `rho_ppm`.
    SessionOpened { number: u64, session: SessionId, ttl_ms: u32, rho_ppm: u32 },
    /// No session: a bound is reached.
    SessionRefused { number: u64, refusal: Refusal },
    /// The connection is bound; standing answers follow, then `Standing`.
    Attached { session: SessionId },
    /// Not bound: the key is another.
    AttachDenied { session: SessionId },
    /// The renewal of that number is acknowledged (and no other, L7).
    Renewed { session: SessionId, number: u64 },
    /// The session is not alive; final.
    SessionEnded { session: SessionId },
    /// An answer to a request, its first or a later one: `Queued` is followed by `Granted` when the lock
    /// is handed on.
    Answered { session: SessionId, request: RequestId, answer: Answer },
    /// An answer to a read, of the state at `index`.
    Read { read: u64, index: Index, answer: ReadAnswer },
    /// An answer to `Status`.
    Status { read: u64, status: FixedStatus },
    /// Who leads, as far as this node knows: pushed at each change, and said to a request that only a
    /// leader can answer. Requests that it names no answer to must be sent again to the leader.
    Leader(LeaderHint),
    /// An answer to `Order`. If this node does not lead, `Leader` is the answer to what only a leader does.
    Ordered { read: u64, answer: OrderAnswer },
    /// All grants and places of a session that has just attached were said: it has no others.
    Standing { session: SessionId },
    /// The session is asked to end its grant of `name` under `token` within so many milliseconds of hearing of it;
    /// 0: it was taken already (L23).
    Asked { session: SessionId, name: Name, token: Token, grace_ms: u32, reason: String },
    /// Who holds an observed lock since the entry at `index`, or now, if that is what was asked first. `gap`:
    /// others may have held it since what was said before.
    Changed { read: u64, index: Index, holder: Option<HolderSaid>, gap: bool },
    /// An answer to `Describe`: a [`NodeStatus`](crate::wire::NodeStatus) as named values.
    Described { read: u64, values: Values },
    /// What keeps the node's cluster from granting, as named values of a [`Condition`](crate::wire::Condition): pushed when
    /// a client connects, if there is anything, and at each change ([`Ability::Conditions`](crate::wire::Ability)).
    Condition(Values),
    /// A logged request was surely not taken: who asks may not. The sentence says what is missing
    /// ([`Ability::Denials`](crate::wire::Ability)).
    Denied { session: SessionId, request: RequestId, text: String },
}

/// The oldest holder of an observed lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderSaid {
    /// The token of its grant.
    pub token: Token,
    /// Its client name.
    pub client: String,
    /// The value that it gave.
    #[serde(with = "serde_bytes")]
    pub value: Vec<u8>,
    /// When it was granted, by the proposer's wall clock.
    pub since_unix_ms: u64,
}

/// The number of `Request::Submit` on the wire.
pub(super) const SUBMIT: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::codec;

    #[test]
    fn the_ids_of_a_submit_are_known_without_its_operation_and_of_nothing_else() {
        let (session, request, floor) = (SessionId(7 << 40), RequestId(9), RequestId(8));
        let operation = Operation::Withdraw { acquire: RequestId(5) };
        let submit =
            codec::encode(&Request::Submit { session, request, floor, operation }).unwrap();
        assert_eq!(Request::submitted(&submit), Some((session, request)));
        assert_eq!(Request::submitted(&submit[..19]), None);
        let renewal = codec::encode(&Request::Renew { session, number: 9 }).unwrap();
        assert_eq!(Request::submitted(&renewal), None);
    }
}
