//! Who asks for a lock, and for how much of it: the same for one who waits and for one who holds.
//!
//! A million locks may be held, and nearly all are asked for by nobody in particular, for one name, without a value
//! or a delay. What only some claims have is one pointer to [`Extras`], which is there exactly if any of it is.

use super::locks::{Slot, Slots};
use crate::base::locks::Mode;
use crate::base::{Owner, RequestId, SessionId};
use std::sync::Arc;

/// A claim on one lock, or on several in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) session: SessionId,
    pub(super) mode: Mode,
    pub(super) permits: u32,
    extras: Option<Box<Extras>>,
}

/// What most claims do not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extras {
    /// [`ALONE`]: this acquire alone.
    pub(super) owner: Owner,
    /// What its expiry leaves behind (L16).
    pub(super) delay_ms: u32,
    /// Shared by all locks that it is in.
    pub(super) value: Arc<[u8]>,
    /// All its locks in the byte order of their names, if it is for several; it then stands alike in each of them.
    pub(super) all: Option<Arc<[Slot]>>,
    /// The handles on its grant behind the first, in the order in which they came.
    pub(super) later: Vec<RequestId>,
}

impl Claim {
    pub(super) fn new(session: SessionId, mode: Mode, permits: u32, extras: Extras) -> Self {
        let extras = (extras != Extras::default()).then(|| Box::new(extras));
        Self { session, mode, permits, extras }
    }

    /// What most claims do not have, if this one has any of it.
    pub(super) fn extras(&self) -> Option<&Extras> {
        self.extras.as_deref()
    }

    pub(super) fn owner(&self) -> Owner {
        self.extras.as_ref().map_or(ALONE, |extras| extras.owner)
    }

    pub(super) fn delay_ms(&self) -> u32 {
        self.extras.as_ref().map_or(0, |extras| extras.delay_ms)
    }

    /// What it shows to others.
    pub(super) fn value(&self) -> &[u8] {
        self.extras.as_ref().map_or(&[], |extras| &extras.value)
    }

    /// All its locks in the byte order of their names, if it is for several.
    pub(super) fn all(&self) -> Option<&[Slot]> {
        self.extras.as_ref()?.all.as_deref()
    }

    /// The handles on its grant behind the first; one who waits has none.
    pub(super) fn later(&self) -> &[RequestId] {
        self.extras.as_ref().map_or(&[], |extras| &extras.later)
    }

    /// Changes what most claims do not have.
    pub(super) fn change<T>(&mut self, change: impl FnOnce(&mut Extras) -> T) -> T {
        let extras = self.extras.get_or_insert_default();
        let result = change(extras);
        if **extras == Extras::default() {
            self.extras = None;
        }
        result
    }

    /// Whether another acquire of the same owner is one more handle on this one's grant.
    pub(super) fn is_of_kind(&self, other: &Claim) -> bool {
        (self.mode, self.permits, self.all()) == (other.mode, other.permits, other.all())
    }

    /// All locks that it is for, of which `slot` is one.
    pub(super) fn slots<'a>(&'a self, slot: &'a Slot) -> &'a [Slot] {
        self.all().unwrap_or(std::slice::from_ref(slot))
    }

    /// The same apart from the claim, which may go meanwhile.
    pub(super) fn shared_slots(&self, slot: Slot) -> Slots {
        let all = self.extras.as_ref().and_then(|extras| extras.all.as_ref());
        all.map_or(Slots::One([slot]), |all| Slots::Several(Arc::clone(all)))
    }

    /// Whether it is for several, `slot` among them.
    pub(super) fn is_of_several_with(&self, slot: Slot) -> bool {
        self.all().is_some_and(|all| all.contains(&slot))
    }

    /// Whether of its locks `slot` is the one as which its session knows it.
    pub(super) fn is_known_as(&self, slot: Slot) -> bool {
        self.slots(&slot)[0] == slot
    }
}

/// The owner of acquires that are owners of their own each.
pub(super) const ALONE: Owner = Owner(0);
/// The session, what it takes, and the pointer: a word each. Every grant and every waiter has one.
const _: () = assert!(size_of::<Claim>() <= 24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_without_anything_rare_is_the_same_however_it_became_so() {
        let plain = Claim::new(SessionId(1), Mode::Exclusive, 1, Extras::default());
        assert!(plain.extras.is_none());
        let mut claim = plain.clone();
        claim.change(|extras| extras.value = [7].into());
        assert_eq!((claim.value(), claim == plain), (&[7][..], false));
        claim.change(|extras| extras.value = [].into());
        assert_eq!(claim, plain);
    }
}
