//! Release and withdrawal: two ways to give a lock back (L13, L14).

use super::dedupe::{Fixed, Known, Place};
use super::effects::Effects;
use super::machine::{Call, LockMachine};
use super::print::Print;
use crate::base::locks::{Answer, Name};
use crate::base::{RequestId, Token};

impl LockMachine {
    /// Gives up one handle, if this session holds the lock under this token (L13); for a grant of several
    /// locks any of their names will do, and the last handle frees them all. A release does not name its
    /// acquire: the oldest handle goes, so that an acquire that is undecided at the client, always the newest
    /// of its owner (L14), is left for its withdrawal.
    pub(super) fn release(
        &mut self,
        call: Call,
        name: &Name,
        token: Token,
        effects: &mut Effects,
    ) -> Answer {
        let slot = self.locks.find(name);
        let grant = slot.and_then(|slot| self.grant(slot, token));
        let Some(grant) = grant.filter(|held| held.stake.session == call.session) else {
            return self.fix(call, Fixed::NotHeld);
        };
        let oldest = grant.first_handle();
        self.give_up(call, oldest, Fixed::Ended(token), effects);
        self.fix(call, Fixed::Done)
    }

    /// Takes back `acquire` and fixes its answer, even before its arrival: a late acquire finds the answer,
    /// and does nothing (L14). An answer that is fixed already stays; of a grant with several handles only
    /// this one goes.
    pub(super) fn withdraw(
        &mut self,
        call: Call,
        acquire: RequestId,
        effects: &mut Effects,
    ) -> Answer {
        let reserved = if self.level() >= 2 { Print::ANY_ACQUIRE } else { Print::UNKNOWN };
        let answers = &mut self.live_session_mut(call.session).answers;
        match answers.known(acquire) {
            Some(Known::Fixed(_)) => {}
            None => answers.fix(acquire, reserved, Fixed::Withdrawn),
            Some(Known::Waiting(_)) => {
                let place = answers.leave_queue(acquire);
                answers.fix(acquire, place.print, Fixed::Withdrawn);
                self.leave_queues(&place, effects);
                // The waiter may have kept out those behind it: readers behind a writer, or a smaller
                // request.
                self.hand_over_all(place.slots(), call.unix_ms, effects);
            }
            Some(Known::Granted(_)) => self.give_up(call, acquire, Fixed::Withdrawn, effects),
        }
        self.fix(call, Fixed::Withdrawn)
    }

    /// Takes the waiter at `place` out of its queues; the caller hands the locks on.
    pub(super) fn leave_queues(&mut self, place: &Place, effects: &mut Effects) {
        self.tally.waiting -= 1;
        for (slot, ticket) in place.spots() {
            effects.look(1);
            let waiter = self.locks[slot].change(|rest| rest.queue.remove(ticket));
            assert!(waiter.is_some(), "nobody waits for {slot:?} at {place:?}");
        }
    }

    fn give_up(&mut self, call: Call, acquire: RequestId, answer: Fixed, effects: &mut Effects) {
        if let Some(freed) = self.end_handle(call.session, acquire, answer, effects) {
            self.pass_on(&freed, call.unix_ms, effects);
        }
    }
}
