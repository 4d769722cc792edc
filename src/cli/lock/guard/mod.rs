//! The guard: the process that starts CMD, and ends it in time whatever becomes of `tenure lock`.
//!
//! `tenure lock` itself may be killed or stopped, and then nobody would end CMD when the lease
//! does. So CMD is started by a process of its own, which does nothing but wait: for the instant up
//! to which the lease may be believed in, which `tenure lock` moves after each renewal; for the end
//! of the socket to `tenure lock`; for CMD. At the instant, or at the end of the socket, the guard
//! kills CMD and all its descendants. The instant is one of CLOCK_BOOTTIME, so a late message is
//! harmless, and only the kernel's timer and the guard need to be awake.
//!
//! Why the guard is CMD's parent, and not a process beside it: only a parent can see a child's end
//! without reaping it, so CMD's group number cannot pass to a stranger as long as the guard may
//! kill; and only an ancestor can be the subreaper that finds processes which CMD put into other
//! groups and sessions (an interactive shell does so with each of its jobs).
//!
//! The guard shares the terminal's session with CMD, or CMD could not be given the foreground; it
//! is in a group of its own with all signals blocked, so that a Ctrl-C, or a hang-up, concerns CMD
//! alone. `tenure lock-guard SOCKET CMD…` is no command for people, and so unknown to help and
//! completions.

mod guarded;
mod word;

pub use guarded::{Guarded, KILL_MARGIN, NotStarted, Report};

use crate::cli::failure::Failure;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use tenure::sys::inherited_signals::Inherited;
use tenure::sys::poll::{self, Interest, Ready};
use tenure::sys::process;
use tenure::sys::process_family::{Family, Scope};
use tenure::sys::timer::{Before, TimerFd};
use word::{Line, Word};

/// The arguments of the guard's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    socket: RawFd,
    command: Vec<OsString>,
}

impl Options {
    /// The options in `arguments`, if these call for a guard.
    pub fn of(arguments: &[OsString]) -> Option<Self> {
        let [_, word, socket, command @ ..] = arguments else { return None };
        let socket = socket.to_str()?.parse().ok()?;
        (word == WORD && !command.is_empty()).then(|| Self { socket, command: command.to_vec() })
    }
}

pub fn run(options: &Options) -> Result<(), Failure> {
    process::rename(c"tenure-guard");
    guard(options).map_err(|error| Failure::unavailable(format!("a guard failed: {error}")))
}

fn guard(options: &Options) -> io::Result<()> {
    // A group of its own keeps the terminal's signals away; the mask keeps away all others.
    process::block_signals();
    let mut line = Line::new(process::take_inherited(options.socket)?)?;
    let timer = TimerFd::new()?;
    let Some(first) = first_instant(&mut line)? else { return Ok(()) };
    timer.arm(first);
    let mut command = Command::new(&options.command[0]);
    command.args(&options.command[1..]);
    Inherited::of_this_process().pass_on(&mut command);
    let family = match Family::start(&mut command) {
        Ok(family) => family,
        Err(error) => {
            let number = error.raw_os_error().unwrap_or_default();
            return line.send(Word::NotStarted(number));
        }
    };
    // A reader of CMD's output waits for the last possible writer, so the guard lets go of the
    // streams. Without a /dev/null the reader waits for the guard, too: from here on no failure may
    // keep us from ending CMD.
    let _ = process::leave_standard_streams();
    // If `tenure lock` is gone already, the end of the socket says so below.
    let _ = line.send(Word::Started(family.id()));
    let mut watch =
        Watch { line: &mut line, timer: &timer, scope: Scope::Session, is_known: false };
    let verdict = watch.wait(&family).unwrap_or(Verdict::Over);
    let word = match (family.end(verdict.scope()), verdict) {
        (Ok(status), Verdict::Ended(_)) => Word::Ended(status.into_raw()),
        (Ok(status), Verdict::Over) => Word::Killed(status.into_raw()),
        (Err(_), _) => Word::NotKilled,
    };
    // `tenure lock` may be gone.
    let _ = line.send(word);
    Ok(())
}

/// The first instant up to which CMD may run; `None`: `tenure lock` is gone.
fn first_instant(line: &mut Line) -> io::Result<Option<u64>> {
    loop {
        let mut set = [(line.fd(), Interest::Read, Ready::default())];
        poll::wait(&mut set, None)?;
        match line.receive() {
            Ok(Some(Word::Until(boot_nanos))) => return Ok(Some(boot_nanos)),
            Ok(_) => {}
            Err(_) => return Ok(None),
        }
    }
}

/// Why a family is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// CMD ended by itself; the rest of this scope is to be ended.
    Ended(Scope),
    /// The lease is over, or `tenure lock` is gone.
    Over,
}

impl Verdict {
    fn scope(self) -> Scope {
        match self {
            Self::Ended(scope) => scope,
            Self::Over => Scope::All,
        }
    }
}

/// The guard's wait: what it polls, and what `tenure lock` has said.
struct Watch<'a> {
    line: &'a mut Line,
    timer: &'a TimerFd,
    /// The processes that are ended when CMD has ended by itself.
    scope: Scope,
    /// Whether `tenure lock` holds CMD by its identity. Before that CMD must not be reaped.
    is_known: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    GoOn,
    Over,
}

impl Watch<'_> {
    /// Waits until there is a reason to end `family`.
    fn wait(&mut self, family: &Family) -> io::Result<Verdict> {
        loop {
            let mut set = [self.timer.as_raw_fd(), self.line.fd(), family.fd()]
                .map(|fd| (fd, Interest::Read, Ready::default()));
            poll::wait(&mut set, None)?;
            let [instant, told, changed] = set.map(|(_, _, ready)| ready.readable);
            if instant || (told && self.hear() == Heard::Over) {
                return Ok(Verdict::Over);
            }
            if changed {
                family.take_changes();
                if let Some(signal) = family.take_stop() {
                    // If `tenure lock` is gone, the socket's end says so.
                    let _ = self.line.send(Word::Stopped(signal));
                }
            }
            if self.is_known && family.has_ended() {
                return Ok(Verdict::Ended(self.scope));
            }
        }
    }

    /// Takes all words that arrived. A timer that has fired is final: a later instant does not arm
    /// it again (safety L24).
    fn hear(&mut self) -> Heard {
        loop {
            match self.line.receive() {
                Ok(Some(Word::Until(boot_nanos))) => {
                    if self.timer.arm(boot_nanos) == Before::Idle {
                        return Heard::Over;
                    }
                }
                Ok(Some(Word::Known)) => self.is_known = true,
                Ok(Some(Word::Ending)) => self.scope = Scope::All,
                Ok(Some(_)) => {}
                Ok(None) => return Heard::GoOn,
                Err(_) => return Heard::Over,
            }
        }
    }
}

const WORD: &str = "lock-guard";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_call_makes_a_guard() {
        let of = |line: &str| {
            Options::of(&line.split(' ').map(OsString::from).collect::<Vec<OsString>>())
        };
        let command = vec!["sh".into(), "-c".into()];
        assert_eq!(of("tenure lock-guard 5 sh -c"), Some(Options { socket: 5, command }));
        for line in [
            "tenure lock-guard",
            "tenure lock-guard 5",
            "tenure lock-guard x sh",
            "tenure lock 5 sh",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
