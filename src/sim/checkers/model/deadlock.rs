//! Deadlocks in the model, found by letting everything happen that can.
//!
//! An owner that waits for nothing gives back all that it has; an acquire that is first in each of its lines, and has
//! room, is granted; and so on until nothing moves. An acquire that waits then does so for ever. Delays end by
//! themselves. The lock machine looks at no more than 4096 holders and waiters, which no run comes near.

use super::Model;
use super::line::{Asker, Line, Place, Wish};
use crate::base::{Owner, Token};
use crate::lock::Name;
use std::collections::BTreeMap;
use std::sync::Arc;

type Lines = BTreeMap<Name, Line>;

impl Model {
    /// Whether `asker` would wait for ever for `wish`. One whose owner is in nothing does not: nobody waits for it.
    pub(super) fn is_for_ever(&self, asker: Asker, wish: &Arc<Wish>) -> bool {
        let mut all = self.lines.values().flat_map(|line| &line.places);
        if wish.owner == Owner(0) || !all.any(|place| place.is_of(asker.0, wish.owner)) {
            return false;
        }
        let mut lines = self.lines_without_the_dead();
        for name in &wish.names {
            let place = Place::new(asker, 0, wish);
            lines.entry(name.clone()).or_default().places.push(place);
        }
        let_happen(&mut lines);
        lines.values().flat_map(Line::waiters).any(|place| place.asker() == asker)
    }

    /// A session that has ended leaves by itself, and so does a grant that a break takes.
    fn lines_without_the_dead(&self) -> Lines {
        let mut lines = self.lines.clone();
        for line in lines.values_mut() {
            line.places.retain(|place| !self.is_dead(place.session) && !self.is_lost(place));
            line.places.retain(|place| !self.is_to_end(place));
        }
        lines
    }

    /// Whether anybody would wait for ever if `asker` were the first who waits for `name`.
    pub(super) fn stalls_behind(&self, name: &Name, asker: Asker) -> bool {
        let mut lines = self.lines_without_the_dead();
        lines.get_mut(name).expect("it waits there").put_first(asker);
        let_happen(&mut lines);
        lines.values().any(|line| line.waiters().next().is_some())
    }
}

fn let_happen(lines: &mut Lines) {
    lines.values_mut().for_each(|line| line.delays.clear());
    let mut last_token = u64::MAX / 2;
    loop {
        while let Some(due) = find_due(lines) {
            last_token += 1;
            for name in &due.wish.names {
                let places = &mut lines.get_mut(name).expect("it waits there").places;
                let place = places.iter_mut().find(|place| place.asker() == due.asker());
                place.expect("it waits there").token = Token(last_token);
            }
        }
        let waiting: Vec<Place> = lines.values().flat_map(Line::waiters).cloned().collect();
        let waits = |place: &Place| {
            waiting.iter().any(|other| other.is_of(place.session, place.wish.owner))
        };
        let mut moves = false;
        for line in lines.values_mut() {
            let before = line.places.len();
            line.places.retain(|place| !place.holds() || waits(place));
            moves |= line.places.len() < before;
        }
        if !moves {
            return;
        }
    }
}

/// One who is the first that waits in each of its lines, and has room in each.
fn find_due(lines: &Lines) -> Option<Place> {
    let mut firsts = lines.values().filter_map(|line| line.waiters().next());
    let is_due = |place: &&Place| {
        place.wish.names.iter().map(|name| &lines[name]).all(|line| {
            let first = line.waiters().next().map(Place::asker);
            first == Some(place.asker()) && line.has_room(place.wish.share)
        })
    };
    firsts.find(is_due).cloned()
}
