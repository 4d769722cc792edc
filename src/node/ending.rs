//! Why a connection of a node ended.

use crate::net::{Closed, TlsError};
use crate::node::peers::Pace;
use crate::wire::{FrameError, FrameKind, Refused};
use std::fmt;

/// Why a connection ended, from our side or theirs.
#[derive(Debug)]
pub(super) enum Ending {
    /// The connection closed.
    Closed(Closed),
    /// No hello in time.
    Silent,
    /// Closed without a hello, to make room for others.
    Crowded,
    /// An unexpected kind of frame.
    Misplaced(FrameKind),
    /// We refuse it, and say why.
    Refusing(Refused),
    /// A request that its kind of identity may never make: counted and audited as a denial.
    Denied(Refused),
    /// The peer's certificate has ended, or is not trusted any more; both sides are told.
    Distrusted(String),
    /// The peer refused us.
    Refused(Refused),
}

impl Ending {
    /// Whether the connection was closed for its input, or the lack of it.
    pub(super) fn is_complaint(&self) -> bool {
        match self {
            Self::Closed(Closed::Tls(TlsError::HungUp | TlsError::BrokenOff)) => false,
            Self::Closed(Closed::Protocol(_) | Closed::Tls(_) | Closed::Full) => true,
            Self::Silent | Self::Crowded | Self::Misplaced(_) => true,
            Self::Refusing(_) | Self::Distrusted(_) => true,
            Self::Closed(Closed::ByPeer | Closed::Failed(_)) => false,
            Self::Denied(_) | Self::Refused(_) => false,
        }
    }

    /// The last message to the other side, if any: that it is refused, or speaks another version.
    pub(super) fn last_words(&self) -> Option<Refused> {
        match self {
            Self::Refusing(refused) | Self::Denied(refused) => Some(refused.clone()),
            Self::Distrusted(text) => Some(Refused::closing(text)),
            Self::Closed(Closed::Protocol(
                error @ (FrameError::Version(_) | FrameError::Kind(_)),
            )) => Some(Refused::closing(error)),
            Self::Closed(_) | Self::Silent | Self::Crowded => None,
            Self::Misplaced(_) | Self::Refused(_) => None,
        }
    }

    /// How soon to dial again.
    pub(super) fn pace(&self) -> Pace {
        match self {
            // The peer may have been killed in the handshake.
            Self::Closed(Closed::Tls(TlsError::HungUp | TlsError::BrokenOff)) => Pace::Quick,
            Self::Closed(Closed::Protocol(_) | Closed::Tls(_)) | Self::Misplaced(_) => Pace::Slow,
            Self::Refusing(_) | Self::Denied(_) | Self::Refused(_) => Pace::Slow,
            // The peer may have a newer certificate already.
            Self::Distrusted(_) => Pace::Quick,
            Self::Closed(_) | Self::Silent | Self::Crowded => Pace::Quick,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => closed.fmt(f),
            Self::Silent => f.write_str(
                "it has not said who it is within 5 s: let health checks ask --admin, and look whether that machine is overloaded",
            ),
            Self::Crowded => f.write_str(
                "it had not said who it is when others came for whom there was no room: find out what opens so many connections there",
            ),
            Self::Misplaced(kind) => write!(f, "a {kind:?} frame has no place there"),
            Self::Refusing(refused) | Self::Denied(refused) => {
                write!(f, "refused: {}", refused.text)
            }
            Self::Distrusted(text) => f.write_str(text),
            Self::Refused(refused) => write!(f, "it refuses this node: {}", refused.text),
        }
    }
}

impl From<Closed> for Ending {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

impl From<FrameError> for Ending {
    fn from(error: FrameError) -> Self {
        Self::Closed(Closed::Protocol(error))
    }
}
