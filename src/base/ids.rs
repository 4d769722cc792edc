//! Numbers that must not be mixed, each a type of its own.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The number after this one.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A member of the cluster, 1 or larger; never reused (safety W8).
    NodeId
);
number!(
    /// A Raft term; 0 before the first election.
    Term
);
number!(
    /// A position in the Raft log; the first entry has 1, 0 stands before it.
    Index
);
number!(
    /// A numbered heartbeat round of one term (safety §1, *Rounds*).
    Round
);
number!(
    /// A write to stable storage in the order in which it was issued; 0 before the first.
    WriteSeq
);
number!(
    /// One read or batch of renewals that waits to be confirmed by a round; unique in one process run.
    ReadId
);
number!(
    /// A connection of a client at one server, unique in one process run.
    ConnectionId
);
number!(
    /// A client's session: epoch·2⁴⁸ + the log index of its creation. 0 is no session.
    SessionId
);
number!(
    /// A logged request within its session, rising from 1 (safety L17).
    RequestId
);
number!(
    /// A fencing token, 1 … 2⁶³−1, rising from grant to grant (safety L3). 0 is no token.
    Token
);
number!(
    /// Who within a session; 0 means that the acquire is an owner of its own.
    Owner
);

/// 128 random bits, drawn when a data directory is made (safety W8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DirectoryId(pub [u8; 16]);

/// The hash of the founding record: which cluster this is (safety, *Founding*).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterId(pub [u8; 16]);

/// 128 random bits, fixed by the client when it creates its session; a session id alone opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionKey(pub [u8; 16]);

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Debug for DirectoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A credential: never printed.
        f.write_str("SessionKey(…)")
    }
}
