//! A leader whose log cannot go on lacks what it needs to serve: it hands leadership over.

use super::{Replica, Storage};
use crate::base::Sample;
use crate::raft::Role;

impl Replica {
    /// Hands leadership over once for each time in which something is lacking: where all members lack it, it goes
    /// round once, and stays.
    pub(super) fn hand_over_when_lacking(&mut self, now: &Sample) {
        if self.storage == Storage::Open {
            self.has_handed_over = false;
            return;
        }
        if self.has_handed_over || self.raft.role() != Role::Leader || !self.leading.is_ready() {
            return;
        }
        self.has_handed_over = true;
        match self.hand_over(now, None, self.claim) {
            Ok(()) => {
                ::log::warn!("this node hands leadership over: its log cannot go on at present")
            }
            Err(error) => ::log::warn!("this node leads on, though its log cannot go on: {error}"),
        }
    }
}
