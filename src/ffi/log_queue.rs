//! The queue of log lines for a host that asked for a descriptor and not for a callback.

use super::strings::c_string;
use crate::Error;
use crate::base::limits::{LOG_LINE_BYTES_MAX, LOG_QUEUE_BYTES_MAX, LOG_QUEUE_LINES_MAX};
use crate::sys::event::EventFd;
use crate::sys::inherited::by_no_child;
use log::Level;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// The queue of one process: a writer never waits for the reader. Beyond the bound the newest lines
/// are dropped, and a line in their place says how many.
#[derive(Debug, Default)]
pub(super) struct LogQueue(Mutex<Unread>);

#[derive(Debug, Default)]
struct Unread {
    lines: VecDeque<CString>,
    bytes: usize,
    /// How many lines were dropped behind the last of `lines`.
    dropped: u64,
    /// Set while there are lines; `None` before the host asked for the descriptor.
    readable: Option<EventFd>,
}

impl LogQueue {
    /// The descriptor that is readable while there are lines.
    ///
    /// # Errors
    /// The process has none left.
    pub(super) fn open(&self) -> io::Result<RawFd> {
        let mut unread = self.0.lock();
        let readable = match unread.readable.take() {
            Some(readable) => readable,
            None => by_no_child(EventFd::new)?,
        };
        Ok(unread.readable.insert(readable).as_raw_fd())
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.lock().readable.is_some()
    }

    /// Appends a line, logged at `unix_ms`.
    pub(super) fn push(&self, unix_ms: u64, level: Level, part: &str, text: &str) {
        let line = line(unix_ms, level, part, text);
        let mut unread = self.0.lock();
        if unread.is_full_with(&line) {
            unread.dropped += 1;
            return;
        }
        if unread.dropped > 0 {
            unread.tell_dropped(unix_ms);
        }
        unread.append(line);
    }

    /// Gives the first line to `take`, and drops it unless that fails; whether there was one.
    pub(super) fn read(
        &self,
        unix_ms: u64,
        take: impl FnOnce(&CStr) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let mut unread = self.0.lock();
        let Some(line) = unread.lines.front() else { return Ok(false) };
        take(line)?;
        unread.bytes -= line.as_bytes_with_nul().len();
        unread.lines.pop_front();
        if unread.lines.is_empty() {
            if unread.dropped > 0 {
                unread.tell_dropped(unix_ms);
            } else if let Some(readable) = &unread.readable {
                readable.clear();
            }
        }
        Ok(true)
    }
}

impl Unread {
    fn is_full_with(&self, line: &CStr) -> bool {
        let bytes = self.bytes + line.to_bytes_with_nul().len();
        self.lines.len() >= LOG_QUEUE_LINES_MAX || bytes > LOG_QUEUE_BYTES_MAX
    }

    /// Appends the line that counts the dropped ones, if there are any: one line beyond the bound
    /// at most.
    fn tell_dropped(&mut self, unix_ms: u64) {
        let dropped = std::mem::take(&mut self.dropped);
        let text = format!("{dropped} lines of the log are lost here: nobody read them in time");
        self.append(line(unix_ms, Level::Warn, LOG, &text));
    }

    fn append(&mut self, line: CString) {
        self.bytes += line.as_bytes_with_nul().len();
        self.lines.push_back(line);
        if let Some(readable) = &self.readable {
            readable.set();
        }
    }
}

/// The line of `tenure_log_read`: numbers first, and the text last, since it may have blanks.
fn line(unix_ms: u64, level: Level, part: &str, text: &str) -> CString {
    c_string(&format!("{} {unix_ms} {part} {text}", level as i32))
}

/// The part of Tenure that a target is of: "raft" of "tenure::raft::election".
pub(super) fn part(target: &str) -> &str {
    target.split("::").nth(1).filter(|part| !part.is_empty()).unwrap_or(LOG)
}

/// The part of the queue's own lines.
const LOG: &str = "log";

// The header's bound on a line: its text, an escape that goes beyond the bound, and the fields
// before it.
const _: () = assert!(LOG_LINE_BYTES_MAX + 64 <= 9216);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;
    use crate::sys::poll::{self, Interest, Ready};
    use std::time::Duration;

    fn queue() -> (LogQueue, RawFd) {
        let queue = LogQueue::default();
        assert!(!queue.is_open());
        let fd = queue.open().unwrap();
        assert_eq!(queue.open().unwrap(), fd);
        (queue, fd)
    }

    fn next(queue: &LogQueue) -> Option<String> {
        let mut text = None;
        let take = |line: &CStr| {
            text = Some(line.to_str().unwrap().to_owned());
            Ok(())
        };
        assert_eq!(queue.read(7, take).unwrap(), text.is_some());
        text
    }

    fn is_readable(fd: RawFd) -> bool {
        let mut set = [(fd, Interest::Read, Ready::default())];
        poll::wait(&mut set, Some(Duration::ZERO)).unwrap();
        set[0].2.readable
    }

    #[test]
    fn lines_are_read_in_order_and_the_descriptor_says_that_there_are_some() {
        let (queue, fd) = queue();
        assert!(!is_readable(fd));
        queue.push(1, Level::Warn, "node", "one, with blanks");
        queue.push(2, Level::Info, "client", "two");
        assert!(is_readable(fd));
        assert_eq!(next(&queue).unwrap(), "2 1 node one, with blanks");
        assert!(is_readable(fd));
        assert_eq!(next(&queue).unwrap(), "3 2 client two");
        assert!(!is_readable(fd));
        assert_eq!(next(&queue), None);
    }

    #[test]
    fn a_line_that_was_not_taken_stays() {
        let (queue, fd) = queue();
        queue.push(1, Level::Error, "wal", "one");
        let refuse = |_: &CStr| Err(Error::new(Status::TooSmall, "no room"));
        assert_eq!(queue.read(7, refuse).unwrap_err().status, Status::TooSmall);
        assert!(is_readable(fd));
        assert_eq!(next(&queue).unwrap(), "1 1 wal one");
    }

    #[test]
    fn beyond_the_bound_the_newest_are_counted_and_the_count_stands_in_their_place() {
        let (queue, fd) = queue();
        for number in 0..LOG_QUEUE_LINES_MAX + 3 {
            queue.push(1, Level::Info, "raft", &number.to_string());
        }
        assert_eq!(next(&queue).unwrap(), "3 1 raft 0");
        queue.push(2, Level::Info, "raft", "there is room again");
        for number in 1..LOG_QUEUE_LINES_MAX {
            assert_eq!(next(&queue).unwrap(), format!("3 1 raft {number}"));
        }
        assert!(next(&queue).unwrap().starts_with("2 2 log 3 lines of the log are lost here"));
        assert_eq!(next(&queue).unwrap(), "3 2 raft there is room again");
        assert!(!is_readable(fd));
    }

    #[test]
    fn a_count_that_nothing_follows_is_read_too() {
        let (queue, fd) = queue();
        let long = "x".repeat(LOG_QUEUE_BYTES_MAX / 4);
        for _ in 0..5 {
            queue.push(1, Level::Info, "raft", &long);
        }
        let read: Vec<String> = std::iter::from_fn(|| next(&queue)).collect();
        assert_eq!(read.len(), 4, "three that fit, and the count");
        assert!(read[3].starts_with("2 7 log 2 lines of the log are lost here"), "{}", read[3]);
        assert!(!is_readable(fd));
    }

    #[test]
    fn a_part_is_the_folder_that_says_it() {
        assert_eq!(part("tenure::raft::election"), "raft");
        assert_eq!(part("tenure::wal"), "wal");
        assert_eq!(part("tenure"), "log");
    }
}
