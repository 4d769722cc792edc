//! Whether a wait would be for ever, found by letting everything happen that can.
//!
//! Whoever waits for nothing gives back all that it has; whoever is first in each of its lines and has room is
//! granted; and so on until nothing moves. The wait is for ever if it is still there then. Delays end by
//! themselves. The lock machine looks at no more than 4096 of those who hold and wait, which no run comes near.

use super::Model;
use super::line::{Asker, Place, Wish};
use crate::base::{Owner, Token};
use crate::lock::Name;
use crate::sim::checkers::share::Share;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Model {
    /// Whether `asker` would wait for ever for `wish`. One whose owner is in nothing does not: nobody waits for it.
    pub(super) fn is_for_ever(&self, asker: Asker, wish: &Arc<Wish>) -> bool {
        let (session, request) = asker;
        let all = self.lines.values().flat_map(|line| &line.places);
        if wish.owner == Owner(0) || !all.clone().any(|place| place.is_of(session, wish.owner)) {
            return false;
        }
        let mut places: Vec<Place> = Vec::new();
        for place in all {
            if places.iter().all(|known| known.asker() != place.asker()) {
                places.push(place.clone());
            }
        }
        places.sort_by_key(|place| place.came);
        let (token, came) = (Token(0), self.applied);
        places.push(Place { session, request, token, came, wish: wish.clone() });
        let_happen(&mut places);
        places.iter().any(|place| place.asker() == asker && !place.holds())
    }
}

/// `places` in the order in which they came.
fn let_happen(places: &mut Vec<Place>) {
    let mut last_token = u64::MAX / 2;
    loop {
        let before = places.len();
        while let Some(due) = (0..places.len()).find(|at| is_due(places, &places[*at])) {
            last_token += 1;
            places[due].token = Token(last_token);
        }
        let waiting: Vec<Place> = places.iter().filter(|place| !place.holds()).cloned().collect();
        let is_kept = |place: &Place| {
            let waits = |other: &Place| other.is_of(place.session, place.wish.owner);
            !place.holds() || waiting.iter().any(waits)
        };
        places.retain(is_kept);
        if places.len() == before {
            return;
        }
    }
}

/// Whether it waits, is first in the line of each of its names, and has room in each.
fn is_due(places: &[Place], place: &Place) -> bool {
    let may_have = |name: &Name| {
        let inside = || places.iter().filter(|other| other.wish.names.contains(name));
        let first = inside().find(|other| !other.holds());
        // Handles on one grant have it once.
        let held = inside().filter(|other| other.holds());
        let held: BTreeMap<Token, Share> =
            held.map(|other| (other.token, other.wish.share)).collect();
        first.is_some_and(|first| first.asker() == place.asker())
            && place.wish.share.fits_beside(held.into_values())
    };
    !place.holds() && place.wish.names.iter().all(may_have)
}
