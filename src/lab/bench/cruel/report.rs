//! The report of all acts, as text and as JSON.

use super::stage::{Act, Stage};
use crate::cli::failure::{Failure, NO};
use crate::cli::output;
use crate::lab::bench::figures::millis;
use crate::lab::bench::readings::Longest;
use serde_json::{Value, json};

impl Act {
    /// Changes of leader that nobody asked for.
    pub fn unasked(&self) -> u64 {
        let (before, after) = self.terms;
        after.saturating_sub(before).saturating_sub(u64::from(self.is_asked))
    }

    /// A line for people who look on.
    pub fn to_line(&self) -> String {
        self.to_row().join("  ")
    }

    fn to_row(&self) -> Vec<String> {
        let (before, after) = self.terms;
        let terms =
            if before == after { before.to_string() } else { format!("{before}–{after}") };
        let felt = self.felt;
        vec![
            self.name.clone(),
            format!("{:.1}", self.took.as_secs_f64()),
            in_millis(self.turn),
            in_millis(self.on_processor),
            in_millis(self.sync),
            in_millis(self.gap),
            terms,
            format!("{:.1}", millis(felt.p50)),
            format!("{:.1}", millis(felt.p99)),
            format!("{:.1}", millis(felt.max)),
        ]
    }

    pub fn to_value(&self) -> Value {
        let longest =
            |longest: Longest| json!({"us": longest.micros, "is_bound": longest.is_bound});
        let (before, after) = self.terms;
        let felt = self.felt;
        json!({
            "act": self.name,
            "seconds": self.took.as_secs_f64(),
            "longest_turn": longest(self.turn),
            "longest_turn_on_processor": longest(self.on_processor),
            "longest_sync": longest(self.sync),
            "longest_heartbeat_gap": longest(self.gap),
            "term_before": before,
            "term_after": after,
            "leader_is_moved": self.is_asked,
            "probe": {
                "cycles": felt.cycles,
                "failed": felt.failed,
                "p50_ms": millis(felt.p50),
                "p99_ms": millis(felt.p99),
                "max_ms": millis(felt.max),
            },
        })
    }
}

/// In milliseconds, for people. A maximum that may be from before the act is shown as a bound; an
/// older node tells none.
pub fn in_millis(longest: Longest) -> String {
    if longest.micros == 0 {
        return "–".to_owned();
    }
    let bound = if longest.is_bound { "≤" } else { "" };
    format!("{bound}{:.1}", longest.micros as f64 / 1000.0)
}

pub fn to_text(stage: &Stage<'_>) -> String {
    let head =
        ["act", "s", "turn ms", "on cpu", "sync", "gap ms", "term", "felt p50", "p99", "max ms"];
    let rows: Vec<_> = std::iter::once(head.map(str::to_owned).to_vec())
        .chain(stage.acts.iter().map(Act::to_row))
        .collect();
    let checked = stage.checked.iter().map(|(what, count)| format!("{what}: {count}\n"));
    output::table(&rows) + &checked.collect::<String>()
}

pub fn to_json(stage: &Stage<'_>) -> String {
    let checked: serde_json::Map<String, Value> =
        stage.checked.iter().map(|(what, count)| ((*what).to_owned(), json!(count))).collect();
    let value = json!({
        "locks": stage.sizes.locks,
        "sessions": stage.sizes.sessions,
        "acts": stage.acts.iter().map(Act::to_value).collect::<Vec<_>>(),
        "unasked_leader_changes": stage.acts.iter().map(Act::unasked).sum::<u64>(),
        "checked": checked,
    });
    format!("{value}\n")
}

/// Fails if the cluster changed its leader without being asked.
pub fn check_leaders(acts: &[Act]) -> Result<(), Failure> {
    let Some(first) = acts.iter().find(|act| act.unasked() > 0) else { return Ok(()) };
    let sum = acts.iter().map(Act::unasked).sum::<u64>();
    let why = first.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    Err(Failure::new(
        NO,
        format!(
            "the cluster changed its leader {sum} times without being asked, first while \"{}\"{why}",
            first.name
        ),
    ))
}
