//! The locks of format 2, each by name once, and the numbers by which all other pieces refer to them.

use super::SnapshotError;
use super::decode::Pieces;
use crate::base::locks::Name;
use crate::lock::LockMachine;
use crate::lock::grant::Lock;
use crate::lock::locks::{Locks, Slot};
use crate::lock::stake::Stake;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The number of each lock, in the byte order of the names.
pub(super) struct Numbers<'a> {
    locks: &'a Locks,
    by_slot: Vec<u32>,
}

impl<'a> Numbers<'a> {
    pub(super) fn of(locks: &'a Locks) -> Self {
        let mut by_slot = vec![u32::MAX; locks.slots_end()];
        for (number, (_, slot, _)) in (0..).zip(locks.iter()) {
            by_slot[slot.number()] = number;
        }
        Self { locks, by_slot }
    }

    pub(super) fn of_slot(&self, slot: Slot) -> u32 {
        self.by_slot[slot.number()]
    }

    pub(super) fn of_name(&self, name: &Name) -> u32 {
        let slot = self.locks.find(name);
        self.of_slot(slot.unwrap_or_else(|| panic!("nobody is in {name:?}")))
    }

    /// The number of the first lock of a stake; `None` in that lock itself.
    pub(super) fn first_elsewhere(&self, stake: &Stake, slot: Slot) -> Option<u32> {
        (!stake.is_known_as(slot)).then(|| self.of_slot(stake.slots(&slot)[0]))
    }
}

/// Reads the names of all locks, which are vacant yet.
pub(super) fn read_names(
    machine: &mut LockMachine,
    pieces: &mut Pieces<'_>,
    locks: u64,
) -> Result<Vec<Slot>, SnapshotError> {
    let mut slots: Vec<Slot> = Vec::new();
    for _ in 0..locks {
        let LockPiece { name, limit, .. } = pieces.read()?;
        let name = Name::try_from(&*name).map_err(|error| pieces.damaged(error.to_string()))?;
        if slots.last().is_some_and(|last| *machine.locks.name(*last) >= name) {
            return Err(pieces.damaged(format!("lock {name:?} is out of order")));
        }
        slots.push(machine.locks.find_or_make(&name, limit));
    }
    Ok(slots)
}

pub(super) fn slot_of(
    pieces: &Pieces<'_>,
    slots: &[Slot],
    number: u32,
) -> Result<Slot, SnapshotError> {
    let slot = slots.get(number as usize).copied();
    slot.ok_or_else(|| pieces.damaged(format!("there is no lock {number}")))
}

/// A lock, with the counts of its holders, delays and waiters, which follow behind all locks.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LockPiece<'a> {
    name: Cow<'a, str>,
    pub(super) limit: u32,
    pub(super) holders: u32,
    pub(super) delays: u32,
    pub(super) waiters: u32,
}

impl<'a> LockPiece<'a> {
    pub(super) fn new(name: &'a Name, lock: &Lock) -> Self {
        let count = |count: usize| u32::try_from(count).expect("who is in a lock is bounded");
        Self {
            name: Cow::Borrowed(name.as_str()),
            limit: lock.limit(),
            holders: count(lock.holders.len()),
            delays: count(lock.delays().len()),
            waiters: count(lock.queue().len()),
        }
    }
}
