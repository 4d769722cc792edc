//! A file in the making beside the log, step by step, so that anything may happen between two steps.

use crate::disk::TestDisk;
use tenure::wal::{Disk, DiskError, FileContent, FileId, StoreError};

#[derive(Debug)]
pub struct Storing {
    temporary: String,
    name: String,
    content: Result<Vec<u8>, String>,
    file: Option<FileId>,
    next: Step,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Create,
    Write { from: usize },
    Rename,
    SyncDirectory,
}

impl Storing {
    pub fn new(temporary: &str, name: &str, content: FileContent) -> Self {
        let [temporary, name] = [temporary, name].map(str::to_owned);
        Self {
            temporary,
            name,
            content: content().map(|bytes| bytes.to_vec()),
            file: None,
            next: Step::Create,
        }
    }

    /// Takes the next step; its end, once there is none left.
    pub fn step(&mut self, disk: &mut TestDisk) -> Option<Result<(), StoreError>> {
        let bytes = match &self.content {
            Ok(bytes) => bytes.clone(),
            Err(reason) => return Some(Err(StoreError::Content(reason.clone()))),
        };
        match self.try_step(disk, &bytes) {
            Ok(Some(next)) => {
                self.next = next;
                None
            }
            Ok(None) => Some(Ok(())),
            Err(error) => {
                // As the real one does; nobody looks whether it went well.
                let named = matches!(self.next, Step::SyncDirectory);
                let _ = disk.remove(if named { &self.name } else { &self.temporary });
                Some(Err(error.into()))
            }
        }
    }

    fn try_step(&mut self, disk: &mut TestDisk, bytes: &[u8]) -> Result<Option<Step>, DiskError> {
        Ok(match self.next {
            Step::Create => {
                self.file = Some(disk.create(&self.temporary)?);
                Some(Step::Write { from: 0 })
            }
            Step::Write { from } => {
                let file = self.file.expect("it was created");
                let to = bytes.len().min(from + PART_BYTES);
                disk.write_at(file, from as u64, &bytes[from..to])?;
                disk.sync_data(file)?;
                Some(if to < bytes.len() { Step::Write { from: to } } else { Step::Rename })
            }
            Step::Rename => {
                disk.rename(&self.temporary, &self.name)?;
                Some(Step::SyncDirectory)
            }
            Step::SyncDirectory => {
                disk.sync_directory()?;
                disk.close(self.file.expect("it was created"));
                None
            }
        })
    }
}

/// Small, so that the short snapshots of the tests have several.
const PART_BYTES: usize = 700;
