//! A client's session: who it is, and what its requests came to.

use super::access::Resolved;
use super::dedupe::Answers;
use crate::base::{SessionKey, Subject};
use std::sync::Arc;

/// A live session. Of one that has ended only what it still has in locks is left (L22).
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Asked at each hello, so that a guessed id opens nothing.
    pub(super) key: SessionKey,
    /// The client's name, for people.
    pub(super) client: Arc<str>,
    /// Whose it is: what is asked in it is asked on behalf of that one (L27).
    pub(super) subject: Subject,
    /// What is allowed to that one, once somebody has asked; no part of the state.
    pub(super) allowed: Resolved,
    /// Within the bounds of the settings.
    pub(super) ttl_ms: u32,
    /// Its requests: grants, places in queues, fixed answers.
    pub(super) answers: Answers,
    /// What of it is in the bytes of the state.
    pub(super) counted: u64,
}

impl Session {
    /// One that is not counted yet.
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
