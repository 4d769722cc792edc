//! The commands of the log to the lock machine, and the settings that all replicas agree on.

use crate::base::locks::{AccessChange, Name, Operation};
use crate::base::{ClusterKey, RequestId, SessionId, SessionKey, Subject, Term, Token};
use serde::{Deserialize, Serialize};

/// Constants that all replicas must agree on; each only grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Δ of the leader lease, in milliseconds.
    pub lease_ms: u32,
    /// The largest TTL that a session may have, in milliseconds.
    pub ttl_ms_max: u32,
    /// The lock machine's level: which rules apply ([`LEVEL_MAX`](crate::lock::LEVEL_MAX)).
    pub level: u32,
}

/// The payload of a command entry. Variants are append-only: they are on disks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Creates a session whose id is epoch·2⁴⁸ + the entry's index. `ttl_ms` is clamped already (L21).
    OpenSession { ttl_ms: u32, key: SessionKey, client: String },
    /// A client's request. `floor` is the lowest request id without a first reply.
    Request { session: SessionId, request: RequestId, floor: RequestId, operation: Operation },
    /// Ends a session, decided by the leader of `term`; void in an entry of another term (L9).
    Expire { session: SessionId, term: Term },
    /// Raises the settings to at least these.
    Settings(Settings),
    /// The wait after a restore is over (L15), decided by the leader of `term`; void in an entry of another
    /// term (L9).
    RestoreOver { term: Term },
    /// The lock delay that the expired grant of `token` left on `name` is over (L16), decided by the leader of
    /// `term`; void in an entry of another term (L9).
    DelayOver { name: Name, token: Token, term: Term },
    /// The key of the cluster (W9); void if the cluster has one. From level 2 on.
    ClusterKey(ClusterKey),
    /// Goes on with the work that earlier entries left for want of their share: ended sessions that still
    /// hold or wait (L22), hand-overs (L5). It names no term, since it decides nothing. From level 2 on.
    Continue,
    /// As `OpenSession`, of a session that belongs to `subject` (L27). From level 3 on.
    OpenSessionOf { ttl_ms: u32, key: SessionKey, client: String, subject: Subject },
    /// Changes the access rules on behalf of `by`, whose right is checked in the apply (L27). From level
    /// 3 on.
    Access { by: Subject, change: AccessChange },
}
