//! What one apply does besides answering, gathered while it runs.
//!
//! Whose oldest holder changed is not asked of every lock, nor kept in the state: each step that puts another one
//! in the first place notes the lock. What was granted in an apply does not end in it, and tokens never come
//! again (L4): so whoever holds a noted lock when all is done is not who held it before. An entry that changes nothing
//! of the kind allocates nothing for it.

use super::command::Name;
use super::delay::Delayed;
use super::machine::LockMachine;
use super::{Asked, Change, Granted};

/// The parts of [`Applied`](super::Applied) that any step may add to.
#[derive(Default)]
pub(super) struct Effects {
    /// How many names were looked up.
    pub(super) looked: u64,
    pub(super) granted: Vec<Granted>,
    pub(super) delayed: Vec<Delayed>,
    pub(super) asked: Vec<Asked>,
    /// Locks whose oldest holder, or its value, is another; perhaps more than once each.
    changed: Vec<Name>,
}

impl Effects {
    /// The oldest holder of `name`, or the value that it shows, is another from now on.
    pub(super) fn note_change(&mut self, name: &Name) {
        self.changed.push(name.clone());
    }

    /// So many names were looked up, to see who holds or waits, or to change that.
    pub(super) fn look(&mut self, names: usize) {
        self.looked += names as u64;
    }

    /// What is to be told of each lock that was noted: once, in byte order, as it is now. What was freed and
    /// handed on is one change.
    pub(super) fn take_changes(&mut self, machine: &LockMachine) -> Vec<Change> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        let told = changed.into_iter().map(|name| {
            let holder = machine.holding(&name);
            Change { name, holder }
        });
        told.collect()
    }
}
