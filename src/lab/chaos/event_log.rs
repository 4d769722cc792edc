//! A writer of event logs: each line is one write, so that a kill cuts at most the last line.

use crate::cli::failure::Failure;
use crate::lab::verify::line::{Kind, Line};
use parking_lot::Mutex;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// A log that threads share.
#[derive(Debug)]
pub struct EventLog(Mutex<File>);

impl EventLog {
    /// A new one, with its first line.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let cannot = |error| {
            Failure::unavailable(format!("cannot write the log {}: {error}", path.display()))
        };
        let boot = std::fs::read_to_string(BOOT_ID).map_err(cannot)?;
        let log = Self(Mutex::new(File::create_new(path).map_err(cannot)?));
        log.write(&Line {
            event: Kind::Log,
            boot: Some(boot.trim().to_owned()),
            ..Line::default()
        });
        Ok(log)
    }

    /// Adds a line.
    ///
    /// # Panics
    /// The line cannot be written: an unlogged event could not be judged.
    pub fn write(&self, line: &Line) {
        let mut text = serde_json::to_vec(line).expect("a line has only names and numbers");
        text.push(b'\n');
        let written = self.0.lock().write_all(&text);
        written.unwrap_or_else(|error| panic!("the event log cannot be written: {error}"));
    }
}

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
