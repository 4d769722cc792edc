//! A command under a guard, as `tenure lock` sees it.

use super::WORD;
use super::word::{Line, Word};
use crate::cli::failure::Failure;
use crate::cli::lock::FAILED;
use crate::cli::signals::Signals;
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGKILL};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};
use tenure::client::Lease;
use tenure::sys::inherited_signals::Inherited;
use tenure::sys::poll::{self, Interest, Ready};
use tenure::sys::process_group::ProcessGroup;
use tenure::sys::{clock, process, process_family};

/// CMD, its guard, and the socket to the guard. A drop kills everything: the guard sees the end of
/// the socket.
#[derive(Debug)]
pub struct Guarded {
    guard: Child,
    /// SIGCHLD: the guard was stopped or ended.
    changes: Signals,
    line: Line,
    group: ProcessGroup,
    told: u64,
    /// Since when the guard's last word is overdue; `None`: not due yet.
    due: Option<Instant>,
}

/// The end of CMD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// A signal stopped it.
    Stopped(i32),
    /// CMD ended by itself, and what it left behind was ended.
    Ended(ExitStatus),
    /// CMD was killed with all its descendants.
    Killed,
    /// CMD runs as another user, and could not be killed.
    NotKilled,
}

/// Why CMD does not run.
#[derive(Debug)]
pub enum NotStarted {
    /// CMD cannot be run.
    Command(io::Error),
    /// The lease ended before CMD ran.
    Lost,
    /// The guard could not be started.
    Guard(io::Error),
    /// No signals can be caught, so a stop of the guard would go unseen.
    Signals(Failure),
}

impl Guarded {
    /// Starts `words` under a guard, with `variables` in its environment, as long as `lease` holds.
    pub fn start(
        lease: &Lease,
        words: &[OsString],
        variables: &[(&str, String)],
    ) -> Result<Self, NotStarted> {
        let changes = Signals::catch_all(&[SIGCHLD]).map_err(NotStarted::Signals)?;
        let (mut guard, mut line) = start_guard(words, variables).map_err(NotStarted::Guard)?;
        let told = believed_until(lease);
        let started = line
            .send(Word::Until(told))
            .and_then(|()| wait_for_start(&mut line, lease, &guard, &changes));
        let result = match started {
            // A living guard does not reap CMD before we hold its identity.
            Ok(Word::Started(id)) => ProcessGroup::open(id).map_err(NotStarted::Guard),
            Ok(Word::NotStarted(0)) => Err(NotStarted::Command(io::ErrorKind::InvalidInput.into())),
            Ok(Word::NotStarted(number)) => {
                Err(NotStarted::Command(io::Error::from_raw_os_error(number)))
            }
            Ok(_) => Err(NotStarted::Guard(io::ErrorKind::InvalidData.into())),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(NotStarted::Lost),
            Err(error) => Err(NotStarted::Guard(error)),
        };
        match result {
            Ok(group) => {
                // The next report tells of a guard that is gone already.
                let _ = line.send(Word::Known);
                Ok(Self { guard, changes, line, group, told, due: None })
            }
            Err(why) => {
                // The guard may hang in a file system that does not answer.
                end_without_guard(&mut guard);
                Err(why)
            }
        }
    }

    /// The number of CMD's group.
    pub fn id(&self) -> u32 {
        self.group.id()
    }

    /// Readable when there may be a report.
    pub fn fds(&self) -> Vec<RawFd> {
        // CMD's end is seen once; from then on we wait for the guard's last word.
        let leader = self.due.is_none().then(|| self.group.fd());
        [self.line.fd(), self.changes.fd()].into_iter().chain(leader).collect()
    }

    /// The longest wait for [`Self::fds`].
    pub fn pause_max(&self) -> Duration {
        self.due.map_or(Duration::MAX, |since| (OVERDUE / 2).max(since.elapsed() / 4))
    }

    /// Sends `signal` to every process of CMD's group.
    pub fn signal(&self, signal: i32) {
        self.group.signal(signal);
    }

    /// Tells the guard how long the lease may be believed in now, if that has changed.
    pub fn prolong(&mut self, lease: &Lease) {
        let until = believed_until(lease);
        if until.abs_diff(self.told) > WORTH_TELLING {
            self.tell(until);
        }
    }

    /// Tells the guard that CMD was asked to end with the lease.
    pub fn begin_end(&mut self) {
        let _ = self.line.send(Word::Ending);
    }

    /// Tells the guard of an end that is sooner than told before, and says how long CMD has until
    /// it is killed: a late renewal does not save a command that was told to end.
    pub fn left(&mut self, lease: &Lease) -> Duration {
        let until = believed_until(lease);
        if until < self.told {
            self.tell(until);
        }
        self.left_as_told()
    }

    /// How long CMD may go on, by the instant that the guard was told.
    pub fn left_as_told(&self) -> Duration {
        Duration::from_nanos(self.told.saturating_sub(clock::boot_nanos()))
    }

    fn tell(&mut self, until: u64) {
        self.told = until;
        // A guard that does not listen kills at the instant that it knows; the socket tells of one
        // that is gone.
        let _ = self.line.send(Word::Until(until));
    }

    /// Has CMD killed, with all its descendants.
    pub fn kill(&mut self) {
        let _ = self.line.send(Word::Until(0));
        // The guard kills everything; this signal is for a guard that is stopped.
        self.group.signal(SIGKILL);
        self.due.get_or_insert_with(Instant::now);
    }

    /// The end of CMD, if it ended since the last call.
    ///
    /// # Errors
    /// The guard was killed; CMD and all its descendants were killed, too.
    pub fn take_report(&mut self) -> Result<Option<Report>, Failure> {
        let report = match self.line.receive() {
            Ok(None) => {
                let report = self.take_over_if_overdue();
                wake(&self.guard, &self.changes);
                return Ok(report);
            }
            Ok(Some(Word::Stopped(signal))) => return Ok(Some(Report::Stopped(signal))),
            Ok(Some(Word::Ended(status))) => Report::Ended(ExitStatus::from_raw(status)),
            Ok(Some(Word::Killed(_))) => Report::Killed,
            Ok(Some(Word::NotKilled)) => Report::NotKilled,
            Ok(Some(_)) | Err(_) => {
                end_without_guard(&mut self.guard);
                return Err(Failure::new(
                    FAILED,
                    "the guard of the command was killed, and so was the command",
                ));
            }
        };
        // After its last word the guard has nothing to do: a stopped guard must not hold us up.
        end_guard(&mut self.guard);
        Ok(Some(report))
    }

    /// Does the work of a guard that is kept stopped, by a debugger or by somebody who stops it as
    /// often as we continue it. A running guard is waited for: it waits for the processes that it
    /// kills.
    fn take_over_if_overdue(&mut self) -> Option<Report> {
        if self.due.is_none() && self.group.has_ended() {
            self.due = Some(Instant::now());
        }
        let is_overdue = self.due.is_some_and(|since| since.elapsed() >= OVERDUE);
        if !is_overdue || !process::is_stopped(&self.guard) {
            return None;
        }
        log::warn!(
            "the guard of the command is kept stopped: it is killed, and its work done here"
        );
        let ended_before = self.group.has_ended();
        end_guard(&mut self.guard);
        let status = process_family::take_end(self.group.id());
        // As the guard does: until the kernel has reaped the last.
        while !process_family::end_orphans() {}
        Some(match status {
            Some(status) if ended_before => Report::Ended(status),
            _ if !self.group.has_ended() => Report::NotKilled,
            _ => Report::Killed,
        })
    }
}

/// Continues a stopped guard: no terminal concerns it, and it must be awake at the lease's end.
fn wake(guard: &Child, changes: &Signals) {
    changes.take();
    if process::take_stop(guard) {
        log::debug!("the guard of the command was stopped, and is continued");
        process::signal_child(guard, SIGCONT);
    }
}

/// Ends the whole family of a guard that is gone: we, a subreaper, adopt its orphans.
fn end_without_guard(guard: &mut Child) {
    end_guard(guard);
    process_family::end_orphans();
}

fn end_guard(guard: &mut Child) {
    // The guard may have ended by itself.
    let _ = guard.kill();
    let _ = guard.wait();
}

fn start_guard(words: &[OsString], variables: &[(&str, String)]) -> io::Result<(Child, Line)> {
    process_family::adopt_orphans()?;
    let (here, there) = UnixStream::pair()?;
    // This very program, even if its file was replaced since.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("tenure").arg(WORD).arg(there.as_raw_fd().to_string()).args(words);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    process::set_apart(&mut command, &there);
    Inherited::of_this_process().pass_on(&mut command);
    Ok((command.spawn()?, Line::new(here)?))
}

/// The guard's first word; TimedOut if the lease ends before.
fn wait_for_start(
    line: &mut Line,
    lease: &Lease,
    guard: &Child,
    changes: &Signals,
) -> io::Result<Word> {
    loop {
        wake(guard, changes);
        if let Some(word) = line.receive()? {
            return Ok(word);
        }
        let remaining = lease.remaining();
        if remaining.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut set = [line.fd(), changes.fd()].map(|fd| (fd, Interest::Read, Ready::default()));
        poll::wait(&mut set, Some(remaining))?;
    }
}

/// The instant at which CMD must be dead, never too late: the clock is read before the lease
/// (safety L19).
fn believed_until(lease: &Lease) -> u64 {
    let now = clock::boot_nanos();
    let left = lease.remaining().saturating_sub(KILL_MARGIN);
    now.saturating_add(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX))
}

/// How long before the lease's end CMD is killed: the guard must be woken, and the kernel must
/// kill.
pub const KILL_MARGIN: Duration = Duration::from_millis(50);
/// How long a stopped guard may owe its last word, half of the margin: the rest is for us to do its
/// work.
const OVERDUE: Duration = Duration::from_millis(25);
const _: () = assert!(OVERDUE.as_millis() * 2 <= KILL_MARGIN.as_millis());
/// In nanoseconds. Smaller differences come from reading two clocks, not from a renewal.
const WORTH_TELLING: u64 = 1_000_000;
