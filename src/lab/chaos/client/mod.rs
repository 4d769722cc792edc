//! A client of the cluster under chaos: a process of its own, so that it can be stopped, killed and cut off.
//!
//! `tenure chaos-client ENDPOINTS NAME LOG SETS SEED` is no command for people, and so unknown to
//! help and completions. The process works until its stdin is closed, and writes an event log.

pub mod crash;
mod holding;
mod observing;
mod pair;
mod taking;
mod work;

use super::event_log::EventLog;
use super::resource::{FENCED, PLAIN};
use crate::cli::failure::Failure;
use crate::lab::papers;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tenure::base::rng::Rng;
use tenure::client::{Client, ClientOptions, Wait};

/// The hidden command of this process.
pub const WORD: &str = "chaos-client";
/// The election in which all campaign, and which all observe.
pub const ELECTION: &str = "election";
/// A semaphore.
pub const POOL: &str = "pool";
/// A lock with readers and writers.
pub const CATALOG: &str = "catalog";
/// Two locks that are acquired in one step.
pub const PAIR: [&str; 2] = ["left", "right"];
/// A lock with a lock delay, some of whose holders crash.
pub const DELAYED: &str = "delayed";
/// The locks that each client must be granted.
pub const LOCKS: [&str; 8] = [PLAIN, FENCED, ELECTION, POOL, CATALOG, PAIR[0], PAIR[1], DELAYED];
/// The TTL of sessions: short, so that faults outlast it.
pub const TTL: Duration = Duration::from_secs(2);

/// The arguments of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    endpoints: String,
    name: String,
    log: PathBuf,
    sets: PathBuf,
    seed: u64,
}

impl Options {
    /// The options in `arguments`, if these call for this process.
    pub fn of(arguments: &[OsString]) -> Option<Self> {
        let [_, word, endpoints, name, log, sets, seed] = arguments else { return None };
        let text = |argument: &OsString| argument.to_str().map(str::to_owned);
        (word == WORD).then_some(Self {
            endpoints: text(endpoints)?,
            name: text(name)?,
            log: log.into(),
            sets: sets.into(),
            seed: text(seed)?.parse().ok()?,
        })
    }
}

/// The state that all threads of the process share.
#[derive(Debug)]
struct Post {
    client: Client,
    endpoints: String,
    name: String,
    /// The principal of the client.
    principal: Option<String>,
    log: EventLog,
    /// The directory of the logs.
    logs: PathBuf,
    sets: PathBuf,
    stop: AtomicBool,
}

impl Post {
    /// Opens a client, whose session may come later, under the name of its log.
    fn open(endpoints: &str, name: &str, log: &Path, sets: &Path) -> Result<Self, Failure> {
        let client_options = ClientOptions::new().ttl(TTL).name(name).background(true);
        let client_options = match papers::of_environment() {
            Some(tls) => client_options.tls(tls),
            None => client_options,
        };
        Ok(Self {
            log: EventLog::create(log)?,
            client: Client::open(endpoints, client_options)?,
            endpoints: endpoints.to_owned(),
            name: name.to_owned(),
            principal: papers::principal_of_environment(),
            logs: log.parent().unwrap_or(Path::new(".")).to_owned(),
            sets: sets.to_owned(),
            stop: AtomicBool::new(false),
        })
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let Options { endpoints, name, log, sets, .. } = options;
    let post = Arc::new(Post::open(endpoints, name, log, sets)?);
    let mut rng = Rng::new(options.seed);
    std::thread::scope(|scope| {
        let works = [
            work::plain_set,
            work::fenced_set,
            work::election,
            work::kinds,
            pair::pair,
            crash::delayed,
        ];
        for work in works {
            let (post, rng) = (&post, rng.fork());
            scope.spawn(move || work(post, rng));
        }
        scope.spawn(|| observing::observe(&post));
        // The content does not matter: stdin ends when our starter wants it, or is gone.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        post.stop.store(true, Ordering::Relaxed);
    });
    // A session that cannot be closed now ends by its TTL.
    let _ = post.client.close(Wait::For(CLOSE_WAIT));
    Ok(())
}

const CLOSE_WAIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_arguments_call_for_nothing() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(Options::of(&words("tenure chaos-client a b c d 5")).is_some());
        assert_eq!(Options::of(&words("tenure chaos-client a b c d five")), None);
        assert_eq!(Options::of(&words("tenure chaos --for 5s")), None);
    }
}
