//! What one apply does besides answering, gathered while it runs.
//!
//! Whose oldest holder changed is not asked of every lock, nor kept in the state: each step that puts another one
//! in the first place notes the lock. What was granted in an apply does not end in it, and tokens never come
//! again (L4): so whoever holds a noted lock when all is done is not who held it before. An entry that changes nothing
//! of the kind allocates nothing for it.

use super::delay::Delayed;
use super::locks::Slot;
use super::machine::LockMachine;
use super::{AskedHolder, Denied, Granted, HolderChange};
use crate::base::SessionId;
use crate::base::locks::Name;
use crate::base::meters::EndReason;

/// The parts of [`Applied`](super::Applied) that any step may add to.
pub(super) struct Effects {
    /// How many names were looked up.
    pub(super) looked: u64,
    pub(super) granted: Vec<Granted>,
    pub(super) delayed: Vec<Delayed>,
    pub(super) asked: Vec<AskedHolder>,
    /// Locks whose oldest holder, or its value, is another; perhaps more than once each.
    changed: Vec<(Slot, Name)>,
    /// Whether anybody is told of these.
    is_told: bool,
    /// Closed sessions of which it has freed the last.
    pub(super) freed: Vec<SessionId>,
    /// Waits that it has refused.
    pub(super) denied: Vec<Denied>,
    /// How many more names it may free and grant.
    left: usize,
    /// Waits that it has looked at and left alone, since the last that counted.
    glances: usize,
    /// The entry's wall clock.
    pub(super) unix_ms: u64,
    /// How what ends in it ends.
    pub(super) why: EndReason,
}

impl Effects {
    /// Of an entry that may free and grant so many names before it leaves the rest.
    pub(super) fn of_part(names: usize, unix_ms: u64, why: EndReason) -> Self {
        let (granted, delayed, asked) = (Vec::new(), Vec::new(), Vec::new());
        let (changed, freed) = (Vec::new(), Vec::new());
        let (denied, glances) = (Vec::new(), 0);
        let left = names;
        Self {
            looked: 0,
            granted,
            delayed,
            asked,
            changed,
            is_told: true,
            freed,
            denied,
            left,
            glances,
            unix_ms,
            why,
        }
    }

    /// Of an entry that is replayed: nobody is told.
    pub(super) fn untold(self) -> Self {
        Self { is_told: false, ..self }
    }

    /// Whether it may do one more thing. What it begins it does as a whole.
    pub(super) fn lasts(&self) -> bool {
        self.left > 0
    }

    /// Keeps half of what is left for later, and says how much that is.
    pub(super) fn keep_half(&mut self) -> usize {
        let kept = self.left / 2;
        self.left -= kept;
        kept
    }

    /// What was kept may be done now.
    pub(super) fn give_back(&mut self, kept: usize) {
        self.left += kept;
    }

    /// It has freed or granted so many names.
    pub(super) fn spend(&mut self, names: usize) {
        self.left = self.left.saturating_sub(names);
    }

    /// It looks at one wait, or one session, that may stay as it is: so many of them are as much as one name.
    pub(super) fn spend_look(&mut self) {
        self.looked += 1;
        self.glances += 1;
        if self.glances == GLANCES_PER_NAME {
            self.glances = 0;
            self.spend(1);
        }
    }

    /// The oldest holder of the lock in `slot`, which is called `name`, or the value that it shows, is another from now on.
    pub(super) fn note_change(&mut self, slot: Slot, name: &Name) {
        // One after the other of a crowd is the oldest: the lock changes once.
        if self.is_told && self.changed.last().is_none_or(|(last, _)| *last != slot) {
            self.changed.push((slot, name.clone()));
        }
    }

    /// So many names were looked up, to see who holds or waits, or to change that.
    pub(super) fn look(&mut self, names: usize) {
        self.looked += names as u64;
    }

    /// What is to be told of each lock that was noted: once, in byte order, as it is now. What was freed and
    /// handed on is one change.
    pub(super) fn take_changes(&mut self, machine: &LockMachine) -> Vec<HolderChange> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable_by(|(_, one), (_, other)| one.cmp(other));
        changed.dedup_by_key(|(slot, _)| *slot);
        let told = changed.into_iter().map(|(slot, name)| {
            let holder = machine.holding_in(slot);
            HolderChange { name, holder }
        });
        told.collect()
    }
}

/// To look at a wait costs so much less than to free a name.
const GLANCES_PER_NAME: usize = 8;
