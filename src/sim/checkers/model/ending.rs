//! How acquires come to their end in the model: by release, withdrawal, close or expiry.

use super::Model;
use super::line::{Asker, Delay, Place};
use crate::base::{RequestId, SessionId, Token};
use crate::lock::{Answer, Name};
use std::collections::BTreeMap;

impl Model {
    /// Of several handles on one grant the oldest goes.
    pub(super) fn release(&mut self, asker: Asker, name: &Name, token: Token) {
        let places = self.lines.get(name).into_iter().flat_map(|line| &line.places);
        let mut own = places.filter(|place| place.session == asker.0 && place.holds());
        match own.find(|place| place.token == token).cloned() {
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
        let places = self.end_session(session);
        self.hand_over_all(&places);
    }

    /// A session is not heard of any more: its grants leave the delays that they were asked for with (L16).
    pub(super) fn expire(&mut self, session: SessionId) {
        let places = self.end_session(session);
        for place in places.iter().filter(|place| place.holds() && place.wish.delay_ms > 0) {
            self.begin_delay(place);
        }
        self.hand_over_all(&places);
    }

    pub(super) fn end_delay(&mut self, name: &Name, token: Token) {
        let Some(line) = self.lines.get_mut(name) else { return };
        line.delays.retain(|delay| delay.token != token);
        self.note_line(name);
        self.hand_over(name);
    }

    fn begin_delay(&mut self, place: &Place) {
        let (token, share) = (place.token, place.wish.share);
        for name in &place.wish.names {
            let client = self.client(place.session).to_owned();
            let line = self.lines.entry(name.clone()).or_default();
            // Several handles leave one.
            if line.delays.iter().all(|delay| delay.token != token) {
                line.delays.push(Delay { token, client, share });
                line.delays.sort_by_key(|delay| delay.token);
                self.effects.delays += 1;
            }
            self.note_line(name);
        }
    }

    /// Takes a session out of all lines. Its places: those that hold before those that wait, in the order in
    /// which they were asked for: so locks are handed on, and tokens given.
    fn end_session(&mut self, session: SessionId) -> Vec<Place> {
        let Some(live) = self.sessions.get_mut(&session).filter(|one| one.ended.is_none()) else {
            return Vec::new();
        };
        live.ended = Some(self.applied);
        let mut own: BTreeMap<(bool, RequestId), Place> = BTreeMap::new();
        let mut names = Vec::new();
        for (name, line) in &mut self.lines {
            let (gone, stay) = std::mem::take(&mut line.places)
                .into_iter()
                .partition::<Vec<Place>, _>(|place| place.session == session);
            line.places = stay;
            if !gone.is_empty() {
                names.push(name.clone());
            }
            own.extend(gone.into_iter().map(|place| ((!place.holds(), place.request), place)));
        }
        names.iter().for_each(|name| self.note_line(name));
        own.into_values().collect()
    }

    fn hand_over_all(&mut self, places: &[Place]) {
        for name in places.iter().flat_map(|place| &place.wish.names) {
            self.hand_over(name);
        }
    }

    /// An acquire holds or waits no more; whoever can have what it left has it.
    fn leave(&mut self, gone: &Place) {
        for name in &gone.wish.names {
            let line = self.lines.get_mut(name).expect("it stands there");
            line.places.retain(|place| place.asker() != gone.asker());
            self.note_line(name);
        }
        gone.wish.names.iter().for_each(|name| self.hand_over(name));
    }
}
