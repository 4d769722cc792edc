//! Refusals: messages of peers that cannot be, or that contradict what this node knows, change nothing; they are
//! counted and logged. None ends a node: only its own disk and state may (R15).

use crate::base::{NodeId, Sample};
use crate::raft::Raft;
use std::time::Duration;

/// How many were refused, and what of it the operator was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    count: u64,
    told: Option<Sample>,
    untold: u64,
}

impl Raft {
    /// A message of `from` is refused, for the reason in `said`.
    pub fn refuse(&mut self, now: &Sample, from: NodeId, said: &str) {
        let refusals = &mut self.refusals;
        refusals.count += 1;
        // A peer may repeat itself at each heartbeat: that must not fill a disk with lines.
        if refusals.told.as_ref().is_some_and(|told| now.elapsed_lo(told) < TOLD_EVERY) {
            refusals.untold += 1;
            return;
        }
        let more = std::mem::take(&mut refusals.untold);
        refusals.told = Some(*now);
        ::log::error!(
            peer = from.0;
            "node {} refuses a message of node {from} ({more} more were refused since this was said last): {said}. Nothing \
             was changed. See which program runs at node {from}, and that its data directory is its own",
            self.config.id
        );
    }

    /// Messages of peers that were refused since this node started.
    #[must_use]
    pub fn refused_messages(&self) -> u64 {
        self.refusals.count
    }
}

/// At most one line in this time.
const TOLD_EVERY: Duration = Duration::from_secs(1);
