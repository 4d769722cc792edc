//! The owners of one session that are not alone: what they hold, and what they wait for.
//!
//! Nearly all acquires are owners of their own, and cost nothing here. Of other owners an acquire must know
//! at once whether they wait for a name already: a session may have 16,384 waits for 32 names each, and a
//! walk over them at each acquire would be quadratic.

use super::by_request::ByRequest;
use super::dedupe::Place;
use super::locks::Slot;
use super::stake::ALONE;
use crate::base::{Owner, RequestId};
use std::collections::{BTreeMap, BTreeSet};

/// The owners, other than [`ALONE`], of the grants and places of one session.
#[derive(Clone, Debug)]
pub(super) struct Owners {
    /// The owner of each acquire that holds.
    holding: ByRequest<Owner>,
    /// The locks for which each owner waits.
    waiting: BTreeMap<Owner, BTreeSet<Slot>>,
}

impl Owners {
    pub(super) const fn new() -> Self {
        Self { holding: ByRequest::new(), waiting: BTreeMap::new() }
    }

    /// The owner of `request`, which holds something.
    pub(super) fn of(&self, request: RequestId) -> Owner {
        self.holding.value(request).copied().unwrap_or(ALONE)
    }

    /// `request` of `owner` holds something.
    pub(super) fn note_grant(&mut self, request: RequestId, owner: Owner) {
        if owner != ALONE {
            self.holding.insert(request, owner);
        }
    }

    /// `request` has no grant any more.
    pub(super) fn end_grant(&mut self, request: RequestId) {
        self.holding.remove(request);
    }

    /// `owner` waits for the lock in `slot`.
    pub(super) fn note_waiting(&mut self, owner: Owner, slot: Slot) {
        if owner != ALONE {
            self.waiting.entry(owner).or_default().insert(slot);
        }
    }

    /// The owner of `place` left its queues.
    pub(super) fn end_waiting(&mut self, place: &Place) {
        if let Some(slots) = self.waiting.get_mut(&place.owner) {
            for slot in place.slots() {
                slots.remove(&slot);
            }
            if slots.is_empty() {
                self.waiting.remove(&place.owner);
            }
        }
    }

    /// Whether `owner`, which is not 0, holds or waits for anything.
    pub(super) fn is_in_any(&self, owner: Owner) -> bool {
        self.waiting.contains_key(&owner) || self.holding.values().any(|other| *other == owner)
    }

    /// The number of locks for which `owner`, which is not 0, waits.
    pub(super) fn waits(&self, owner: Owner) -> usize {
        self.waiting.get(&owner).map_or(0, BTreeSet::len)
    }

    /// Whether `owner`, which is not 0, waits for the lock in `slot`.
    pub(super) fn waits_for(&self, owner: Owner, slot: Slot) -> bool {
        self.waiting.get(&owner).is_some_and(|slots| slots.contains(&slot))
    }

    /// The acquires that hold, of owners other than [`ALONE`].
    pub(super) fn holding(&self) -> impl Iterator<Item = RequestId> {
        self.holding.requests()
    }
}
