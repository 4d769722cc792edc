//! How a command fails: an exit code, and one sentence for stderr that says what to do.

use tenure::{Error, Status};

/// Exit code: not granted, not valid, degraded.
pub const NO: u8 = 1;
/// Exit code: the command line or a configuration is wrong.
pub const USAGE: u8 = 2;
/// Exit code: the cluster, or a node of it, cannot do it now.
pub const UNAVAILABLE: u8 = 3;

/// Why a command did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// The sentence for stderr; empty: the code says it all.
    pub message: String,
}

impl Failure {
    /// A failure with exit code `code` and the sentence `message`.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The command line or a configuration is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(USAGE, message)
    }

    /// The cluster or this machine cannot do it now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(UNAVAILABLE, message)
    }

    /// The answer was no, and is printed already.
    pub fn no() -> Self {
        Self::new(NO, "")
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error.status {
            Status::Timeout | Status::Held | Status::Lost | Status::NotFound => NO,
            Status::Invalid | Status::Unsupported | Status::TooSmall | Status::Denied => USAGE,
            _ => UNAVAILABLE,
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_argument_and_an_absent_cluster_end_differently() {
        assert_eq!(Failure::from(Error::from(Status::Invalid)).code, USAGE);
        assert_eq!(Failure::from(Error::from(Status::Unavailable)).code, UNAVAILABLE);
        assert_eq!(Failure::from(Error::from(Status::Held)).code, NO);
    }
}
