//! One line of the audit trail.

use super::Who;
use crate::base::NodeId;
use crate::sys::clock;
use crate::wire::Act;
use serde_json::{Map, Value, json};

/// The content of a line.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) who: &'a Who,
    pub(super) act: &'a Act,
    pub(super) result: &'a str,
    /// Denials that have no line of their own, since the last one that has.
    pub(super) untold: u64,
}

impl Line<'_> {
    /// Writes the line to the log.
    pub(super) fn log(&self) {
        let Self { who, act, result, .. } = self;
        let reason = act
            .reason
            .as_ref()
            .map_or(String::new(), |reason| format!(" (reason given: {reason:?})"));
        let untold = match self.untold {
            0 => String::new(),
            others => format!("; {others} more were denied since the last line"),
        };
        log::info!(
            target: "audit",
            principal = who.principal.as_str(), address = who.address.as_str(), action = act.action, result = *result,
            lock = act.lock.as_deref().unwrap_or_default(), reason = act.reason.as_deref().unwrap_or_default();
            "{} at {}: {}{reason}: {result}{untold}", who.principal, who.address, act.text
        );
    }

    /// The line as a JSON object.
    pub(super) fn to_json(&self, node: NodeId) -> String {
        let Self { who, act, result, untold } = self;
        let mut line = Map::new();
        let mut set = |key: &str, value: Value| drop(line.insert(key.to_owned(), value));
        set("unix_ms", json!(clock::unix_ms()));
        set("node", json!(node.0));
        set("principal", json!(who.principal));
        set("address", json!(who.address));
        set("action", json!(act.action));
        set("what", json!(act.text));
        set("lock", json!(act.lock));
        set("reason", json!(act.reason));
        set("result", json!(result));
        if *untold > 0 {
            set("untold_denials", json!(untold));
        }
        Value::Object(line).to_string()
    }
}
