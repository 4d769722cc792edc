//! Snapshots: when and of what one is made, and how a leader's replaces the state here.
//!
//! This node's own are made off the loop from the previous snapshot and the entries since: the
//! serving state is neither copied nor locked, and each snapshot is a replay of its entries.

use super::Replica;
use super::history::History;
use super::replay::replay;
use crate::base::blob::{Sink, Unmade};
use crate::base::{Index, Sample};
use crate::lock::{LockMachine, SnapshotError};
use crate::raft::{Entry, Event, Snapshot, SnapshotMeta};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A snapshot to be stored: its position, and a function that makes its bytes off the loop.
pub struct SnapshotJob {
    /// Its position in the log.
    pub meta: SnapshotMeta,
    /// Puts the state's bytes into a sink, or says why there are none.
    pub content: Content,
}

/// Makes bytes, off the loop.
type Content = Box<dyn FnOnce(&mut dyn Sink) -> Result<(), Unmade> + Send>;

/// Snapshots of one replica.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshots {
    stage: Stage,
    /// A snapshot was asked for, however short the log is.
    wanted: bool,
    /// No attempt before this: the last one failed.
    not_before: Option<Sample>,
    /// Why the last attempt failed, logged once.
    refusal: String,
    /// The failure was for want of room, a descriptor or memory.
    is_lacking: bool,
    /// A leader's whole snapshot that is not handed over to be stored yet.
    to_install: Option<Snapshot>,
    /// The decoded state of a leader's snapshot that is being stored; set once it is read.
    installing: Option<(Index, Arc<OnceLock<LockMachine>>)>,
}

#[derive(Clone, Debug, Default)]
enum Stage {
    /// No snapshot in the making.
    #[default]
    Idle,
    /// A snapshot as of `to`: its entries are gathered, a bounded number in each turn.
    Gathering { to: Index, entries: Vec<Entry> },
    /// Handed over to be stored; this node's own, or a leader's.
    Storing,
}

impl Snapshots {
    /// Why the last one could not be stored, if so.
    pub(super) fn lacking(&self) -> Option<&str> {
        self.is_lacking.then_some(self.refusal.as_str())
    }
}

impl Replica {
    /// Makes a snapshot soon, unless the newest holds all that is applied.
    pub fn want_snapshot(&mut self) {
        self.snapshots.wanted |= self.applied > self.raft.snapshot_index();
    }

    /// Takes a leader's whole snapshot.
    pub(super) fn install(&mut self, snapshot: Snapshot) {
        self.snapshots.to_install = Some(snapshot);
    }

    /// The snapshot to be stored now, if any: call once a turn while none is being stored.
    pub fn poll_snapshot_job(&mut self, now: &Sample) -> Option<SnapshotJob> {
        if matches!(self.snapshots.stage, Stage::Storing) {
            return None;
        }
        let job = match self.snapshots.to_install.take() {
            Some(snapshot) if snapshot.meta.index > self.to_apply => {
                Some(self.install_job(snapshot))
            }
            // The log was cut meanwhile.
            Some(_) => {
                self.raft.handle(now, Event::SnapshotRefused);
                None
            }
            None => self.own_job(now),
        };
        if job.is_some() {
            self.snapshots.stage = Stage::Storing;
        }
        job
    }

    /// Handles that the snapshot handed over last is durable.
    pub fn handle_snapshot_stored(&mut self, now: &Sample, snapshot: Snapshot) {
        self.snapshots.stage = Stage::Idle;
        self.snapshots.refusal.clear();
        self.snapshots.is_lacking = false;
        self.raft.handle(now, Event::SnapshotStored(snapshot));
    }

    /// Handles a lack of room for the snapshot handed over last: tried again after a while (W2).
    pub fn handle_snapshot_lacking(&mut self, now: &Sample, why: &str) {
        self.handle_snapshot_failed(now, why);
        self.snapshots.is_lacking = true;
    }

    /// Handles that the snapshot handed over last cannot be read. A leader's is refused, and
    /// nothing of it is stored (R15).
    pub fn handle_snapshot_refused(&mut self, now: &Sample, why: &str) {
        if let (Some((index, _)), Some(leader)) = (&self.snapshots.installing, self.raft.leader()) {
            let said = format!("its snapshot of {index} cannot be read: {why}");
            self.raft.refuse(now, leader, &said);
        }
        self.handle_snapshot_failed(now, why);
    }

    /// Handles that the snapshot handed over last cannot be made, or not be read: tried again after
    /// a while.
    pub fn handle_snapshot_failed(&mut self, now: &Sample, why: &str) {
        if self.snapshots.refusal != why {
            ::log::warn!("no snapshot: {why}. It is tried again each second");
            self.snapshots.refusal = why.to_owned();
        }
        self.snapshots.is_lacking = false;
        self.snapshots.stage = Stage::Idle;
        self.snapshots.not_before = Some(*now);
        if self.snapshots.installing.take().is_some() {
            self.raft.handle(now, Event::SnapshotRefused);
        }
    }

    /// Goes on from the state of the snapshot that was stored last.
    pub(super) fn adopt(&mut self, index: Index) {
        let installed = self.snapshots.installing.take();
        let (_, slot) = installed
            .filter(|(of, _)| *of == index)
            .expect("its state was read before it was stored");
        let machine = Arc::into_inner(slot).and_then(OnceLock::into_inner);
        let machine = machine.expect("whoever stored it has let go of it");
        self.retired.machine = Some(std::mem::replace(&mut self.machine, machine));
        (self.applied, self.to_apply) = (index, index);
        self.history = History::new(index);
        self.adopt_settings();
    }

    fn own_job(&mut self, now: &Sample) -> Option<SnapshotJob> {
        if matches!(self.snapshots.stage, Stage::Idle) {
            let wait_is_over = |since: &Sample| now.elapsed_lo(since) >= RETRY;
            let due =
                self.snapshots.wanted || self.raft.log_bytes() >= self.options.snapshot_every_bytes;
            let new = self.applied > self.raft.snapshot_index();
            if !(due && new && self.snapshots.not_before.as_ref().is_none_or(wait_is_over)) {
                return None;
            }
            self.snapshots.wanted = false;
            let (to, from) = (self.applied, self.raft.snapshot_index());
            let entries = Vec::with_capacity((to.0 - from.0) as usize);
            self.snapshots.stage = Stage::Gathering { to, entries };
        }
        let Stage::Gathering { to, entries } = &mut self.snapshots.stage else { return None };
        let from = Index(self.raft.snapshot_index().0 + entries.len() as u64).next();
        let until = Index((from.0 + ENTRIES_PER_TURN_MAX - 1).min(to.0));
        entries.extend(self.raft.entries(from, until).cloned());
        if until < *to {
            return None;
        }
        let (to, entries) = (*to, std::mem::take(entries));
        let before = self.raft.snapshot().map(|snapshot| snapshot.data.clone());
        let (level_max, names_per_part) = (self.options.level_max, self.options.names_per_part);
        let content = move |sink: &mut dyn Sink| {
            let before = match before {
                Some(data) => LockMachine::decode_blob(&data, level_max).map_err(unmade)?,
                None => LockMachine::new().reading_up_to(level_max),
            };
            let before = before.with_names_per_part(names_per_part);
            let machine = replay(before, entries).map_err(|error| refused(&error))?;
            machine.encode_into(sink).map_err(Unmade::Refused)
        };
        Some(SnapshotJob { meta: self.raft.snapshot_meta(to), content: Box::new(content) })
    }

    fn install_job(&mut self, snapshot: Snapshot) -> SnapshotJob {
        let slot = Arc::new(OnceLock::new());
        let Snapshot { meta, data } = snapshot;
        let index = meta.index;
        self.snapshots.installing = Some((index, Arc::clone(&slot)));
        // The entries being gathered may be gone once this snapshot is stored.
        self.snapshots.stage = Stage::Idle;
        let (level_max, names_per_part) = (self.options.level_max, self.options.names_per_part);
        let content = move |sink: &mut dyn Sink| {
            data.each_part(|part| sink.put(part)).map_err(Unmade::Refused)?;
            // From here on its bytes are in the sink alone, which has no name yet: nothing is stored that cannot be read (R15).
            drop(data);
            let data = sink.read_back().map_err(Unmade::Refused)?;
            let machine = LockMachine::decode_blob(&data, level_max).map_err(unmade)?;
            if machine.applied() > index {
                let said =
                    format!("the snapshot of {index} holds what entry {}", machine.applied());
                return Err(Unmade::Refused(said + " did"));
            }
            // Set once: the slot was made for this.
            let _ = slot.set(machine.with_names_per_part(names_per_part));
            Ok(())
        };
        SnapshotJob { meta, content: Box::new(content) }
    }
}

fn refused(error: &dyn fmt::Display) -> Unmade {
    Unmade::Refused(error.to_string())
}

/// A stored snapshot that cannot be read is a fault of the disk; any other error is one of the
/// bytes.
fn unmade(error: SnapshotError) -> Unmade {
    match error {
        SnapshotError::Unreadable(why) => Unmade::Unreadable(why),
        error => refused(&error),
    }
}

impl fmt::Debug for SnapshotJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a snapshot of {}", self.meta.index)
    }
}

/// Entries gathered in one turn: some hundred microseconds.
const ENTRIES_PER_TURN_MAX: u64 = 8192;
/// The pause after a failed snapshot.
const RETRY: Duration = Duration::from_secs(1);
