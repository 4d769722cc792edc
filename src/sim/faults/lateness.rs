//! Late machines and nothing else: in runs that no fault was drawn for, the nodes' machines are busy for a while, and their disks
//! slow. Nothing ends, so a leader that was waited for once is not given up again and again; and once all is on time
//! nobody waits longer than on a machine that was never late (O22).

use crate::base::rng::Rng;
use crate::base::time::nanos;
use crate::raft::{Raft, Role};
use crate::server::ServerOptions;
use crate::sim::checkers::Violation;
use crate::sim::disk::host::Pauses;
use crate::sim::plan::{MS, SECOND};
use crate::sim::world::World;
use std::time::Duration;

/// How late everything is.
#[derive(Clone, Copy, Debug)]
pub struct Lateness {
    /// From the beginning until then.
    pub until: u64,
    /// Pauses in the steps of nodes.
    pub pauses: Pauses,
    /// How long a sync takes.
    pub sync_nanos: (u64, u64),
}

impl Lateness {
    /// Pauses of up to an election timeout, several in a second, and syncs of up to a third of it.
    #[must_use]
    pub fn draw(rng: &mut Rng, election: Duration) -> Self {
        let election = nanos(election);
        let nanos_max = rng.between(election / 3, election).max(2 * MS);
        let sync_max = rng.between(MS, election / 3);
        Self {
            until: LATE_NANOS,
            pauses: Pauses { one_in: rng.between(100, 1000), nanos_max },
            sync_nanos: (sync_max / 4, sync_max),
        }
    }

    /// With pieces of the log of a size at which one write passes few of them, as in real logs: each costs syncs of its
    /// own, and a write that takes longer than anybody waits for changes the leader for a good reason.
    #[must_use]
    pub fn with_few_syncs(server: ServerOptions) -> ServerOptions {
        ServerOptions { segment_bytes: SEGMENT_BYTES, ..server }
    }

    /// When all has been on time for so long that nobody remembers.
    #[must_use]
    pub fn forgotten_at(&self) -> u64 {
        self.until + FORGETTING_NANOS
    }
}

impl World {
    /// The machines are late from now on.
    pub(in crate::sim) fn begin_lateness(&mut self) {
        let Some(Lateness { until, pauses, sync_nanos }) = self.plan.lateness else { return };
        self.trace.count("worlds with late machines");
        self.disturb(until);
        for node in &self.nodes {
            let mut host = node.host.borrow_mut();
            (host.pauses, host.sync_nanos) = (pauses, sync_nanos);
        }
    }

    /// All machines are on time again.
    pub(in crate::sim) fn end_lateness(&mut self) {
        for node in &self.nodes {
            let mut host = node.host.borrow_mut();
            host.pauses = Pauses { one_in: 0, nanos_max: 0 };
            host.sync_nanos = SYNC_NANOS;
        }
    }

    /// O22: somebody was elected, though machines are merely late. It may take a few terms until all know how late.
    pub(in crate::sim) fn check_elected(&mut self, slot: usize) -> Result<(), Violation> {
        let Some(lateness) = self.plan.lateness else { return Ok(()) };
        if self.now < LEARNING_NANOS || self.now >= lateness.forgotten_at() {
            return Ok(());
        }
        self.elected_late += 1;
        if self.elected_late <= ELECTED_LATE_MAX {
            return Ok(());
        }
        let what = format!(
            "node {} is elected at {} ns, the {}th time since {LEARNING_NANOS} ns that a leader changes because of \
             machines that are late: {lateness:?}",
            slot + 1,
            self.now,
            self.elected_late
        );
        Err(Violation::new("O22", what))
    }

    /// O22: nobody waits beyond the bound, ever.
    pub(in crate::sim) fn check_wait_bound(&self, slot: usize) -> Result<(), Violation> {
        let Some(inside) = self.nodes[slot].inside() else { return Ok(()) };
        let (wait, election) = (inside.raft.election_wait(), self.plan.server.election);
        if (election..=election * BOUND).contains(&wait) {
            return Ok(());
        }
        let what = format!("node {} waits {wait:?} for its leader, of {election:?}", slot + 1);
        Err(Violation::new("O22", what))
    }

    /// O22: all has been on time for long, and everybody who hears somebody waits no longer than at first.
    pub(in crate::sim) fn check_forgotten(&self) -> Result<(), Violation> {
        if self.plan.lateness.is_none() {
            return Ok(());
        }
        let election = self.plan.server.election;
        let hears = |raft: &Raft| raft.role() == Role::Leader || raft.leader().is_some();
        for node in &self.nodes {
            let Some(inside) = node.inside() else { continue };
            let wait = inside.raft.election_wait();
            if hears(inside.raft) && wait != election {
                let what = format!(
                    "node {} still waits {wait:?}, not {election:?}, {FORGETTING_NANOS} ns after the last pause",
                    node.id
                );
                return Err(Violation::new("O22", what));
            }
        }
        Ok(())
    }
}

const SEGMENT_BYTES: u64 = 1 << 20;
/// How long machines are late.
const LATE_NANOS: u64 = 40 * SECOND;
/// Two windows of what nodes measure, and a little.
const FORGETTING_NANOS: u64 = 33 * SECOND;
/// How long it may take until all have seen how late the machines are.
const LEARNING_NANOS: u64 = 8 * SECOND;
/// Pauses of several nodes may still come together as they never did before.
const ELECTED_LATE_MAX: u64 = 1;
/// The longest wait, in election timeouts.
const BOUND: u32 = 8;
/// A disk of a machine that is on time.
const SYNC_NANOS: (u64, u64) = (20_000, 200_000);
