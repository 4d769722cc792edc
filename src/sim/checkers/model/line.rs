//! A lock in the model: a line of acquires, first come first, of which some hold it.

use crate::base::{Owner, RequestId, SessionId, Token};
use crate::lock::{Acquire, Name};
use crate::sim::checkers::share::Share;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One acquire, by whose and which it is.
pub type Asker = (SessionId, RequestId);

/// The acquires in a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// First come first. Those under one token are handles on one grant.
    pub places: Vec<Place>,
    /// Room that expired grants still take (L16), the oldest first.
    pub delays: Vec<Delay>,
}

/// An acquire that holds, or waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its session.
    pub session: SessionId,
    /// By which acquire.
    pub request: RequestId,
    /// 0 while it waits.
    pub token: Token,
    /// A checksum of the value that it shows.
    pub value: u32,
    /// Whether it is asked to end (L23).
    pub asked: Option<Arc<Ask>>,
    /// Its options.
    pub wish: Arc<Wish>,
}

/// That a grant is to end (L23).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The lock that was named.
    pub name: Name,
    /// How long its holder may still believe in it, once it has heard.
    pub grace_ms: u32,
    /// The client that gets that lock then, if it waits for it.
    pub heir: Option<String>,
}

/// Options of an acquire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// In byte order.
    pub names: Vec<Name>,
    /// The owner, which enters again what it holds.
    pub owner: Owner,
    /// Share of each name.
    pub share: Share,
    /// Delay after its expiry (L16).
    pub delay_ms: u32,
}

/// An expired grant whose delay is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delay {
    /// The token of the grant.
    pub token: Token,
    /// The name of its client.
    pub client: String,
    /// The share that it takes.
    pub share: Share,
    /// For how long.
    pub delay_ms: u32,
}

impl Line {
    /// The first place of each grant, the oldest grant first.
    #[must_use]
    pub fn holders(&self) -> Vec<&Place> {
        let mut holders: BTreeMap<Token, &Place> = BTreeMap::new();
        for place in self.places.iter().filter(|place| place.holds()) {
            holders.entry(place.token).or_insert(place);
        }
        holders.into_values().collect()
    }

    /// How many handles there are on the grant of that acquire; 0 if it holds nothing.
    #[must_use]
    pub fn handles_beside(&self, asker: Asker) -> usize {
        let holds = |place: &&Place| place.holds() && place.asker() == asker;
        let token = self.places.iter().find(holds).map(|place| place.token);
        token.map_or(0, |token| self.places.iter().filter(|place| place.token == token).count())
    }

    /// The acquires that wait, first come first.
    pub fn waiters(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(|place| !place.holds())
    }

    /// The oldest holder.
    #[must_use]
    pub fn oldest(&self) -> Option<&Place> {
        self.places.iter().filter(|place| place.holds()).min_by_key(|place| place.token)
    }

    /// Whether `token` holds it.
    #[must_use]
    pub fn is_held_by(&self, token: Token) -> bool {
        self.places.iter().any(|place| place.holds() && place.token == token)
    }

    /// 0 = a lock, else the size of the semaphore; none if nobody is in it.
    #[must_use]
    pub fn limit(&self) -> Option<u32> {
        let place = self.places.first().map(|place| place.wish.share);
        let share = place.or(self.delays.first().map(|delay| delay.share));
        share.map(|share| share.limit)
    }

    /// Whether so much could be held now, those who wait not asked.
    #[must_use]
    pub fn has_room(&self, share: Share) -> bool {
        // Handles on one grant have it once.
        let is_first = |at: usize| {
            let token = self.places[at].token;
            token != Token(0) && self.places[..at].iter().all(|before| before.token != token)
        };
        let firsts = (0..self.places.len()).filter(|at| is_first(*at));
        let held = firsts.map(|at| self.places[at].wish.share);
        share.fits_beside(held.chain(self.delays.iter().map(|delay| delay.share)))
    }

    /// Lets one who waits go before all others who do.
    pub(super) fn put_first(&mut self, asker: Asker) {
        let at = self.places.iter().position(|place| place.asker() == asker);
        let place = self.places.remove(at.expect("it waits here"));
        self.places.insert(0, place);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.delays.is_empty()
    }
}

impl Place {
    /// One who waits.
    pub(super) fn new((session, request): Asker, value: u32, wish: &Arc<Wish>) -> Self {
        let (token, asked, wish) = (Token(0), None, wish.clone());
        Self { session, request, token, value, asked, wish }
    }

    /// Which acquire it is.
    #[must_use]
    pub fn asker(&self) -> Asker {
        (self.session, self.request)
    }

    /// Whether it holds the lock, and does not wait for it.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.token != Token(0)
    }

    /// Whether it is an acquire of this owner; each acquire of owner 0 is of another.
    #[must_use]
    pub fn is_of(&self, session: SessionId, owner: Owner) -> bool {
        owner != Owner(0) && (self.session, self.wish.owner) == (session, owner)
    }
}

impl Wish {
    /// None if there is no such lock, or a name comes twice.
    pub(super) fn of(acquire: &Acquire, also: &[Name]) -> Option<Self> {
        let share = Share::of(acquire);
        let mut names: Vec<Name> = also.to_vec();
        names.push(acquire.name.clone());
        names.sort();
        names.dedup();
        let is_possible = share.is_possible() && names.len() == also.len() + 1;
        let Acquire { owner, delay_ms, .. } = *acquire;
        is_possible.then_some(Self { names, owner, share, delay_ms })
    }
}
