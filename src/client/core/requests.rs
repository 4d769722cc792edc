//! The window of one session's logged requests: their ids, the floor, retransmissions, and the order
//! between requests of one owner (safety L14, L17).

use super::repeats::Pause;
use super::slot::{Counts, Slot};
use super::types::CallId;
use crate::base::limits::{ANSWERS_PER_SESSION_MAX, REQUESTS_IN_FLIGHT_MAX};
use crate::base::locks::{Name, Operation};
use crate::base::rng::Rng;
use crate::base::row::Row;
use crate::base::{Owner, RequestId, Sample, Token};
use std::collections::BTreeMap;

/// The undecided requests of one session, under ids that rise from 1.
#[derive(Clone, Debug)]
pub(super) struct Window {
    next: RequestId,
    row: Row<RequestId, Slot>,
    /// The lowest id without a first reply (QUEUED is one), or `next`.
    floor: RequestId,
    /// No request below is a change, which later reads must see.
    changes_from: RequestId,
    /// No request below is an acquire that a call waits for.
    acquires_from: RequestId,
    /// No request below is to be sent.
    unsent_from: RequestId,
    counts: Counts,
    /// The pause after a refusal for load.
    pause: Pause,
    /// Undecided requests of each owner about each lock.
    busy: BTreeMap<OwnerKey, u32>,
}

/// An owner other than 0, and a lock.
pub(super) type OwnerKey = (Owner, Name);

/// A request whose outcome is not known.
#[derive(Clone, Debug)]
pub(super) struct Outstanding {
    pub(super) operation: Operation,
    pub(super) purpose: Purpose,
    /// The owner and each lock; empty for an owner of its own.
    pub(super) keys: Vec<OwnerKey>,
    /// No token known at its first submission is larger; a grant to it is (L3).
    pub(super) above: Token,
    /// The number of its transmissions.
    pub(super) transmissions: u32,
}

/// The use of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// An acquire, for a call that waits.
    Acquire(CallId),
    /// A withdrawn acquire: its answer, even a grant, is never believed (L14).
    Withdrawn,
    /// The withdrawal of that acquire.
    Withdraw(RequestId),
    /// A release, and the call that waits for it.
    Release(Option<CallId>),
    /// A transfer, and the call that waits for it.
    Transfer(Option<CallId>),
    /// A proclamation or a break, and the call that waits for it.
    Order(Option<CallId>),
}

/// A request that must leave now.
#[derive(Debug)]
pub(super) struct Transmission {
    pub(super) request: RequestId,
    pub(super) floor: RequestId,
    pub(super) operation: Operation,
}

impl Window {
    pub(super) fn new() -> Self {
        let first = RequestId(1);
        Self {
            next: first,
            row: Row::new(),
            floor: first,
            changes_from: first,
            acquires_from: first,
            unsent_from: first,
            counts: Counts::default(),
            pause: Pause::new(),
            busy: BTreeMap::new(),
        }
    }

    pub(super) fn floor(&self) -> RequestId {
        self.floor
    }

    pub(super) fn next_request(&self) -> RequestId {
        self.next
    }

    /// Whether one more acquire fits. Releases and withdrawals always fit: they free something.
    pub(super) fn has_room(&self) -> bool {
        self.next.0 - self.floor.0 < SPAN_MAX
    }

    /// Whether a request of this owner about this lock is undecided.
    pub(super) fn is_busy(&self, key: &OwnerKey) -> bool {
        self.busy.contains_key(key)
    }

    /// Whether a release, or another change of what is held, is undecided below `request`.
    pub(super) fn changes_before(&self, request: RequestId) -> bool {
        self.changes_from < request
    }

    /// Gives a request its id; it leaves with the next `take_transmission`.
    pub(super) fn submit(
        &mut self,
        operation: Operation,
        purpose: Purpose,
        keys: Vec<OwnerKey>,
        above: Token,
    ) -> RequestId {
        let request = self.next;
        self.next = request.next();
        for key in &keys {
            *self.busy.entry(key.clone()).or_default() += 1;
        }
        let made = Outstanding { operation, purpose, keys, above, transmissions: 0 };
        let slot = Slot::new(made, &mut self.counts);
        // A mark without a request stood at `next`, now the id of this request: it stays only if
        // the request is of its kind.
        if !slot.is_change() && self.changes_from == request {
            self.changes_from = self.next;
        }
        if !slot.is_acquire() && self.acquires_from == request {
            self.acquires_from = self.next;
        }
        self.row.insert(request, slot);
        request
    }

    pub(super) fn outstanding(&self, request: RequestId) -> Option<&Outstanding> {
        self.row.get(&request).map(|slot| &slot.outstanding)
    }

    /// A reply to `request` that does not decide it.
    pub(super) fn handle_reply(&mut self, request: RequestId) {
        if let Some(slot) = self.row.value_mut(&request) {
            slot.is_unreplied = false;
            slot.rest(&mut self.counts);
            slot.set_in_flight(&mut self.counts, false);
        }
        self.pause.reset();
        self.move_marks(request);
    }

    /// `request` is decided: removes it.
    pub(super) fn remove(&mut self, request: RequestId) -> Option<Outstanding> {
        let mut removed = self.row.remove(&request)?;
        removed.rest(&mut self.counts);
        removed.set_in_flight(&mut self.counts, false);
        self.pause.reset();
        self.move_marks(request);
        let removed = removed.outstanding;
        for key in &removed.keys {
            let count = self.busy.get_mut(key);
            let count = count.unwrap_or_else(|| panic!("{key:?} of {request:?} is not counted"));
            *count -= 1;
            if *count == 0 {
                self.busy.remove(key);
            }
        }
        Some(removed)
    }

    /// Moves the marks at `request`, which left their kinds, to the next request of the kind.
    fn move_marks(&mut self, request: RequestId) {
        let (row, next) = (&self.row, self.next);
        let move_on = |mark: &mut RequestId, is_such: fn(&Slot) -> bool| {
            if *mark == request {
                let such = row.iter_from(&request).find(|(_, slot)| is_such(slot));
                *mark = such.map_or(next, |(request, _)| request);
            }
        };
        move_on(&mut self.floor, |slot| slot.is_unreplied);
        move_on(&mut self.changes_from, Slot::is_change);
        move_on(&mut self.acquires_from, Slot::is_acquire);
    }

    /// Takes back an acquire. If it was ever sent, a withdrawal follows it, and no floor passes its id
    /// until that is answered; an unsent one surely has no effect.
    pub(super) fn withdraw(&mut self, acquire: RequestId) {
        let Some(slot) = self.row.value_mut(&acquire) else { return };
        if slot.outstanding.transmissions == 0 {
            self.remove(acquire);
            return;
        }
        slot.outstanding.purpose = Purpose::Withdrawn;
        slot.rest(&mut self.counts);
        let (keys, above) = (slot.outstanding.keys.clone(), slot.outstanding.above);
        self.move_marks(acquire);
        self.submit(Operation::Withdraw { acquire }, Purpose::Withdraw(acquire), keys, above);
    }

    /// The caller of this release, transfer or order stopped waiting; the request goes on. True:
    /// there was one.
    pub(super) fn forget_waiter(&mut self, call: CallId) -> bool {
        for (_, slot) in self.row.iter_mut() {
            match &mut slot.outstanding.purpose {
                Purpose::Release(waiter) | Purpose::Transfer(waiter) | Purpose::Order(waiter)
                    if *waiter == Some(call) =>
                {
                    *waiter = None;
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    fn all(&self) -> impl Iterator<Item = &Outstanding> {
        self.row.values().map(|slot| &slot.outstanding)
    }

    /// Whether the grant under `token` is being given back.
    pub(super) fn is_ending(&self, token: Token) -> bool {
        self.all().any(|outstanding| match &outstanding.operation {
            Operation::Release { token: ending, .. }
            | Operation::Transfer { token: ending, .. } => *ending == token,
            _ => false,
        })
    }

    /// Whether a request of this session had the id `request`.
    pub(super) fn was_used(&self, request: RequestId) -> bool {
        request < self.next
    }

    /// Whether a withdrawal of `acquire` is undecided.
    pub(super) fn is_withdrawing(&self, acquire: RequestId) -> bool {
        let wanted = Purpose::Withdraw(acquire);
        self.all().any(|outstanding| outstanding.purpose == wanted)
    }

    /// Whether an acquire is undecided that was submitted before `token` was known: the oldest knew the
    /// fewest.
    pub(super) fn may_be_granted(&self, token: Token) -> bool {
        self.outstanding(self.acquires_from).is_some_and(|oldest| oldest.above < token)
    }

    /// Releases for which no call waits.
    pub(super) fn unattended(&self) -> usize {
        let unattended = |outstanding: &&Outstanding| outstanding.purpose == Purpose::Release(None);
        self.all().filter(unattended).count()
    }

    /// `request` was refused for load or for now: it is sent again under its id after a pause.
    pub(super) fn handle_refused(&mut self, request: RequestId, now: &Sample, rng: &mut Rng) {
        let Some(slot) = self.row.value_mut(&request) else { return };
        slot.set_in_flight(&mut self.counts, false);
        if self.counts.paused == 0 {
            self.pause.begin(now, rng);
        }
        slot.set_paused(&mut self.counts, true);
    }

    /// Marks refused requests for sending, once their pause is over.
    pub(super) fn handle_deadline(&mut self, now: &Sample) {
        if self.next_deadline() <= now.boot() {
            for (request, slot) in self.row.iter_mut().filter(|(_, slot)| slot.is_paused) {
                slot.set_paused(&mut self.counts, false);
                slot.set_unsent(&mut self.counts, true);
                self.unsent_from = self.unsent_from.min(request);
            }
        }
    }

    /// The next deadline for `handle_deadline`, as a reading of BOOTTIME.
    pub(super) fn next_deadline(&self) -> u64 {
        if self.counts.paused == 0 { u64::MAX } else { self.pause.over_at() }
    }

    /// A new link: all undecided requests leave again under their ids, in order of the ids (L14); one with an
    /// earlier reply only if the list with which a leader answers an `Attach` lacks it. A withdrawn acquire
    /// does not leave: its withdrawal speaks for it.
    pub(super) fn send_all_again(&mut self) {
        for (_, slot) in self.row.iter_mut() {
            slot.rest(&mut self.counts);
            slot.set_in_flight(&mut self.counts, false);
            if slot.outstanding.purpose != Purpose::Withdrawn {
                slot.set_unsent(&mut self.counts, slot.is_unreplied);
                slot.set_listed(&mut self.counts, !slot.is_unreplied);
            }
        }
        self.unsent_from = RequestId(0);
    }

    /// The list is complete: requests that it lacks are sent again.
    pub(super) fn handle_listed(&mut self) {
        if self.counts.listed > 0 {
            for (request, slot) in self.row.iter_mut().filter(|(_, slot)| slot.is_listed) {
                slot.set_listed(&mut self.counts, false);
                slot.set_unsent(&mut self.counts, true);
                self.unsent_from = self.unsent_from.min(request);
            }
        }
    }

    /// The next request to send on the present link.
    pub(super) fn take_transmission(&mut self) -> Option<Transmission> {
        if self.counts.in_flight >= IN_FLIGHT_MAX || self.counts.unsent == 0 {
            return None;
        }
        let unsent = self.row.iter_mut_from(&self.unsent_from).find(|(_, slot)| slot.is_unsent);
        let (request, slot) = unsent.unwrap_or_else(|| panic!("{:?}: none", self.counts));
        self.unsent_from = request.next();
        slot.set_unsent(&mut self.counts, false);
        slot.set_in_flight(&mut self.counts, true);
        slot.outstanding.transmissions = slot.outstanding.transmissions.saturating_add(1);
        let operation = slot.outstanding.operation.clone();
        // A request that was replied to and is sent again is below the floor, and a request may not name a
        // floor above itself: its own id says that it is undecided.
        Some(Transmission { request, floor: self.floor.min(request), operation })
    }

    /// All undecided requests, when the session is over.
    pub(super) fn into_outstanding(self) -> impl Iterator<Item = Outstanding> {
        self.row.into_values().map(|slot| slot.outstanding)
    }
}

/// Ids from the floor on for acquires: half of the answers that the server remembers, so that releases and
/// withdrawals of all of them still fit.
const SPAN_MAX: u64 = ANSWERS_PER_SESSION_MAX as u64 / 2;
/// Half of the requests that a server takes on one connection: the rest is for reads and renewals.
const IN_FLIGHT_MAX: usize = REQUESTS_IN_FLIGHT_MAX / 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn release(window: &mut Window) -> RequestId {
        let operation = Operation::Release { name: "a".try_into().unwrap(), token: Token(1) };
        window.submit(operation, Purpose::Release(None), Vec::new(), Token(0))
    }

    fn sent(window: &mut Window) -> Vec<u64> {
        std::iter::from_fn(|| window.take_transmission()).map(|sent| sent.request.0).collect()
    }

    #[test]
    fn floor_is_the_lowest_id_without_a_first_reply() {
        let mut window = Window::new();
        assert_eq!(window.floor(), RequestId(1));
        let (first, second) = (release(&mut window), release(&mut window));
        window.remove(second);
        assert_eq!(window.floor(), first);
        window.handle_reply(first);
        assert_eq!(window.floor(), RequestId(3));
    }

    #[test]
    fn no_request_names_a_floor_above_itself() {
        let mut window = Window::new();
        let request = release(&mut window);
        assert_eq!(sent(&mut window), [1]);
        window.handle_reply(request);
        window.send_all_again();
        window.handle_listed();
        assert_eq!(window.floor(), RequestId(2));
        assert_eq!(window.take_transmission().map(|sent| sent.floor), Some(request));
    }

    #[test]
    fn another_link_gets_everything_again_in_order_of_ids_but_what_its_list_names() {
        let mut window = Window::new();
        let requests = [(); 5].map(|()| release(&mut window));
        assert_eq!(sent(&mut window), [1, 2, 3, 4, 5]);
        [0, 2, 3].into_iter().for_each(|at| window.handle_reply(requests[at]));
        window.remove(requests[1]);
        window.send_all_again();
        assert_eq!(sent(&mut window), [5]);
        window.handle_reply(requests[2]);
        window.handle_listed();
        assert_eq!(sent(&mut window), [1, 4]);
    }

    #[test]
    fn a_withdrawn_acquire_keeps_the_floor_until_its_withdrawal_is_answered() {
        let mut window = Window::new();
        let acquire = release(&mut window);
        assert_eq!(sent(&mut window), [1]);
        window.withdraw(acquire);
        window.send_all_again();
        assert_eq!((sent(&mut window), window.floor()), (vec![2], acquire));
        window.remove(RequestId(2));
        window.remove(acquire);
        assert_eq!(window.floor(), RequestId(3));
    }

    #[test]
    fn an_acquire_that_never_left_is_withdrawn_without_a_word() {
        let mut window = Window::new();
        let acquire = release(&mut window);
        window.withdraw(acquire);
        assert!(sent(&mut window).is_empty());
    }

    #[test]
    fn no_more_are_in_flight_than_a_server_takes() {
        let mut window = Window::new();
        for _ in 0..IN_FLIGHT_MAX + 1 {
            release(&mut window);
        }
        assert_eq!(sent(&mut window).len(), IN_FLIGHT_MAX);
        window.remove(RequestId(1));
        assert_eq!(sent(&mut window).len(), 1);
    }
}
