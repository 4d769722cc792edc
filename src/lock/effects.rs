//! Effects of one apply besides its answer, gathered while it runs.
//!
//! Changes of the oldest holder are neither searched in every lock nor kept in the state: each step that puts
//! another grant in the first place notes the lock. A grant of an apply does not end in the same apply, and
//! tokens are unique (L4): so the final holder of a noted lock is not the one before. An entry without such a
//! change allocates nothing for them.

use super::delay::Delayed;
use super::locks::Slot;
use super::{AskedHolder, Denied, Granted};
use crate::base::SessionId;
use crate::base::locks::Name;
use crate::base::meters::EndReason;

/// The parts of [`Applied`](super::Applied) that any step may add to.
pub(super) struct Effects {
    /// Names that were looked up.
    pub(super) looked: u64,
    pub(super) granted: Vec<Granted>,
    pub(super) delayed: Vec<Delayed>,
    pub(super) asked: Vec<AskedHolder>,
    /// Locks whose oldest holder, or its value, changed; repeats are possible. `None`: nobody hears of them.
    changed: Option<Vec<(Slot, Name)>>,
    /// Closed sessions whose last piece this entry freed.
    pub(super) freed: Vec<SessionId>,
    /// Waits that this entry refused.
    pub(super) denied: Vec<Denied>,
    /// Names that this entry may still free and grant.
    left: usize,
    /// Unchanged waits examined since the last spent name.
    glances: usize,
    /// The entry's wall clock.
    pub(super) unix_ms: u64,
    /// The reason under which its ended grants are counted.
    pub(super) why: EndReason,
}

impl Effects {
    /// The effects of an entry that may free and grant `names` names before it leaves the rest. Changes are gathered in
    /// the room of `changed`, if they are told.
    pub(super) fn of_part(
        names: usize,
        unix_ms: u64,
        why: EndReason,
        changed: Option<Vec<(Slot, Name)>>,
    ) -> Self {
        let (granted, delayed, asked) = (Vec::new(), Vec::new(), Vec::new());
        let freed = Vec::new();
        let (denied, glances) = (Vec::new(), 0);
        let left = names;
        Self {
            looked: 0,
            granted,
            delayed,
            asked,
            changed,
            freed,
            denied,
            left,
            glances,
            unix_ms,
            why,
        }
    }

    /// Whether the entry may begin one more thing, which it then does as a whole.
    pub(super) fn lasts(&self) -> bool {
        self.left > 0
    }

    /// Keeps half of the entry's share for later; the names kept.
    pub(super) fn keep_half(&mut self) -> usize {
        let kept = self.left / 2;
        self.left -= kept;
        kept
    }

    /// Returns `kept` names to the entry's share.
    pub(super) fn give_back(&mut self, kept: usize) {
        self.left += kept;
    }

    /// Takes freed or granted names off the share.
    pub(super) fn spend(&mut self, names: usize) {
        self.left = self.left.saturating_sub(names);
    }

    /// Counts a look at one wait or session that may stay as it is: [`GLANCES_PER_NAME`] of them cost one
    /// name.
    pub(super) fn spend_look(&mut self) {
        self.looked += 1;
        self.glances += 1;
        if self.glances == GLANCES_PER_NAME {
            self.glances = 0;
            self.spend(1);
        }
    }

    /// Notes that the oldest holder of the lock in `slot`, called `name`, or its value, has changed.
    pub(super) fn note_change(&mut self, slot: Slot, name: &Name) {
        let Some(changed) = &mut self.changed else { return };
        // In a crowd one grant after the other becomes the oldest: the lock is noted once.
        if changed.last().is_none_or(|(last, _)| *last != slot) {
            changed.push((slot, name.clone()));
        }
    }

    /// Counts names that were looked up, to read or to change who holds or waits.
    pub(super) fn look(&mut self, names: usize) {
        self.looked += names as u64;
    }

    /// The noted locks, each once, in byte order: a lock freed and handed over is one change.
    pub(super) fn take_changed(&mut self) -> Vec<(Slot, Name)> {
        let mut changed = self.changed.take().unwrap_or_default();
        changed.sort_unstable_by(|(_, one), (_, other)| one.cmp(other));
        changed.dedup_by_key(|(slot, _)| *slot);
        changed
    }
}

/// Looks at a wait that cost as much as freeing one name.
const GLANCES_PER_NAME: usize = 8;
