//! Kinds of counted things, each with the name that a label has for it. Names are never reused.

use crate::base::Right;

macro_rules! kinds {
    ($(#[$doc:meta])* $kind:ident: $($(#[$one_doc:meta])* $name:ident = $text:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $kind {
            $($(#[$one_doc])* $name,)*
        }

        impl $kind {
            /// Each, in order: its number is its place here.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// Its name in a label.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

kinds! {
    /// Kinds of clients' requests.
    RequestKind:
    /// To open a session.
    OpenSession = "open_session",
    /// To go on with a session on this connection.
    Attach = "attach",
    /// To extend a session.
    Renew = "renew",
    /// One lock, or several in one step.
    Acquire = "acquire",
    /// To give a lock back.
    Release = "release",
    /// To take an acquire back.
    Withdraw = "withdraw",
    /// To end a session.
    Close = "close",
    /// To show another value.
    Proclaim = "proclaim",
    /// To hand a lock over.
    Transfer = "transfer",
    /// To take a lock from its holder.
    Break = "break",
    /// A linearizable read.
    Read = "read",
    /// To be told of a lock's holders.
    Observe = "observe",
    /// To see what this node knows of itself.
    Status = "status",
    /// An order of operators.
    Order = "order",
    /// Refused for load before it was looked at.
    Unread = "unread",
}

kinds! {
    /// Results of requests.
    RequestResult:
    /// Done, granted, read.
    Ok = "ok",
    /// Waits in a queue; its grant is none of these answers.
    Queued = "queued",
    /// A try found the lock held.
    Held = "held",
    /// The client does not hold it, or nobody waits for it.
    NotHeld = "not_held",
    /// Would have waited for ever.
    Deadlock = "deadlock",
    /// The session is not alive.
    Expired = "expired",
    /// Refused for load.
    Busy = "busy",
    /// A bound is reached.
    Limit = "limit",
    /// Not this client's to ask.
    Denied = "denied",
    /// The request makes no sense, or this version does not support it.
    Invalid = "invalid",
    /// This node does not lead: the client was told which one does.
    NotLeader = "not_leader",
}

kinds! {
    /// How a grant ended.
    EndReason:
    /// Given back, or its acquire was taken back.
    Released = "released",
    /// With the session that its client closed.
    Closed = "closed",
    /// With a session that was not heard of any more.
    Expired = "expired",
    /// Handed over to a waiter that its holder chose.
    HandedOver = "handed_over",
    /// Taken by an operator.
    Broken = "broken",
}

kinds! {
    /// Why there is another leader.
    ChangeReason:
    /// Nothing was heard of the one before.
    Silence = "silence",
    /// The leader closed its connection.
    Closed = "closed",
    /// The leader handed over.
    HandedOver = "handed_over",
    /// This node led and no majority answered.
    QuorumSilent = "quorum_silent",
    /// This node led and its disk did not answer.
    DiskSilent = "disk_silent",
    /// This node led and was removed.
    Removed = "removed",
    /// Others elected it while all was well here.
    Elsewhere = "elsewhere",
}

kinds! {
    /// Owners of connections.
    LinkKind:
    /// A client.
    Client = "client",
    /// Another node.
    Peer = "peer",
    /// Not known yet; or dialed and not answered.
    Greeting = "greeting",
}

kinds! {
    /// How a TLS handshake ended, whichever side dialed.
    HandshakeResult:
    /// Both ends know each other.
    Ok = "ok",
    /// The other side speaks no TLS, or another version.
    NotTls = "not_tls",
    /// The other side shows no certificate.
    NoCertificate = "no_certificate",
    /// Its certificate has expired, or is not valid yet.
    Outdated = "outdated",
    /// Its certificate is not trusted, revoked, or somebody else's.
    Untrusted = "untrusted",
    /// The other side does not accept ours.
    RefusedByPeer = "refused_by_peer",
    /// The handshake did not go on in time, or had to make room for others.
    Timeout = "timeout",
    /// The other side hung up, or the connection failed.
    Closed = "closed",
    /// Its credential is none of this cluster, or not to be shown so; behind the handshake.
    BadCredential = "bad_credential",
}

kinds! {
    /// Rights for lack of which something was denied.
    RightKind:
    /// To use locks.
    Acquire = "acquire",
    /// To look at locks.
    Read = "read",
    /// To take a lock from its holder.
    Break = "break",
    /// To order members, leadership, snapshots.
    Operate = "operate",
    /// To change rights, and to see them.
    Admin = "admin",
    /// To be whose session it is, or to know its key.
    Session = "session",
}

impl From<Right> for RightKind {
    fn from(right: Right) -> Self {
        match right {
            Right::Acquire => Self::Acquire,
            Right::Read => Self::Read,
            Right::Break => Self::Break,
            Right::Operate => Self::Operate,
            Right::Admin => Self::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_at_its_own_number() {
        for (number, kind) in RequestKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, number);
        }
        assert_eq!(RequestKind::COUNT, 15);
        assert_eq!(EndReason::ALL[EndReason::Broken as usize].name(), "broken");
        let mut names: Vec<_> = RequestResult::ALL.iter().map(|result| result.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RequestResult::COUNT);
    }
}
