//! The wait of a restored cluster (safety L15): until nobody can believe in earlier leases, its
//! leader grants nothing and claims nothing.

use super::Replica;
use crate::base::Sample;
use crate::base::text::{span, time_of_day};
use crate::lock::{Command, Settings};
use crate::raft::Urgency;
use crate::wire::Request;
use std::time::Duration;

/// A leader's part in the wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Restoring {
    /// Nothing to wait for, or this node does not lead.
    #[default]
    Over,
    /// Waiting since this leader's apply of its own no-op; `until_unix_ms`: the end by the wall
    /// clock, for people.
    Since { start: Sample, until_unix_ms: u64 },
    /// The end of the wait is in the log.
    Proposed { until_unix_ms: u64 },
}

impl Replica {
    /// Begins the wait, if there is one, once the leader's own no-op is applied.
    pub(super) fn begin_restoring(&mut self, now: &Sample) {
        if let Some(wait) = self.machine.restoring() {
            let until_unix_ms = self.unix_ms.saturating_add(wait.ms);
            ::log::info!(
                "restored, grants nothing until {} (in {})",
                time_of_day(until_unix_ms),
                span(Duration::from_millis(wait.ms))
            );
            self.leading.restoring = Restoring::Since { start: *now, until_unix_ms };
        }
    }

    /// Ends the wait for all replicas once it is surely over.
    pub(super) fn end_restoring(&mut self, now: &Sample) {
        let Restoring::Since { start, until_unix_ms } = self.leading.restoring else { return };
        let Some(wait) = self.machine.restoring() else { return };
        let command = Command::RestoreOver { term: self.raft.term() };
        if now.elapsed_lo(&start) >= Duration::from_millis(wait.ms)
            && self.propose(&command, Urgency::Frees).is_ok()
        {
            self.leading.restoring = Restoring::Proposed { until_unix_ms };
        }
    }

    /// After the wait: held requests are taken up, and claims are possible.
    pub(super) fn handle_restore_over(&mut self, now: &Sample) {
        if self.leading.restoring != Restoring::Over {
            ::log::info!("the wait after the restore is over: locks are granted");
        }
        self.leading.restoring = Restoring::Over;
        self.adopt_settings();
        let mut held = std::mem::take(&mut self.leading.held_by_restore);
        self.leading.held.append(&mut held);
        self.retry_held(now);
    }

    /// The rest of the wait, and its end by the wall clock; `None` if this node does not lead.
    #[must_use]
    pub fn restoring_left(&self, now: &Sample) -> Option<(Duration, u64)> {
        let wait = Duration::from_millis(self.machine.restoring()?.ms);
        match self.leading.restoring {
            Restoring::Over => None,
            Restoring::Since { start, until_unix_ms } => {
                Some((wait.saturating_sub(now.elapsed_lo(&start)), until_unix_ms))
            }
            Restoring::Proposed { until_unix_ms } => Some((Duration::ZERO, until_unix_ms)),
        }
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
            (Restoring::Since { start, .. }, Some(wait)) => {
                start.hint(Duration::from_millis(wait.ms))
            }
            _ => u64::MAX,
        }
    }

    /// Takes the lease duration from the state (C1); in a restored cluster only after the wait.
    pub(super) fn adopt_settings(&mut self) {
        if let Some(Settings { lease_ms, .. }) = self.machine.settings()
            && self.machine.restoring().is_none()
        {
            self.raft.set_lease_duration(Duration::from_millis(u64::from(*lease_ms)));
        }
    }
}
