//! A command under a lease: while the lease holds the command runs, and by the lease's end it does not.
//!
//! remaining ≤ grace → SIGTERM to the group; remaining ≤ [`KILL_MARGIN`] → SIGKILL. The grace is more than a
//! renewal needs to come, so that this happens only when renewals fail. It holds while this process runs.

use super::{FAILED, failed};
use crate::cli::failure::Failure;
use crate::cli::signals::Signals;
use signal_hook::consts::{SIGCONT, SIGKILL, SIGTERM, SIGTSTP};
use std::os::fd::RawFd;
use std::process::ExitStatus;
use std::time::Duration;
use tenure::client::Lease;
use tenure::sys::poll::{self, Interest, Ready};
use tenure::sys::process::Group;
use tenure::sys::terminal::Foreground;

/// How a command under a lease ended.
#[derive(Debug)]
pub enum End {
    /// By itself, or by a signal that we handed on.
    Exited(ExitStatus),
    /// By us, because the lease could not be renewed.
    Lost,
}

/// How holding without a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// By a signal.
    Signalled,
    /// The lease ended.
    Lost,
}

/// What the state of the lease asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demand {
    /// Nothing for so long.
    Run(Duration),
    /// The command must stop, and is killed after so long.
    Stop(Duration),
    /// It must be dead.
    Kill,
}

fn demand(remaining: Duration, grace: Duration) -> Demand {
    if remaining <= KILL_MARGIN {
        Demand::Kill
    } else if remaining <= grace {
        Demand::Stop(remaining - KILL_MARGIN)
    } else {
        Demand::Run(remaining - grace)
    }
}

/// Runs `group` until it ends by itself, or must end with `lease`.
pub fn supervise(
    lease: &Lease,
    group: Group,
    grace: Duration,
    signals: &Signals,
) -> Result<End, Failure> {
    let foreground = Foreground::lend(group.id());
    if foreground.is_some() {
        // It may have touched the terminal before it was in the foreground, and been stopped for it.
        group.signal(SIGCONT);
    }
    loop {
        if group.has_ended() {
            // The lock is given back next: nobody may go on under it.
            group.signal(SIGKILL);
            return Ok(End::Exited(reap(group)?));
        }
        for signal in signals.take() {
            group.signal(signal);
        }
        let mut pause = match demand(lease.remaining(), grace) {
            Demand::Run(pause) => pause,
            Demand::Stop(_) | Demand::Kill => return end_with(lease, group, signals),
        };
        if foreground.is_some() {
            resume_suspended(lease, &group);
            pause = pause.min(LOOK_EVERY);
        }
        wait_for(&[Some(signals.fd()), Some(group.fd()), lease.fd()], Some(pause))?;
    }
}

/// Ends `group`: SIGTERM now, SIGKILL before the lease's end. What the leader leaves behind is killed too.
fn end_with(lease: &Lease, group: Group, signals: &Signals) -> Result<End, Failure> {
    eprintln!("tenure: the lease of {} cannot be renewed; its command is ended", lease.name());
    group.signal(SIGTERM);
    // A stopped process takes its SIGTERM only when it runs again.
    group.signal(SIGCONT);
    while !group.has_ended() {
        for signal in signals.take() {
            group.signal(signal);
        }
        match demand(lease.remaining(), Duration::MAX) {
            Demand::Run(pause) | Demand::Stop(pause) => {
                wait_for(&[Some(signals.fd()), Some(group.fd()), lease.fd()], Some(pause))?;
            }
            Demand::Kill => break,
        }
    }
    group.signal(SIGKILL);
    reap(group)?;
    Ok(End::Lost)
}

/// A command that Ctrl-Z suspends would hold its lock for ever, so it goes on.
fn resume_suspended(lease: &Lease, group: &Group) {
    if group.take_stop() == Some(SIGTSTP) {
        eprintln!("tenure: a command cannot be suspended while it holds {}", lease.name());
        group.signal(SIGCONT);
    }
}

/// Holds `lease` until a signal, or its end.
pub fn hold(lease: &Lease, signals: &Signals) -> Result<Held, Failure> {
    loop {
        if !signals.take().is_empty() {
            return Ok(Held::Signalled);
        }
        let remaining = lease.remaining();
        if remaining.is_zero() {
            return Ok(Held::Lost);
        }
        wait_for(&[Some(signals.fd()), lease.fd()], Some(remaining))?;
    }
}

fn reap(group: Group) -> Result<ExitStatus, Failure> {
    group.reap().map_err(|error| {
        failed(Failure::unavailable(format!("cannot wait for the command: {error}")))
    })
}

/// Waits for one of them or `pause`; without a descriptor for one of them only shortly.
fn wait_for(fds: &[Option<RawFd>], pause: Option<Duration>) -> Result<(), Failure> {
    let shortest = if fds.contains(&None) { Some(LOOK_EVERY) } else { None };
    let timeout = [pause, shortest].into_iter().flatten().min();
    let mut set: Vec<_> =
        fds.iter().flatten().map(|fd| (*fd, Interest::Read, Ready::default())).collect();
    poll::wait(&mut set, timeout)
        .map_err(|error| Failure::new(FAILED, format!("cannot wait for events: {error}")))
}

/// What is left of the lease when the group is killed: for the kernel to do it, and for this thread to run.
const KILL_MARGIN: Duration = Duration::from_millis(50);
/// How often to look where there is no descriptor to wait for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_stopped_in_the_grace_and_killed_before_the_end() {
        let grace = Duration::from_secs(1);
        let ms = Duration::from_millis;
        assert_eq!(demand(ms(6600), grace), Demand::Run(ms(5600)));
        assert_eq!(demand(ms(1000), grace), Demand::Stop(ms(950)));
        assert_eq!(demand(ms(51), grace), Demand::Stop(ms(1)));
        assert_eq!(demand(ms(50), grace), Demand::Kill);
        assert_eq!(demand(Duration::ZERO, Duration::ZERO), Demand::Kill);
    }

    #[test]
    fn without_grace_it_runs_until_it_is_killed() {
        assert_eq!(
            demand(Duration::from_millis(51), Duration::ZERO),
            Demand::Run(Duration::from_millis(51))
        );
    }
}
