//! Output on stdout and stderr that never blocks its caller: a thread of its own writes the text.
//!
//! The reader of a stream may be gone, slow, or have stopped reading; a terminal may be held by
//! Ctrl-S, or stop background writers (stty tostop). None of that may end or hold up the supervisor
//! of a command, a lease or a node. All threads of ours block all signals, so that no terminal
//! stops the writer. Unread text is kept up to a bound; beyond that, lines are counted and dropped.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tenure::sys::poll::{self, Interest, Ready};
use tenure::sys::thread;

/// Stderr.
pub static STDERR: Outlet = Outlet::new(Stream::Stderr);
/// Stdout, for commands that hold something while they print.
pub static STDOUT: Outlet = Outlet::new(Stream::Stdout);

/// A stream whose reader may not read.
#[derive(Debug)]
pub struct Outlet {
    stream: Stream,
    state: Mutex<State>,
    changed: Condvar,
}

/// The stream of an [`Outlet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<String>,
    waiting_bytes: usize,
    /// Dropped lines: there was no room.
    lost: u64,
    writer: Writer,
    /// Why the last text could not be written.
    failure: Option<ErrorKind>,
}

/// The writing thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    /// No text yet, and so no thread.
    Unborn,
    Idle,
    Writing,
}

impl Outlet {
    const fn new(stream: Stream) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            lost: 0,
            writer: Writer::Unborn,
            failure: None,
        };
        Self { stream, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Queues `text` as a line. Never waits.
    pub fn say(&'static self, text: &str) {
        let mut state = self.state();
        if state.waiting_bytes + text.len() > WAITING_BYTES_MAX {
            state.lost += 1;
            return;
        }
        state.waiting_bytes += text.len();
        state.waiting.push_back(format!("{text}\n"));
        if state.writer == Writer::Unborn {
            // Without a thread the text is written as far as the stream takes it at once; the rest
            // is lost.
            match thread::spawn("tenure-outlet", || self.write_for_ever()) {
                Ok(_) => state.writer = Writer::Idle,
                Err(_) => self.write_at_once(&mut state),
            }
        }
        self.changed.notify_all();
    }

    /// Waits until everything is written, for `wait` at most.
    pub fn flush(&self, wait: Duration) -> Flushed {
        let until = Instant::now() + wait;
        let mut state = self.state();
        while !state.waiting.is_empty() || state.writer == Writer::Writing {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Flushed::NotYet;
            }
            let waited = self.changed.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.failure.map_or(Flushed::Written, Flushed::Failed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_for_ever(&self) {
        let file = self.stream.open();
        let mut state = self.state();
        loop {
            let Some(text) = state.take() else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.writer = Writer::Writing;
            drop(state);
            let written = file
                .as_ref()
                .map_err(io::Error::kind)
                .and_then(|file| write_whole(file, text.as_bytes()).map_err(|error| error.kind()));
            state = self.state();
            state.writer = Writer::Idle;
            state.failure = written.err();
            self.changed.notify_all();
        }
    }

    fn write_at_once(&self, state: &mut State) {
        let file = self.stream.open();
        while let Some(text) = state.take() {
            let written = file.as_ref().map_err(io::Error::kind).and_then(|file| {
                let mut set = [(file.as_raw_fd(), Interest::Write, Ready::default())];
                let _ = poll::wait(&mut set, Some(Duration::ZERO));
                let takes_it = set[0].2.writable;
                if takes_it { write_whole(file, text.as_bytes()) } else { Ok(()) }
                    .map_err(|error| error.kind())
            });
            state.failure = written.err();
        }
    }
}

impl State {
    /// The next text; after a gap, a line that says how much is missing.
    fn take(&mut self) -> Option<String> {
        if let Some(text) = self.waiting.pop_front() {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(text.len() - 1);
            return Some(text);
        }
        let lost = std::mem::take(&mut self.lost);
        (lost > 0).then(|| format!("({lost} lines were lost here: nobody read them)\n"))
    }
}

/// The fate of the queued text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    Written,
    /// Some of it is still queued.
    NotYet,
    /// The last text could not be written.
    Failed(ErrorKind),
}

impl Stream {
    /// A descriptor of our own for the stream, beside the standard library's locks and buffers.
    ///
    /// # Errors
    /// The process has none left.
    pub fn open(self) -> io::Result<File> {
        let fd = match self {
            Self::Stdout => io::stdout().as_fd().try_clone_to_owned(),
            Self::Stderr => io::stderr().as_fd().try_clone_to_owned(),
        };
        fd.map(File::from)
    }
}

/// Writes all of `bytes`, however long it takes, also to a stream that another process has made
/// non-blocking.
///
/// # Errors
/// The reader is gone, the disk is full.
pub fn write_whole(mut file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let mut set = [(file.as_raw_fd(), Interest::Write, Ready::default())];
                poll::wait(&mut set, None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How long the last sentence waits for a reader of stderr.
pub const LAST_WORDS_WAIT: Duration = Duration::from_secs(1);
/// Enough for an hour's log of a node whose reader has stopped.
const WAITING_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_reads_is_bounded_and_counted() {
        static OUTLET: Outlet = Outlet::new(Stream::Stderr);
        // The outlet's thread is never started, so nothing is written.
        OUTLET.state().writer = Writer::Idle;
        let line = "x".repeat(WAITING_BYTES_MAX / 4);
        (0..7).for_each(|_| OUTLET.say(&line));
        assert_eq!(OUTLET.flush(Duration::ZERO), Flushed::NotYet);
        let mut state = OUTLET.state();
        assert_eq!((state.waiting.len(), state.lost), (4, 3));
        (0..4).for_each(|_| assert_eq!(state.take(), Some(format!("{line}\n"))));
        assert_eq!(state.take().as_deref(), Some("(3 lines were lost here: nobody read them)\n"));
        assert_eq!((state.take(), state.waiting_bytes), (None, 0));
    }

    #[test]
    fn a_stream_that_does_not_wait_takes_everything_in_the_end() {
        let (mut reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        writer.set_nonblocking(true).unwrap();
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        let bytes = vec![7; 4 << 20];
        let expected = bytes.clone();
        let writer = std::thread::spawn(move || write_whole(&file, &bytes));
        let mut read = Vec::new();
        io::Read::read_to_end(&mut reader, &mut read).unwrap();
        writer.join().unwrap().unwrap();
        assert!(read == expected);
    }
}
