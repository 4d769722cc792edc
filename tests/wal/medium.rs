//! The disk in memory: its visible bytes, its durable bytes, and those that may become durable.

use crate::wal::storing::Storing;
use std::collections::BTreeMap;
use tenure::base::rng::Rng;
use tenure::wal::{DiskError, FileId};

/// The part of unsynced writes that a power cut leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    Nothing,
    Everything,
    Random,
    /// The beginning of each sector, which is worse than what a medium is assumed to do.
    Torn,
}

/// Operations that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Read,
    Write,
    Sync,
    SyncDirectory,
    Create,
    Rename,
    Prepare,
}

#[derive(Debug, Default)]
pub struct Medium {
    /// Room that it reports before anything is written.
    pub free_bytes: Option<u64>,
    pub files: Vec<FileState>,
    pub names: BTreeMap<String, usize>,
    pub durable_names: BTreeMap<String, usize>,
    pub name_changes: Vec<NameChange>,
    pub handles: BTreeMap<u32, usize>,
    pub handles_given: u32,
    pub preparing: Option<(String, u64)>,
    pub storing: Option<Storing>,
    /// Changing operations since the disk was made.
    pub operations: u64,
    pub power_until: Option<u64>,
    pub failures: Vec<Failure>,
}

/// Fails one operation of its kind, after letting some pass.
#[derive(Debug)]
pub struct Failure {
    pub operation: Operation,
    pub pass: u32,
    pub error: DiskError,
}

#[derive(Clone, Debug, Default)]
pub struct FileState {
    pub seen: Vec<u8>,
    pub durable: Vec<u8>,
    /// Each version that a sector had since it was last durable.
    pub dirty: BTreeMap<usize, Vec<Vec<u8>>>,
    pub lengths: Vec<usize>,
}

#[derive(Clone, Debug)]
pub enum NameChange {
    Link(String, usize),
    Move(String, String, usize),
    Unlink(String),
}

impl Medium {
    /// The process ends: its handles and its work in progress are gone.
    pub fn end_process(&mut self) {
        self.handles.clear();
        self.preparing = None;
        self.storing = None;
        self.power_until = None;
    }

    pub fn is_dark(&self) -> bool {
        self.power_until.is_some_and(|until| self.operations >= until)
    }

    /// Counts a changing operation, unless there is no power for it or it is made to fail.
    pub fn begin(&mut self, operation: Operation) -> Result<(), DiskError> {
        if self.is_dark() {
            return Err(DiskError::Io("the power is gone".into()));
        }
        self.operations += 1;
        self.check_failure(operation)
    }

    pub fn check_failure(&mut self, operation: Operation) -> Result<(), DiskError> {
        let of_kind = |failure: &Failure| failure.operation == operation;
        let Some(position) = self.failures.iter().position(of_kind) else { return Ok(()) };
        if self.failures[position].pass > 0 {
            self.failures[position].pass -= 1;
            return Ok(());
        }
        Err(self.failures.remove(position).error)
    }

    pub fn file(&mut self, file: FileId) -> &mut FileState {
        let inode = self.handles[&file.0];
        &mut self.files[inode]
    }

    pub fn hand_out(&mut self, inode: usize) -> FileId {
        self.handles_given += 1;
        self.handles.insert(self.handles_given, inode);
        FileId(self.handles_given)
    }

    pub fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }

    /// All changes of names are durable.
    pub fn sync_names(&mut self) {
        self.name_changes.clear();
        self.durable_names = self.names.clone();
    }

    pub fn create(&mut self, name: &str) -> usize {
        if let Some(inode) = self.names.get(name).copied() {
            self.files[inode].set_length(0);
            return inode;
        }
        self.files.push(FileState::default());
        let inode = self.files.len() - 1;
        self.change_name(NameChange::Link(name.to_owned(), inode));
        inode
    }
}

impl FileState {
    pub fn set_length(&mut self, length: usize) {
        self.seen.resize(length, 0);
        self.lengths.push(length);
    }

    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.seen.len() {
            self.set_length(end);
        }
        self.seen[offset..end].copy_from_slice(bytes);
        for sector in offset / SECTOR..end.div_ceil(SECTOR) {
            let version = self.sector(sector).to_vec();
            self.dirty.entry(sector).or_default().push(version);
        }
    }

    pub fn sector(&self, sector: usize) -> &[u8] {
        let end = self.seen.len().min((sector + 1) * SECTOR);
        &self.seen[sector * SECTOR..end]
    }

    pub fn sync(&mut self) {
        self.durable.resize(self.seen.len(), 0);
        for (sector, versions) in std::mem::take(&mut self.dirty) {
            self.keep(sector, versions.last().expect("a version for each write"));
        }
        self.lengths.clear();
    }

    /// The kernel calls the pages clean that it could not write.
    pub fn fail_to_sync(&mut self) {
        self.durable.resize(self.seen.len(), 0);
        self.dirty.clear();
        self.lengths.clear();
    }

    pub fn keep(&mut self, sector: usize, version: &[u8]) {
        let start = sector * SECTOR;
        let end = self.durable.len().min(start + version.len());
        if start < end {
            self.durable[start..end].copy_from_slice(&version[..end - start]);
        }
    }

    pub fn lose_power(&mut self, survival: Survival, rng: &mut Rng) {
        for length in std::mem::take(&mut self.lengths) {
            if survives(survival, rng) {
                self.durable.resize(length, 0);
            }
        }
        for (sector, versions) in std::mem::take(&mut self.dirty) {
            if survives(survival, rng) {
                let oldest = if survival == Survival::Random {
                    usize::try_from(rng.below(versions.len() as u64)).unwrap()
                } else {
                    versions.len() - 1
                };
                let mut version = versions[oldest].clone();
                if survival == Survival::Torn {
                    let start = sector * SECTOR;
                    let torn = usize::try_from(rng.between(1, 96)).unwrap();
                    let old = self.durable.get(start + torn..).unwrap_or_default();
                    let count = old.len().min(version.len().saturating_sub(torn));
                    version[torn..torn + count].copy_from_slice(&old[..count]);
                }
                self.keep(sector, &version);
            }
        }
        self.seen.clone_from(&self.durable);
    }
}

impl NameChange {
    pub fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(name, inode) => drop(names.insert(name.clone(), *inode)),
            Self::Unlink(name) => drop(names.remove(name)),
            Self::Move(from, to, inode) => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
        }
    }
}

pub fn survives(survival: Survival, rng: &mut Rng) -> bool {
    match survival {
        Survival::Nothing => false,
        Survival::Everything | Survival::Torn => true,
        Survival::Random => rng.chance(1, 2),
    }
}

const SECTOR: usize = 512;
