//! Where the library's log goes: to the host's callback, or as warnings to stderr.
//!
//! The sink is found without a lock, since a line may be written at any moment, also in a forked child. A sink
//! that is replaced is kept (a few words for each call of `tenure_log_to`) so that a reader who has just
//! found it may still count itself in, see that it is no longer the one, and leave.

use super::guard::{guard, in_callback};
use super::status::tenure_status;
use super::strings::c_string;
use crate::base::text::one_line;
use crate::sys::fork;
use crate::sys::poll::{self, Interest, Ready};
use crate::{Error, Status};
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::ffi::{c_char, c_void};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::time::Duration;

/// No lines at all.
pub const TENURE_LOG_OFF: i32 = 0;
/// Something failed, and somebody should look.
pub const TENURE_LOG_ERROR: i32 = 1;
/// Something is not as it should be, and goes on.
pub const TENURE_LOG_WARN: i32 = 2;
/// Changes of role and the like.
pub const TENURE_LOG_INFO: i32 = 3;
/// For finding out what happened.
pub const TENURE_LOG_DEBUG: i32 = 4;
/// Everything.
pub const TENURE_LOG_TRACE: i32 = 5;

/// Gets one line of the log, without a newline; `line` is valid during the call.
pub type tenure_log_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, level: i32, line: *const c_char)>;

/// Sends the log of the whole process to `callback`, from TENURE_LOG_ERROR up to `level`; NULL: to stderr.
/// Without this call warnings and errors go to stderr; a line that it does not take at once is lost.
///
/// The callback runs on Tenure's threads, and on those that call Tenure, several at once. It must not block (a node of
/// this program would; clients have a thread of their own for it), throw or longjmp; a tenure_ call made in it returns
/// TENURE_INVALID. When this function returns, the former
/// callback runs no more.
///
/// Statuses: TENURE_INVALID for a level that is none. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_log_to(
    callback: tenure_log_fn,
    user: *mut c_void,
    level: i32,
) -> tenure_status {
    guard(|| {
        let level = level_filter(level)?;
        install();
        replace(Sink {
            callback,
            user,
            running: AtomicUsize::new(0),
            former: AtomicPtr::default(),
        });
        log::set_max_level(level);
        Ok(())
    })
}

/// Makes the library's log flow, to stderr unless `tenure_log_to` was called. Idempotent.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // A Rust program that has its own logger keeps it: there our lines are part of its log.
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
    // A node must not wait for whoever does not read its host's stderr, nor bring the host a SIGPIPE for one that is gone.
    let mut set = [(std::io::stderr().as_raw_fd(), Interest::Write, Ready::default())];
    let is_asked = poll::wait(&mut set, Some(Duration::ZERO)).is_ok();
    let Ready { readable: is_gone, writable: has_room } = set[0].2;
    if is_asked && has_room && !is_gone {
        // A closed stderr is the host's choice.
        let _closed = writeln!(std::io::stderr(), "tenure: {level}: {}", line(record));
    }
}

/// One, whatever others had a part in it: names, reasons, what a server said.
fn line(record: &Record<'_>) -> String {
    one_line(&record.args().to_string(), LINE_BYTES_MAX)
}

const LINE_BYTES_MAX: usize = 8 << 10;

struct Sink {
    callback: tenure_log_fn,
    user: *mut c_void,
    /// Calls of the callback that run.
    running: AtomicUsize,
    /// The one before it: kept, not lost, also to the leak checker of a host that replaces its callback.
    former: AtomicPtr<Sink>,
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
            // Still the one after it was counted: `replace` will wait for it.
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
