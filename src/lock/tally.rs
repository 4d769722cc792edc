//! What applies are counted as: no part of the state, and nothing that an apply depends on.
//!
//! Every member applies every entry, so each grant would be counted by all of them, and again by whoever replays a log. So
//! only the machine of a leader counts.

use super::command::Command;
use super::machine::LockMachine;
use crate::base::locks::Operation;
use crate::base::meters::{EndReason, Meters};
use std::sync::Arc;

/// Where it counts, if it does, and how many wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    meters: Option<Arc<Meters>>,
    /// Acquires that wait in queues.
    pub(super) waiting: usize,
}

impl Tally {
    /// A grant was given to who asks for it now.
    pub(super) fn grant(&self) {
        if let Some(meters) = &self.meters {
            meters.grants.add(1);
        }
    }

    /// A grant was given to who has waited for so long.
    pub(super) fn grant_after(&self, waited_ms: u64) {
        if let Some(meters) = &self.meters {
            meters.grants.add(1);
            meters.waits.record(waited_ms.saturating_mul(NANOS_PER_MS));
        }
    }

    /// A grant has ended that lasted for so long.
    pub(super) fn end(&self, reason: EndReason, held_ms: u64) {
        if let Some(meters) = &self.meters {
            meters.ends[reason as usize].add(1);
            meters.holds.record(held_ms.saturating_mul(NANOS_PER_MS));
        }
    }

    /// A session has expired.
    pub(super) fn expire(&self) {
        if let Some(meters) = &self.meters {
            meters.expiries.add(1);
        }
    }
}

impl LockMachine {
    /// Counts there what it applies from now on, or nothing.
    pub fn count_into(&mut self, meters: Option<Arc<Meters>>) {
        self.tally.meters = meters;
    }

    /// How many acquires wait in queues; one that waits for several locks is one.
    #[must_use]
    pub fn waiting_count(&self) -> usize {
        self.tally.waiting
    }
}

/// How a grant ends that ends in the apply of `command`.
pub(super) fn end_reason(command: &Command) -> EndReason {
    match command {
        Command::Expire { .. } => EndReason::Expired,
        Command::Request { operation, .. } => match operation {
            Operation::Close => EndReason::Closed,
            Operation::Transfer { .. } => EndReason::HandedOver,
            Operation::Break { .. } => EndReason::Broken,
            _ => EndReason::Released,
        },
        _ => EndReason::Released,
    }
}

const NANOS_PER_MS: u64 = 1_000_000;
