//! Acquires in the model: granted, entered again, refused, or put in line; and how a line is handed on.

use super::line::{Asker, Place, Wish};
use super::{Grant, Model};
use crate::base::checksum::crc32c;
use crate::base::{Index, Right, SessionId, Token};
use crate::lock::{Acquire, Answer, Name, Refusal};
use std::collections::VecDeque;
use std::sync::Arc;

impl Model {
    pub(super) fn acquire(&mut self, asker: Asker, acquire: &Acquire, also: &[Name]) {
        let Some(wish) = Wish::of(acquire, also) else {
            return self.tell(asker, Answer::Refused(Refusal::Invalid));
        };
        let wish = Arc::new(wish);
        let inside = wish.names.iter().filter_map(|name| self.lines.get(name));
        let is_other_kind = inside.filter_map(|line| line.limit()).any(|it| it != wish.share.limit);
        if is_other_kind {
            return self.tell(asker, Answer::Refused(Refusal::Invalid));
        }
        if let Some(own) = self.own_place(asker.0, &wish) {
            let is_same =
                own.holds() && own.wish.names == wish.names && own.wish.share == wish.share;
            if is_same {
                return self.enter_again(asker, &own);
            }
            return self.tell(asker, Answer::Refused(Refusal::Invalid));
        }
        let taken = wish.names.iter().find(|name| !self.is_free(name, &wish));
        let place = Place::new(asker, crc32c(&acquire.value), &wish);
        match taken.cloned() {
            None => {
                self.stand(&place);
                self.give(asker, &wish);
            }
            Some(name) if acquire.try_only => {
                let client = match self.session_may(asker.0, Right::Read, &name) {
                    true => self.client_in(&name),
                    false => String::new(),
                };
                self.tell(asker, Answer::Held { client });
            }
            Some(_) if self.is_for_ever(asker, &wish) => {
                self.tell(asker, Answer::Deadlock { circle: String::new() });
            }
            Some(_) => {
                self.stand(&place);
                self.tell(asker, Answer::Queued { ahead: 0 });
                wish.names.iter().for_each(|name| self.note_line(name));
            }
        }
    }

    /// Hands `name` on, first come first, as long as the first who waits can have all that it waits for;
    /// then each other name of those who got something.
    pub(super) fn hand_over(&mut self, name: &Name) {
        let mut names = VecDeque::from([name.clone()]);
        while let Some(name) = names.pop_front() {
            while self.has_part_left()
                && let Some(first) = self.first_due(&name)
            {
                self.give(first.asker(), &first.wish);
                self.spend(first.wish.names.len());
                names.extend(first.wish.names.iter().filter(|other| **other != name).cloned());
                self.effects.handed.push(first);
            }
            self.note_handed_on(&name);
        }
    }

    /// The first who waits for `name`, if it is the first in all its lines and there is room in each.
    pub(super) fn first_due(&self, name: &Name) -> Option<Place> {
        let first = self.lines.get(name)?.waiters().next()?;
        let is_taken = |name| self.taken_until(name).is_some();
        if self.is_dead(first.session)
            || self.is_lost(first)
            || first.wish.names.iter().any(is_taken)
        {
            return None;
        }
        let may_have = |name: &Name| {
            let line = &self.lines[name];
            let is_first = line.waiters().next().map(Place::asker) == Some(first.asker());
            is_first && line.has_room(first.wish.share)
        };
        first.wish.names.iter().all(may_have).then(|| first.clone())
    }

    /// The place in any of these locks of the owner that asks; one that holds before one that waits.
    fn own_place(&self, session: SessionId, wish: &Wish) -> Option<Place> {
        let inside = wish.names.iter().filter_map(|name| self.lines.get(name));
        let places = inside.flat_map(|line| &line.places);
        let own = places.filter(|place| place.is_of(session, wish.owner));
        own.max_by_key(|place| place.holds()).cloned()
    }

    fn is_free(&self, name: &Name, wish: &Wish) -> bool {
        let line = self.lines.get(name);
        line.is_none_or(|line| line.waiters().next().is_none() && line.has_room(wish.share))
    }

    /// The holder that a try is told of: the oldest, or the one before a delay, or the first that waits.
    fn client_in(&self, name: &Name) -> String {
        let line = &self.lines[name];
        let holder = line.holders().first().map(|place| place.session);
        match (holder, line.delays.first(), line.waiters().next()) {
            (Some(session), ..) => self.client(session).to_owned(),
            (None, Some(delay), _) => delay.client.clone(),
            (None, None, Some(waiter)) => self.client(waiter.session).to_owned(),
            (None, None, None) => panic!("nobody is in {name}"),
        }
    }

    fn stand(&mut self, place: &Place) {
        for name in &place.wish.names {
            self.lines.entry(name.clone()).or_default().places.push(place.clone());
        }
    }

    /// One more handle on the grant of `own`.
    fn enter_again(&mut self, asker: Asker, own: &Place) {
        let (session, request) = asker;
        self.stand(&Place { session, request, ..own.clone() });
        self.tell(asker, Answer::Granted { token: own.token });
        own.wish.names.iter().for_each(|name| self.note_line(name));
    }

    /// Gives all these lines to the acquire that stands in them.
    fn give(&mut self, asker: Asker, wish: &Wish) {
        let token = Token(self.last_token.0 + 1);
        self.last_token = token;
        for name in &wish.names {
            let line = self.lines.get_mut(name).expect("it stands there");
            let place = line.places.iter_mut().find(|place| place.asker() == asker);
            place.expect("it stands there").token = token;
            self.note_line(name);
        }
        let client = self.client(asker.0).to_owned();
        let index = Index(self.epoch << 48 | self.applied.0);
        self.grants.insert(token, Grant { names: wish.names.clone(), client, index });
        self.tell(asker, Answer::Granted { token });
    }
}
