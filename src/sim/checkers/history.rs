//! O9: what clients saw of each lock, from call to return, cut into short windows and searched for an order.
//!
//! A window leaves out what lies before and after it, which only makes it more lenient: the search begins in
//! any state.

use super::Violation;
use super::search::{Holders, Op, is_linearizable};
use crate::lock::Name;
use std::collections::BTreeMap;

/// Operations of all locks that returned.
#[derive(Debug, Default)]
pub struct History {
    ops: BTreeMap<Name, (Holders, Vec<Op>)>,
    /// Windows that were searched.
    pub windows: u64,
}

impl History {
    /// An operation on `name`, which has so many holders, returned.
    ///
    /// # Errors
    /// The window that it fills has no order.
    pub fn record(&mut self, name: &Name, holders: Holders, op: Op) -> Result<(), Violation> {
        let (_, ops) = self.ops.entry(name.clone()).or_insert((holders, Vec::new()));
        ops.push(op);
        if ops.len() < WINDOW {
            return Ok(());
        }
        // Half of it stays: an order that breaks between two windows is within the next one.
        let window = ops.clone();
        ops.drain(..WINDOW / 2);
        self.search(name, holders, &window)
    }

    /// The run is over.
    ///
    /// # Errors
    /// A last window has no order.
    pub fn finish(&mut self) -> Result<(), Violation> {
        for (name, (holders, ops)) in std::mem::take(&mut self.ops) {
            self.search(&name, holders, &ops)?;
        }
        Ok(())
    }

    fn search(&mut self, name: &Name, holders: Holders, ops: &[Op]) -> Result<(), Violation> {
        self.windows += 1;
        if is_linearizable(ops, holders) {
            return Ok(());
        }
        Err(Violation::new("O9", format!("no order of these operations on {name}: {ops:?}")))
    }
}

const WINDOW: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::checkers::search::Seen;

    #[test]
    fn a_contradiction_in_any_window_is_found() {
        let name = Name::try_from("x").unwrap();
        let mut history = History::default();
        let op = |at, seen| Op { called: at, returned: at + 1, seen };
        for at in 1..40 {
            history.record(&name, Holders::One, op(10 * at, Seen::Acquired(at))).unwrap();
        }
        history.record(&name, Holders::One, op(400, Seen::Holder(38))).unwrap();
        assert_eq!(history.finish().unwrap_err().checker, "O9");
    }
}
