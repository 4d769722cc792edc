//! Grants: what a lock is, when it has room for one more, and how it is handed on.

use super::Granted;
use super::claim::Claim;
use super::dedupe::{Hold, Place};
use super::delay::Delays;
use super::effects::Effects;
use super::holders::{Grant, Holders};
use super::level::Bounds;
use super::locks::Slot;
use super::machine::LockMachine;
use super::queue::Queue;
use crate::base::locks::Mode;
use crate::base::{RequestId, SessionId, Token};
use std::collections::VecDeque;

/// A lock that somebody holds or waits for, or that is delayed. Whoever waits has no room, unless the hand-over is unfinished: what
/// frees a lock hands it on at once (L5).
#[derive(Clone, Debug)]
pub(super) struct Lock {
    pub(super) holders: Holders,
    /// There exactly if any of it is.
    rest: Option<Box<Rest>>,
}

/// What most locks do not have.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest {
    /// 0 = a lock, else a semaphore of this size. Fixed by those who are in it.
    pub(super) limit: u32,
    /// What expired holders still take (L16).
    pub(super) delays: Delays,
    pub(super) queue: Queue,
}

impl Lock {
    /// One that nobody holds yet.
    pub(super) fn new(limit: u32) -> Self {
        Self::with(Holders::default(), Rest { limit, ..Rest::default() })
    }

    pub(super) fn with(holders: Holders, rest: Rest) -> Self {
        let rest = (!rest.is_nothing()).then(|| Box::new(rest));
        Self { holders, rest }
    }

    /// 0 = a lock, else a semaphore of this size.
    pub(super) fn limit(&self) -> u32 {
        self.rest().limit
    }

    /// What expired holders still take (L16).
    pub(super) fn delays(&self) -> &Delays {
        &self.rest().delays
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.rest().queue
    }

    /// Changes what most locks do not have.
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

    /// Whether `claim` may hold it beside those who do (L1). Nobody overtakes on its own: this is asked for the first
    /// in the queue only, or where nobody waits, so neither a writer nor a large request starves.
    pub(super) fn has_room(&self, claim: &Claim, bounds: &Bounds) -> bool {
        if self.holders.len() + self.delays().len() >= bounds.holders_per_lock {
            return false;
        }
        match (self.limit(), claim.mode) {
            (0, Mode::Exclusive) => self.is_unused(),
            // All are of one mode: an exclusive one is alone.
            (0, Mode::Shared) => self.first_mode().is_none_or(|mode| mode == Mode::Shared),
            (limit, _) => self.permits_taken() + u64::from(claim.permits) <= u64::from(limit),
        }
    }

    /// Permits of holders, and of those whose delay is not over.
    pub(super) fn permits_taken(&self) -> u64 {
        self.holders.permits() + self.delays().permits()
    }

    /// The mode in which it is used, if it is.
    fn first_mode(&self) -> Option<Mode> {
        let held = self.holders.first().map(|grant| grant.claim.mode);
        held.or_else(|| self.delays().iter().next().map(|(_, delay)| delay.mode))
    }

    fn is_unused(&self) -> bool {
        self.holders.is_empty() && self.delays().len() == 0
    }

    /// Whether nobody is in it.
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
    /// Gives the lock in `slot` to as many as it has room for, first come first (L5), each under a token of its own; if
    /// nobody is left in it, drops it. One who waits for several gets all or nothing: when all are free, and it
    /// is the first in the queue of each. The others' queues have another head then, and are looked at after.
    ///
    /// Nothing goes to a session that has ended: at a place that it still has the queue stops until that is removed (L22). Nor is anything
    /// handed on of a lock that is being taken from very many, before the last of them has lost it (L23).
    /// When the entry's share of work is used up, the rest is left to later entries; the queue stays as it is meanwhile.
    pub(super) fn hand_over(&mut self, slot: Slot, unix_ms: u64, effects: &mut Effects) {
        self.hand_over_all([slot], unix_ms, effects);
    }

    /// The same for each of `slots`, one after the other.
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

    /// Whether the first who waits for the lock in `slot` may have all that it waits for, if it is not `kept_waiting`: who waits for several
    /// is the first of several queues, and need not be looked at in each.
    fn is_due_anew(
        &self,
        slot: Slot,
        kept_waiting: &mut Option<(SessionId, RequestId)>,
        effects: &mut Effects,
    ) -> bool {
        effects.look(1);
        let first = self.locks.get(slot).and_then(|lock| lock.queue().first());
        let asker = first.map(|first| (first.claim.session, first.request));
        if asker.is_none() || asker == *kept_waiting {
            return false;
        }
        let is_due = self.first_is_due(slot, |names| effects.look(names));
        *kept_waiting = asker.filter(|_| !is_due);
        is_due
    }

    /// What is left of a lock that was handed over, as far as the entry's share of work went.
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

    /// Whether the first who waits for the lock in `slot` may have all that it waits for.
    pub(super) fn first_is_due(&self, slot: Slot, mut look: impl FnMut(usize)) -> bool {
        look(1);
        let Some(lock) = self.locks.get(slot) else { return false };
        let Some(waiter) = lock.queue().first() else { return false };
        let claim = &waiter.claim;
        lock.has_room(claim, &self.bounds)
            && !self.is_ending(claim.session)
            && claim.slots(&slot).iter().filter(|other| **other != slot).all(|other| {
                look(1);
                let lock = &self.locks[*other];
                let first = lock.queue().first();
                first.is_some_and(|first| first.is_of(waiter)) && lock.has_room(claim, &self.bounds)
            })
            && !self.is_lost(claim, slot)
            && !claim.slots(&slot).iter().any(|slot| self.is_being_taken(*slot))
    }

    /// Grants to the first in the queue of the lock in `slot` all that it waits for.
    fn grant_first(&mut self, slot: Slot, unix_ms: u64, effects: &mut Effects) -> Place {
        let first = self.locks[slot].queue().first().expect("it is due");
        let (session, request, owner) = (first.claim.session, first.request, first.claim.owner());
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
            let claim =
                lock.change(|rest| rest.queue.pop()).expect("it is the first in each").claim;
            if lock.holders.is_empty() {
                effects.note_change(slot, name);
            }
            lock.holders.add(Grant::new(token, unix_ms, request, claim));
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

/// Of a lock with nothing but holders.
static NOTHING: Rest = Rest { limit: 0, delays: Delays::NONE, queue: Queue::EMPTY };
/// One plain holder and a pointer. Locks are in pages apart from the map by name (`lock/locks.rs`): nodes of a map whose names came in
/// order are half empty, and with the locks in them each would cost nearly twice its size.
const _: () = assert!(size_of::<Lock>() <= 56);
