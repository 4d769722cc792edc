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
//!   where it stands.

use super::claim::ALONE;
use super::command::Name;
use super::machine::LockMachine;
use super::queue::{Ticket, Waiter};

impl LockMachine {
    /// Puts the first of `client` who waits for `name` alone, and stalls nobody by it, at the head of the queue;
    /// whether there is one. The caller hands the lock on.
    pub(super) fn put_first(&mut self, name: &Name, client: &str) -> bool {
        let mut waiting = self.waiting_alone(name, client);
        let Some((ticket, waiter)) = waiting.find(|(_, waiter)| self.may_go_first(name, waiter))
        else {
            return false;
        };
        let (session, request) = (waiter.claim.session, waiter.request);
        drop(waiting);
        let lock = self.locks.get_mut(name).expect("somebody waits for it");
        let ticket = lock.change(|rest| rest.queue.put_first(ticket));
        let place = self.live_session_mut(session).answers.place_mut(request);
        place.expect("it waits").set_ticket(name, ticket);
        true
    }

    /// Those of `client` who wait for `name` and for nothing else, first come first.
    pub(super) fn waiting_alone(
        &self,
        name: &Name,
        client: &str,
    ) -> impl Iterator<Item = (Ticket, &Waiter)> {
        let queue = self.locks.get(name).map(|lock| lock.queue().iter());
        queue.into_iter().flatten().filter(move |(_, waiter)| {
            let claim = &waiter.claim;
            claim.all().is_none()
                && !self.is_ending(claim.session)
                && *self.live_session(claim.session).client == *client
        })
    }

    fn may_go_first(&self, name: &Name, waiter: &Waiter) -> bool {
        let lock = &self.locks[name];
        let is_first = lock.queue().first().is_some_and(|first| first.is_of(waiter));
        let has_room = || lock.has_room(&waiter.claim, &self.bounds);
        is_first
            || (has_room() && self.waits_once(waiter))
            || !self.stalls_behind(name, &waiter.claim, waiter.request)
    }

    /// Whether the owner of `waiter` waits for nothing else.
    fn waits_once(&self, waiter: &Waiter) -> bool {
        let owner = waiter.claim.owner();
        let waiting = self.live_session(waiter.claim.session).answers.waiting();
        owner == ALONE || waiting.values().filter(|place| place.owner == owner).count() == 1
    }
}
