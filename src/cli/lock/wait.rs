//! The wait for the lock: until a grant, the end of the time, or a signal; with notices of its
//! holder meanwhile.

use super::notice::{self, Notice};
use super::{FAILED, failed};
use crate::cli::failure::Failure;
use crate::cli::log::printable;
use crate::cli::signals::{ENDING_WAITS, Signals};
use std::time::Duration;
use tenure::client::{AcquireOptions, Client, Lease, Pending, Wait};
use tenure::sys::poll::{self, Interest, Ready};
use tenure::{Error, Status};

/// The names to acquire, and how long to wait for them.
#[derive(Debug)]
pub struct Wish {
    /// At least one; several in one step.
    pub names: Vec<String>,
    pub wait: Wait,
    pub options: AcquireOptions,
    pub notices: Notices,
}

/// Whether people are told who has the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notices {
    Given,
    None,
}

/// How a wait ended.
#[derive(Debug)]
pub enum Waited {
    Granted(Lease),
    /// A signal came first; the request is withdrawn.
    Signalled(i32),
    /// Not in time; the sentence says who holds it, as far as the cluster said.
    NotGranted(String),
}

/// Acquires the names of `wish`.
pub fn acquire(client: &Client, wish: Wish, signals: &Signals) -> Result<Waited, Failure> {
    let Wish { names, wait, options, notices } = wish;
    let pending = start(client, &names, wait, options).map_err(|error| failed(error.into()))?;
    let _notice = (notices == Notices::Given).then(|| Notice::give(client, &names));
    loop {
        if let Some(signal) = signals.take_one_of(ENDING_WAITS) {
            pending.cancel();
            return Ok(Waited::Signalled(signal));
        }
        match pending.take(Wait::Try) {
            Ok(lease) => return Ok(Waited::Granted(lease)),
            Err(error) if error.status == Status::Again => {}
            Err(error) => return not_granted(client, &names, notices, error),
        }
        wait_for(&pending, signals)?;
    }
}

fn start(
    client: &Client,
    names: &[String],
    wait: Wait,
    options: AcquireOptions,
) -> Result<Pending, Error> {
    match names {
        [name] => client.acquire_start(name, wait, options),
        several => {
            let names: Vec<&str> = several.iter().map(String::as_str).collect();
            client.acquire_all_start(&names, wait, options)
        }
    }
}

/// Waits for the decision or a signal.
fn wait_for(pending: &Pending, signals: &Signals) -> Result<(), Failure> {
    let mut set = vec![(signals.fd(), Interest::Read, Ready::default())];
    let fd = pending.fd();
    set.extend(fd.map(|fd| (fd, Interest::Read, Ready::default())));
    // Without a descriptor: polls.
    let timeout = if fd.is_none() { Some(LOOK_EVERY) } else { None };
    poll::wait(&mut set, timeout)
        .map_err(|error| Failure::new(FAILED, format!("cannot wait for events: {error}")))
}

fn not_granted(
    client: &Client,
    names: &[String],
    notices: Notices,
    error: Error,
) -> Result<Waited, Failure> {
    if !matches!(error.status, Status::Held | Status::Timeout) {
        return Err(failed(error.into()));
    }
    if notices == Notices::None {
        return Ok(Waited::NotGranted(String::new()));
    }
    let names_said = names.join(", ");
    if let Some(condition) = client.condition() {
        let text = format!("{names_said} was not granted: {}", printable(&condition.sentence()));
        return Ok(Waited::NotGranted(text));
    }
    let told = notice::in_the_way(client, names)
        .map(|reason| format!("{names_said} was not granted: {reason}"));
    let text = told.unwrap_or_else(|| error.to_string());
    Ok(Waited::NotGranted(format!("{text}; wait longer with --wait")))
}

const LOOK_EVERY: Duration = Duration::from_millis(50);
