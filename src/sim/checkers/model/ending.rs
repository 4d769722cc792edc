//! How acquires come to their end in the model: by release, withdrawal, close or expiry.

use super::Model;
use super::line::{Asker, Delay, Place};
use crate::base::{RequestId, SessionId, Token};
use crate::lock::{Answer, Name};
use std::collections::BTreeMap;

impl Model {
    /// Of several handles on one grant, the oldest goes.
    pub(super) fn release(&mut self, asker: Asker, name: &Name, token: Token) {
        match self.held_by(asker.0, name, token) {
            Some(place) => {
                self.tell(place.asker(), Answer::Ended { token });
                self.leave(&place);
                self.tell(asker, Answer::Done);
            }
            None => self.tell(asker, Answer::NotHeld),
        }
    }

    pub(super) fn withdraw(&mut self, asker: Asker, acquire: RequestId) {
        let session = asker.0;
        let mut places = self.lines.values().flat_map(|line| &line.places);
        let standing = places.find(|place| place.asker() == (session, acquire)).cloned();
        if let Some(place) = standing {
            self.tell(place.asker(), Answer::Withdrawn);
            self.leave(&place);
        } else if !self.remembers(session, acquire) && !self.is_below_floor(session, acquire) {
            self.tell((session, acquire), Answer::Withdrawn);
        }
        self.tell(asker, Answer::Withdrawn);
    }

    /// Its client ends a session: no delay is left.
    pub(super) fn close(&mut self, session: SessionId) {
        if self.level >= 2 {
            return self.end_in_parts(session, true);
        }
        let places = self.end_session(session, true);
        self.pass_on_all(&places);
    }

    /// A session is not heard of any more: its grants leave the delays that they were asked for with (L16).
    pub(super) fn expire(&mut self, session: SessionId) {
        if self.level >= 2 {
            return self.end_in_parts(session, false);
        }
        let places = self.end_session(session, false);
        for place in places.iter().filter(|place| place.holds() && place.wish.delay_ms > 0) {
            self.begin_delay(place);
        }
        self.pass_on_all(&places);
    }

    pub(super) fn end_delay(&mut self, name: &Name, token: Token) {
        let Some(line) = self.lines.get_mut(name) else { return };
        line.delays.retain(|delay| delay.token != token);
        self.note_line(name);
        self.hand_over(name);
    }

    /// The oldest handle on the grant of `name` under `token`, if `session` holds it.
    pub(super) fn held_by(&self, session: SessionId, name: &Name, token: Token) -> Option<Place> {
        let mut places = self.lines.get(name)?.places.iter().filter(|place| place.holds());
        places.find(|place| (place.session, place.token) == (session, token)).cloned()
    }

    /// Takes all handles on a grant out of all its lines, and gives one of them.
    pub(super) fn end_grant(&mut self, name: &Name, token: Token) -> Place {
        let holders = self.lines[name].holders();
        let gone = holders.into_iter().find(|place| place.token == token).cloned();
        let gone = gone.expect("it holds");
        let handles: Vec<Asker> = self.lines[name]
            .places
            .iter()
            .filter(|place| place.token == token)
            .map(Place::asker)
            .collect();
        handles.into_iter().for_each(|handle| self.tell(handle, Answer::Ended { token }));
        for name in &gone.wish.names {
            let line = self.lines.get_mut(name).expect("it holds");
            line.places.retain(|place| place.token != token);
            self.note_line(name);
        }
        gone
    }

    /// Hands on the locks of `gone`: first to those named by a break.
    pub(super) fn pass_on(&mut self, gone: &Place) {
        if let Some(asked) = &gone.asked
            && let Some(heir) = &asked.heir
        {
            self.put_first(&asked.name, heir);
        }
        gone.wish.names.iter().for_each(|name| self.hand_over(name));
    }

    pub(super) fn begin_delay(&mut self, place: &Place) {
        let (token, share, delay_ms) = (place.token, place.wish.share, place.wish.delay_ms);
        for name in &place.wish.names {
            let client = self.client(place.session).to_owned();
            let line = self.lines.entry(name.clone()).or_default();
            // Several handles leave one.
            if line.delays.iter().all(|delay| delay.token != token) {
                line.delays.push(Delay { token, client, share, delay_ms });
                line.delays.sort_by_key(|delay| delay.token);
                self.effects.delays += 1;
                let left = self.delays.entry(self.applied).or_default();
                left.push(token);
            }
            self.note_line(name);
        }
    }

    /// Takes a session out of all lines. Its places: those that hold before those that wait, in the order in
    /// which they were asked for: so locks are handed on, and tokens given.
    fn end_session(&mut self, session: SessionId, is_closed: bool) -> Vec<Place> {
        let Some(live) = self.sessions.get_mut(&session).filter(|one| one.ended.is_none()) else {
            return Vec::new();
        };
        (live.ended, live.freed) = (Some(self.applied), Some(self.applied));
        live.is_closed = is_closed;
        let mut own: BTreeMap<(bool, RequestId), Place> = BTreeMap::new();
        let mut names = Vec::new();
        for (name, line) in &mut self.lines {
            let is_own = |place: &Place| place.session == session;
            let places = std::mem::take(&mut line.places).into_iter();
            let (gone, stay): (Vec<Place>, Vec<Place>) = places.partition(is_own);
            line.places = stay;
            if !gone.is_empty() {
                names.push(name.clone());
            }
            own.extend(gone.into_iter().map(|place| ((!place.holds(), place.request), place)));
        }
        names.iter().for_each(|name| self.note_line(name));
        own.into_values().collect()
    }

    /// The session is dead from here on; what it has is freed by this entry, and by later ones.
    fn end_in_parts(&mut self, session: SessionId, is_closed: bool) {
        let alive = self.sessions.get_mut(&session).filter(|one| one.ended.is_none());
        if let Some(live) = alive {
            (live.ended, live.is_closed) = (Some(self.applied), is_closed);
            self.begin_ending(session);
        }
    }

    fn pass_on_all(&mut self, places: &[Place]) {
        let mut passed = Vec::new();
        for place in places {
            // Several handles are one grant.
            if !place.holds() || !passed.contains(&place.token) {
                passed.push(place.token);
                self.pass_on(place);
            }
        }
    }

    /// An acquire ends, and its room goes to the next that fit.
    pub(super) fn leave(&mut self, gone: &Place) {
        for name in &gone.wish.names {
            let line = self.lines.get_mut(name).expect("it stands there");
            line.places.retain(|place| place.asker() != gone.asker());
            self.note_line(name);
        }
        let is_left =
            |name: &Name| self.lines.get(name).is_some_and(|line| line.is_held_by(gone.token));
        if !gone.holds() || !gone.wish.names.iter().any(is_left) {
            self.pass_on(gone);
        }
    }
}
