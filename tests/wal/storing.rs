//! A file in the making beside the log, step by step, so that anything may happen between two steps.

use crate::wal::disk::TestDisk;
use std::sync::Arc;
use tenure::base::blob::ReadAt;
use tenure::wal::{Disk, DiskError, FileContent, FileId, NewFile, StoreError};

#[derive(Debug)]
pub struct Storing {
    temporary: String,
    name: String,
    /// Writes, each at its place, in their order: the head last.
    content: Result<Vec<(u64, Vec<u8>)>, StoreError>,
    file: Option<FileId>,
    next: Step,
}

/// Writes of a content.
#[derive(Default)]
struct Writes {
    order: Vec<(u64, Vec<u8>)>,
    bytes: Vec<u8>,
}

impl Writes {
    fn in_parts(self) -> Vec<(u64, Vec<u8>)> {
        let part = |offset: u64, (number, bytes): (usize, &[u8])| {
            (offset + (number * PART_BYTES) as u64, bytes.to_vec())
        };
        let order = self.order.iter();
        order
            .flat_map(|(offset, bytes)| {
                bytes.chunks(PART_BYTES).enumerate().map(move |it| part(*offset, it))
            })
            .collect()
    }
}

impl NewFile for Writes {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.order.push((offset, bytes.to_vec()));
        self.bytes.write_at(offset, bytes)
    }

    fn shared(&mut self) -> Result<Arc<dyn ReadAt>, DiskError> {
        self.bytes.shared()
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Create,
    Write { next: usize },
    Rename,
    SyncDirectory,
}

impl Storing {
    pub fn new(temporary: &str, name: &str, content: FileContent) -> Self {
        let [temporary, name] = [temporary, name].map(str::to_owned);
        let mut writes = Writes::default();
        let content = content(&mut writes).map(|_| writes.in_parts());
        Self { temporary, name, content, file: None, next: Step::Create }
    }

    /// Takes the next step; its end, once there is none left.
    pub fn step(&mut self, disk: &mut TestDisk) -> Option<Result<(), StoreError>> {
        let writes = match &self.content {
            Ok(writes) => writes.clone(),
            Err(error) => return Some(Err(error.clone())),
        };
        match self.try_step(disk, &writes) {
            Ok(Some(next)) => {
                self.next = next;
                None
            }
            Ok(None) => Some(Ok(())),
            Err(error) => {
                // As the real one does; no test looks whether it went well.
                let named = matches!(self.next, Step::SyncDirectory);
                let _ = disk.remove(if named { &self.name } else { &self.temporary });
                Some(Err(error.into()))
            }
        }
    }

    fn try_step(
        &mut self,
        disk: &mut TestDisk,
        writes: &[(u64, Vec<u8>)],
    ) -> Result<Option<Step>, DiskError> {
        Ok(match self.next {
            Step::Create => {
                self.file = Some(disk.create(&self.temporary)?);
                Some(Step::Write { next: 0 })
            }
            Step::Write { next } => {
                let file = self.file.expect("it was created");
                if let Some((offset, bytes)) = writes.get(next) {
                    disk.write_at(file, *offset, bytes)?;
                }
                disk.sync_data(file)?;
                Some(if next + 1 < writes.len() {
                    Step::Write { next: next + 1 }
                } else {
                    Step::Rename
                })
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
