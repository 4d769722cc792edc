//! The wait of a restored cluster (safety L15): until nobody can believe in anything of before, its leader grants
//! nothing and claims nothing.

use super::Replica;
use crate::base::Sample;
use crate::lock::{Command, Settings};
use crate::raft::Urgency;
use crate::wire::Request;
use std::time::Duration;

/// A leader's part in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Restoring {
    /// Nothing to wait for, or this node does not lead.
    #[default]
    Over,
    /// Since this leader's apply of its own no-op.
    Since(Sample),
    /// Its end is in the log.
    Proposed,
}

impl Replica {
    /// The leader's own no-op is applied: the wait begins, if there is one.
    pub(super) fn begin_restoring(&mut self, now: &Sample) {
        if let Some(wait) = self.machine.restoring() {
            ::log::info!("restored: locks are granted in {} ms", wait.ms);
            self.leading.restoring = Restoring::Since(*now);
        }
    }

    /// Ends the wait for all replicas once it is surely over.
    pub(super) fn end_restoring(&mut self, now: &Sample) {
        let Restoring::Since(since) = self.leading.restoring else { return };
        let Some(wait) = self.machine.restoring() else { return };
        let command = Command::RestoreOver { term: self.raft.term() };
        if now.elapsed_lo(&since) >= Duration::from_millis(wait.ms)
            && self.propose(&command, Urgency::Frees).is_ok()
        {
            self.leading.restoring = Restoring::Proposed;
        }
    }

    /// The wait is over: what was held back is answered, and claims are possible.
    pub(super) fn handle_restore_over(&mut self, now: &Sample) {
        self.leading.restoring = Restoring::Over;
        self.adopt_settings();
        let mut held = std::mem::take(&mut self.leading.held_by_restore);
        self.leading.held.append(&mut held);
        self.retry_held(now);
    }

    /// Whether a request must wait until the restore is over.
    pub(super) fn waits_for_restore(&self, request: &Request) -> bool {
        let acquires =
            matches!(request, Request::Submit { operation, .. } if operation.acquire().is_some());
        acquires && self.machine.restoring().is_some()
    }

    /// When to look again, as a reading of BOOTTIME; a hint.
    pub(super) fn restoring_deadline(&self) -> u64 {
        match (self.leading.restoring, self.machine.restoring()) {
            (Restoring::Since(since), Some(wait)) => since.hint(Duration::from_millis(wait.ms)),
            _ => u64::MAX,
        }
    }

    /// Takes the lease duration from the state (C1); in a restored one, only once its wait is over.
    pub(super) fn adopt_settings(&mut self) {
        if let Some(Settings { lease_ms, .. }) = self.machine.settings()
            && self.machine.restoring().is_none()
        {
            self.raft.set_lease_duration(Duration::from_millis(u64::from(*lease_ms)));
        }
    }
}
