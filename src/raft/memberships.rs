//! The membership in force at each index: the last one in the log acts, committed or not (R12).

use crate::base::Index;
use crate::raft::{Entry, EntryKind, Membership};

/// The memberships from the snapshot, or the founding, on. Invariants: never empty; indexes rise.
#[derive(Clone, Debug)]
pub(super) struct Memberships(Vec<(Index, Membership)>);

impl Memberships {
    /// `membership` was put in force by the entry at `index`; 0 for the founding.
    pub fn new(index: Index, membership: Membership) -> Self {
        Self(vec![(index, membership)])
    }

    /// The one in force.
    pub fn current(&self) -> &Membership {
        &self.last().1
    }

    /// The entry that put it in force.
    pub fn current_index(&self) -> Index {
        self.last().0
    }

    /// The one in force at `index`, with the entry that put it there.
    pub fn at(&self, index: Index) -> (Index, &Membership) {
        let after = self.0.partition_point(|(since, _)| *since <= index);
        let (since, membership) = &self.0[after.saturating_sub(1)];
        (*since, membership)
    }

    /// Notes an appended entry.
    ///
    /// # Panics
    /// The entry is an unreadable membership: such an entry is refused before it is appended.
    pub fn handle_appended(&mut self, entry: &Entry) {
        if entry.header.kind == EntryKind::Membership {
            let membership = Membership::decode(entry.payload.bytes());
            let membership = membership
                .unwrap_or_else(|error| panic!("entry {} of the log: {error}", entry.index));
            self.0.push((entry.index, membership));
        }
    }

    /// The log is cut at `from`: the membership before that is in force again.
    pub fn handle_truncated(&mut self, from: Index) {
        let kept = self.0.partition_point(|(since, _)| *since < from);
        assert!(kept > 0, "the membership of {} is cut off at {from}", self.0[0].0);
        self.0.truncate(kept);
    }

    /// Forgets what nobody will ask for: memberships that were followed by others at or before `index`.
    pub fn forget_before(&mut self, index: Index) {
        let after = self.0.partition_point(|(since, _)| *since <= index);
        self.0.drain(..after.saturating_sub(1));
    }

    fn last(&self) -> &(Index, Membership) {
        self.0.last().expect("there is always a membership")
    }
}
