//! A command under a lease: while the lease holds the command runs, and by the lease's end it does not.
//!
//! remaining ≤ grace, or the lease is asked to end (safety L23) → SIGTERM to the group; remaining ≤ [`KILL_MARGIN`] →
//! SIGKILL to all of it. The grace is more than a renewal needs to come, so that this happens only when renewals
//! fail. The SIGTERM needs this process; for the SIGKILL there is the guard, whatever becomes of us.

use super::audience::{Audience, Gone};
use super::grant::Grant;
use super::guard::{Guarded, KILL_MARGIN, Report};
use super::{FAILED, LOST};
use crate::cli::failure::Failure;
use crate::cli::outlet::STDERR;
use crate::cli::signals::Signals;
use signal_hook::consts::{SIGCONT, SIGTERM, SIGTSTP};
use std::os::fd::RawFd;
use std::process::ExitStatus;
use std::time::Duration;
use tenure::client::{EndReason, Lease, LeaseState};
use tenure::sys::poll::{self, Interest, Ready};
use tenure::sys::terminal::Foreground;

/// How a command under a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, or by a signal that we handed on.
    Exited(ExitStatus),
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

/// Runs the command of `guarded` until it ends by itself, or must end with `grant`.
pub fn supervise(
    grant: &Grant,
    mut guarded: Guarded,
    grace: Duration,
    signals: &Signals,
) -> Result<End, Failure> {
    let lease = &grant.lease;
    let foreground = Foreground::lend(guarded.id());
    if foreground.is_some() {
        // It may have touched the terminal before it was in the foreground, and been stopped for it.
        guarded.signal(SIGCONT);
    }
    loop {
        while let Some(report) = guarded.take_report()? {
            match report {
                Report::Stopped(signal) if signal == SIGTSTP && foreground.is_some() => {
                    resume(grant, &guarded);
                }
                Report::Stopped(_) => {}
                Report::Ended(status) => return Ok(End::Exited(status)),
                Report::Killed => return Ok(End::Ended(why(lease))),
                Report::NotKilled => return Err(not_killed(grant)),
            }
        }
        signals.take().into_iter().for_each(|signal| guarded.signal(signal));
        let remaining = lease.remaining();
        guarded.prolong(lease);
        let pause = match demand(remaining, grace) {
            Demand::Run(pause) if lease.state() == LeaseState::Held => pause,
            _ => return end_with(grant, guarded, signals),
        };
        let pause = pause.min(remaining / LOOKS_PER_LEASE);
        wait_for(&[Some(signals.fd()), Some(guarded.fd()), lease.fd()], pause)?;
    }
}

/// Ends the command: SIGTERM now, SIGKILL before the lease's end. What the leader leaves behind is killed too. A lease that
/// has ended leaves no time: what a handler of SIGTERM did, it would do without the lock.
fn end_with(grant: &Grant, mut guarded: Guarded, signals: &Signals) -> Result<End, Failure> {
    let why = why(&grant.lease);
    STDERR.say(&format!("tenure: {}; its command is ended", why.sentence(grant)));
    guarded.begin_end();
    if !guarded.left(&grant.lease).is_zero() {
        guarded.signal(SIGTERM);
        // A stopped process takes its SIGTERM only when it runs again.
        guarded.signal(SIGCONT);
    }
    loop {
        match guarded.take_report()? {
            Some(Report::Ended(_) | Report::Killed) => return Ok(End::Ended(why)),
            Some(Report::NotKilled) => return Err(not_killed(grant)),
            Some(Report::Stopped(_)) => continue,
            None => {}
        }
        signals.take().into_iter().for_each(|signal| guarded.signal(signal));
        let mut pause = guarded.left(&grant.lease).min(LOOK_EVERY);
        if pause.is_zero() {
            guarded.kill();
            pause = LOOK_EVERY;
        }
        wait_for(&[Some(signals.fd()), Some(guarded.fd())], pause)?;
    }
}

impl Why {
    /// What happened to `grant`.
    pub fn sentence(self, grant: &Grant) -> String {
        match self {
            Self::Lost => format!("the lease of {} cannot be renewed", grant.shown()),
            Self::Broken => format!("somebody asks for {}", grant.shown()),
        }
    }
}

fn why(lease: &Lease) -> Why {
    match lease.state() {
        LeaseState::Asked | LeaseState::Ended(EndReason::Broken) => Why::Broken,
        LeaseState::Held | LeaseState::Ended(_) => Why::Lost,
    }
}

fn not_killed(grant: &Grant) -> Failure {
    let names = grant.shown();
    let text = format!(
        "the command runs as another user and cannot be killed; it goes on without {names}"
    );
    Failure::new(LOST, text)
}

/// A command that Ctrl-Z suspends would hold its lock for ever, so it goes on.
fn resume(grant: &Grant, guarded: &Guarded) {
    let names = grant.shown();
    STDERR.say(&format!("tenure: a command cannot be suspended while it holds {names}"));
    guarded.signal(SIGCONT);
}

/// Holds `lease` until a signal, its end, or that of `audience`; if somebody asks for it, that is now.
pub fn hold(lease: &Lease, signals: &Signals, audience: &Audience) -> Result<Held, Failure> {
    loop {
        if !signals.take().is_empty() {
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
