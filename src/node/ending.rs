//! Why a connection of a node ended.

use crate::net::{Closed, TlsError};
use crate::node::peers::Pace;
use crate::wire::{FrameError, FrameKind, Refused};
use std::fmt;

/// Why a connection ended, from our side or theirs.
#[derive(Debug)]
pub(super) enum Ending {
    /// As the connection says.
    Closed(Closed),
    /// It did not say who it is in time.
    Silent,
    /// It had not said who it is when others came for whom there was no room.
    Crowded,
    /// A frame that has no place where it came.
    Misplaced(FrameKind),
    /// We refuse it, and say why.
    Refusing(Refused),
    /// It asked for what is not for its kind of identity, which counts as a denial and has its line there.
    Denied(Refused),
    /// Its certificate has ended, or is not trusted any more; both sides are told.
    Distrusted(String),
    /// It refused us.
    Refused(Refused),
}

impl Ending {
    /// Whether it was ended for what it sent, or did not send.
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

    /// What the other side is told before the connection ends, if anything: that it is refused, or that it speaks another
    /// version.
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

    /// How soon it is worth to dial again.
    pub(super) fn pace(&self) -> Pace {
        match self {
            // As a node does that is killed then.
            Self::Closed(Closed::Tls(TlsError::HungUp | TlsError::BrokenOff)) => Pace::Quick,
            Self::Closed(Closed::Protocol(_) | Closed::Tls(_)) | Self::Misplaced(_) => Pace::Slow,
            Self::Refusing(_) | Self::Denied(_) | Self::Refused(_) => Pace::Slow,
            // It may have a newer one already.
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
