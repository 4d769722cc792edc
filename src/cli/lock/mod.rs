//! `tenure lock`: a lock around a command, or held until a signal.

mod audience;
mod command;
mod grant;
pub mod guard;
mod job;
mod notice;
mod supervise;
mod terms;
mod wait;

pub use command::{Line, Request, Task, Words, split};
pub use terms::Terms;

use crate::cli::failure::Failure;
use crate::cli::{duration, name};
use clap::Args;
use std::ffi::OsString;
use std::time::Duration;
use tenure::client::{AcquireOptions, Kind};

/// Tenure failed: a wrong command line, no cluster.
pub const FAILED: u8 = 125;
/// CMD cannot be run.
const NOT_RUNNABLE: u8 = 126;
/// CMD does not exist.
const NOT_FOUND: u8 = 127;
/// The lease was lost, and CMD was ended.
const LOST: u8 = 123;
/// The exit codes of `lock` and `elect`.
pub const EXIT_CODES: &str = "Exit codes: CMD's own; 128+n if signal n ended it; 124 not granted in time; \
                              123 lease lost, CMD was ended; 125 Tenure failed; 126 CMD cannot be run; 127 not found.";

/// Run a command while holding a lock, or several.
///
/// Several names are one step: all of them or none, under one token. CMD finds the names, separated
/// by blanks, and the fencing token in TENURE_LOCK and TENURE_TOKEN. Without CMD it prints "NAME
/// TOKEN", a line for each name, and holds until a signal, or until its reader (of a pipe) or the
/// program that started it is gone; nohup and setsid let it outlive the latter.
///
/// All before a -- are options and names, all behind it is CMD. In scripts write the --, and
/// variables in quotes: tenure lock "$LOCK" -- CMD. Then a variable that is not set is an error,
/// and not another lock's name. Without the -- the first word is NAME and the second CMD.
///
/// If the lease cannot be renewed, or somebody takes the lock by `tenure break`, CMD's process group gets SIGTERM, and
/// SIGKILL before the lease's end, with all that descends from CMD. A guard process sees to that also when this program
/// is killed or stopped. What cannot be killed: a command that runs as another user (sudo), and one that waits in the
/// kernel for a disk. When CMD ends by itself, what it leaves behind in its group and session is killed, and then the
/// lock is released; a process that made a session of its own (setsid) stays.
#[derive(Args, Debug)]
#[command(
    override_usage = "tenure lock [OPTIONS] NAME… -- CMD [ARGS]…\n       tenure lock [OPTIONS] NAME [CMD [ARGS]…]\n       \
                      tenure lock [OPTIONS] --hold NAME…",
    after_help = EXIT_CODES
)]
pub struct Options {
    /// The lock. Several need the "--" before CMD
    #[arg(value_name = "NAME", value_parser = name::parse)]
    name: String,
    /// The command and its arguments; run as it is, without a shell
    #[arg(value_name = "CMD", trailing_var_arg = true)]
    rest: Vec<OsString>,
    /// Run no command: all words are names, which are held until a signal (no variable stands for this flag)
    #[arg(long)]
    hold: bool,
    /// Share it with others who do so: readers, while nobody holds it for himself
    #[arg(short, long, conflicts_with = "limit")]
    shared: bool,
    /// A semaphore: so many may hold it at once; all must say the same
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// How many of the semaphore's N to take
    #[arg(long, value_name = "COUNT", requires = "limit", value_parser = clap::value_parser!(u32).range(1..))]
    permits: Option<u32>,
    /// A text shown with the holder; at most 4 KiB
    #[arg(long, value_name = "TEXT")]
    value: Option<String>,
    /// If we vanish while holding it, nobody gets it for so long after its TTL
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration::parse)]
    delay: Duration,
    #[command(flatten)]
    terms: Terms,
}

impl Options {
    /// What is asked for by them and by what stands `behind` the "--".
    fn request(&self, behind: Option<&[OsString]>) -> Result<Request, Failure> {
        let words = if self.hold { Words::Names } else { Words::NamesAndCommand };
        split(words, &self.name, &self.rest, behind)
    }
}

/// Runs it. `behind` is what stands behind the "--".
pub fn run(options: Options, behind: Option<&[OsString]>) -> Result<u8, Failure> {
    let request = options.request(behind)?;
    let acquire = AcquireOptions::new()
        .value(options.value.unwrap_or_default().into_bytes())
        .kind(match options.limit {
            Some(limit) => Kind::Semaphore { limit, permits: options.permits.unwrap_or(1) },
            None if options.shared => Kind::Shared,
            None => Kind::Exclusive,
        })
        .lock_delay(options.delay);
    options.terms.run(&request, acquire)
}

/// The code for a signal that ended a command, or the wait for it, as shells have it.
fn signal_code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// The same failure under the code of `tenure lock`, whose CMD may use any other.
pub fn failed(failure: Failure) -> Failure {
    Failure { code: FAILED, ..failure }
}
