//! How claims are granted: at once, after a wait, out of turn, or never.

use super::{Claim, Reference};
use std::collections::BTreeSet;
use tenure::base::{RequestId, SessionId};
use tenure::lock::{Acquire, Answer, Granted, Mode, Name, Refusal};

impl Reference {
    pub(super) fn acquire(
        &mut self,
        session: SessionId,
        request: RequestId,
        wanted: &Acquire,
        also: &[Name],
    ) -> Answer {
        let names: BTreeSet<&Name> = also.iter().chain([&wanted.name]).collect();
        let is_counted = wanted.limit > 0;
        if wanted.permits == 0
            || wanted.permits > wanted.limit.max(1)
            || (is_counted && wanted.mode == Mode::Shared)
            || wanted.delay_ms > 3_600_000
            || names.len() <= also.len()
            || names.len() > 32
        {
            return Answer::Refused(Refusal::Invalid);
        }
        let names: Vec<Name> = names.into_iter().cloned().collect();
        let inside: Vec<&Claim> = names.iter().flat_map(|name| self.claims_of(name)).collect();
        let ghosts = names.iter().flat_map(|name| self.ghosts_of(name));
        let held = inside.iter().map(|claim| &claim.wanted);
        if held.chain(ghosts.map(|ghost| &ghost.wanted)).any(|other| other.limit != wanted.limit) {
            return Answer::Refused(Refusal::Invalid);
        }
        let own = inside.iter().filter(|claim| {
            wanted.owner.0 != 0 && (claim.session, claim.wanted.owner) == (session, wanted.owner)
        });
        // What it holds counts before what it waits for.
        if let Some(own) = own.max_by_key(|claim| claim.token.is_some()).cloned() {
            let terms = |acquire: &Acquire| (acquire.mode, acquire.permits);
            let is_same = own.names == names && terms(&own.wanted) == terms(wanted);
            if !is_same || own.token.is_none() {
                return Answer::Refused(Refusal::Invalid);
            }
            // It takes over what the grant was asked for with.
            self.claims.push(Claim { request, ..own.clone() });
        } else {
            let is_free = |name: &&Name| {
                self.claims_of(name).all(|c| c.token.is_some()) && self.fits(name, wanted)
            };
            let taken = names.iter().find(|name| !is_free(name));
            if let (Some(name), true) = (taken, wanted.try_only) {
                return Answer::Held { client: self.who_is_in(name) };
            }
            let is_taken = taken.is_some();
            let wanted = wanted.clone();
            let (token, since_unix_ms, mark) = (None, self.now, None);
            let claim = Claim { names, session, request, wanted, token, since_unix_ms, mark };
            if is_taken && self.is_deadlock(&claim) {
                return Answer::Deadlock { circle: String::new() };
            }
            let token = (!is_taken).then(|| self.next_token());
            self.claims.push(Claim { token, ..claim });
        }
        self.standing_answer(session, request).expect("just claimed")
    }

    /// Whether `claim` would wait for ever.
    fn is_deadlock(&self, claim: &Claim) -> bool {
        let mut world = self.clone();
        world.claims.push(claim.clone());
        let is_it = |c: &Claim| (c.session, c.request) == (claim.session, claim.request);
        world.stuck().iter().any(is_it)
    }

    /// Whether anybody waits for ever.
    pub fn has_deadlock(&self) -> bool {
        !self.stuck().is_empty()
    }

    /// Those who still wait after everybody who can has released everything, again and again.
    fn stuck(&self) -> Vec<Claim> {
        let mut world = self.clone();
        world.ghosts.clear();
        loop {
            for name in world.claims.iter().flat_map(|c| c.names.clone()).collect::<Vec<_>>() {
                world.hand_over(&name);
            }
            let before = world.claims.len();
            let waiting: Vec<_> =
                world.claims.iter().filter(|c| c.token.is_none()).cloned().collect();
            let waits = |c: &Claim| {
                let same = |w: &Claim| (w.session, w.wanted.owner) == (c.session, c.wanted.owner);
                c.wanted.owner.0 != 0 && waiting.iter().any(same)
            };
            world.claims.retain(|c| c.token.is_none() || waits(c));
            if world.claims.len() == before {
                return waiting;
            }
        }
    }

    /// Puts the first of `client` who waits for `name` alone before all others there, if nobody then waits for
    /// ever; whether there is one.
    pub(super) fn put_first(&mut self, name: &Name, client: &str) -> bool {
        let waits = |c: &Claim| c.token.is_none() && c.names.contains(name);
        let Some(first) = self.claims.iter().position(waits) else { return false };
        for place in first..self.claims.len() {
            let claim = &self.claims[place];
            if !waits(claim) || claim.names.len() > 1 || self.client(claim.session) != client {
                continue;
            }
            let mut world = self.clone();
            world.claims[first..=place].rotate_right(1);
            if !world.has_deadlock() {
                self.claims = world.claims;
                return true;
            }
        }
        false
    }

    fn who_is_in(&self, name: &Name) -> String {
        let holder = self.holders(name).first().map(|claim| self.client(claim.session));
        let ghost = || self.ghosts_of(name).next().map(|ghost| ghost.client.clone());
        let waiter = || self.claims_of(name).next().map(|claim| self.client(claim.session));
        holder.or_else(ghost).or_else(waiter).expect("somebody is in it")
    }

    /// Whether `wanted` could hold `name` now, waiters not asked.
    fn fits(&self, name: &Name, wanted: &Acquire) -> bool {
        let holders = self.holders(name).into_iter().map(|claim| &claim.wanted);
        let inside: Vec<&Acquire> =
            holders.chain(self.ghosts_of(name).map(|ghost| &ghost.wanted)).collect();
        let taken: u32 = inside.iter().map(|other| other.permits).sum();
        let all_read = inside.iter().all(|other| other.mode == Mode::Shared);
        if wanted.limit > 0 {
            taken + wanted.permits <= wanted.limit
        } else {
            inside.is_empty() || (all_read && wanted.mode == Mode::Shared)
        }
    }

    /// Grants `name` to its waiters in their order, until one cannot have all that it waits for; then does so
    /// with each other name of those who got something.
    pub(super) fn hand_over(&mut self, name: &Name) {
        let mut looked_at = 0;
        let mut due = vec![name.clone()];
        while let Some(name) = due.get(looked_at).cloned() {
            looked_at += 1;
            while let Some(first) = self.first_waiter(&name).filter(|first| self.is_due(first)) {
                let (session, request, token) = (first.session, first.request, self.next_token());
                due.extend(first.names.iter().filter(|other| **other != name).cloned());
                let is_it = |c: &&mut Claim| (c.session, c.request) == (session, request);
                let claim = self.claims.iter_mut().find(is_it).expect("it waits");
                (claim.token, claim.since_unix_ms) = (Some(token), self.now);
                self.granted.push(Granted { session, request, token });
            }
        }
    }

    fn first_waiter(&self, name: &Name) -> Option<Claim> {
        self.claims_of(name).find(|claim| claim.token.is_none()).cloned()
    }

    /// Whether it is the first of all its names, and fits in each.
    fn is_due(&self, claim: &Claim) -> bool {
        claim.names.iter().all(|name| {
            let first = self.first_waiter(name).expect("it waits itself");
            (first.session, first.request) == (claim.session, claim.request)
                && self.fits(name, &claim.wanted)
        })
    }
}
