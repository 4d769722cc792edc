//! The sink of the library's log: the host's callback, a queue that the host reads, or stderr for
//! warnings.
//!
//! The sink is found without a lock, since a line may be logged at any moment, also in a forked
//! child. A replaced sink is never freed (a few words for each call of `tenure_log_to`), so that a
//! thread which has just found it can still count itself in, see that the sink was replaced, and
//! leave.

use super::guard::{guard, guard_or, in_callback};
use super::log_queue::{LogQueue, part};
use super::status::tenure_status;
use super::strings::{c_string, give, out};
use crate::base::limits::LOG_LINE_BYTES_MAX;
use crate::base::text::one_line;
use crate::sys::clock;
use crate::sys::fork::{self, OfProcess};
use crate::sys::poll::{self, Interest, Ready};
use crate::{Error, Status};
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::ffi::{c_char, c_int, c_void};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::time::Duration;

/// No lines.
pub const TENURE_LOG_OFF: i32 = 0;
/// Something failed, and somebody should look.
pub const TENURE_LOG_ERROR: i32 = 1;
/// Something is wrong, and Tenure goes on.
pub const TENURE_LOG_WARN: i32 = 2;
/// Changes of role and the like.
pub const TENURE_LOG_INFO: i32 = 3;
/// Details for finding a fault.
pub const TENURE_LOG_DEBUG: i32 = 4;
/// Everything.
pub const TENURE_LOG_TRACE: i32 = 5;

/// Gets one line of the log, without a newline; `line` is valid during the call.
pub type tenure_log_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, level: i32, line: *const c_char)>;

/// Sends the log of the whole process to `callback`, from TENURE_LOG_ERROR up to `level`; NULL: to
/// stderr. Without this call warnings and errors go to stderr; a line that stderr does not take at
/// once is lost.
///
/// The callback runs on Tenure's threads, and on those that call Tenure, several at once. It must not block (a node of
/// this program would; clients have a thread of their own for it), throw or longjmp; a tenure_ call made in it returns
/// TENURE_INVALID. When this function returns, the former
/// callback runs no more.
///
/// Statuses: TENURE_INVALID for an unknown level. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_log_to(
    callback: tenure_log_fn,
    user: *mut c_void,
    level: i32,
) -> tenure_status {
    guard(|| {
        let level = level_filter(level)?;
        install();
        replace(Sink { callback, user, ..Sink::default() });
        log::set_max_level(level);
        Ok(())
    })
}

/// Sets the level of the log of the whole process, from TENURE_LOG_ERROR up to `level`, whatever
/// its sink.
///
/// Statuses: TENURE_INVALID for an unknown level. Any thread; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_log_level(level: i32) -> tenure_status {
    guard(|| {
        let level = level_filter(level)?;
        install();
        log::set_max_level(level);
        Ok(())
    })
}

/// Queues the log of the whole process for tenure_log_read, instead of a callback or stderr, until
/// tenure_log_to is called. The level stays as it is (tenure_log_level). So a program reads the log
/// where it likes, on a thread that may block and call Tenure, unlike a callback.
///
/// Returns a descriptor that is readable while there are lines. Borrowed: poll it; never read or close it. Each call returns
/// the same one. -1 if the process has no descriptor left: then the sink stays as it was.
///
/// The queue holds at most 4096 lines and 1 MiB; beyond that the newest are dropped, and a line in
/// their place says how many.
/// A forked child's lines go to stderr until it calls this for a queue of its own. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_log_fd() -> c_int {
    guard_or(-1, || {
        let queue = QUEUE.value();
        let fd = queue.open().map_err(|error| {
            let text = format!("no descriptor for the log ({error}): it goes where it went");
            Error::new(Status::Limit, text)
        })?;
        install();
        let of_process = Some(fork::generation());
        // SAFETY: sinks are never freed.
        let present = unsafe { SINK.load(Ordering::SeqCst).as_ref() };
        if present.is_none_or(|sink| sink.queue_of != of_process) {
            replace(Sink { queue_of: of_process, ..Sink::default() });
        }
        Ok(fd)
    })
}

/// The next line of the queue that tenure_log_fd began, in the form "LEVEL UNIX_MS PART TEXT",
/// without a newline: LEVEL is a number, TENURE_LOG_ERROR to _TRACE; UNIX_MS is the time in
/// milliseconds since 1970; PART is the part of Tenure, a word such as client, node, raft or wal;
/// TEXT is the rest, of any letters. Lines queued before a call of tenure_log_to stay readable.
///
/// *len is the size of the buffer `line`; afterwards it is what the line needs, with the NUL that ends it. With 0 the buffer
/// may be NULL. No line needs more than 9216.
///
/// ```c
/// char line[9216];
/// size_t len = sizeof line;
/// while (tenure_log_read(line, &len) == TENURE_OK) {
///     int level, text;
///     long long unix_ms;
///     if (sscanf(line, "%d %lld %*s %n", &level, &unix_ms, &text) == 2)
///         syslog(level <= TENURE_LOG_ERROR ? LOG_ERR : LOG_INFO, "%s", line + text);
///     len = sizeof line;
/// }
/// ```
///
/// Statuses: TENURE_AGAIN (no line; *len is as it was), TENURE_TOO_SMALL (*len says what is needed;
/// the line stays the next one), TENURE_INVALID (also: tenure_log_fd was not called), TENURE_FORKED
/// (only the parent of this process called it). Any thread; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_log_read(line: *mut c_char, len: *mut usize) -> tenure_status {
    guard(|| {
        // SAFETY: the caller passes a place for the length.
        let len = unsafe { out(len, "len") }?;
        if line.is_null() && *len != 0 {
            return Err(Error::new(Status::Invalid, "the buffer is NULL, and its length is not 0"));
        }
        let queue = QUEUE.value();
        if !queue.is_open() {
            return Err(not_queued());
        }
        // SAFETY: the caller passes a buffer of `*len` bytes.
        match queue.read(clock::unix_ms(), |text| unsafe { give(text, line, len) })? {
            true => Ok(()),
            false => Err(Status::Again.into()),
        }
    })
}

fn not_queued() -> Error {
    // SAFETY: sinks are never freed.
    let present = unsafe { SINK.load(Ordering::SeqCst).as_ref() };
    match present.is_some_and(|sink| sink.queue_of.is_some()) {
        true => Error::new(
            Status::Forked,
            "the queue of log lines is the parent's: call tenure_log_fd for one of this process",
        ),
        false => Error::new(Status::Invalid, "no log lines are queued: call tenure_log_fd first"),
    }
}

/// Starts the library's log, to stderr unless `tenure_log_to` was called. Idempotent.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // A Rust program with a logger of its own keeps it: our lines go to that log.
        if log::set_logger(&Logger).is_ok() {
            log::set_max_level(LevelFilter::Warn);
        }
    });
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tenure")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match Running::begin() {
            Some(Running(Sink { callback: Some(callback), user, .. })) => {
                let line = c_string(&line(record));
                // SAFETY: the host promised that the function may be called with this `user`, from any
                // thread, until `tenure_log_to` has returned; that waits for us.
                in_callback(|| unsafe { callback(*user, record.level() as i32, line.as_ptr()) });
            }
            Some(Running(Sink { queue_of: Some(of), .. })) if *of == fork::generation() => {
                let part = part(record.target());
                QUEUE.value().push(clock::unix_ms(), record.level(), part, &line(record));
            }
            _ => to_stderr(record),
        }
    }

    fn flush(&self) {}
}

fn to_stderr(record: &Record<'_>) {
    let level = match record.level() {
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    // A node must not block on a stderr that nobody reads, nor bring its host a SIGPIPE if the
    // reader is gone.
    let mut set = [(std::io::stderr().as_raw_fd(), Interest::Write, Ready::default())];
    let is_asked = poll::wait(&mut set, Some(Duration::ZERO)).is_ok();
    let Ready { readable: is_gone, writable: has_room } = set[0].2;
    if is_asked && has_room && !is_gone {
        // A closed stderr is the host's choice.
        let _closed = writeln!(std::io::stderr(), "tenure: {level}: {}", line(record));
    }
}

/// One line, whatever characters the names, reasons and texts of others in it have.
fn line(record: &Record<'_>) -> String {
    one_line(&record.args().to_string(), LOG_LINE_BYTES_MAX)
}

struct Sink {
    callback: tenure_log_fn,
    user: *mut c_void,
    /// The fork generation in which the queue was asked for; `None`: lines go to no queue.
    queue_of: Option<u32>,
    /// Running calls of the callback.
    running: AtomicUsize,
    /// The sink before this one: reachable, so that a leak checker of the host does not report it.
    former: AtomicPtr<Sink>,
}

impl Default for Sink {
    /// Warnings to stderr.
    fn default() -> Self {
        Self {
            callback: None,
            user: std::ptr::null_mut(),
            queue_of: None,
            running: AtomicUsize::new(0),
            former: AtomicPtr::default(),
        }
    }
}

/// One call of the present sink's callback.
struct Running(&'static Sink);

impl Running {
    fn begin() -> Option<Self> {
        loop {
            let found = SINK.load(Ordering::SeqCst);
            // SAFETY: sinks are never freed.
            let running = Self(unsafe { found.as_ref() }?);
            running.0.running.fetch_add(1, Ordering::SeqCst);
            // Counted, and the sink is still the present one: `replace` will wait for this call.
            if SINK.load(Ordering::SeqCst) == found {
                return Some(running);
            }
            drop(running);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

fn replace(sink: Sink) {
    fork::watch();
    let made_in = fork::generation();
    let sink: &'static Sink = Box::leak(Box::new(sink));
    let former = SINK.swap(std::ptr::from_ref(sink).cast_mut(), Ordering::SeqCst);
    sink.former.store(former, Ordering::Relaxed);
    // SAFETY: sinks are never freed.
    let Some(former) = (unsafe { former.as_ref() }) else { return };
    // In a forked child the calls that were counted run in the parent.
    while made_in == 0 && former.running.load(Ordering::SeqCst) > 0 {
        std::thread::yield_now();
    }
}

fn level_filter(level: i32) -> Result<LevelFilter, Error> {
    Ok(match level {
        TENURE_LOG_OFF => LevelFilter::Off,
        TENURE_LOG_ERROR => LevelFilter::Error,
        TENURE_LOG_WARN => LevelFilter::Warn,
        TENURE_LOG_INFO => LevelFilter::Info,
        TENURE_LOG_DEBUG => LevelFilter::Debug,
        TENURE_LOG_TRACE => LevelFilter::Trace,
        _ => return Err(Error::new(Status::Invalid, format!("{level} is not a log level"))),
    })
}

static SINK: AtomicPtr<Sink> = AtomicPtr::new(std::ptr::null_mut());
static QUEUE: OfProcess<LogQueue> = OfProcess::new();
