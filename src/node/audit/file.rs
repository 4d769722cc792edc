//! The file of the audit trail: a thread of its own writes it, so that no disk holds up the loop.
//!
//! Lines are appended. If the file is gone from its place, as after a log rotation, the next line
//! makes a new one.

use crate::base::error::{Error, Status};
use crate::sys::thread;
use crossbeam_channel::{Receiver, Sender};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// The loop's side: lines are handed over here.
#[derive(Debug)]
pub struct AuditFile {
    lines: Option<Sender<String>>,
    lost: Arc<AtomicU64>,
    writing: Option<JoinHandle<()>>,
}

/// The thread's side.
struct Writer {
    path: PathBuf,
    file: File,
    lost: Arc<AtomicU64>,
    has_failed: bool,
}

impl AuditFile {
    /// Opens the file, or makes it, readable for its owner alone.
    ///
    /// # Errors
    /// INVALID: it cannot be written. LIMIT: there is no thread.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = open(path).map_err(|error| {
            let text = format!("the audit file {} cannot be written: {error}", path.display());
            Error::new(Status::Invalid, text).because_of(error)
        })?;
        let (lines, received) = crossbeam_channel::bounded(WAITING_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let mut writer =
            Writer { path: path.to_owned(), file, lost: Arc::clone(&lost), has_failed: false };
        let writing =
            thread::spawn("tenure-audit", move || writer.run(&received)).map_err(|error| {
                let text = format!("no thread for the audit file: {error}");
                Error::new(Status::Limit, text).because_of(error)
            })?;
        Ok(Self { lines: Some(lines), lost, writing: Some(writing) })
    }

    /// Hands over one line. If the disk is too slow, lines are lost, and the file says how many.
    pub(super) fn write(&self, line: String) {
        let sent = self.lines.as_ref().is_some_and(|lines| lines.try_send(line).is_ok());
        if !sent {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Waits until all lines are written.
impl Drop for AuditFile {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(writing) = self.writing.take() {
            // The thread has reported a panic itself.
            let _ = writing.join();
        }
    }
}

impl Writer {
    fn run(&mut self, lines: &Receiver<String>) {
        for line in lines {
            let lost = self.lost.swap(0, Ordering::Relaxed);
            let told =
                if lost > 0 { format!("{{\"lost_lines\":{lost}}}\n") } else { String::new() };
            let written = self.append(&format!("{told}{line}\n"));
            if let Err(error) = &written
                && !self.has_failed
            {
                log::error!(
                    "the audit file {} cannot be written: {error}. Lines are lost until it can; they are in the log",
                    self.path.display()
                );
            }
            self.has_failed = written.is_err();
            if self.has_failed {
                self.lost.fetch_add(lost + 1, Ordering::Relaxed);
            }
        }
    }

    fn append(&mut self, text: &str) -> io::Result<()> {
        let own = self.file.metadata()?;
        let at_place = std::fs::metadata(&self.path).map(|there| (there.dev(), there.ino()));
        if !at_place.is_ok_and(|there| there == (own.dev(), own.ino())) {
            self.file = open(&self.path)?;
        }
        self.file.write_all(text.as_bytes())
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).mode(0o600).open(path)
}

/// The most lines that wait for the disk.
const WAITING_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_appended_and_a_file_that_was_moved_is_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let (path, moved) = (directory.path().join("audit"), directory.path().join("audit.1"));
        std::fs::write(&path, "before\n").unwrap();
        let file = AuditFile::open(&path).unwrap();
        file.write("one".to_owned());
        drop(file);
        let file = AuditFile::open(&path).unwrap();
        std::fs::rename(&path, &moved).unwrap();
        file.write("two".to_owned());
        drop(file);
        assert_eq!(std::fs::read_to_string(&moved).unwrap(), "before\none\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_at_the_start() {
        let error = AuditFile::open(Path::new("/proc/no/such")).unwrap_err();
        assert_eq!(error.status, Status::Invalid);
        assert!(error.message.contains("/proc/no/such cannot be written"), "{error}");
    }
}
