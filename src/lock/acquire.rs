//! An acquire of one lock or of several in one step: at once, as one more handle, in the queues, or refused.

use super::dedupe::{Fixed, Hold, Place};
use super::effects::Effects;
use super::holders::Grant;
use super::locks::Slot;
use super::machine::{Call, LockMachine};
use super::queue::Waiter;
use super::stake::{ALONE, Extras, Stake, shared_value};
use crate::base::Token;
use crate::base::locks::{Acquire, Answer, Name, Refusal, Terms};
use std::iter::repeat_n;

impl LockMachine {
    /// Grants all names at once, queues for all of them, or refuses; every answer is remembered
    /// (L17).
    pub(super) fn acquire(
        &mut self,
        call: Call,
        acquire: &Acquire,
        also: &[Name],
        effects: &mut Effects,
    ) -> Answer {
        let Ok(names) = Terms::from(acquire).check(&acquire.name, also) else {
            return self.fix(call, Fixed::Refused(Refusal::Invalid));
        };
        effects.look(2 * names.len());
        let wish = self.wish_of(call, acquire, &names);
        let slots = wish.stake.shared_slots(wish.first);
        let answer = match self.way_of(&wish) {
            Way::Refused(refusal) => self.fix(call, Fixed::Refused(refusal)),
            Way::ReEnters(token) => self.re_enter(call, &wish, token),
            Way::Free => return self.grant_free(call, wish, effects),
            Way::Taken(slot) if acquire.try_only => {
                let client = self.client_told(call.session, slot);
                self.fix(call, Fixed::Held(client))
            }
            Way::Taken(_) if self.has_full_queue(&wish) => {
                self.fix(call, Fixed::Refused(Refusal::Limit))
            }
            Way::Taken(_) => {
                let look = &mut |looked| effects.look(looked);
                match self.deadlock(&wish.stake, wish.slots(), look) {
                    Some(circle) => self.fix(call, Fixed::Deadlock(circle.into())),
                    None => return self.enqueue(call, wish),
                }
            }
        };
        self.drop_vacant(&slots);
        answer
    }

    /// The wish with its locks, each looked up once. Missing locks are made.
    fn wish_of(&mut self, call: Call, acquire: &Acquire, names: &[&Name]) -> Wish {
        let limit = acquire.limit;
        let first = self.locks.find_or_make(names[0], limit);
        let others = names[1..].iter().map(|name| self.locks.find_or_make(name, limit));
        let all = (names.len() > 1).then(|| std::iter::once(first).chain(others).collect());
        let extras = Extras {
            owner: acquire.owner,
            delay_ms: acquire.delay_ms,
            value: shared_value(&acquire.value),
            all,
            later: Vec::new(),
        };
        let stake = Stake::new(call.session, acquire.mode, acquire.permits, extras);
        Wish { first, limit, stake }
    }

    /// Removes the locks that were made for a wish which was refused.
    fn drop_vacant(&mut self, slots: &[Slot]) {
        for slot in slots {
            if self.locks[*slot].is_vacant() {
                self.locks.remove(*slot);
            }
        }
    }

    /// The way of a wish; changes nothing.
    fn way_of(&self, wish: &Wish) -> Way {
        let answers = &self.live_session(wish.stake.session).answers;
        let has_all = answers.standing() >= self.bounds.requests_per_session;
        if has_all || self.locks.len() > self.bounds.locks {
            return Way::Refused(Refusal::Limit);
        }
        // The first acquire in a lock fixes its limit.
        if wish.slots().iter().any(|slot| self.locks[*slot].limit() != wish.limit) {
            return Way::Refused(Refusal::Invalid);
        }
        if let Some(way) = self.own_way(wish) {
            return way;
        }
        match wish.slots().iter().find(|slot| !self.is_free(**slot, &wish.stake)) {
            Some(slot) => Way::Taken(*slot),
            None => Way::Free,
        }
    }

    /// The way of an owner that is in one of the locks already: re-entry of exactly the grant that it
    /// has, or a refusal, since the owner would wait for itself.
    fn own_way(&self, wish: &Wish) -> Option<Way> {
        let (session, owner) = (wish.stake.session, wish.stake.owner());
        if owner == ALONE {
            return None;
        }
        let present = wish.slots().iter().map(|slot| &self.locks[*slot]);
        let own = present.filter_map(|lock| lock.holders.by_owner(session, owner)).next();
        if let Some(grant) = own {
            let is_same = grant.stake.is_of_kind(&wish.stake);
            return Some(if is_same {
                Way::ReEnters(grant.token)
            } else {
                Way::Refused(Refusal::Invalid)
            });
        }
        // An undecided acquire may still be granted (L14).
        let owners = self.live_session(session).answers.owners();
        let waits = wish.slots().iter().any(|slot| owners.waits_for(owner, *slot));
        waits.then_some(Way::Refused(Refusal::Invalid))
    }

    /// Whether `stake` may hold the lock in `slot` at once: nobody is overtaken.
    fn is_free(&self, slot: Slot, stake: &Stake) -> bool {
        let lock = &self.locks[slot];
        lock.queue().len() == 0 && lock.has_room(stake, &self.bounds)
    }

    fn has_full_queue(&self, wish: &Wish) -> bool {
        let mut present = wish.slots().iter().map(|slot| &self.locks[*slot]);
        present.any(|lock| lock.queue().len() >= self.bounds.waiters_per_lock)
    }

    /// Adds a handle to the grant of the owner; its token and all else stay the same.
    fn re_enter(&mut self, call: Call, wish: &Wish, token: Token) -> Answer {
        for slot in wish.slots() {
            self.grant_mut(*slot, token).add_handle(call.request);
        }
        let (slot, print, owner) = (wish.first, call.print, wish.stake.owner());
        let bytes = self.grant(slot, token).expect("held in each").stake.bytes(slot, &self.locks);
        let hold = Hold { slot, token, print, bytes };
        self.live_session_mut(call.session).answers.note_grant(call.request, hold, owner);
        Answer::Granted { token }
    }

    fn grant_free(&mut self, call: Call, wish: Wish, effects: &mut Effects) -> Answer {
        let Call { session, request, print, unix_ms } = call;
        let Wish { first, stake, .. } = wish;
        let (token, owner) = (self.tokens.next(), stake.owner());
        let (slots, bytes) = (stake.shared_slots(first), stake.bytes(first, &self.locks));
        for (slot, stake) in slots.iter().zip(repeat_n(stake, slots.len())) {
            let (name, lock) = self.locks.named_mut(*slot);
            if lock.holders.is_empty() {
                effects.note_change(*slot, name);
            }
            lock.holders.add(Grant::new(token, unix_ms, request, stake));
        }
        self.tally.grant();
        let hold = Hold { slot: first, token, print, bytes };
        self.live_session_mut(session).answers.note_grant(request, hold, owner);
        Answer::Granted { token }
    }

    fn enqueue(&mut self, call: Call, wish: Wish) -> Answer {
        let Call { session, request, print, unix_ms } = call;
        let Wish { first, stake, .. } = wish;
        let mut place = Place::new(stake.owner(), print, stake.bytes(first, &self.locks));
        let client = Waiter::mark_of(&self.live_session(session).client);
        let slots = stake.shared_slots(first);
        for (slot, stake) in slots.iter().zip(repeat_n(stake, slots.len())) {
            let waiter = Waiter { request, since_unix_ms: unix_ms, client, stake };
            place.add(*slot, self.locks[*slot].change(|rest| rest.queue.push(waiter)));
        }
        let answer = self.queued_answer(&place);
        self.live_session_mut(session).answers.note_waiting(request, place);
        self.tally.waiting += 1;
        answer
    }
}

/// An acquire that was checked, and its locks.
struct Wish {
    /// The lock of its first name.
    first: Slot,
    /// The limit of each of its locks.
    limit: u32,
    stake: Stake,
}

impl Wish {
    /// Its locks, in the byte order of their names.
    fn slots(&self) -> &[Slot] {
        self.stake.slots(&self.first)
    }
}

/// The four ways of a wish.
enum Way {
    Refused(Refusal),
    /// Re-entry: the owner holds exactly these locks under this token.
    ReEnters(Token),
    /// There is room, and nobody waits.
    Free,
    /// This lock is held by others, or has waiters.
    Taken(Slot),
}
