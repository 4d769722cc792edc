//! An acquire of one lock or of several in one step: at once, as one more handle, in the queues, or refused.

use super::claim::{ALONE, Claim, Extras};
use super::dedupe::{Fixed, Hold, Place};
use super::effects::Effects;
use super::grant::Lock;
use super::holders::Grant;
use super::machine::{Call, LockMachine};
use super::queue::Waiter;
use crate::base::Token;
use crate::base::locks::{Acquire, Answer, Name, Refusal, Terms};
use std::iter::repeat_n;

impl LockMachine {
    /// Grants all that is asked for at once, queues for all of it, or refuses; whatever it answers is
    /// remembered (L17).
    pub(super) fn acquire(
        &mut self,
        call: Call,
        acquire: &Acquire,
        also: &[Name],
        effects: &mut Effects,
    ) -> Answer {
        let wish = match Terms::from(acquire).check(&acquire.name, also) {
            Ok(names) => {
                let names: Vec<Name> = names.into_iter().cloned().collect();
                Wish { claim: claim_of(call, acquire, &names), names, limit: acquire.limit }
            }
            Err(_) => return self.fix(call, Fixed::Refused(Refusal::Invalid)),
        };
        effects.look(2 * wish.names.len());
        match self.way_of(&wish) {
            Way::Refused(refusal) => self.fix(call, Fixed::Refused(refusal)),
            Way::ReEnters(token) => self.re_enter(call, &wish, token),
            Way::Free => self.grant_free(call, wish, effects),
            Way::Taken(name) if acquire.try_only => {
                let client = self.client_told(call.session, &name);
                self.fix(call, Fixed::Held(client))
            }
            Way::Taken(_) if self.has_full_queue(&wish) => {
                self.fix(call, Fixed::Refused(Refusal::Limit))
            }
            Way::Taken(_) => {
                match self.deadlock(&wish.claim, &wish.names, &mut |looked| effects.look(looked)) {
                    Some(circle) => self.fix(call, Fixed::Deadlock(circle.into())),
                    None => self.enqueue(call, wish),
                }
            }
        }
    }

    /// What becomes of a wish, without changing anything.
    fn way_of(&self, wish: &Wish) -> Way {
        let answers = &self.live_session(wish.claim.session).answers;
        let is_new = |name: &&Name| !self.locks.contains_key(*name);
        let locks = self.locks.len() + wish.names.iter().filter(is_new).count();
        if answers.standing() >= self.bounds.requests_per_session || locks > self.bounds.locks {
            return Way::Refused(Refusal::Limit);
        }
        // Those who are in a lock have fixed its limit.
        let mut present = wish.names.iter().filter_map(|name| self.locks.get(name));
        if present.any(|lock| lock.limit() != wish.limit) {
            return Way::Refused(Refusal::Invalid);
        }
        if let Some(way) = self.own_way(wish) {
            return way;
        }
        match wish.names.iter().find(|name| !self.is_free(name, &wish.claim)) {
            Some(name) => Way::Taken(name.clone()),
            None => Way::Free,
        }
    }

    /// What becomes of the wish of an owner that is in one of the locks already: it enters again what it
    /// has, and nothing but that. Else it would wait for itself.
    fn own_way(&self, wish: &Wish) -> Option<Way> {
        let (session, owner) = (wish.claim.session, wish.claim.owner());
        if owner == ALONE {
            return None;
        }
        let present = wish.names.iter().filter_map(|name| self.locks.get(name));
        let own = present.filter_map(|lock| lock.holders.by_owner(session, owner)).next();
        if let Some(grant) = own {
            let is_same = grant.claim.is_of_kind(&wish.claim);
            return Some(if is_same {
                Way::ReEnters(grant.token)
            } else {
                Way::Refused(Refusal::Invalid)
            });
        }
        // What is undecided may still come to hold it (L14).
        let owners = self.live_session(session).answers.owners();
        let waits = wish.names.iter().any(|name| owners.waits_for(owner, name));
        waits.then_some(Way::Refused(Refusal::Invalid))
    }

    /// Whether `claim` may hold `name` at once: nobody is overtaken.
    fn is_free(&self, name: &Name, claim: &Claim) -> bool {
        self.locks
            .get(name)
            .is_none_or(|lock| lock.queue().len() == 0 && lock.has_room(claim, &self.bounds))
    }

    fn has_full_queue(&self, wish: &Wish) -> bool {
        let mut present = wish.names.iter().filter_map(|name| self.locks.get(name));
        present.any(|lock| lock.queue().len() >= self.bounds.waiters_per_lock)
    }

    /// One more handle on the grant that the owner has: the same token, and nothing else of it changes.
    fn re_enter(&mut self, call: Call, wish: &Wish, token: Token) -> Answer {
        for name in &wish.names {
            self.grant_mut(name, token).add_handle(call.request);
        }
        let (name, print) = (wish.names[0].clone(), call.print);
        let bytes = self.grant_mut(&name, token).claim.bytes(&name);
        let (hold, owner) = (Hold { name, token, print, bytes }, wish.claim.owner());
        self.live_session_mut(call.session).answers.note_grant(call.request, hold, owner);
        Answer::Granted { token }
    }

    fn grant_free(&mut self, call: Call, wish: Wish, effects: &mut Effects) -> Answer {
        let Call { session, request, print, unix_ms } = call;
        let Wish { names, limit, claim } = wish;
        let (token, owner, bytes) = (self.tokens.next(), claim.owner(), claim.bytes(&names[0]));
        for (name, claim) in names.iter().zip(repeat_n(claim, names.len())) {
            let lock = self.lock_or_new(name, limit);
            if lock.holders.is_empty() {
                effects.note_change(name);
            }
            lock.holders.add(Grant::new(token, unix_ms, request, claim));
        }
        self.tally.grant();
        let hold = Hold { name: names[0].clone(), token, print, bytes };
        self.live_session_mut(session).answers.note_grant(request, hold, owner);
        Answer::Granted { token }
    }

    fn enqueue(&mut self, call: Call, wish: Wish) -> Answer {
        let Call { session, request, print, unix_ms } = call;
        let Wish { names, limit, claim } = wish;
        let mut place = Place::new(claim.owner(), print, claim.bytes(&names[0]));
        let client = Waiter::mark_of(&self.live_session(session).client);
        let claims = repeat_n(claim, names.len());
        for (name, claim) in names.into_iter().zip(claims) {
            let waiter = Waiter { request, since_unix_ms: unix_ms, client, claim };
            let ticket = self.lock_or_new(&name, limit).change(|rest| rest.queue.push(waiter));
            place.add(name, ticket);
        }
        let answer = self.queued_answer(&place);
        self.live_session_mut(session).answers.note_waiting(request, place);
        self.tally.waiting += 1;
        answer
    }

    fn lock_or_new(&mut self, name: &Name, limit: u32) -> &mut Lock {
        self.locks.entry(name.clone()).or_insert_with(|| Box::new(Lock::new(limit)))
    }
}

/// What is asked for, checked.
struct Wish {
    /// In byte order, at least one.
    names: Vec<Name>,
    /// Of each of them.
    limit: u32,
    claim: Claim,
}

/// What becomes of it.
enum Way {
    Refused(Refusal),
    /// Its owner holds just that under this token.
    ReEnters(Token),
    /// There is room, and nobody waits.
    Free,
    /// Others have this one, or wait for it.
    Taken(Name),
}

fn claim_of(call: Call, acquire: &Acquire, names: &[Name]) -> Claim {
    let extras = Extras {
        owner: acquire.owner,
        delay_ms: acquire.delay_ms,
        value: acquire.value.as_slice().into(),
        all: (names.len() > 1).then(|| names.into()),
        later: Vec::new(),
    };
    Claim::new(call.session, acquire.mode, acquire.permits, extras)
}
