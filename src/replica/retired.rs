//! What was replaced whole: to free what belongs to a hundred thousand sessions takes longer than a turn may.

use super::leading::Leading;
use crate::base::{ConnectionId, SessionId};
use crate::lock::LockMachine;
use std::collections::BTreeMap;

/// Freed by whoever takes it, off the loop.
#[derive(Clone, Debug, Default)]
pub struct Retired {
    /// The state that a leader's snapshot has replaced.
    pub(super) machine: Option<LockMachine>,
    /// What a node had while it led.
    pub(super) leading: Vec<Leading>,
    /// Which connections sessions had then.
    pub(super) sessions: Vec<BTreeMap<SessionId, ConnectionId>>,
}

impl Retired {
    /// What there is, once.
    pub(super) fn take(&mut self) -> Option<Self> {
        let Self { machine, leading, sessions } = self;
        let is_none = machine.is_none() && leading.is_empty() && sessions.is_empty();
        (!is_none).then(|| std::mem::take(self))
    }
}
