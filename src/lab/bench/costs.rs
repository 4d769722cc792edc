//! What a load costs the nodes: entries per sync of the leader (group commit), and changes of
//! leader.

use super::readings::Reading;
use serde_json::{Value, json};

/// The difference of two readings.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// Committed entries.
    entries: u64,
    /// Syncs of the leader; `None` if the leader changed.
    syncs: Option<u64>,
    /// The median and the longest sync since the leader started.
    sync_p50_us: u64,
    sync_max_us: u64,
    terms: u64,
}

impl Costs {
    /// `None`: no leader answered, before or after.
    pub fn of(before: &Reading, after: &Reading) -> Option<Self> {
        let (first, last) = (before.leader()?, after.leader()?);
        let sync = last.sync_us.unwrap_or_default();
        let before_us = first.sync_us.unwrap_or_default();
        let is_same = first.node == last.node && first.term == last.term;
        Some(Self {
            entries: last.commit.0.saturating_sub(first.commit.0),
            syncs: is_same.then(|| sync.count.saturating_sub(before_us.count)),
            sync_p50_us: sync.p50,
            sync_max_us: sync.max,
            terms: after.term().saturating_sub(before.term()),
        })
    }

    /// For people: one line.
    pub fn to_text(self) -> String {
        let Self { entries, syncs, sync_p50_us, sync_max_us, terms } = self;
        let each = self.entries_per_sync().map_or_else(
            || "by more than one leader".to_owned(),
            |each| format!("in {} syncs of the leader, {each:.1} each", syncs.unwrap_or_default()),
        );
        format!(
            "{entries} entries {each}; a sync takes {:.1} ms, at most {:.1} ms; changes of leader: {terms}\n",
            sync_p50_us as f64 / 1000.0,
            sync_max_us as f64 / 1000.0
        )
    }

    pub fn to_value(self) -> Value {
        json!({
            "entries": self.entries,
            "syncs": self.syncs,
            "entries_per_sync": self.entries_per_sync().map(|each| (each * 10.0).round() / 10.0),
            "sync_us": {"p50": self.sync_p50_us, "max": self.sync_max_us},
            "leader_changes": self.terms,
        })
    }

    fn entries_per_sync(&self) -> Option<f64> {
        self.syncs.map(|syncs| self.entries as f64 / syncs.max(1) as f64)
    }
}
