//! The stake of an acquire: whose it is, and how much of a lock it takes; the same for a waiter and a holder.
//!
//! A million locks may be held, nearly all by an owner of its own, for one name, without a value or a delay.
//! The fields that only some stakes have are behind one pointer to [`Extras`], null if all are at their
//! defaults.

use super::locks::{Slot, Slots};
use crate::base::locks::Mode;
use crate::base::{Owner, RequestId, SessionId};
use std::sync::Arc;

/// A stake in one lock, or in several in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stake {
    pub(super) session: SessionId,
    pub(super) mode: Mode,
    pub(super) permits: u32,
    extras: Option<Box<Extras>>,
}

/// The fields that most stakes lack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extras {
    /// [`ALONE`]: an owner of its own.
    pub(super) owner: Owner,
    /// The delay that its expiry leaves, in milliseconds (L16).
    pub(super) delay_ms: u32,
    /// The value that it shows to others; shared by all its locks. `None`: no bytes.
    pub(super) value: Option<Arc<[u8]>>,
    /// All its locks in the byte order of their names, if there are several; its stakes in each of them are
    /// equal.
    pub(super) all: Option<Arc<[Slot]>>,
    /// The handles on its grant behind the first, in the order in which they came.
    pub(super) later: Vec<RequestId>,
}

impl Stake {
    pub(super) fn new(session: SessionId, mode: Mode, permits: u32, extras: Extras) -> Self {
        let extras = (!extras.is_nothing()).then(|| Box::new(extras));
        Self { session, mode, permits, extras }
    }

    /// The fields that most stakes lack, if one is set.
    pub(super) fn extras(&self) -> Option<&Extras> {
        self.extras.as_deref()
    }

    pub(super) fn owner(&self) -> Owner {
        self.extras.as_ref().map_or(ALONE, |extras| extras.owner)
    }

    pub(super) fn delay_ms(&self) -> u32 {
        self.extras.as_ref().map_or(0, |extras| extras.delay_ms)
    }

    /// The value that it shows to others.
    pub(super) fn value(&self) -> &[u8] {
        self.extras.as_ref().and_then(|extras| extras.value.as_deref()).unwrap_or_default()
    }

    /// All its locks in the byte order of their names, if there are several.
    pub(super) fn all(&self) -> Option<&[Slot]> {
        self.extras.as_ref()?.all.as_deref()
    }

    /// The handles on its grant behind the first; a waiter has none.
    pub(super) fn later(&self) -> &[RequestId] {
        self.extras.as_ref().map_or(&[], |extras| &extras.later)
    }

    /// Changes the fields that most stakes lack.
    pub(super) fn change<T>(&mut self, change: impl FnOnce(&mut Extras) -> T) -> T {
        let extras = self.extras.get_or_insert_default();
        let result = change(extras);
        if extras.is_nothing() {
            self.extras = None;
        }
        result
    }

    /// Whether `other`, of the same owner, would be one more handle on this stake's grant.
    pub(super) fn is_of_kind(&self, other: &Stake) -> bool {
        (self.mode, self.permits, self.all()) == (other.mode, other.permits, other.all())
    }

    /// All its locks, of which `slot` is one.
    pub(super) fn slots<'a>(&'a self, slot: &'a Slot) -> &'a [Slot] {
        self.all().unwrap_or(std::slice::from_ref(slot))
    }

    /// All its locks, owned: the stake may go meanwhile.
    pub(super) fn shared_slots(&self, slot: Slot) -> Slots {
        let all = self.extras.as_ref().and_then(|extras| extras.all.as_ref());
        all.map_or(Slots::One([slot]), |all| Slots::Several(Arc::clone(all)))
    }

    /// Whether it is for several locks, `slot` among them.
    pub(super) fn is_of_several_with(&self, slot: Slot) -> bool {
        self.all().is_some_and(|all| all.contains(&slot))
    }

    /// Whether `slot` is the first of its locks, under which its session knows it.
    pub(super) fn is_known_as(&self, slot: Slot) -> bool {
        self.slots(&slot)[0] == slot
    }
}

impl Extras {
    pub(super) fn is_nothing(&self) -> bool {
        let Self { owner, delay_ms, value, all, later } = self;
        *owner == ALONE && *delay_ms == 0 && value.is_none() && all.is_none() && later.is_empty()
    }
}

/// A value as a stake keeps it.
pub(super) fn shared_value(bytes: &[u8]) -> Option<Arc<[u8]>> {
    (!bytes.is_empty()).then(|| bytes.into())
}

/// The owner number of acquires without a shared owner.
pub(super) const ALONE: Owner = Owner(0);
/// The session, mode with permits, and the pointer: a word each. Every grant and every waiter has
/// one.
const _: () = assert!(size_of::<Stake>() <= 24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stake_without_anything_rare_is_the_same_however_it_became_so() {
        let plain = Stake::new(SessionId(1), Mode::Exclusive, 1, Extras::default());
        assert!(plain.extras.is_none());
        let mut stake = plain.clone();
        stake.change(|extras| extras.value = shared_value(&[7]));
        assert_eq!((stake.value(), stake == plain), (&[7][..], false));
        stake.change(|extras| extras.value = shared_value(&[]));
        assert_eq!(stake, plain);
    }
}
