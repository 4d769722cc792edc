//! Messages to observers: the present holder, or what they missed, and each change from then on.
//!
//! `index` in a message is that of the entry that made the change, so that the next leader can go
//! on from there. An observer that does not read gets no fewer messages: they fill the output of
//! its connection until that is closed (`limits::CLIENT_BUFFER_BYTES_MAX`;
//! `limits::CLIENT_BUFFERS_BYTES_MAX` for all together), and it resumes on another, as after any
//! loss of a connection.

use super::confirm::Question;
use super::work::{Work, WorkKind};
use super::{Output, Replica, ServerMessage};
use crate::base::meters::RequestResult;
use crate::base::{ConnectionId, Index, Right};
use crate::lock::{Holding, HoldingRef, Name, Refusal};
use crate::wire::{HolderSaid, ReadAnswer};

impl Replica {
    /// Begins an observation of `name`, once a round has confirmed that this node leads.
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

    /// Starts a confirmed observation with the changes that it missed, or else with the present
    /// holder.
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
        let mut say = |index: Index, holder: Option<HoldingRef<'_>>, gap: bool| {
            units += 1 + Work::of_bytes(holder.map_or(0, |holder| holder.value.len()));
            let message = ServerMessage::Changed { read, index, holder: holder.map(said), gap };
            self.outputs.push(Output::SendClient { to: connection, message });
        };
        match since {
            // An index beyond this replica's state cannot be from this cluster.
            Some(since) if self.history.covers(since) && since <= self.applied => {
                for (index, holder) in self.history.changes_of(name, since) {
                    say(index, holder, false);
                }
            }
            _ => {
                let holder = self.machine.holding(name);
                say(self.applied, holder.as_ref().map(Holding::as_ref), since.is_some());
            }
        }
        self.work.spend(WorkKind::Answer, units);
        RequestResult::Ok
    }

    /// Refuses a read, under the client's own number.
    pub(super) fn refuse_read(&mut self, connection: ConnectionId, read: u64, refusal: Refusal) {
        let (index, answer) = (self.applied, ReadAnswer::Refused(refusal));
        self.reply(connection, ServerMessage::Read { read, index, answer });
    }
}

pub(super) fn said(holding: HoldingRef<'_>) -> HolderSaid {
    HolderSaid {
        token: holding.token,
        client: holding.client.to_owned(),
        value: holding.value.to_vec(),
        since_unix_ms: holding.since_unix_ms,
    }
}

/// The units of work of a walk over the history (`limits::HISTORY_CHANGES_MAX`).
const SEARCH_UNITS: u64 = 16;
