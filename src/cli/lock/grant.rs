//! A granted lease, and the start of the command that runs under it.

use super::guard::{Guarded, NotStarted};
use super::{FAILED, LOST, NOT_FOUND, NOT_RUNNABLE, failed, signal_code};
use crate::cli::failure::Failure;
use crate::cli::log::printable;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use tenure::client::Lease;

/// A lease, with its names and value.
#[derive(Debug)]
pub struct Grant {
    pub lease: Lease,
    pub names: Vec<String>,
    /// The value that others see; may be empty.
    pub value: String,
}

impl Grant {
    /// The names, for people.
    pub fn shown(&self) -> String {
        self.names.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", ")
    }

    /// The reason why the holder was asked to end, as the end of a sentence; empty without one.
    pub fn reason(&self) -> String {
        let reason = self.lease.asked().map(|asked| asked.reason).unwrap_or_default();
        if reason.is_empty() { reason } else { format!(": {}", printable(&reason)) }
    }

    /// Starts `words` under the lease, with names, token and value in the environment.
    ///
    /// # Errors
    /// The command cannot be run, in the codes of shells; the lease ended meanwhile; there is no guard.
    pub fn start(&self, words: &[OsString]) -> Result<Guarded, Failure> {
        let variables = [
            // Parted by blanks, which a shell splits again.
            ("TENURE_LOCK", self.names.join(" ")),
            ("TENURE_TOKEN", self.lease.token().to_string()),
            // Always set: the variable of an outer lock, whose command we may be, must not shine
            // through.
            ("TENURE_LOCK_VALUE", self.value.clone()),
        ];
        Guarded::start(&self.lease, words, &variables).map_err(|why| match why {
            NotStarted::Command(error) => not_started(&words[0], &error),
            NotStarted::Lost => Failure::new(
                LOST,
                format!("the lease of {} was lost before its command ran", self.shown()),
            ),
            NotStarted::Signals(failure) => failed(failure),
            NotStarted::Guard(error) => {
                Failure::new(FAILED, format!("a guard for the command cannot be started: {error}"))
            }
        })
    }
}

fn not_started(program: &OsStr, error: &std::io::Error) -> Failure {
    let program = program.to_string_lossy();
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::new(NOT_FOUND, format!("{program} was not found; check its name and PATH"))
        }
        _ => Failure::new(NOT_RUNNABLE, format!("{program} cannot be run: {error}")),
    }
}

/// A command's end as an exit code.
pub fn exit_code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, Some(signal)) => signal_code(signal),
        (None, None) => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_command() {
        assert_eq!(exit_code(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(exit_code(ExitStatus::from_raw(signal_hook::consts::SIGKILL)), 137);
    }
}
