//! The one order of a turn: handle → send what waits for nothing → write → sync → acknowledge,
//! apply, reply.

use crate::base::{NodeId, Sample, WriteSeq};
use crate::raft::{Message, Write};
use crate::replica::{Output, Replica, SnapshotJob};
use crate::server::{Outside, ServerError};
use crate::wal::{Disk, SnapshotEnd, Wal};
use crate::wire::PeerMessage;
use std::collections::VecDeque;

/// A founded node: its replica, and the messages that wait for the disk.
#[derive(Debug)]
pub struct Serving {
    pub replica: Replica,
    durable: WriteSeq,
    /// Messages that promise what is not durable yet, in order.
    waiting: VecDeque<(WriteSeq, NodeId, Message)>,
    /// When the present snapshot was begun: a reading of BOOTTIME.
    snapshot_began: u64,
}

impl Serving {
    /// Begins with a recovered replica, whose state is all durable.
    #[must_use]
    pub fn new(replica: Replica) -> Self {
        Self { replica, durable: WriteSeq(0), waiting: VecDeque::new(), snapshot_began: 0 }
    }

    /// Obeys the replica until it has no more outputs. Gives the newest reading of the clocks.
    ///
    /// # Errors
    /// Final.
    pub fn settle<D: Disk>(
        &mut self,
        mut now: Sample,
        wal: &mut Wal<D>,
        outside: &mut impl Outside,
    ) -> Result<Sample, ServerError> {
        loop {
            let writes = self.obey(&now, outside)?;
            let Some(last) = writes.last().map(|write| write.seq) else { return Ok(now) };
            // Messages that wait for nothing leave now: the followers' disks work while ours does.
            outside.flush();
            outside.begin_sync();
            for write in &writes {
                wal.append(write)?;
            }
            wal.sync()?;
            outside.end_sync();
            // The sync may have taken long: from here on the old reading must not be used (C7,
            // L19).
            now = outside.now();
            self.durable = last;
            self.replica.handle_persisted(&now, last);
            self.release(outside);
        }
    }

    /// Obeys the replica's outputs but for its writes, which are given back in order.
    fn obey(
        &mut self,
        now: &Sample,
        outside: &mut impl Outside,
    ) -> Result<Vec<Write>, ServerError> {
        let mut outputs = self
            .replica
            .take_outputs(now, &mut || outside.is_late())
            .map_err(|error| ServerError::of(&error))?;
        let mut writes = Vec::new();
        for output in outputs.drain(..) {
            match output {
                Output::Write(write) => writes.push(write),
                Output::SendClient { to, message } => outside.send_client(to, message),
                Output::NoteDenial { to, text } => outside.note_denial(to, &text),
                Output::TellPeer { to, values } => {
                    outside.send_peer(to, PeerMessage::Status(values));
                }
                Output::SendPeer { to, message, after: Some(seq) } if seq > self.durable => {
                    self.waiting.push_back((seq, to, message));
                }
                Output::SendPeer { to, message, .. } => {
                    outside.send_peer(to, PeerMessage::Raft(message));
                }
            }
        }
        self.replica.reuse(outputs);
        Ok(writes)
    }

    /// Handles the end of a snapshot's storing, and removes the entries that it covers from the
    /// log, a part in each turn (W7).
    ///
    /// # Errors
    /// Final.
    pub fn take_snapshot<D: Disk>(
        &mut self,
        now: &Sample,
        wal: &mut Wal<D>,
    ) -> Result<(), ServerError> {
        match wal.take_snapshot()? {
            Some(SnapshotEnd::Stored(snapshot)) => {
                let took = now.boot().saturating_sub(self.snapshot_began);
                self.replica.meters().snapshots.record(took);
                self.replica.handle_snapshot_stored(now, snapshot);
            }
            Some(SnapshotEnd::NoSpace(why)) => self.replica.handle_snapshot_lacking(now, &why),
            Some(SnapshotEnd::Refused(why)) => self.replica.handle_snapshot_refused(now, &why),
            None => {}
        }
        wal.compact(self.replica.raft().snapshot_index().next())?;
        Ok(())
    }

    /// Begins to store the next snapshot, if one is due. Its entries are durable, since the turn is
    /// settled. A log that lacks space is cut as soon as that frees some, however short it is.
    pub fn begin_snapshot<D: Disk>(&mut self, now: &Sample, wal: &mut Wal<D>) {
        if wal.lacks_space() && wal.would_shrink(self.replica.applied()) {
            self.replica.want_snapshot();
        }
        if let Some(retired) = self.replica.take_retired() {
            wal.discard(Box::new(retired));
        }
        if !wal.is_storing()
            && let Some(SnapshotJob { meta, content }) = self.replica.poll_snapshot_job(now)
        {
            self.snapshot_began = now.boot();
            wal.begin_snapshot(meta, content);
        }
    }

    /// Sends the messages whose writes are durable now.
    fn release(&mut self, outside: &mut impl Outside) {
        while let Some((seq, _, _)) = self.waiting.front()
            && *seq <= self.durable
        {
            let (_, to, message) = self.waiting.pop_front().expect("looked at");
            outside.send_peer(to, PeerMessage::Raft(message));
        }
    }
}
