//! The holder that is stopped: a process of its own, so that its clock runs on while its code does not.
//!
//! `tenure demo-holder ENDPOINTS NAME` is no command for people, and so unknown to help and
//! completions. The process prints lines: "granted TOKEN FROM", and when it finds its lease ended
//! "ended REMAINING UNTIL"; stamps are CLOCK_BOOTTIME in nanoseconds.

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::lab::environment;
use signal_hook::consts::{SIGCONT, SIGSTOP};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};
use tenure::sys::{clock, process};

/// The arguments of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    endpoints: String,
    name: String,
}

impl Options {
    /// The options in `arguments`, if these call for this process.
    pub fn of(arguments: &[OsString]) -> Option<Self> {
        let [_, word, endpoints, name] = arguments else { return None };
        let text = |argument: &OsString| argument.to_str().map(str::to_owned);
        (word == WORD).then_some(Self { endpoints: text(endpoints)?, name: text(name)? })
    }
}

/// Runs the process.
pub fn run(options: &Options) -> Result<(), Failure> {
    let client_options = ClientOptions::new().ttl(TTL).name("holder");
    let client = Client::open(&options.endpoints, client_options)?;
    let lease = client.acquire(&options.name, Wait::Forever, AcquireOptions::default())?;
    let mut until = clock::boot_nanos();
    output::print(&format!("granted {} {until}\n", lease.token()))?;
    loop {
        // The stamp before the look: at that instant the belief surely stood.
        let at = clock::boot_nanos();
        let remaining = lease.remaining();
        if remaining.is_zero() {
            return output::print(&format!("ended {} {until}\n", remaining.as_nanos()));
        }
        until = at;
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The process, as the demo sees it. Killed on drop.
#[derive(Debug)]
pub struct Holder {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Holder {
    pub fn start(endpoints: &str, name: &str) -> Result<Self, Failure> {
        let cannot = |error| Failure::unavailable(format!("cannot start the holder: {error}"));
        let mut command = Command::new(std::env::current_exe().map_err(cannot)?);
        environment::clear(&mut command);
        // A stopped process would outlive us for ever.
        process::die_with_parent(&mut command);
        command.args([WORD, endpoints, name]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(cannot)?;
        let stdout = child.stdout.take().expect("its stdout is a pipe");
        Ok(Self { child, lines: BufReader::new(stdout) })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Stops the code (SIGSTOP), not the clock.
    pub fn stop(&self) {
        process::signal_child(&self.child, SIGSTOP);
    }

    /// Continues the code (SIGCONT).
    pub fn go_on(&self) {
        process::signal_child(&self.child, SIGCONT);
    }

    /// The two numbers of its next line, which must begin with `word`.
    pub fn read(&mut self, word: &str) -> Result<(u64, u64), Failure> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line);
        let numbers = read.ok().and_then(|_| parse(&line, word));
        numbers.ok_or_else(|| {
            Failure::unavailable(format!("the holder said {line:?}, and not \"{word}\""))
        })
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // The process may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse(line: &str, word: &str) -> Option<(u64, u64)> {
    let mut parts = line.trim_end().split(' ');
    if parts.next() != Some(word) {
        return None;
    }
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

const WORD: &str = "demo-holder";
/// The TTL of sessions: short, so that the act is short.
pub const TTL: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_another_kind_is_refused() {
        assert_eq!(parse("granted 17 5\n", "granted"), Some((17, 5)));
        assert_eq!(parse("ended 0 5\n", "granted"), None);
        assert_eq!(parse("granted 17\n", "granted"), None);
        assert_eq!(parse("", "granted"), None);
    }
}
