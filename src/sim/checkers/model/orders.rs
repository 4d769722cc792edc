//! Operations on a grant besides releasing it: another value, another holder, a break (L23).

use super::Model;
use super::line::{Ask, Asker, Place};
use crate::base::checksum::crc32c;
use crate::base::limits::TTL_MS_MAX;
use crate::base::{Index, Right, Token};
use crate::lock::{Answer, BreakWay, Name};
use std::sync::Arc;

/// Options of a break.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a Name,
    /// The token; 0: any holder.
    pub(super) token: Token,
    pub(super) way: BreakWay,
    pub(super) to: Option<&'a str>,
}

impl Model {
    pub(super) fn proclaim(&mut self, asker: Asker, name: &Name, token: Token, value: &[u8]) {
        let Some(held) = self.held_by(asker.0, name, token) else {
            return self.tell(asker, Answer::NotHeld);
        };
        let value = crc32c(value);
        self.change_grant(&held, |place| place.value = value);
        self.tell(asker, Answer::Done);
    }

    /// Order of the next: a waiter that the holder names, then one that a break has named, then all others.
    pub(super) fn transfer(&mut self, asker: Asker, name: &Name, token: Token, to: Option<&str>) {
        if self.held_by(asker.0, name, token).is_none() {
            return self.tell(asker, Answer::NotHeld);
        }
        let mut gone = self.end_grant(name, token);
        let is_done = match to {
            Some(client) => self.put_first(name, client),
            None => {
                let mut waiters = self.lines.get(name).into_iter().flat_map(|line| line.waiters());
                waiters.any(|place| !self.is_dead(place.session) && !self.is_lost(place))
            }
        };
        if to.is_some() && is_done {
            disinherit(&mut gone, name);
        }
        self.pass_on(&gone);
        self.effects.transferred = is_done;
        // Who waits is told to those alone who may see it.
        let is_told = self.session_may(asker.0, Right::Read, name);
        self.tell(asker, if is_done || !is_told { Answer::Done } else { Answer::NoWaiter });
    }

    pub(super) fn break_lock(&mut self, asker: Asker, wanted: &Wanted<'_>) {
        let holders = self.lines.get(wanted.name).map(|line| line.holders()).unwrap_or_default();
        let taken_until = self.taken_until(wanted.name);
        // What is being taken from all goes to the newest heir.
        let takes_on = taken_until.is_some() && wanted.way == BreakWay::Now;
        let takes_on = takes_on && wanted.token == Token(0) && !holders.is_empty();
        let is_meant = |place: &&Place| {
            let is_named = wanted.token == Token(0) || place.token == wanted.token;
            is_named && taken_until.is_none_or(|until| place.token > until)
        };
        let meant: Vec<Place> = holders.into_iter().filter(is_meant).cloned().collect();
        if meant.is_empty() && !takes_on {
            return self.tell(asker, Answer::NotHeld);
        }
        if wanted.to.is_some_and(|client| self.waiting_alone(wanted.name, client).is_empty()) {
            return self.tell(asker, Answer::NoWaiter);
        }
        if self.is_for_parts(&meant, wanted) {
            self.begin_break(wanted);
            return self.tell(asker, Answer::Done);
        }
        if wanted.token == Token(0) {
            self.end_asking(wanted.name);
        }
        meant.iter().for_each(|place| self.except(wanted.name, place.token));
        match wanted.way {
            BreakWay::Ask { grace_ms } => self.ask(&meant, wanted, grace_ms),
            BreakWay::Now => self.take(&meant, wanted),
        }
        self.tell(asker, Answer::Done);
    }

    pub(super) fn ask(&mut self, meant: &[Place], wanted: &Wanted<'_>, grace_ms: Option<u32>) {
        for place in meant {
            let ttl_ms = self.sessions[&place.session].ttl_ms;
            let grace_ms = grace_ms.unwrap_or(ttl_ms).clamp(1, TTL_MS_MAX);
            let (name, heir) = (wanted.name.clone(), wanted.to.map(str::to_owned));
            let asked = Arc::new(Ask { name, grace_ms, heir });
            self.asked.insert(place.session);
            self.change_grant(place, |place| place.asked = Some(asked.clone()));
        }
    }

    /// All that is meant has ended before any of it is handed on.
    fn take(&mut self, meant: &[Place], wanted: &Wanted<'_>) {
        let mut all_gone = Vec::new();
        for place in meant {
            let mut gone = self.end_taken(wanted.name, place.token);
            disinherit(&mut gone, wanted.name);
            all_gone.push(gone);
        }
        if let Some(client) = wanted.to {
            self.put_first(wanted.name, client);
        }
        all_gone.iter().for_each(|gone| self.pass_on(gone));
    }

    /// Takes a grant from its holder, who is told.
    pub(super) fn end_taken(&mut self, name: &Name, token: Token) -> Place {
        self.taken.insert(token, Index(self.epoch << 48 | self.applied.0));
        self.effects.taken.push(token);
        self.end_grant(name, token)
    }

    /// Lets the first of `client` who waits for `name` alone, and stalls nobody by it, go before all others who
    /// wait; whether there is one.
    pub(super) fn put_first(&mut self, name: &Name, client: &str) -> bool {
        let waiting = self.waiting_alone(name, client);
        let first = self.lines.get(name).and_then(|line| line.waiters().next()).map(Place::asker);
        let may_go = |asker: &&Asker| first == Some(**asker) || !self.stalls_behind(name, **asker);
        let Some(chosen) = waiting.iter().find(may_go).copied() else { return false };
        self.effects.overtook |= first != Some(chosen);
        self.lines.get_mut(name).expect("it waits there").put_first(chosen);
        self.note_line(name);
        true
    }

    /// Waiters of `client` for `name` and nothing else, first come first.
    #[must_use]
    pub fn waiting_alone(&self, name: &Name, client: &str) -> Vec<Asker> {
        let waiters = self.lines.get(name).into_iter().flat_map(|line| line.waiters());
        let alive = waiters.filter(|place| !self.is_dead(place.session) && !self.is_lost(place));
        let alone = alive.filter(|place| place.wish.names.len() == 1);
        alone.filter(|place| self.client(place.session) == client).map(Place::asker).collect()
    }

    /// All handles on a grant, in all its lines.
    fn change_grant(&mut self, held: &Place, change: impl Fn(&mut Place)) {
        for name in &held.wish.names {
            let places = &mut self.lines.get_mut(name).expect("it holds").places;
            places.iter_mut().filter(|place| place.token == held.token).for_each(&change);
            self.note_line(name);
        }
    }
}

/// A waiter that an earlier break had named for `name` does not count any more.
pub(super) fn disinherit(gone: &mut Place, name: &Name) {
    gone.asked = gone.asked.take().filter(|asked| asked.name != *name);
}
