//! Grants out of turn: to the waiter whose client's name a holder, or an operator who broke the lock, gave.
//!
//! Being put at the head of the queue is the one way to overtake (L5), and must not make an undetected
//! deadlock: waits are examined when they are enqueued, against the order of that moment.
//!
//! * Only a waiter for this lock alone may go first. A waiter for several would have to be first in all of
//!   its queues, each of a lock that nobody freed.
//! * The overtaken wait for the heir from now on, which was unknown when they were examined. If the heir is
//!   granted at once, and its owner waits for nothing else, no harm is done: the owner releases in the end,
//!   and the others are where they were, with one wait less before them. But an owner that also waits
//!   elsewhere, for a lock of one of the overtaken, would keep this lock for ever; and an heir for whom there
//!   is no room yet, since it wants more permits or would write where others read, could wait for a holder
//!   that waits for one of the overtaken. In these two cases the search for a deadlock is repeated with the
//!   new order ([`LockMachine::stalls_behind`]), and an heir that would stall anybody, or depends on more
//!   than the search may look at, stays in its place. So does, from level 2 on, a waiter behind too many of
//!   its client that needed this search.

use super::effects::Effects;
use super::locks::Slot;
use super::machine::LockMachine;
use super::queue::{Ticket, Waiter};
use super::stake::ALONE;

impl LockMachine {
    /// Puts the first waiter of `client` for the lock in `slot` alone, which stalls nobody, at the head of
    /// the queue. True: there is one; the caller hands the lock over. From level 2 on only the first few
    /// waiters that need a search are examined.
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
                    !self.stalls_behind(slot, &waiter.stake, waiter.request, look)
                }
            };
            if goes_first {
                chosen = Some((ticket, waiter.stake.session, waiter.request));
                break;
            }
        }
        let Some((ticket, session, request)) = chosen else { return false };
        let ticket = self.locks[slot].change(|rest| rest.queue.put_first(ticket));
        self.live_session_mut(session).answers.set_ticket(request, slot, ticket);
        true
    }

    /// Waiters of live sessions of `client` for the lock in `slot` and nothing else, first come first.
    pub(super) fn waiting_alone(
        &self,
        slot: Slot,
        client: &str,
    ) -> impl Iterator<Item = (Ticket, &Waiter)> {
        let queue = self.locks.get(slot).map(|lock| lock.queue().iter());
        let mark = Waiter::mark_of(client);
        let alike = queue.into_iter().flatten().filter(move |(_, waiter)| waiter.client == mark);
        alike.filter(move |(_, waiter)| {
            let stake = &waiter.stake;
            stake.all().is_none()
                && !self.is_ending(stake.session)
                && !self.is_lost(stake, slot)
                && *self.live_session(stake.session).client == *client
        })
    }

    /// Whether `waiter` may go first without a search.
    fn is_harmless_first(&self, slot: Slot, waiter: &Waiter) -> bool {
        let lock = &self.locks[slot];
        let is_first = lock.queue().first().is_some_and(|first| first.is_of(waiter));
        is_first || (lock.has_room(&waiter.stake, &self.bounds) && self.waits_once(waiter))
    }

    /// Whether the owner of `waiter`, a waiter for one lock, waits for nothing else.
    fn waits_once(&self, waiter: &Waiter) -> bool {
        let owner = waiter.stake.owner();
        let answers = &self.live_session(waiter.stake.session).answers;
        owner == ALONE || answers.owners().waits(owner) == 1
    }
}

/// The level from which on few are examined.
const LEVEL_FEW_EXAMINED: u32 = 2;
/// Waiters examined at most: each may cost a search among 4,096 holders and waits, of a
/// millisecond.
const EXAMINED_MAX: usize = 8;
