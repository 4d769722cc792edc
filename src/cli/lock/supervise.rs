//! A command under a lease: the command runs while the lease holds, and is dead by the lease's end.
//!
//! remaining ≤ grace, or the holder is asked to end (safety L23) → SIGTERM to the group; remaining
//! ≤ [`KILL_MARGIN`] → SIGKILL to all of it. The grace is longer than a renewal takes, so SIGTERM
//! comes only when renewals fail. The SIGTERM needs this process; the SIGKILL is the guard's,
//! whatever becomes of us.

use super::audience::{Audience, Gone};
use super::grant::Grant;
use super::guard::{Guarded, KILL_MARGIN, Report};
use super::job::{Job, Station};
use super::{FAILED, LOST};
use crate::cli::duration;
use crate::cli::failure::Failure;
use crate::cli::outlet::STDERR;
use crate::cli::signals::{ENDING_HOLDS, Signals};
use signal_hook::consts::{SIGCONT, SIGINT, SIGTERM};
use std::ffi::OsString;
use std::os::fd::RawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;
use tenure::client::{EndReason, Lease, LeaseState};
use tenure::sys::poll::{self, Interest, Ready};
use tenure::sys::terminal::Interrupted;

/// How a command under a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, or by a signal that we handed on.
    Exited(ExitStatus),
    /// By a Ctrl-C, which ends these, too: a shell that runs a script or a loop looks at how we
    /// ended.
    Interrupted(Interrupted),
    /// By us.
    Ended(Why),
}

/// How holding without a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// By a signal.
    Signalled,
    /// By the audience: nobody is left to hold the lock for.
    Left(Gone),
    /// With the lease.
    Ended(Why),
}

/// Why a command or a hold must end with its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The lease could not be renewed.
    Lost,
    /// Somebody took the lock, or asked for it.
    Broken,
}

/// The lease's demand on the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demand {
    /// The command may run for so long.
    Run(Duration),
    /// The command must end.
    End,
}

fn demand(remaining: Duration, grace: Duration) -> Demand {
    let reserve = grace.max(KILL_MARGIN);
    if remaining <= reserve { Demand::End } else { Demand::Run(remaining - reserve) }
}

/// Runs `command` until it ends by itself, or must end with `grant`.
pub fn supervise(
    grant: &Grant,
    command: &[OsString],
    grace: Duration,
    signals: &Signals,
) -> Result<End, Failure> {
    // Before the command starts: a stop by the terminal after that would stop us for good.
    let station = Station::prepare();
    let guarded = grant.start(command)?;
    let job = station.map(|station| station.begin(&guarded));
    let mut supervision =
        Supervision { grant, guarded, signals, job, was_told: false, was_interrupted: false };
    let mut end = supervision.run(grace);
    if let (Some(job), Ok(End::Exited(status))) = (&supervision.job, &end)
        && status.signal() == Some(SIGINT)
    {
        end = Ok(End::Interrupted(job.interrupted(supervision.was_interrupted)));
    }
    let ended_itself = matches!(&end, Ok(End::Exited(status)) if status.code().is_some());
    if let Some(job) = supervision.job.as_mut().filter(|_| !ended_itself) {
        job.repair();
    }
    end
}

/// A running command, with its lease, guard, terminal and signals.
struct Supervision<'a> {
    grant: &'a Grant,
    guarded: Guarded,
    signals: &'a Signals,
    job: Option<Job>,
    /// Whether the stop of the command was reported.
    was_told: bool,
    /// Whether SIGINT reached us.
    was_interrupted: bool,
}

impl Supervision<'_> {
    fn run(&mut self, grace: Duration) -> Result<End, Failure> {
        let lease = &self.grant.lease;
        loop {
            if let Some(last) = self.take_reports()? {
                return match last {
                    Last::Ended(status) => Ok(End::Exited(status)),
                    Last::Killed => Ok(End::Ended(why(lease))),
                };
            }
            self.pass_signals_on();
            let remaining = lease.remaining();
            self.guarded.prolong(lease);
            let pause = match demand(remaining, grace) {
                Demand::Run(pause) if lease.state() == LeaseState::Held => pause,
                _ => return self.end(),
            };
            let pause = pause.min(remaining / LOOKS_PER_LEASE).min(self.guarded.pause_max());
            wait_for(&[self.fds().as_slice(), &[lease.fd()]].concat(), pause)?;
        }
    }

    /// Ends the command: SIGTERM now, SIGKILL before the lease's end, also to processes that the
    /// group's leader leaves behind. After the lease's end there is no SIGTERM: its handler would
    /// act without the lock.
    fn end(&mut self) -> Result<End, Failure> {
        let lease = &self.grant.lease;
        let why = why(lease);
        STDERR.say(&format!("tenure: {}; its command is ended", why.sentence(self.grant)));
        self.guarded.begin_end();
        self.job.iter_mut().for_each(Job::begin_end);
        if !self.guarded.left(lease).is_zero() {
            self.guarded.signal(SIGTERM);
            // A stopped process takes its SIGTERM only when it runs again.
            self.guarded.signal(SIGCONT);
        }
        loop {
            if self.take_reports()?.is_some() {
                return Ok(End::Ended(why));
            }
            self.pass_signals_on();
            let mut pause = self.guarded.left(lease).min(LOOK_EVERY);
            if pause.is_zero() {
                self.guarded.kill();
                pause = LOOK_EVERY;
            }
            wait_for(&self.fds(), pause.min(self.guarded.pause_max()))?;
        }
    }

    /// Handles the guard's reports; returns the last word if it was among them.
    fn take_reports(&mut self) -> Result<Option<Last>, Failure> {
        while let Some(report) = self.guarded.take_report()? {
            match report {
                Report::Stopped(signal) => self.command_stopped(signal),
                Report::Ended(status) => return Ok(Some(Last::Ended(status))),
                Report::Killed => return Ok(Some(Last::Killed)),
                Report::NotKilled => return Err(not_killed(self.grant)),
            }
        }
        Ok(None)
    }

    fn command_stopped(&mut self, signal: i32) {
        let Some(job) = &mut self.job else { return self.tell_of_stop(signal) };
        let arrived = job.command_stopped(signal, &self.guarded, self.grant, self.signals);
        self.pass_on(&arrived);
    }

    /// Reports a stop, once. Without a terminal somebody stopped the command on purpose and will
    /// continue it, perhaps many times in a second (cpulimit).
    fn tell_of_stop(&mut self, signal: i32) {
        if !std::mem::replace(&mut self.was_told, true) {
            let names = self.grant.shown();
            STDERR.say(&format!(
                "tenure: the command was stopped (signal {signal}); it holds {names} until it is continued and ends"
            ));
        }
    }

    fn pass_signals_on(&mut self) {
        self.pass_on(&self.signals.take());
        if let Some(job) = &mut self.job {
            let arrived = job.take_stops(&self.guarded, self.grant, self.signals);
            self.pass_on(&arrived);
        }
    }

    fn pass_on(&mut self, arrived: &[i32]) {
        arrived.iter().for_each(|signal| self.guarded.signal(*signal));
        self.was_interrupted |= arrived.contains(&SIGINT);
        if let Some(job) = self.job.as_mut().filter(|_| arrived.contains(&SIGCONT)) {
            job.continued(&self.guarded);
        }
    }

    fn fds(&self) -> Vec<Option<RawFd>> {
        let job = self.job.iter().map(Job::fd);
        let guarded = self.guarded.fds().into_iter().chain(job);
        std::iter::once(self.signals.fd()).chain(guarded).map(Some).collect()
    }
}

/// The guard's last word about a command.
enum Last {
    /// CMD ended by itself with this status.
    Ended(ExitStatus),
    /// CMD was killed with its lease.
    Killed,
}

impl Why {
    /// A sentence: what happened to `grant`.
    pub fn sentence(self, grant: &Grant) -> String {
        match self {
            Self::Lost => format!("the lease of {} cannot be renewed", grant.shown()),
            Self::Broken => {
                let (names, reason) = (grant.shown(), grant.reason());
                match grant.lease.asked().map(|asked| asked.grace) {
                    Some(grace) if grace.is_zero() => format!("somebody has taken {names}{reason}"),
                    Some(grace) => {
                        format!(
                            "somebody asks for {names} within {}{reason}",
                            duration::show(grace)
                        )
                    }
                    None => format!("somebody asks for {names}"),
                }
            }
        }
    }
}

fn why(lease: &Lease) -> Why {
    match lease.state() {
        LeaseState::Asked | LeaseState::Ended(EndReason::Broken) => Why::Broken,
        _ => Why::Lost,
    }
}

fn not_killed(grant: &Grant) -> Failure {
    let names = grant.shown();
    let text = format!(
        "the command runs as another user and cannot be killed; it goes on without {names}"
    );
    Failure::new(LOST, text)
}

/// Holds `lease` until a signal, the lease's end, or the end of `audience`; ends at once if
/// somebody asks for the lock.
pub fn hold(lease: &Lease, signals: &Signals, audience: &Audience) -> Result<Held, Failure> {
    loop {
        if signals.take_one_of(ENDING_HOLDS).is_some() {
            return Ok(Held::Signalled);
        }
        let remaining = lease.remaining();
        if remaining.is_zero() || lease.state() != LeaseState::Held {
            return Ok(Held::Ended(why(lease)));
        }
        let mut set = audience.interests();
        let watched = set.len();
        let fds = [Some(signals.fd()), lease.fd()];
        set.extend(fds.iter().flatten().map(|fd| (*fd, Interest::Read, Ready::default())));
        let pause = if fds.contains(&None) { remaining.min(LOOK_EVERY) } else { remaining };
        poll::wait(&mut set, Some(pause)).map_err(|error| cannot_wait(&error))?;
        if let Some(gone) = Audience::gone(&set[..watched]) {
            return Ok(Held::Left(gone));
        }
    }
}

/// Waits until one of `fds` is readable or for `pause`; only for [`LOOK_EVERY`] where a descriptor
/// is missing.
fn wait_for(fds: &[Option<RawFd>], pause: Duration) -> Result<(), Failure> {
    let timeout = if fds.contains(&None) { pause.min(LOOK_EVERY) } else { pause };
    let mut set: Vec<_> =
        fds.iter().flatten().map(|fd| (*fd, Interest::Read, Ready::default())).collect();
    poll::wait(&mut set, Some(timeout)).map_err(|error| cannot_wait(&error))
}

fn cannot_wait(error: &std::io::Error) -> Failure {
    Failure::new(FAILED, format!("cannot wait for events: {error}"))
}

/// Renewals come every third of a lease; the guard learns of one within an eighth of what is left.
const LOOKS_PER_LEASE: u32 = 8;
/// How often to look where a descriptor is missing.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_must_end_when_the_grace_begins() {
        let grace = Duration::from_secs(1);
        let ms = Duration::from_millis;
        assert_eq!(demand(ms(6600), grace), Demand::Run(ms(5600)));
        assert_eq!(demand(ms(1001), grace), Demand::Run(ms(1)));
        assert_eq!(demand(ms(1000), grace), Demand::End);
        assert_eq!(demand(Duration::ZERO, grace), Demand::End);
    }

    #[test]
    fn without_grace_it_runs_until_it_is_killed() {
        let margin = KILL_MARGIN;
        assert_eq!(demand(margin + margin, Duration::ZERO), Demand::Run(margin));
        assert_eq!(demand(margin, Duration::ZERO), Demand::End);
    }
}
