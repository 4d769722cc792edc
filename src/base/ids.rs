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
    /// Owner of an acquire within its session, such as a thread; 0: an owner of its own.
    Owner
);

/// Where a client's connection comes from: the server's own process (0), an address of IPv4, or of IPv6 the network that
/// one customer has. Nothing is decided by it but shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientSource(u64);

impl ClientSource {
    /// An address of IPv4.
    #[must_use]
    pub fn v4(bits: u32) -> Self {
        Self(V4 | u64::from(bits))
    }

    /// An address of IPv6, none that stands for one of IPv4.
    #[must_use]
    pub fn v6(bits: u128) -> Self {
        // Nobody has the networks that IPv4 and 0 stand in for; ::1 is of the first.
        Self(((bits >> 64) as u64).max(V6_LOOPBACK))
    }

    /// Whether it is the server's own process.
    #[must_use]
    pub fn is_local(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for ClientSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |place: u32| (self.0 >> (16 * place)) & 0xffff;
        match self.0 {
            0 => f.write_str("this process"),
            V6_LOOPBACK => f.write_str("::1"),
            number if number & !u64::from(u32::MAX) == V4 => {
                let [a, b, c, d] = (number as u32).to_be_bytes();
                write!(f, "{a}.{b}.{c}.{d}")
            }
            _ => write!(f, "{:x}:{:x}:{:x}:{:x}::/64", part(3), part(2), part(1), part(0)),
        }
    }
}

const V4: u64 = 1 << 32;
const V6_LOOPBACK: u64 = 1;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_told_as_people_write_it() {
        let v6 = |address: u128| ClientSource::v6(address).to_string();
        assert_eq!(ClientSource::default().to_string(), "this process");
        assert_eq!(ClientSource::v4(0x0a00_0001).to_string(), "10.0.0.1");
        assert_eq!(v6(1), "::1");
        assert_eq!(v6(0x2001_0db8_0001_0002_9999_0000_0000_0001), "2001:db8:1:2::/64");
        assert!(ClientSource::default().is_local() && !ClientSource::v6(1).is_local());
    }
}
