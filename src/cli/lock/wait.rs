//! Waiting for the lock: until it is granted, the time is over, or a signal; told who holds it meanwhile.

use super::{FAILED, failed};
use crate::cli::failure::Failure;
use crate::cli::log::printable;
use crate::cli::show::ago;
use crate::cli::signals::Signals;
use std::io::IsTerminal;
use std::time::Duration;
use tenure::client::{AcquireOptions, Client, Lease, Pending, Wait};
use tenure::sys::clock;
use tenure::sys::poll::{self, Interest, Ready};
use tenure::{Error, Status};

/// How a wait ended.
#[derive(Debug)]
pub enum Waited {
    Granted(Lease),
    /// A signal came first; the request is withdrawn.
    Signalled(i32),
    /// Somebody has it: says who, if that could be learnt.
    NotGranted(String),
}

/// Acquires `name`.
pub fn acquire(
    client: &Client,
    name: &str,
    wait: Wait,
    signals: &Signals,
) -> Result<Waited, Failure> {
    let pending = client
        .acquire_start(name, wait, AcquireOptions::default())
        .map_err(|error| failed(error.into()))?;
    let mut notice = Notice::Due;
    loop {
        if let Some(&signal) = signals.take().first() {
            pending.cancel();
            return Ok(Waited::Signalled(signal));
        }
        match pending.take(Wait::Try) {
            Ok(lease) => return Ok(Waited::Granted(lease)),
            Err(error) if error.status == Status::Again => {}
            Err(error) => return not_granted(client, name, error),
        }
        if !wait_for(&pending, signals, notice)? && notice == Notice::Due {
            notice = Notice::Given;
            tell_holder(client, name);
        }
    }
}

/// Whether the person at the terminal was told whom we wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    Due,
    Given,
}

/// Waits for the decision or a signal. False: neither came in the time after which the notice is due.
fn wait_for(pending: &Pending, signals: &Signals, notice: Notice) -> Result<bool, Failure> {
    let mut set = vec![(signals.fd(), Interest::Read, Ready::default())];
    let timeout = match (pending.fd(), notice) {
        (Some(fd), notice) => {
            set.push((fd, Interest::Read, Ready::default()));
            (notice == Notice::Due).then_some(NOTICE_AFTER)
        }
        // No descriptor is left: look again and again.
        (None, _) => Some(LOOK_EVERY),
    };
    poll::wait(&mut set, timeout)
        .map_err(|error| Failure::new(FAILED, format!("cannot wait for events: {error}")))?;
    Ok(set.iter().any(|(_, _, ready)| ready.readable))
}

fn tell_holder(client: &Client, name: &str) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    match holder(client, name) {
        Some(holder) => eprintln!("waiting for {}: {holder}", printable(name)),
        None => eprintln!("waiting for {}", printable(name)),
    }
}

fn holder(client: &Client, name: &str) -> Option<String> {
    let holder = client.holder_of(name).ok()??;
    let since = ago(clock::unix_ms(), holder.since_unix_ms);
    let client = printable(&holder.client);
    Some(format!("{client} holds it under token {} since {since}", holder.token))
}

fn not_granted(client: &Client, name: &str, error: Error) -> Result<Waited, Failure> {
    if !matches!(error.status, Status::Held | Status::Timeout) {
        return Err(failed(error.into()));
    }
    let reason = match holder(client, name) {
        Some(holder) => holder,
        None => error.to_string(),
    };
    Ok(Waited::NotGranted(format!("{name} was not granted: {reason}; wait longer with --wait")))
}

/// A wait that is shorter needs no explanation.
const NOTICE_AFTER: Duration = Duration::from_millis(300);
const LOOK_EVERY: Duration = Duration::from_millis(50);
