//! Meters of applies: no part of the state, and nothing that an apply depends on.
//!
//! Every member applies every entry, and a replay applies them again, so each grant would be counted many
//! times. Only the machine of a leader counts.

use super::command::Command;
use super::machine::LockMachine;
use crate::base::locks::Operation;
use crate::base::meters::{EndReason, Meters};
use std::sync::Arc;

/// The meters of a leader, and the number of waiting acquires.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    meters: Option<Arc<Meters>>,
    /// Acquires that wait in queues.
    pub(super) waiting: usize,
}

impl Tally {
    /// A grant was given at once.
    pub(super) fn grant(&self) {
        if let Some(meters) = &self.meters {
            meters.grants.add(1);
        }
    }

    /// A grant was given to an acquire that had waited for `waited_ms`.
    pub(super) fn grant_after(&self, waited_ms: u64) {
        if let Some(meters) = &self.meters {
            meters.grants.add(1);
            meters.waits.record(waited_ms.saturating_mul(NANOS_PER_MS));
        }
    }

    /// A grant ended after `held_ms`.
    pub(super) fn end(&self, reason: EndReason, held_ms: u64) {
        if let Some(meters) = &self.meters {
            meters.ends[reason as usize].add(1);
            meters.holds.record(held_ms.saturating_mul(NANOS_PER_MS));
        }
    }

    pub(super) fn expire(&self) {
        if let Some(meters) = &self.meters {
            meters.expiries.add(1);
        }
    }
}

impl LockMachine {
    /// Counts all further applies into `meters`; `None`: counts no more.
    pub fn count_into(&mut self, meters: Option<Arc<Meters>>) {
        self.tally.meters = meters;
    }

    /// Acquires that wait in queues; a wait for several locks is one.
    #[must_use]
    pub fn waiting_count(&self) -> usize {
        self.tally.waiting
    }
}

/// The reason under which grants that end in the apply of `command` are counted.
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
