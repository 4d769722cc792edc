//! The end of a grant, with its last handle or as a whole, and the hand-over of its locks (L5,
//! L23).

use super::asked::Mark;
use super::dedupe::Fixed;
use super::effects::Effects;
use super::holders::{Grant, Left};
use super::locks::{Slot, Slots};
use super::machine::LockMachine;
use crate::base::locks::Name;
use crate::base::{RequestId, SessionId, Token};

/// A grant that was taken out of its locks, which are yet to be handed over.
#[derive(Debug)]
pub(super) struct Freed {
    known_as: Slot,
    pub(super) grant: Grant,
    /// The order to end it, if there was one.
    mark: Option<Mark>,
}

impl Freed {
    /// Whether an heir was named for one of its locks.
    pub(super) fn has_heir(&self) -> bool {
        self.mark.as_ref().is_some_and(|mark| mark.heir.is_some())
    }

    /// The locks that it held.
    pub(super) fn slots(&self) -> &[Slot] {
        self.grant.stake.slots(&self.known_as)
    }

    /// Drops the heir for `name`: somebody else was chosen.
    pub(super) fn disinherit(&mut self, name: &Name) {
        self.mark = self.mark.take().filter(|mark| mark.name != *name);
    }
}

impl LockMachine {
    /// Ends the handle that `acquire` has on its grant, and fixes its answer. With the last handle the grant
    /// has ended.
    pub(super) fn end_handle(
        &mut self,
        session: SessionId,
        acquire: RequestId,
        answer: Fixed,
        effects: &mut Effects,
    ) -> Option<Freed> {
        let answers = &mut self.live_session_mut(session).answers;
        let hold = answers.end_grant(acquire);
        answers.fix(acquire, hold.print, answer);
        let mut left = Left::None;
        let slots = self.slots_of(hold.slot, hold.token);
        for slot in &*slots {
            left = self.grant_mut(*slot, hold.token).give_up(acquire);
        }
        (left == Left::None).then(|| self.drop_from(&slots, hold.token, effects))
    }

    /// Ends the grant of the lock in `slot` under `token` with all its handles, whose answers become `Ended`.
    pub(super) fn end_grant(&mut self, slot: Slot, token: Token, effects: &mut Effects) -> Freed {
        let grant = self.grant_mut(slot, token);
        let session = grant.stake.session;
        let slots = grant.stake.shared_slots(slot);
        let handles: Vec<RequestId> = grant.handles().collect();
        // An ended session keeps no answers.
        let answers = self.answers_of_mut(session);
        for acquire in handles {
            let hold = answers.end_grant(acquire);
            answers.fix(acquire, hold.print, Fixed::Ended(token));
        }
        self.drop_from(&slots, token, effects)
    }

    /// Takes the grant of the lock in `slot` under `token` out of all its locks, and its mark with it.
    pub(super) fn drop_grant(&mut self, slot: Slot, token: Token, effects: &mut Effects) -> Freed {
        let slots = self.slots_of(slot, token);
        self.drop_from(&slots, token, effects)
    }

    /// `slots` are all locks of the grant.
    fn drop_from(&mut self, slots: &[Slot], token: Token, effects: &mut Effects) -> Freed {
        let mut dropped = None;
        effects.look(slots.len());
        for slot in slots {
            let (name, lock) = self.locks.named_mut(*slot);
            if lock.holders.first().is_some_and(|oldest| oldest.token == token) {
                effects.note_change(*slot, name);
            }
            dropped = lock.holders.remove(token);
            assert!(dropped.is_some(), "nobody holds {name:?} under {token}");
        }
        let grant = dropped.expect("a grant has a name");
        self.tally.end(effects.why, effects.unix_ms.saturating_sub(grant.since_unix_ms));
        let mark = self.asked.remove(&token);
        self.weight.take_off(mark.as_ref().map_or(0, Mark::bytes));
        Freed { known_as: slots[0], grant, mark }
    }

    /// Hands the freed locks over, to the heir before the queue (L23).
    pub(super) fn pass_on(&mut self, freed: &Freed, unix_ms: u64, effects: &mut Effects) {
        if let Some(Mark { name, heir: Some(heir), .. }) = &freed.mark
            && let Some(slot) = self.locks.find(name)
        {
            self.put_first(slot, heir, effects);
        }
        self.hand_over_all(freed.slots().iter().copied(), unix_ms, effects);
    }

    fn slots_of(&self, slot: Slot, token: Token) -> Slots {
        let grant = self.grant(slot, token);
        let grant = grant.unwrap_or_else(|| panic!("nobody holds {slot:?} under {token}"));
        grant.stake.shared_slots(slot)
    }
}
