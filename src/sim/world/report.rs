//! End of a run: last verdicts, counts, and the rare paths that were reached.

use crate::sim::checkers::Violation;
use crate::sim::marks::Mark;
use crate::sim::run::Report;
use crate::sim::world::World;

impl World {
    /// The last verdicts, and the report.
    ///
    /// # Errors
    /// Beliefs that overlap.
    pub fn finish(mut self) -> Result<Report, Violation> {
        self.judge.history.finish()?;
        self.collect_marks();
        self.trace.add("answers checked", self.judge.replies.checked);
        self.trace.add("windows of operations searched", self.judge.history.windows);
        self.trace.add("leader leases begun", self.judge.claims.begun);
        self.trace.add("beginnings of leader leases checked", self.judge.backing.checked);
        self.trace.add("expiries checked", self.judge.expiry.checked);
        self.trace.add("ends of delays checked", self.judge.expiry.delays_checked);
        self.trace.add("answers by rounds checked", self.judge.rounds.checked);
        self.trace.add("first claims of a term checked", self.judge.waits.claims_checked);
        self.trace.add("ends of restores checked", self.judge.waits.restores_checked);
        self.trace.add("handovers", self.judge.holding.handovers);
        self.trace.add("beliefs beside others", self.judge.holding.together);
        self.trace.add("changes observed", self.judge.observing.changes);
        self.trace.add("gaps told to observers", self.judge.observing.gaps);
        self.trace.add("grants", self.judge.states.grants);
        self.trace.add("sessions that came back to many waits", self.guests.reached[0]);
        self.trace.add("doors opened to many readers", self.guests.reached[1]);
        self.trace.add("entries committed", self.judge.consensus.committed().0);
        for node in &self.nodes {
            let host = node.host.borrow();
            self.trace.add("pauses inside a node's step", host.paused);
            self.trace.add("unsynced sectors and names dropped", host.storage.dropped);
            self.trace.add("syncs", host.syncs);
            self.trace.add("snapshots stored", host.snapshots_stored);
        }
        if self.plan.bounds_clocks() {
            let summary = self.judge.holding.check()?;
            self.trace.add("beliefs checked", summary.beliefs as u64);
        }
        let told =
            [Mark::TransferRelinquishes, Mark::TransferPlain].map(|mark| self.trace.marks.of(mark));
        self.trace.add("transfers", told.iter().sum());
        self.trace.add("snapshots compared", self.judge.states.snapshots);
        let trace_hash = self.trace.hash();
        let (counts, marks) = self.trace.into_counts();
        Ok(Report { simulated_nanos: self.now, trace_hash, counts, marks })
    }

    /// Marks that are counted where they happen.
    fn collect_marks(&mut self) {
        let marks = &mut self.trace.marks;
        marks.add(Mark::ClaimBegins, self.judge.claims.begun);
        marks.add(Mark::ClaimLapses, self.judge.claims.lapsed);
        marks.add(Mark::CutHealed, self.network.healed);
        marks.add(Mark::StrangerRefused, self.strangers.refused);
        for node in &self.nodes {
            let host = node.host.borrow();
            marks.add(Mark::WriteTorn, host.storage.torn);
            marks.add(Mark::NameLost, host.storage.names_lost);
            marks.add(Mark::SyncCrashed, host.hit_at_sync);
            marks.add(Mark::SegmentBegun, host.storage.segments);
            marks.add(Mark::WriteFailed, host.faults.failed[0]);
            marks.add(Mark::SyncFailed, host.faults.failed[1]);
            marks.add(Mark::SyncForgotten, host.faults.failed[2]);
            marks.add(Mark::SpareRefused, host.faults.spares_refused);
            marks.add(Mark::SnapshotMade, host.snapshots_stored);
            marks.add(Mark::SnapshotRefused, host.snapshots_refused);
            marks.add(Mark::SnapshotBroken, host.stores_broken);
            marks.add(Mark::SegmentRemoved, host.storage.segments_removed);
        }
    }
}
