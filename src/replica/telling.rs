//! Messages to many connections, in parts: leader hints to all clients, and each change of a lock
//! to its observers.

use super::work::{Work, WorkKind};
use super::{Output, Replica, ServerMessage};
use crate::base::{ConnectionId, Index, Right, Subject};
use crate::lock::{HolderChange, Holding};
use crate::wire::LeaderHint;
use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;

/// Leader hints that are still to be sent.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    /// The hint that all clients were told last, or are being told.
    pushed: LeaderHint,
    /// All connections after this one are still to be told; `None`: all were.
    rest: Option<Bound<ConnectionId>>,
    /// Clients that asked for what only a leader can answer.
    wanted: BTreeSet<ConnectionId>,
}

/// The changes of observed locks that are still to be told, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Tellings(VecDeque<Telling>);

/// A change, and how far it is told.
#[derive(Clone, Debug)]
struct Telling {
    index: Index,
    change: HolderChange,
    /// Observers after this one are still to be told.
    rest: Bound<(ConnectionId, u64)>,
}

impl Tellings {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether so many changes wait that no further entry should be applied before they are told.
    pub fn are_full(&self) -> bool {
        self.0.len() >= TELLINGS_MAX
    }
}

impl Hints {
    pub fn is_empty(&self) -> bool {
        self.rest.is_none() && self.wanted.is_empty()
    }
}

impl Replica {
    /// Begins to tell all clients who leads, if that has changed.
    pub(super) fn push_hint(&mut self) {
        let hint = self.leader_hint();
        if hint != self.hints.pushed {
            self.hints.pushed = hint;
            self.hints.rest = Some(Bound::Unbounded);
            self.advance_hints();
        }
    }

    /// Tells one client who leads, once for all its requests, which must be sent there.
    pub(super) fn want_hint(&mut self, connection: ConnectionId) {
        self.hints.wanted.insert(connection);
    }

    /// Continues to send leader hints.
    pub(super) fn advance_hints(&mut self) {
        while let Some(rest) = self.hints.rest
            && self.work.may(WorkKind::Tell)
        {
            let next = self.clients.listeners(rest).next().map(|(connection, _)| connection);
            if let Some(connection) = next {
                self.tell_hint(connection);
            }
            self.hints.rest = next.map(Bound::Excluded);
        }
        while self.work.may(WorkKind::Tell)
            && let Some(connection) = self.hints.wanted.pop_first()
        {
            self.tell_hint(connection);
        }
    }

    fn tell_hint(&mut self, connection: ConnectionId) {
        self.work.spend(WorkKind::Tell, 2);
        self.hints.wanted.remove(&connection);
        // Not the present hint: if that differs, all are told of it next.
        let hint = self.hints.pushed.clone();
        self.reply(connection, ServerMessage::Leader(hint));
    }

    /// Begins to tell observers the changes of their locks by the entry at `index`.
    pub(super) fn tell_changes(&mut self, index: Index, observed: Vec<HolderChange>) {
        for change in observed {
            self.leading.tellings.0.push_back(Telling { index, change, rest: Bound::Unbounded });
            self.advance_tellings();
        }
    }

    /// Continues to tell changes, in their order.
    pub(super) fn advance_tellings(&mut self) {
        while self.work.may(WorkKind::Tell)
            && let Some(telling) = self.leading.tellings.0.front_mut()
        {
            let Telling { index, change, rest } = telling;
            let bytes = change.holder.as_ref().map_or(0, |held| held.value.len());
            let next = self.leading.observers.of(&change.name, *rest).next();
            let Some(((to, read), since)) = next else {
                self.leading.tellings.0.pop_front();
                continue;
            };
            *rest = Bound::Excluded((to, read));
            self.work.spend(WorkKind::Tell, 2 + Work::of_bytes(bytes));
            // The observer began after this change.
            if since >= *index {
                continue;
            }
            // Nothing to an observer that has lost `read` (L27).
            let nobody = Subject::Anonymous;
            let subject = self.clients.subject(to).unwrap_or(&nobody);
            if let Some(denial) = self.machine.denial_for(subject, Right::Read, &change.name) {
                self.end_observer(to, read, &denial);
                continue;
            }
            let (index, holder) = (*index, change.holder.as_ref().map(Holding::as_ref));
            let holder = holder.map(super::observing::said);
            let message = ServerMessage::Changed { read, index, holder, gap: false };
            self.outputs.push(Output::SendClient { to, message });
        }
    }
}

/// The most changes that wait: further entries are applied once these are fewer.
const TELLINGS_MAX: usize = 1024;
