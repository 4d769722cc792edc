//! The machine as bytes: what any later apply or read can depend on, and nothing else.
//!
//! A format number, which is the level in force, then pieces: a head, each session followed by its fixed answers, each lock
//! followed by its holders, delays and waiters, and what holders were asked. From format 2 on the cluster's key and the
//! clusters that this one was restored from follow the head, and there are prints of requests. Each piece is bounded and led
//! by its length, so that no state is too large for the codec.
//! Sessions, answers, locks and tokens come in rising order, waiters in that of their queue, and what can be derived
//! is left out (a session's grants and places are those that locks name): equal machines give equal bytes.
//! Tickets are how a replica finds a place; they are made anew.

mod decode;
mod keyless;

pub use keyless::Keyless;

use super::asked::Mark;
use super::claim::Claim;
use super::command::{Answer, Mode, Name, Settings};
use super::dedupe::Remembered;
use super::delay::Delay;
use super::grant::Lock;
use super::holders::Grant;
use super::level::KEY_LEVEL;
use super::machine::LockMachine;
use super::queue::Waiter;
use super::session::Session;
use crate::base::cluster_key::KEY_BYTES;
use crate::base::limits::{
    FRAME_BYTES_MAX, NAME_BYTES_MAX, NAMES_PER_ACQUIRE_MAX, REQUESTS_PER_SESSION_MAX,
    VALUE_BYTES_MAX,
};
use crate::base::{ClusterKey, Index, Owner, RequestId, SessionId, SessionKey, Token, codec};
use serde::{Deserialize, Serialize};

/// Why bytes are not the state of a lock machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Another version wrote it.
    #[error(
        "the snapshot of the locks has format {format}, this version reads up to {format_max}: run tenure of the version \
         that wrote it, or a newer one"
    )]
    Format {
        /// That of the bytes.
        format: u32,
        /// The highest that is read here.
        format_max: u32,
    },
    /// Bytes are wrong, missing or too many.
    #[error("the snapshot of the locks is damaged at byte {at}: {why}; take another one")]
    Damaged {
        /// Where the piece starts.
        at: usize,
        /// What is wrong with it.
        why: String,
    },
    /// Each piece is whole, and together they are no state that a log leads to.
    #[error("the snapshot of the locks contradicts itself: {0}; take another one")]
    Contradiction(String),
}

impl LockMachine {
    /// The whole state as bytes, the same for equal states; time and room linear in it. In the format of the level in
    /// force: whoever reads that level reads it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_bytes_guess());
        let format = self.level();
        out.extend_from_slice(&format.to_le_bytes());
        push(&mut out, &self.head());
        if format >= KEY_LEVEL {
            push(&mut out, &KeyPiece::from(self.cluster_key));
            push(&mut out, &self.ancestors);
        }
        for (id, session) in &self.sessions {
            push_session(&mut out, format, *id, session);
        }
        for (name, lock) in &self.locks {
            self.push_lock(&mut out, format, name, lock);
        }
        for (token, mark) in &self.asked {
            push_mark(&mut out, *token, mark);
        }
        out
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

    /// Spares most of the copying that growth would cost; values and waiters are not looked at.
    fn encoded_bytes_guess(&self) -> usize {
        256 + 128 * (self.sessions.len() + self.locks.len())
    }
}

fn push_session(out: &mut Vec<u8>, format: u32, id: SessionId, session: &Session) {
    let answers = &session.answers;
    let piece = SessionPiece {
        id,
        key: session.key,
        client: &session.client,
        ttl_ms: session.ttl_ms,
        floor: answers.floor(),
        refused_to: answers.refused_to(),
        answers: answers.fixed().len() as u64,
    };
    push(out, &piece);
    for (request, Remembered { print, answer }) in answers.fixed().iter() {
        let answer = Answer::from(answer);
        match format {
            1 => push(out, &AnswerPiece { request, answer }),
            _ => push(out, &PrintedAnswerPiece { request, print: print.0, answer }),
        }
    }
}

impl LockMachine {
    fn push_lock(&self, out: &mut Vec<u8>, format: u32, name: &Name, lock: &Lock) {
        let (holders, waiters) = (lock.holders.len() as u64, lock.queue().len() as u64);
        let (delays, limit) = (lock.delays().len() as u64, lock.limit());
        push(out, &LockPiece { name: name.as_str(), limit, holders, delays, waiters });
        for grant in lock.holders.iter() {
            let Grant { token, since_unix_ms, ref claim, .. } = *grant;
            let requests: Vec<RequestId> = grant.handles().collect();
            let prints = self.prints_of(format, claim, name, &requests);
            push(out, &HolderPiece { token, since_unix_ms, requests, claim: claim.into() });
            prints.into_iter().for_each(|prints| push(out, &prints));
        }
        for (token, delay) in lock.delays().iter() {
            let Delay { mode, permits, delay_ms, ref client } = *delay;
            push(out, &DelayPiece { token, mode, permits, delay_ms, client });
        }
        for (_, waiter) in lock.queue().iter() {
            let Waiter { request, since_unix_ms, ref claim } = *waiter;
            let prints = self.prints_of(format, claim, name, &[request]);
            push(out, &WaiterPiece { request, since_unix_ms, claim: claim.into() });
            prints.into_iter().for_each(|prints| push(out, &prints));
        }
    }

    /// What the session of `claim` remembers of `requests`: behind the first of several names alone, and from format 2 on.
    fn prints_of(
        &self,
        format: u32,
        claim: &Claim,
        name: &Name,
        requests: &[RequestId],
    ) -> Option<PrintsPiece> {
        if format == 1 || !claim.is_known_as(name) {
            return None;
        }
        let answers = &self.live_session(claim.session).answers;
        let print =
            |request: &RequestId| answers.known(*request).map_or(0, |known| known.print().0);
        Some(PrintsPiece { prints: requests.iter().map(print).collect() })
    }
}

fn push_mark(out: &mut Vec<u8>, token: Token, mark: &Mark) {
    let Mark { name, grace_ms, reason, heir } = mark;
    let (name, heir) = (name.as_str(), heir.as_deref());
    push(out, &MarkPiece { token, name, grace_ms: *grace_ms, reason, heir });
}

/// Appends one piece behind its length.
fn push<T: Serialize>(out: &mut Vec<u8>, piece: &T) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    codec::encode_into(piece, out).expect("a piece is far below the codec's limit");
    let length = out.len() - start - LENGTH_BYTES;
    let length = u32::try_from(length).expect("below the codec's limit");
    out[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
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

/// The cluster's key, in as many bytes as if there were one; from format 2 on.
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
    client: &'a str,
    ttl_ms: u32,
    floor: RequestId,
    refused_to: RequestId,
    answers: u64,
}

/// An answer that no later entry changes.
#[derive(Debug, Serialize, Deserialize)]
struct AnswerPiece {
    request: RequestId,
    answer: Answer,
}

/// The same from format 2 on.
#[derive(Debug, Serialize, Deserialize)]
struct PrintedAnswerPiece {
    request: RequestId,
    print: u32,
    answer: Answer,
}

/// The prints of the acquires in the piece before, in their order; from format 2 on.
#[derive(Debug, Serialize, Deserialize)]
struct PrintsPiece {
    prints: Vec<u32>,
}

/// A lock; its holders follow, then its delays, then its waiters.
#[derive(Debug, Serialize, Deserialize)]
struct LockPiece<'a> {
    name: &'a str,
    limit: u32,
    holders: u64,
    delays: u64,
    waiters: u64,
}

/// One who holds.
#[derive(Debug, Serialize, Deserialize)]
struct HolderPiece<'a> {
    token: Token,
    since_unix_ms: u64,
    requests: Vec<RequestId>,
    #[serde(borrow)]
    claim: ClaimPiece<'a>,
}

/// What an expired grant still takes.
#[derive(Debug, Serialize, Deserialize)]
struct DelayPiece<'a> {
    token: Token,
    mode: Mode,
    permits: u32,
    delay_ms: u32,
    client: &'a str,
}

/// One who waits.
#[derive(Debug, Serialize, Deserialize)]
struct WaiterPiece<'a> {
    request: RequestId,
    since_unix_ms: u64,
    #[serde(borrow)]
    claim: ClaimPiece<'a>,
}

/// What a holder was asked.
#[derive(Debug, Serialize, Deserialize)]
struct MarkPiece<'a> {
    token: Token,
    name: &'a str,
    grace_ms: u32,
    reason: &'a str,
    heir: Option<&'a str>,
}

/// Whose it is, and how much.
#[derive(Debug, Serialize, Deserialize)]
struct ClaimPiece<'a> {
    session: SessionId,
    owner: Owner,
    mode: Mode,
    permits: u32,
    delay_ms: u32,
    #[serde(borrow, with = "serde_bytes")]
    value: &'a [u8],
    /// All names, if there are several.
    all: Vec<&'a str>,
}

impl<'a> From<&'a Claim> for ClaimPiece<'a> {
    fn from(claim: &'a Claim) -> Self {
        let all = claim.all().unwrap_or_default();
        Self {
            session: claim.session,
            owner: claim.owner(),
            mode: claim.mode,
            permits: claim.permits,
            delay_ms: claim.delay_ms(),
            value: claim.value(),
            all: all.iter().map(Name::as_str).collect(),
        }
    }
}

/// The length in front of each piece.
const LENGTH_BYTES: usize = 4;
// A holder with all handles that a session may have is the largest piece.
const _: () = assert!(
    NAMES_PER_ACQUIRE_MAX * (NAME_BYTES_MAX + 8)
        + VALUE_BYTES_MAX
        + 8 * REQUESTS_PER_SESSION_MAX
        + 256
        < FRAME_BYTES_MAX
);
