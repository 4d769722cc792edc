//! Continues work that entries have left to later ones (safety L5, L22): a leader proposes one
//! entry after the other until nothing is left, each once the last is applied. The rest is in the
//! state, so the next leader continues it.
//!
//! A client that has closed its session is told of the end only afterwards: then all its locks are
//! free.

use super::{Replica, ServerMessage};
use crate::base::{ConnectionId, Index, Sample, SessionId};
use crate::lock::Command;
use crate::raft::Urgency;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A leader's state of this work.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// The proposed entry that continues the work.
    proposed: Index,
    /// The next attempt after a full log, a reading of BOOTTIME; a hint.
    not_before: u64,
    /// Connections that wait until all locks of a closed session are free.
    closing: BTreeMap<SessionId, BTreeSet<ConnectionId>>,
}

impl Replica {
    /// Proposes the next part, if anything is left.
    pub(super) fn go_on(&mut self, now: &Sample) {
        if !self.can_go_on() || now.boot() < self.leading.parts.not_before {
            return;
        }
        match self.propose(&Command::Continue, Urgency::Frees) {
            Ok(index) => self.leading.parts.proposed = index,
            Err(_) => self.leading.parts.not_before = now.hint(RETRY),
        }
    }

    /// When to propose the next part, as a reading of BOOTTIME; a hint.
    pub(super) fn parts_deadline(&self) -> u64 {
        if self.can_go_on() { self.leading.parts.not_before } else { u64::MAX }
    }

    fn can_go_on(&self) -> bool {
        let may = self.leading.is_ready() && !self.raft.is_transferring();
        may && self.machine.is_unfinished() && self.leading.parts.proposed <= self.applied
    }

    /// Tells a connection that a session has ended: at once, or after a close once all its locks
    /// are free.
    pub(super) fn tell_end(&mut self, connection: ConnectionId, session: SessionId) {
        if self.machine.is_closing(session) {
            self.leading.parts.closing.entry(session).or_default().insert(connection);
        } else {
            self.reply(connection, ServerMessage::SessionEnded { session });
        }
    }

    /// Tells the ends of sessions whose locks are all free.
    pub(super) fn tell_closed(&mut self, sessions: Vec<SessionId>) {
        for session in sessions {
            let waiting = self.leading.parts.closing.remove(&session).unwrap_or_default();
            for connection in waiting {
                self.reply(connection, ServerMessage::SessionEnded { session });
            }
        }
    }
}

/// The pause after a full log.
const RETRY: Duration = Duration::from_millis(10);
