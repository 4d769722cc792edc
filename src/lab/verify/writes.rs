//! Checks that a resource that checks tokens never accepts a lower one after a higher one, and
//! loses no write.

use super::history::{History, Write};
use super::violation::{Rule, Violations};
use std::collections::BTreeMap;

/// Checks each resource, in the order of its own lines.
pub fn check(history: &History, found: &mut Violations) {
    let mut highest: BTreeMap<u32, &Write> = BTreeMap::new();
    for write in history.writes.iter().filter(|write| write.accepted) {
        if write.overwrote > 0 {
            found.add(Rule::LostWrite, || {
                format!(
                    "\"{}\" took token {} ({}), which undid {} writes of others",
                    history.resources.name(write.resource),
                    write.token,
                    history.place(write.source),
                    write.overwrote,
                )
            });
        }
        match highest.get(&write.resource) {
            Some(before) if before.token > write.token => found.add(Rule::StaleWrite, || {
                format!(
                    "\"{}\" took token {} ({}), and after it token {} ({})",
                    history.resources.name(write.resource),
                    before.token,
                    history.place(before.source),
                    write.token,
                    history.place(write.source),
                )
            }),
            _ => {
                highest.insert(write.resource, write);
            }
        }
    }
}
