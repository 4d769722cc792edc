//! Disks that stall, fail, fill up, rot, and are exchanged for empty ones.

use super::below;
use crate::base::NodeId;
use crate::base::rng::Rng;
use crate::raft::Seat;
use crate::sim::checkers::bytes::{RecordSpan, segment_records};
use crate::sim::checkers::durability::Ending;
use crate::sim::disk::faults::{Strike, StrikeOn};
use crate::sim::disk::storage::Storage;
use crate::sim::node::{Fate, slot_of};
use crate::sim::plan::{MS, SECOND};
use crate::sim::world::World;
use crate::sim::world::event::Event;

/// The kernel's treatment of pages whose sync failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Kernel {
    /// The pages stay dirty.
    Remembers,
    /// The pages count as clean.
    Forgets,
}

impl World {
    pub(in crate::sim) fn stall_disk(&mut self, slot: usize, dice: &mut Rng) {
        self.trace.count("disk stalls");
        let until = self.now + self.draw_stop(dice);
        self.nodes[slot].host.borrow_mut().faults.stalled_until = until;
        self.disturb(until);
    }

    /// One of the next operations fails.
    pub(in crate::sim) fn fail_disk(&mut self, slot: usize, kernel: Kernel, dice: &mut Rng) {
        let on = match kernel {
            Kernel::Forgets => StrikeOn::SyncAndForget,
            Kernel::Remembers if dice.chance(1, 2) => StrikeOn::Write,
            Kernel::Remembers => StrikeOn::Sync,
        };
        let after = u32::try_from(dice.below(6)).expect("few");
        self.nodes[slot].host.borrow_mut().faults.strike = Some(Strike { on, after });
    }

    /// No file grows, until somebody makes room.
    pub(in crate::sim) fn fill_disk(&mut self, slot: usize, dice: &mut Rng) {
        self.trace.count("disks that fill up");
        self.nodes[slot].host.borrow_mut().faults.is_full = true;
        let until = self.now + dice.between(100 * MS, 8 * SECOND);
        self.disturb(until);
        self.queue.push(until, Event::MakeRoom(slot));
    }

    /// Whether a quorum is whole without this node, whichever of the possible members come to be in force.
    pub(in crate::sim) fn can_lose(&self, slot: usize) -> bool {
        let is_whole = |node: NodeId| {
            let other = &self.nodes[slot_of(node)];
            let is_lost = other.is_damaged() || other.is_emptied || other.fate == Fate::Refuses;
            slot_of(node) != slot && !is_lost
        };
        self.judge.consensus.possible_members().all(|members| members.is_quorum(is_whole))
    }

    /// A voter comes back with an empty disk, under its old id (ST40). The others bear it like rot, and let it take no
    /// part any more.
    pub(in crate::sim) fn empty_voter(&mut self, slot: usize, dice: &mut Rng) {
        let id = self.nodes[slot].id;
        let votes = self.judge.consensus.committed_members().seat(id) == Some(Seat::Voter);
        // One that founded alone may do so again: nobody is there to say no.
        let others_know = self.plan.nodes > 1 || id != NodeId(1);
        let may =
            votes && others_know && self.is_founded() && self.is_able(slot) && self.can_lose(slot);
        if !may || self.operator.is_busy() {
            return;
        }
        self.trace.count("voters' disks emptied");
        self.exchange_disk(slot, dice);
    }

    /// The machine goes off, and comes back with an empty disk.
    pub(in crate::sim) fn exchange_disk(&mut self, slot: usize, dice: &mut Rng) {
        self.end_strangers();
        self.crash(slot, Ending::PowerCut);
        self.nodes[slot].is_emptied = true;
        let host = self.nodes[slot].host.clone();
        (host.borrow_mut().storage, host.borrow_mut().faults.rotten) = (Storage::default(), None);
        self.foresee_restart(slot, dice);
    }

    /// A bit of a synced record flips, where valid records of later batches lie behind it (ST8). Only on a
    /// minority: that much the others can bear, and the node must see it at its next start.
    pub(in crate::sim) fn rot(&mut self, slot: usize, dice: &mut Rng) {
        if self.nodes[slot].is_damaged() || !self.can_lose(slot) || self.operator.is_busy() {
            return;
        }
        let host = &mut *self.nodes[slot].host.borrow_mut();
        let places = rotten_places(&host.storage);
        if places.is_empty() {
            return;
        }
        let (file, span) = places[below(dice, places.len())];
        let offset = span.offset + dice.below(span.bytes);
        host.storage.rot(file, offset, dice.below(8) as u8);
        host.faults.rotten = Some(file);
        self.trace.count("rotten records");
    }
}

/// The records that cannot be taken for a torn tail, and lie on the disk alone.
fn rotten_places(storage: &Storage) -> Vec<(u32, RecordSpan)> {
    let names: Vec<&String> = storage.names().filter(|name| name.starts_with("log-")).collect();
    let mut places = Vec::new();
    for (position, name) in names.iter().enumerate() {
        let file = storage.file(name).expect("a name that was listed");
        let mut bytes = vec![0; usize::try_from(storage.length(file)).expect("a short file")];
        storage.read(file, 0, &mut bytes);
        let records = segment_records(&bytes);
        let is_last = position + 1 == names.len();
        let last_batch = records.last().map_or(0, |last| last.batch);
        let inside = records.into_iter().filter(|one| !is_last || one.batch < last_batch);
        let settled = inside.filter(|one| {
            let end = one.offset + one.bytes - 1;
            storage.is_settled(file, one.offset) && storage.is_settled(file, end)
        });
        places.extend(settled.map(|one| (file, one)));
    }
    places
}
