//! Work under a lock whose expired holders leave a lock delay; some holders crash.
//!
//! Only a dead holder surely has not released its lock before its session expired. So the client
//! now and then starts a process with a session and log of its own, which is granted the lock and
//! exits without a release: `tenure chaos-crash ENDPOINTS NAME LOG MILLISECONDS`.

use super::holding::{Belief, Holding};
use super::work::{PAUSE, WORK, of, work_time};
use super::{DELAYED, Post};
use crate::cli::failure::Failure;
use crate::lab::verify::line::{Kind, Line};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tenure::base::rng::Rng;
use tenure::client::{AcquireOptions, Wait};
use tenure::sys::{clock, process};

/// The hidden command of that process.
pub const WORD: &str = "chaos-crash";

/// Works, and now and then starts a process that crashes.
pub(super) fn delayed(post: &Post, mut rng: Rng) {
    let (mut turns, mut crashes) = (rng.below(FIRST_CRASH), 0);
    while !post.is_over() {
        turns += 1;
        if turns % CRASH_EVERY == FIRST_CRASH {
            crashes += 1;
            crash(post, crashes, rng.duration(WORK.0, WORK.1));
            continue;
        }
        let Some(mut holding) = acquire(post) else { continue };
        holding.work(work_time(&mut rng));
        holding.release();
        post.pause(rng.duration(PAUSE.0, PAUSE.1));
    }
}

fn acquire(post: &Post) -> Option<Holding<'_>> {
    let line = Line { delay_ms: Some(DELAY.as_millis() as u32), ..of(DELAYED) };
    let options = AcquireOptions::new().lock_delay(DELAY);
    post.wait_for(line, || post.client.acquire_start(DELAYED, Wait::Forever, options))
}

/// Starts a process, and logs its end.
fn crash(post: &Post, number: u64, work: Duration) {
    let name = name_of(&post.name, number);
    let mut child = spawn(post, &name, work)
        .unwrap_or_else(|error| panic!("a process that is to crash cannot start: {error}"));
    while matches!(child.try_wait(), Ok(None)) {
        if post.is_over() {
            // With a grant or without, the process crashes.
            let _ = child.kill();
        }
        std::thread::sleep(LOOK_EVERY);
    }
    post.log.write(&Line { client: Some(name), ..Line::at(Kind::Gone, clock::boot_nanos()) });
}

fn spawn(post: &Post, name: &str, work: Duration) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    process::die_with_parent(&mut command);
    command
        .args([WORD, &post.endpoints, name])
        .arg(post.logs.join(format!("{name}.jsonl")))
        .arg(work.as_millis().to_string())
        .stdin(Stdio::null())
        .spawn()
}

/// The name of the `number`th process of `client`, and of its log.
fn name_of(client: &str, number: u64) -> String {
    format!("{client}{MARK}{number}")
}

/// Whether `name` is that of a process which `client` started.
#[must_use]
pub fn is_of(name: &str, client: &str) -> bool {
    name.strip_prefix(client).is_some_and(|rest| rest.starts_with(MARK))
}

/// The arguments of that process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    endpoints: String,
    name: String,
    log: PathBuf,
    work: Duration,
}

impl Options {
    /// The options in `arguments`, if these call for such a process.
    pub fn of(arguments: &[OsString]) -> Option<Self> {
        let [_, word, endpoints, name, log, work] = arguments else { return None };
        let text = |argument: &OsString| argument.to_str().map(str::to_owned);
        (word == WORD).then_some(Self {
            endpoints: text(endpoints)?,
            name: text(name)?,
            log: log.into(),
            work: Duration::from_millis(text(work)?.parse().ok()?),
        })
    }
}

/// Runs the process until its crash.
pub fn run(options: &Options) -> Result<(), Failure> {
    let post = Post::open(&options.endpoints, &options.name, &options.log, Path::new(""))?;
    loop {
        let Some(mut holding) = acquire(&post) else { continue };
        if holding.work(options.work) == Belief::Stands {
            // The lease is not released, nor the session closed.
            std::process::exit(0);
        }
        holding.release();
    }
}

/// In turns of a client: first after one to four, then rarely, since each crash blocks the lock for
/// about the TTL and the delay.
const FIRST_CRASH: u64 = 4;
const CRASH_EVERY: u64 = 20;
const DELAY: Duration = Duration::from_millis(500);
const LOOK_EVERY: Duration = Duration::from_millis(10);
const MARK: char = '-';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_a_client_started_is_known_by_its_name() {
        let name = name_of("c2.1", 3);
        assert!(is_of(&name, "c2.1"));
        assert!(!is_of(&name, "c2.11") && !is_of("c2.1", "c2.1") && !is_of("c2.11-3", "c2.1"));
    }

    #[test]
    fn other_arguments_call_for_nothing() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(Options::of(&words("tenure chaos-crash a b c 5")).is_some());
        assert_eq!(Options::of(&words("tenure chaos-crash a b c five")), None);
        assert_eq!(Options::of(&words("tenure chaos-client a b c d 5")), None);
    }
}
