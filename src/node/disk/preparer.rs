//! The thread that writes spare files through with zeros.

use super::{create_empty, failed};
use crate::sys;
use crate::wal::DiskError;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Makes one file at a time. Dropping it ends the thread and waits for it.
#[derive(Debug)]
pub(super) struct Preparer {
    /// Gone when the thread is to end.
    tasks: Option<Sender<Task>>,
    results: Receiver<Result<(), DiskError>>,
    is_ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Task {
    path: PathBuf,
    bytes: u64,
}

impl Preparer {
    pub(super) fn start() -> io::Result<Self> {
        let (tasks, tasks_in) = bounded::<Task>(1);
        let (results_out, results) = bounded(1);
        let is_ending = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_ending);
        let thread = sys::thread::spawn("tenure-disk", move || {
            for task in tasks_in {
                if results_out.send(task.run(&stop)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { tasks: Some(tasks), results, is_ending, thread: Some(thread) })
    }

    /// Begins a file; the result of the one before must have been taken.
    pub(super) fn begin(&mut self, path: PathBuf, bytes: u64) {
        let tasks = self.tasks.as_ref().expect("only drop takes it away");
        let accepted = tasks.try_send(Task { path, bytes });
        assert!(accepted.is_ok(), "one file is prepared at a time: {accepted:?}");
    }

    /// Whether the file is ready, once.
    pub(super) fn take(&mut self) -> Option<Result<(), DiskError>> {
        self.results.try_recv().ok()
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        self.is_ending.store(true, Ordering::Relaxed);
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened; here there is nothing left to save.
            let _ = thread.join();
        }
    }
}

impl Task {
    fn run(&self, stop: &AtomicBool) -> Result<(), DiskError> {
        write_zeros(&self.path, self.bytes, stop).map_err(|error| {
            // Half a spare is only in the way, above all when there is no space left.
            let _ = std::fs::remove_file(&self.path);
            failed("prepare", &self.path, &error)
        })
    }
}

/// In parts, each synced: one large sync would hold up the log's own small ones for as long.
fn write_zeros(path: &Path, bytes: u64, stop: &AtomicBool) -> io::Result<()> {
    let file = create_empty(path)?;
    let zeros = vec![0; PART_BYTES];
    let mut offset = 0;
    while offset < bytes {
        if stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("the log is being closed"));
        }
        let rest = usize::try_from(bytes - offset).unwrap_or(usize::MAX);
        let part = &zeros[..PART_BYTES.min(rest)];
        file.write_all_at(part, offset)?;
        file.sync_data()?;
        offset += part.len() as u64;
    }
    Ok(())
}

const PART_BYTES: usize = 512 << 10;
