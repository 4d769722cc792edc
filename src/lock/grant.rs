//! Grants: what a lock is, when it has room for one more, and how it is handed on.

use super::Granted;
use super::dedupe::{Hold, Place};
use super::delay::Delays;
use super::effects::Effects;
use super::holders::{Grant, Holders};
use super::level::Bounds;
use super::locks::Slot;
use super::machine::LockMachine;
use super::queue::Queue;
use super::stake::Stake;
use crate::base::locks::Mode;
use crate::base::{RequestId, SessionId, Token};
use std::collections::VecDeque;

/// A lock that somebody holds or waits for, or that is delayed. No first waiter has room, unless the
/// hand-over is unfinished: the apply that frees a lock hands it over (L5).
#[derive(Clone, Debug)]
pub(super) struct Lock {
    pub(super) holders: Holders,
    /// There exactly if one of its fields differs from its default.
    rest: Option<Box<Rest>>,
}

/// What most locks do not have.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest {
    /// 0 = a lock, else a semaphore of this size. Fixed by the first acquire in the lock.
    pub(super) limit: u32,
    /// The room of expired grants (L16).
    pub(super) delays: Delays,
    pub(super) queue: Queue,
}

impl Lock {
    /// A vacant lock.
    pub(super) fn new(limit: u32) -> Self {
        Self::with(Holders::default(), Rest { limit, ..Rest::default() })
    }

    pub(super) fn with(holders: Holders, rest: Rest) -> Self {
        let rest = (!rest.is_nothing()).then(|| Box::new(rest));
        Self { holders, rest }
    }

    pub(super) fn limit(&self) -> u32 {
        self.rest().limit
    }

    /// The room of expired grants (L16).
    pub(super) fn delays(&self) -> &Delays {
        &self.rest().delays
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.rest().queue
    }

    /// Changes the fields that most locks lack.
    pub(super) fn change<T>(&mut self, change: impl FnOnce(&mut Rest) -> T) -> T {
        let rest = self.rest.get_or_insert_default();
        let result = change(rest);
        if rest.is_nothing() {
            self.rest = None;
        }
        result
    }

    fn rest(&self) -> &Rest {
        self.rest.as_deref().unwrap_or(&NOTHING)
    }

    /// Whether `stake` may hold the lock beside its holders (L1). Asked for the first in the queue only, or
    /// where the queue is empty: nobody overtakes, so neither a writer nor a large request starves.
    pub(super) fn has_room(&self, stake: &Stake, bounds: &Bounds) -> bool {
        if self.holders.len() + self.delays().len() >= bounds.holders_per_lock {
            return false;
        }
        match (self.limit(), stake.mode) {
            (0, Mode::Exclusive) => self.is_unused(),
            // All holders and delays are of one mode: an exclusive one is alone.
            (0, Mode::Shared) => self.first_mode().is_none_or(|mode| mode == Mode::Shared),
            (limit, _) => self.permits_taken() + u64::from(stake.permits) <= u64::from(limit),
        }
    }

    /// Permits of holders and delays together.
    pub(super) fn permits_taken(&self) -> u64 {
        self.holders.permits() + self.delays().permits()
    }

    /// The mode of its holders and delays; `None` if it has neither.
    fn first_mode(&self) -> Option<Mode> {
        let held = self.holders.first().map(|grant| grant.stake.mode);
        held.or_else(|| self.delays().iter().next().map(|(_, delay)| delay.mode))
    }

    fn is_unused(&self) -> bool {
        self.holders.is_empty() && self.delays().len() == 0
    }

    /// Whether it has no holders, delays or waiters.
    pub(super) fn is_vacant(&self) -> bool {
        self.is_unused() && self.queue().len() == 0
    }
}

impl Rest {
    fn is_nothing(&self) -> bool {
        self.limit == 0 && self.delays.len() == 0 && self.queue.len() == 0
    }
}

impl LockMachine {
    /// Grants the lock in `slot` to as many waiters as have room, first come first (L5), each under a token
    /// of its own; drops the lock if nobody is left in it. A waiter for several locks gets all or nothing:
    /// when all have room, and it is the first in the queue of each. Their queues then have another head, and
    /// are examined next.
    ///
    /// A place of an ended session stops its queue until the place is removed (L22). A lock that is being
    /// taken from very many is handed over only when the last of them has lost it (L23). When the entry's
    /// share of work is used up, later entries go on; the queue stays as it is meanwhile.
    pub(super) fn hand_over(&mut self, slot: Slot, unix_ms: u64, effects: &mut Effects) {
        self.hand_over_all([slot], unix_ms, effects);
    }

    /// Hands over each of `slots`, one after the other.
    pub(super) fn hand_over_all(
        &mut self,
        slots: impl IntoIterator<Item = Slot>,
        unix_ms: u64,
        effects: &mut Effects,
    ) {
        let mut kept_waiting = None;
        let mut due = VecDeque::new();
        for slot in slots {
            let mut next = Some(slot);
            while let Some(slot) = next {
                while effects.lasts() && self.is_due_anew(slot, &mut kept_waiting, effects) {
                    let place = self.grant_first(slot, unix_ms, effects);
                    due.extend(place.slots().filter(|other| *other != slot));
                }
                self.settle(slot, effects);
                next = due.pop_front();
            }
        }
    }

    /// [`LockMachine::first_is_due`], false at once for the acquire in `kept_waiting`: a waiter for several
    /// locks is the first of several queues, and is examined in one.
    fn is_due_anew(
        &self,
        slot: Slot,
        kept_waiting: &mut Option<(SessionId, RequestId)>,
        effects: &mut Effects,
    ) -> bool {
        effects.look(1);
        let first = self.locks.get(slot).and_then(|lock| lock.queue().first());
        let asker = first.map(|first| (first.stake.session, first.request));
        if asker.is_none() || asker == *kept_waiting {
            return false;
        }
        let is_due = self.first_is_due(slot, |names| effects.look(names));
        *kept_waiting = asker.filter(|_| !is_due);
        is_due
    }

    /// Drops a vacant lock, or leaves an unfinished hand-over to later entries.
    fn settle(&mut self, slot: Slot, effects: &Effects) {
        let Some(lock) = self.locks.get(slot) else { return };
        let is_vacant = lock.is_vacant();
        if !effects.lasts() && lock.queue().len() > 0 {
            self.leave_unfinished(slot);
            return;
        }
        self.end_unfinished(slot);
        if is_vacant {
            self.end_order(slot);
            self.locks.remove(slot);
        }
    }

    /// Whether the first waiter for the lock in `slot` may have all locks that it waits for.
    pub(super) fn first_is_due(&self, slot: Slot, mut look: impl FnMut(usize)) -> bool {
        look(1);
        let Some(lock) = self.locks.get(slot) else { return false };
        let Some(waiter) = lock.queue().first() else { return false };
        let stake = &waiter.stake;
        lock.has_room(stake, &self.bounds)
            && !self.is_ending(stake.session)
            && stake.slots(&slot).iter().filter(|other| **other != slot).all(|other| {
                look(1);
                let lock = &self.locks[*other];
                let first = lock.queue().first();
                first.is_some_and(|first| first.is_of(waiter)) && lock.has_room(stake, &self.bounds)
            })
            && !self.is_lost(stake, slot)
            && !stake.slots(&slot).iter().any(|slot| self.is_being_taken(*slot))
    }

    /// Grants the first waiter of `slot` all its locks; its former place.
    fn grant_first(&mut self, slot: Slot, unix_ms: u64, effects: &mut Effects) -> Place {
        let first = self.locks[slot].queue().first().expect("it is due");
        let (session, request, owner) = (first.stake.session, first.request, first.stake.owner());
        self.tally.grant_after(unix_ms.saturating_sub(first.since_unix_ms));
        self.tally.waiting -= 1;
        let token = self.tokens.next();
        let answers = &mut self.live_session_mut(session).answers;
        let place = answers.leave_queue(request);
        let known_as = place.slots().next().expect("it waits for something");
        let hold = Hold { slot: known_as, token, print: place.print, bytes: place.bytes };
        answers.note_grant(request, hold, owner);
        for slot in place.slots() {
            effects.look(1);
            let (name, lock) = self.locks.named_mut(slot);
            let stake =
                lock.change(|rest| rest.queue.pop()).expect("it is the first in each").stake;
            if lock.holders.is_empty() {
                effects.note_change(slot, name);
            }
            lock.holders.add(Grant::new(token, unix_ms, request, stake));
        }
        effects.spend(place.slots().len());
        effects.granted.push(Granted { session, request, token });
        place
    }

    /// The grant of the lock in `slot` under `token`.
    pub(super) fn grant(&self, slot: Slot, token: Token) -> Option<&Grant> {
        self.locks.get(slot).and_then(|lock| lock.holders.by_token(token))
    }

    pub(super) fn grant_mut(&mut self, slot: Slot, token: Token) -> &mut Grant {
        let (name, lock) = self.locks.named_mut(slot);
        let grant = lock.holders.by_token_mut(token);
        grant.unwrap_or_else(|| panic!("nobody holds {name:?} under {token}"))
    }
}

/// The rest of a lock that has nothing but holders.
static NOTHING: Rest = Rest { limit: 0, delays: Delays::NONE, queue: Queue::EMPTY };
/// One plain holder and a pointer. Locks are in pages apart from the map by name (`lock/locks.rs`): nodes of
/// a map whose names came in order are half empty, and with the locks inside, each lock would cost nearly
/// twice its size.
const _: () = assert!(size_of::<Lock>() <= 56);
