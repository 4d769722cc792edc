//! A command under a lease: while the lease holds the command runs, and by the lease's end it does not.
//!
//! remaining ≤ grace, or the lease is asked to end (safety L23) → SIGTERM to the group; remaining ≤ [`KILL_MARGIN`] →
//! SIGKILL to all of it. The grace is more than a renewal needs to come, so that this happens only when renewals
//! fail. The SIGTERM needs this process; for the SIGKILL there is the guard, whatever becomes of us.

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
    /// By a Ctrl-C, which ends these, too: a shell that runs a script or a loop looks how we have ended.
    Interrupted(Interrupted),
    /// By us.
    Ended(Why),
}

/// How holding without a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// By a signal.
    Signalled,
    /// There is nobody left to hold it for.
    Left(Gone),
    /// With the lease.
    Ended(Why),
}

/// Why what needs a lease must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The lease could not be renewed.
    Lost,
    /// Somebody took it, or asked for it.
    Broken,
}

/// What the lease asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demand {
    /// Nothing for so long.
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
    // Before there is a command: what stopped us when it has begun would stop us for good.
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

/// A command, and all that tells what becomes of it.
struct Supervision<'a> {
    grant: &'a Grant,
    guarded: Guarded,
    signals: &'a Signals,
    job: Option<Job>,
    /// Whether it was said that somebody stopped the command.
    was_told: bool,
    /// Whether SIGINT came to us.
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

    /// Ends the command: SIGTERM now, SIGKILL before the lease's end. What the leader leaves behind is killed too. A lease
    /// that has ended leaves no time: what a handler of SIGTERM did, it would do without the lock.
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

    /// What the guard said; its last word if that was among it.
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

    /// Without a terminal somebody stopped it on purpose, perhaps many times in a second (cpulimit), and will continue it.
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

/// The last that there is to be said of a command.
enum Last {
    /// It ended so.
    Ended(ExitStatus),
    /// It was killed with its lease.
    Killed,
}

impl Why {
    /// What happened to `grant`.
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

/// Holds `lease` until a signal, its end, or that of `audience`; if somebody asks for it, that is now.
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

/// Waits for one of them or `pause`; without a descriptor for one of them only shortly.
fn wait_for(fds: &[Option<RawFd>], pause: Duration) -> Result<(), Failure> {
    let timeout = if fds.contains(&None) { pause.min(LOOK_EVERY) } else { pause };
    let mut set: Vec<_> =
        fds.iter().flatten().map(|fd| (*fd, Interest::Read, Ready::default())).collect();
    poll::wait(&mut set, Some(timeout)).map_err(|error| cannot_wait(&error))
}

fn cannot_wait(error: &std::io::Error) -> Failure {
    Failure::new(FAILED, format!("cannot wait for events: {error}"))
}

/// A renewal comes every third of a lease. It is passed on to the guard within an eighth of what is left.
const LOOKS_PER_LEASE: u32 = 8;
/// How often to look where there is no descriptor to wait for.
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
