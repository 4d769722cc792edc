//! A live session: its client, key and owner, and its remembered requests.

use super::access::Resolved;
use super::dedupe::Answers;
use crate::base::{SessionKey, Subject};
use std::sync::Arc;

/// A live session. Of an ended one only an [`Ending`](super::parts::Ending) is left, while it is in
/// a lock (L22).
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Compared at each hello, so that a guessed id opens nothing.
    pub(super) key: SessionKey,
    /// The client's name, for people.
    pub(super) client: Arc<str>,
    /// Its owner, on whose behalf it asks (L27).
    pub(super) subject: Subject,
    /// The rights of its owner, once they were asked for; no part of the state.
    pub(super) allowed: Resolved,
    /// Within the bounds of the settings.
    pub(super) ttl_ms: u32,
    /// Its requests: grants, places in queues, fixed answers.
    pub(super) answers: Answers,
    /// Its share of the bytes of the state.
    pub(super) counted: u64,
}

impl Session {
    /// A session whose bytes are not counted yet.
    pub(super) fn new(
        key: SessionKey,
        client: Arc<str>,
        ttl_ms: u32,
        subject: Subject,
        answers: Answers,
    ) -> Self {
        let allowed = Resolved::default();
        Self { key, client, subject, allowed, ttl_ms, answers, counted: 0 }
    }
}
