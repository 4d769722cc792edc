//! Checkers: rules that must hold, watched from outside. Each has its name in `docs/developers/simulation.md`.

pub mod backing;
pub mod begun;
pub mod belief;
pub mod bounds;
pub mod bytes;
pub mod calm;
pub mod catching_up;
pub mod claims;
pub mod consensus;
pub mod durability;
pub mod equality;
pub mod expiry;
pub mod goes_on;
pub mod history;
pub mod holding;
pub(super) mod judge;
pub(super) mod leaders;
pub mod members;
pub mod model;
pub mod observing;
pub mod pushed;
pub mod replies;
pub mod rights;
pub mod room;
pub mod rounds;
pub mod search;
pub mod share;
pub mod state;
pub mod views;
pub mod waits;

/// Something that must not be, seen by one checker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{checker}: {what}")]
pub struct Violation {
    /// Name of the checker, as "O5".
    pub checker: &'static str,
    /// The violation, with its values.
    pub what: String,
}

impl Violation {
    /// A violation that `checker` saw.
    pub fn new(checker: &'static str, what: impl Into<String>) -> Self {
        Self { checker, what: what.into() }
    }
}
