//! A file in the making, off the process's thread: its content, each part and each sync, its name and the sync
//! of its directory come about at instants of their own, so that a crash or a power cut can hit it between any
//! two of them.

use crate::base::rng::Rng;
use crate::sim::disk::faults::{DiskFaults, StrikeOn};
use crate::sim::disk::storage::Storage;
use crate::wal::{DiskError, FileContent, StoreError};
use std::fmt;

/// One file in the making.
pub struct Store {
    temporary: String,
    name: String,
    stage: Stage,
    /// When the present stage is over.
    due: u64,
    /// How long each part is.
    part_bytes: usize,
}

enum Stage {
    /// The content is made.
    Making(FileContent),
    /// The part from `offset` on is written.
    Writing { bytes: Vec<u8>, file: u32, offset: usize },
    /// Synced up to `written`.
    Syncing { bytes: Vec<u8>, file: u32, written: usize },
    /// Being renamed.
    Naming(Vec<u8>),
    /// The directory is synced.
    SyncingNames(Vec<u8>),
    /// Being read back.
    Reading(Vec<u8>),
    /// How it ended; nobody has asked yet.
    Ended(Result<(), StoreError>),
    /// Between two stages.
    Nothing,
}

impl Store {
    /// Begins at `now`.
    pub fn begin(
        now: u64,
        temporary: &str,
        name: &str,
        content: FileContent,
        rng: &mut Rng,
    ) -> Self {
        Self {
            temporary: temporary.to_owned(),
            name: name.to_owned(),
            stage: Stage::Making(content),
            due: now + rng.between(10_000, MAKING_NANOS_MAX),
            part_bytes: usize::try_from(rng.between(512, 8 << 10)).expect("small"),
        }
    }

    /// Everything that happens up to `now`.
    pub fn advance(
        &mut self,
        now: u64,
        rng: &mut Rng,
        storage: &mut Storage,
        faults: &mut DiskFaults,
    ) {
        while self.due <= now && !matches!(self.stage, Stage::Ended(_)) {
            let syncs = matches!(self.stage, Stage::Syncing { .. } | Stage::SyncingNames(_));
            if syncs && faults.stalled_until > self.due {
                self.due = faults.stalled_until;
                continue;
            }
            let stage = std::mem::replace(&mut self.stage, Stage::Nothing);
            self.stage = self.next(stage, storage, faults);
            self.due += rng.between(10_000, STAGE_NANOS_MAX);
        }
    }

    /// How it ended, if it has.
    pub fn result(&self) -> Option<&Result<(), StoreError>> {
        if let Stage::Ended(result) = &self.stage { Some(result) } else { None }
    }

    fn next(&self, stage: Stage, storage: &mut Storage, faults: &mut DiskFaults) -> Stage {
        match stage {
            Stage::Making(content) => {
                let mut bytes = Vec::new();
                match content(&mut bytes) {
                    Ok(_) => {
                        let file = storage.create(&self.temporary);
                        Stage::Writing { bytes, file, offset: 0 }
                    }
                    Err(error) => Stage::Ended(Err(error)),
                }
            }
            Stage::Writing { bytes, file, offset } => {
                if faults.is_full {
                    let error = DiskError::NoSpace("the simulated disk is full".into());
                    return self.give_up(storage, &self.temporary, error);
                }
                if faults.take_strike_aside(&[StrikeOn::Write]).is_some() {
                    let error = DiskError::Io("a simulated write failed".into());
                    return self.give_up(storage, &self.temporary, error);
                }
                let written = bytes.len().min(offset + self.part_bytes);
                storage.write_snapshot(file, offset as u64, &bytes[offset..written]);
                Stage::Syncing { bytes, file, written }
            }
            Stage::Syncing { bytes, file, written } => {
                match faults.take_strike_aside(&[StrikeOn::Sync, StrikeOn::SyncAndForget]) {
                    None => storage.sync(file),
                    Some(on) => {
                        if on == StrikeOn::SyncAndForget {
                            storage.forget(file);
                        }
                        let error = DiskError::Io("a simulated sync failed".into());
                        return self.give_up(storage, &self.temporary, error);
                    }
                }
                if written < bytes.len() {
                    Stage::Writing { bytes, file, offset: written }
                } else {
                    Stage::Naming(bytes)
                }
            }
            Stage::Naming(bytes) => {
                assert!(storage.rename(&self.temporary, &self.name), "it was made a moment ago");
                Stage::SyncingNames(bytes)
            }
            Stage::SyncingNames(bytes) => {
                storage.sync_names();
                Stage::Reading(bytes)
            }
            Stage::Reading(bytes) => {
                let mut found = vec![0; bytes.len() + 1];
                let file = storage.file(&self.name).expect("it has its name");
                let length = storage.read(file, 0, &mut found);
                assert!(found[..length] == bytes, "a simulated file reads as it was written");
                Stage::Ended(Ok(()))
            }
            Stage::Ended(_) | Stage::Nothing => unreachable!("a stage that is over"),
        }
    }

    /// A remainder of the file would be in the way.
    fn give_up(&self, storage: &mut Storage, name: &str, error: DiskError) -> Stage {
        storage.remove(name);
        Stage::Ended(Err(error.into()))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in the making", self.name)
    }
}

/// How long a content takes to make, and each of the other stages, at most.
const MAKING_NANOS_MAX: u64 = 30_000_000;
const STAGE_NANOS_MAX: u64 = 8_000_000;
