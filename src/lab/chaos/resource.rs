//! The resources that locks protect: two sets that holders read, add to and write back. One checks
//! tokens, one does not.
//!
//! They are served by a thread behind a Unix socket, which no network cut touches. A set is
//! represented by the number of its adds: a write names the number that its writer had read, and
//! undoes the adds since. The set that checks tokens learns tokens from reads, too: a later holder
//! may only have read.

use super::event_log::EventLog;
use crate::cli::failure::Failure;
use crate::lab::verify::line::{Kind, Line};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tenure::sys::{clock, thread};

/// The set that takes every write.
pub const PLAIN: &str = "set";
/// The set that refuses tokens lower than the highest that it has seen.
pub const FENCED: &str = "fenced-set";

/// The path of the socket, below the directory of a run.
#[must_use]
pub fn socket(data: &Path) -> PathBuf {
    data.join("sets.socket")
}

/// Serves both on the socket below `data` until this process ends, and logs each write.
///
/// # Errors
/// No socket, no thread, no log.
pub fn serve(data: &Path, log: EventLog) -> Result<(), Failure> {
    let path = socket(data);
    let cannot = |error| {
        Failure::unavailable(format!("cannot serve the sets at {}: {error}", path.display()))
    };
    let listener = UnixListener::bind(&path).map_err(cannot)?;
    let sets = Arc::new(Sets { sets: Mutex::default(), log });
    let accept = move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sets = Arc::clone(&sets);
            if let Err(error) = thread::spawn("chaos-resource", move || talk(&stream, &sets)) {
                log::warn!("a client of the sets is left alone: {error}");
            }
        }
    };
    thread::spawn("chaos-sets", accept).map(drop).map_err(cannot)
}

#[derive(Debug)]
struct Sets {
    sets: Mutex<BTreeMap<String, Set>>,
    log: EventLog,
}

#[derive(Debug, Default)]
struct Set {
    adds: u64,
    highest: u64,
}

fn talk(stream: &UnixStream, sets: &Sets) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let answer = sets.answer(&line);
        let mut writer = stream;
        // The client was killed.
        if writeln!(writer, "{answer}").is_err() {
            return;
        }
    }
}

impl Sets {
    /// "read SET TOKEN" gives "at ADDS"; "write SET TOKEN ADDS CLIENT" gives "done"; both may give "refused".
    fn answer(&self, request: &str) -> String {
        let words: Vec<&str> = request.split(' ').collect();
        let number = |word: &str| word.parse::<u64>().ok();
        let done = match words[..] {
            ["read", set, token] => number(token).map(|token| self.read(set, token)),
            ["write", set, token, adds, client] => number(token)
                .zip(number(adds))
                .map(|(token, adds)| self.write(set, token, adds, client)),
            _ => None,
        };
        done.unwrap_or_else(|| "what?".to_owned())
    }

    fn read(&self, name: &str, token: u64) -> String {
        let mut sets = self.sets.lock();
        let set = sets.entry(name.to_owned()).or_default();
        if !set.admits(name, token) {
            return REFUSED.to_owned();
        }
        format!("at {}", set.adds)
    }

    fn write(&self, name: &str, token: u64, read: u64, client: &str) -> String {
        // Held while the log is written, so that its lines are in the order of the decisions.
        let mut sets = self.sets.lock();
        let set = sets.entry(name.to_owned()).or_default();
        let admitted = set.admits(name, token);
        let overwrote = if admitted { set.adds.saturating_sub(read) } else { 0 };
        set.adds += u64::from(admitted);
        let event = if name == FENCED { Kind::Write } else { Kind::Unchecked };
        self.log.write(&Line {
            resource: Some(name.to_owned()),
            client: Some(client.to_owned()),
            token: Some(token),
            accepted: Some(admitted),
            overwrote: Some(overwrote).filter(|count| *count > 0),
            ..Line::at(event, clock::boot_nanos())
        });
        if admitted { DONE.to_owned() } else { REFUSED.to_owned() }
    }
}

impl Set {
    fn admits(&mut self, name: &str, token: u64) -> bool {
        if name == FENCED && token < self.highest {
            return false;
        }
        self.highest = self.highest.max(token);
        true
    }
}

/// A client's line to the sets.
#[derive(Debug)]
pub struct Access(BufReader<UnixStream>);

impl Access {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// Nobody serves there.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self(BufReader::new(UnixStream::connect(path)?)))
    }

    /// The number of adds in the set; `None` if the token is too low.
    pub fn read(&mut self, set: &str, token: u64) -> Option<u64> {
        self.ask(&format!("read {set} {token}")).strip_prefix("at ")?.parse().ok()
    }

    /// Writes the set back with `adds` and one more.
    pub fn write(&mut self, set: &str, token: u64, adds: u64, client: &str) {
        self.ask(&format!("write {set} {token} {adds} {client}"));
    }

    /// The answer; empty when the sets are gone, and with them the run.
    fn ask(&mut self, request: &str) -> String {
        let mut line = String::new();
        let sent = writeln!(self.0.get_mut(), "{request}");
        if sent.and_then(|()| self.0.read_line(&mut line)).is_err() {
            return String::new();
        }
        line.trim_end().to_owned()
    }
}

const DONE: &str = "done";
const REFUSED: &str = "refused";

#[cfg(test)]
mod tests {
    use super::*;

    fn sets() -> Sets {
        let path =
            std::env::temp_dir().join(format!("tenure-sets-{}", tenure::sys::random::seed()));
        let log = EventLog::create(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        Sets { sets: Mutex::default(), log }
    }

    #[test]
    fn a_token_that_was_overtaken_by_a_read_writes_no_more() {
        let sets = sets();
        assert_eq!(sets.answer("read fenced-set 5"), "at 0");
        assert_eq!(sets.answer("read fenced-set 6"), "at 0");
        assert_eq!(sets.answer("write fenced-set 5 0 a"), "refused");
        assert_eq!(sets.answer("write fenced-set 6 0 b"), "done");
        assert_eq!(sets.answer("read fenced-set 6"), "at 1");
    }

    #[test]
    fn without_tokens_a_late_write_undoes_others() {
        let sets = sets();
        assert_eq!(sets.answer("write set 6 0 b"), "done");
        assert_eq!(sets.answer("write set 5 0 a"), "done");
        assert_eq!(sets.answer("read set 1"), "at 2");
        assert_eq!(sets.answer("wriet set 1"), "what?");
    }
}
