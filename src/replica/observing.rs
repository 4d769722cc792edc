//! Observers: what they are told first, and of each change from then on.
//!
//! `index` in what is said is that of the entry that made the change, so that the next leader can go on from there. An
//! observer that does not read is told nothing less: its messages fill the output of its connection until that is
//! closed (`limits::CLIENT_BUFFER_BYTES_MAX`; `limits::CLIENT_BUFFERS_BYTES_MAX` for all together), and it resumes on another,
//! as after any loss of a connection.

use super::confirm::Question;
use super::work::{Work, WorkKind};
use super::{Output, Replica, ServerMessage};
use crate::base::meters::RequestResult;
use crate::base::{ConnectionId, Index, Right};
use crate::lock::{HolderChange, Holding, Name, Refusal};
use crate::wire::{HolderSaid, ReadAnswer};

impl Replica {
    /// A client wants to be told who holds `name`: once a round has confirmed that this node leads.
    pub(super) fn observe(
        &mut self,
        connection: ConnectionId,
        read: u64,
        name: Name,
        since: Option<Index>,
    ) {
        match self.leading.observers.insert(connection, read, name) {
            Some(asking) => self.ask(connection, Question::Observe { read, asking, since }),
            None => self.refuse_read(connection, read, Refusal::Limit),
        }
    }

    /// It is confirmed: what it missed since it was told last, or else the present.
    pub(super) fn begin_observing(
        &mut self,
        connection: ConnectionId,
        read: u64,
        name: &Name,
        since: Option<Index>,
    ) -> RequestResult {
        let subject = self.subject(connection);
        if let Some(denial) = self.machine.denial_for(&subject, Right::Read, name) {
            self.end_observer(connection, read, &denial);
            return RequestResult::Denied;
        }
        let mut units = SEARCH_UNITS;
        let mut say = |index: Index, holder: Option<&Holding>, gap: bool| {
            units += 1 + Work::of_bytes(holder.map_or(0, |holder| holder.value.len()));
            let message = ServerMessage::Changed { read, index, holder: holder.map(said), gap };
            self.outputs.push(Output::SendClient { to: connection, message });
        };
        match since {
            // What is behind this replica's own state it cannot have been told by this cluster.
            Some(since) if self.history.covers(since) && since <= self.applied => {
                for (index, change) in self.history.changes_of(name, since) {
                    say(*index, change.holder.as_ref(), false);
                }
            }
            _ => say(self.applied, self.machine.holding(name).as_ref(), since.is_some()),
        }
        self.work.spend(WorkKind::Answer, units);
        RequestResult::Ok
    }

    /// Tells observers what the entry at `index` changed, and remembers it for others.
    pub(super) fn handle_changes(&mut self, index: Index, changes: Vec<HolderChange>) {
        for change in changes {
            self.tell_change(index, &change);
            self.history.record(index, change);
        }
    }

    /// Refuses what is answered under the client's own number.
    pub(super) fn refuse_read(&mut self, connection: ConnectionId, read: u64, refusal: Refusal) {
        let (index, answer) = (self.applied, ReadAnswer::Refused(refusal));
        self.reply(connection, ServerMessage::Read { read, index, answer });
    }
}

pub(super) fn said(holding: &Holding) -> HolderSaid {
    HolderSaid {
        token: holding.token,
        client: holding.client.as_ref().to_owned(),
        value: holding.value.to_vec(),
        since_unix_ms: holding.since_unix_ms,
    }
}

/// A walk over what a replica remembers (`limits::HISTORY_CHANGES_MAX`).
const SEARCH_UNITS: u64 = 16;
