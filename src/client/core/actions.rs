//! What whoever drives a client is to do: drained, in order.

use super::Core;
use super::types::CoreAction;
use crate::base::Sample;

impl Core {
    /// What to do, in order. `now` is sampled before any of the sends leave.
    pub fn take_actions(&mut self, now: &Sample) -> Vec<CoreAction> {
        self.check_belief(now);
        self.transmit(now);
        self.report_state(now);
        std::mem::take(&mut self.actions)
    }

    /// What has followed by itself from what was handed in; what is to leave stays until `take_actions`, however much more is
    /// handed in before.
    pub fn take_said(&mut self) -> Vec<CoreAction> {
        std::mem::take(&mut self.actions)
    }

    /// Gives back what `take_actions` gave, so that its room is used again.
    pub fn give_back(&mut self, mut actions: Vec<CoreAction>) {
        actions.clear();
        if self.actions.is_empty() && actions.capacity() <= ACTIONS_KEPT {
            self.actions = actions;
        }
    }

    pub(super) fn report_state(&mut self, now: &Sample) {
        let (state, session) = self.session(now);
        if self.reported != (state, session) {
            self.reported = (state, session);
            self.actions.push(CoreAction::SessionChanged { state, session });
        }
    }
}

/// Room that is kept between turns: some of many requests are larger, and rare.
const ACTIONS_KEPT: usize = 256;
