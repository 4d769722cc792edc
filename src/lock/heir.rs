//! Who gets a lock out of turn: the waiter for whom its holder, or who took it from its holder, asked by name.
//!
//! Being put at the head of the queue is the one way to overtake (L5), and it must not make a deadlock that nobody
//! would find: waits are examined when they are enqueued, against the order as it then is.
//!
//! * Only one who waits for this lock alone may go first. One who waits for several would have to be first in all
//!   of its queues, and each of these would be a lock that nobody freed.
//! * Those whom it overtakes wait for it from now on, which nobody knew when they were examined. If it is granted at
//!   once, and its owner waits for nothing else, that is no harm: its owner releases in the end, and the others
//!   are where they were, with one wait less before them. But an owner that waits elsewhere too, for what one
//!   of the overtaken holds, would get this lock and keep it for ever; and one for whom there is no room
//!   yet, who asks for more permits or would write where others read, could wait for a holder that waits for one of
//!   the overtaken. So in these two cases the whole question is asked again, with the new order
//!   ([`LockMachine::stalls_behind`]), and one who would stall anybody, or depends on more than is looked at, stays
//!   where it stands. So does, from level 2 on, who comes behind too many of its name of whom that had to be asked.

use super::claim::ALONE;
use super::effects::Effects;
use super::locks::Slot;
use super::machine::LockMachine;
use super::queue::{Ticket, Waiter};

impl LockMachine {
    /// Puts the first of `client` who waits for the lock in `slot` alone, and stalls nobody by it, at the head of the queue;
    /// whether there is one. The caller hands the lock on. From level 2 on only the first few of that name are looked at for whom
    /// that is a question.
    pub(super) fn put_first(&mut self, slot: Slot, client: &str, effects: &mut Effects) -> bool {
        let is_bounded = self.level() >= LEVEL_FEW_EXAMINED;
        let mut left = if is_bounded { EXAMINED_MAX } else { usize::MAX };
        let mut chosen = None;
        for (ticket, waiter) in self.waiting_alone(slot, client) {
            let goes_first = match self.is_harmless_first(slot, waiter) {
                true => true,
                false if left == 0 => break,
                false => {
                    left -= 1;
                    let look = &mut |looked| effects.look(looked);
                    !self.stalls_behind(slot, &waiter.claim, waiter.request, look)
                }
            };
            if goes_first {
                chosen = Some((ticket, waiter.claim.session, waiter.request));
                break;
            }
        }
        let Some((ticket, session, request)) = chosen else { return false };
        let ticket = self.locks[slot].change(|rest| rest.queue.put_first(ticket));
        self.live_session_mut(session).answers.set_ticket(request, slot, ticket);
        true
    }

    /// Those of `client`, alive, who wait for the lock in `slot` and for nothing else, first come first.
    pub(super) fn waiting_alone(
        &self,
        slot: Slot,
        client: &str,
    ) -> impl Iterator<Item = (Ticket, &Waiter)> {
        let queue = self.locks.get(slot).map(|lock| lock.queue().iter());
        let mark = Waiter::mark_of(client);
        let alike = queue.into_iter().flatten().filter(move |(_, waiter)| waiter.client == mark);
        alike.filter(move |(_, waiter)| {
            let claim = &waiter.claim;
            claim.all().is_none()
                && !self.is_ending(claim.session)
                && !self.is_lost(claim, slot)
                && *self.live_session(claim.session).client == *client
        })
    }

    /// Whether `waiter` may go first without a look at anybody else.
    fn is_harmless_first(&self, slot: Slot, waiter: &Waiter) -> bool {
        let lock = &self.locks[slot];
        let is_first = lock.queue().first().is_some_and(|first| first.is_of(waiter));
        is_first || (lock.has_room(&waiter.claim, &self.bounds) && self.waits_once(waiter))
    }

    /// Whether the owner of `waiter`, which waits for one lock alone, waits for nothing else.
    fn waits_once(&self, waiter: &Waiter) -> bool {
        let owner = waiter.claim.owner();
        let answers = &self.live_session(waiter.claim.session).answers;
        owner == ALONE || answers.owners().waits(owner) == 1
    }
}

/// From this level on few are examined.
const LEVEL_FEW_EXAMINED: u32 = 2;
/// Each may cost a search among 4,096 holders and waits, of a millisecond.
const EXAMINED_MAX: usize = 8;
