//! The snapshot of the machine as bytes: all that a later apply or read can depend on, and nothing else.
//!
//! The bytes are a format number, which is the level in force, then pieces: a head; from format 2 on the
//! cluster's key and ancestors; each session with its fixed answers; from format 2 on the sessions whose end
//! is under way; the locks with their holders, delays and waiters; the marks; from format 2 on the unfinished
//! hand-overs. Each piece is bounded and led by its length, so that no state is too large for the codec.
//! Sessions, answers, locks and tokens are in rising order, waiters in that of their queue, and derived
//! values are left out (a session's grants and places are those that locks name): equal machines give equal
//! bytes. Tickets are local to a replica, and made by the reader.
//!
//! Format 1 is that of 0.1.0, and names all locks of a stake in each of them. Format 2 has each name once,
//! and the prints of requests. Format 3 adds the access rules to format 2.

mod access;
mod decode;
mod format_1;
mod format_2;
mod keyless;
mod numbers;
mod out;
mod unfinished;

pub use keyless::{KeySearch, Keyless};

use super::access::ACCESS_LEVEL;
use super::command::Settings;
use super::level::KEY_LEVEL;
use super::machine::LockMachine;
use super::session::Session;
use crate::base::blob::Sink;
use crate::base::cluster_key::KEY_BYTES;
use crate::base::limits::{
    FRAME_BYTES_MAX, NAME_BYTES_MAX, NAMES_PER_ACQUIRE_MAX, REQUESTS_PER_SESSION_MAX,
    VALUE_BYTES_MAX,
};
use crate::base::{ClusterKey, Index, RequestId, SessionId, SessionKey};
use access::AccessPiece;
use out::{Out, push};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Failures to read a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Another version wrote the bytes.
    #[error(
        "the snapshot of the locks has format {format}, this version reads up to {format_max}: run tenure of the version \
         that wrote it, or a newer one"
    )]
    Format {
        /// The format of the bytes.
        format: u32,
        /// The highest format that is read here.
        format_max: u32,
    },
    /// Bytes are wrong, missing or too many.
    #[error("the snapshot of the locks is damaged at byte {at}: {why}; take another one")]
    Damaged {
        /// Where the piece starts.
        at: usize,
        /// The fault of the piece, as a sentence.
        why: String,
    },
    /// The stored bytes cannot be read.
    #[error("the snapshot of the locks cannot be read: {0}")]
    Unreadable(String),
    /// Each piece is whole, but no log leads to such a state.
    #[error("the snapshot of the locks contradicts itself: {0}; take another one")]
    Contradiction(String),
}

impl LockMachine {
    /// The whole state as bytes, the same for equal states, in the format of the level in force; time and
    /// memory are linear in the state.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.encoded_bytes_guess());
        self.encode_into(&mut bytes).expect("memory takes all of it");
        bytes
    }

    /// Encodes in parts: no more than one of them is in memory beside the state.
    ///
    /// # Errors
    /// That of `sink`.
    pub fn encode_into(&self, sink: &mut dyn Sink) -> Result<(), String> {
        let format = self.level();
        let mut out = Out::new(sink);
        out.put(&format.to_le_bytes());
        push(&mut out, &self.head());
        if format >= KEY_LEVEL {
            push(&mut out, &KeyPiece::from(self.cluster_key));
            push(&mut out, &self.ancestors);
        }
        if format >= ACCESS_LEVEL {
            access::push_access(&mut out, &self.access);
        }
        match format {
            1 => format_1::push(&mut out, self),
            _ => format_2::push(&mut out, self),
        }
        out.finish()
    }

    fn head(&self) -> Head {
        Head {
            applied: self.applied,
            epoch: self.tokens.epoch(),
            granted: self.tokens.granted(),
            settings: self.settings.clone(),
            restoring_ms: self.restoring.map(|wait| wait.ms),
            sessions: self.sessions.len() as u64,
            locks: self.locks.len() as u64,
            asked: self.asked.len() as u64,
        }
    }

    /// Enough for format 2, so that the bytes are not copied as they grow; unused pages take no memory.
    fn encoded_bytes_guess(&self) -> usize {
        usize::try_from(self.state_bytes()).unwrap_or_default()
    }
}

fn session_piece(id: SessionId, session: &Session) -> SessionPiece<'_> {
    SessionPiece {
        id,
        key: session.key,
        client: Cow::Borrowed(&*session.client),
        ttl_ms: session.ttl_ms,
        floor: session.answers.floor(),
        refused_to: session.answers.refused_to(),
        answers: session.answers.fixed().len() as u64,
    }
}

/// The first piece.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    applied: Index,
    epoch: u64,
    granted: u64,
    settings: Option<Settings>,
    restoring_ms: Option<u64>,
    sessions: u64,
    locks: u64,
    asked: u64,
}

/// The cluster's key, zeros if there is none, so that its length is fixed; from format 2 on.
#[derive(Debug, Serialize, Deserialize)]
struct KeyPiece {
    is_there: bool,
    key: ClusterKey,
}

impl From<Option<ClusterKey>> for KeyPiece {
    fn from(key: Option<ClusterKey>) -> Self {
        Self { is_there: key.is_some(), key: key.unwrap_or(ClusterKey([0; KEY_BYTES])) }
    }
}

/// A session; its fixed answers follow.
#[derive(Debug, Serialize, Deserialize)]
struct SessionPiece<'a> {
    id: SessionId,
    key: SessionKey,
    client: Cow<'a, str>,
    ttl_ms: u32,
    floor: RequestId,
    refused_to: RequestId,
    answers: u64,
}

/// The length in front of each piece.
const LENGTH_BYTES: usize = 4;
// The largest piece is a holder with all handles that a session may have.
const _: () = assert!(
    NAMES_PER_ACQUIRE_MAX * (NAME_BYTES_MAX + 8)
        + VALUE_BYTES_MAX
        + 12 * REQUESTS_PER_SESSION_MAX
        + 256
        < FRAME_BYTES_MAX
);
