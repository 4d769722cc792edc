//! A restore (safety L15): the whole cluster is stopped for good, and a snapshot that an operator saved becomes the
//! beginning of a new one, on new machines at the old addresses. No node of the old cluster returns.
//!
//! Clients of the old cluster go over to the new one once they believe in nothing any more, if it names the old one
//! (L25). Otherwise they are refused, and their programs are then restarted.

use crate::base::rng::Rng;
use crate::base::{Ancestors, Blob, DirectoryId, Index, NodeId};
use crate::lock::{LEVEL_MAX, LockMachine, WaitRule};
use crate::raft::{Membership, Snapshot, SnapshotMeta};
use crate::sim::checkers::durability::Ending;
use crate::sim::checkers::judge::Judge;
use crate::sim::disk::SimDisk;
use crate::sim::disk::host::Host;
use crate::sim::marks::Mark;
use crate::sim::node::outlet::drain_durable;
use crate::sim::node::{SimNode, host_of};
use crate::sim::plan::SECOND;
use crate::sim::plan::fault::Fault;
use crate::sim::world::World;
use crate::sim::world::event::Event;
use crate::wal::{Wal, WalOptions};

/// That a seed restores, and how.
#[derive(Clone, Copy, Debug)]
pub struct Restore {
    /// When the cluster is stopped.
    pub at: u64,
    /// Whether the new cluster waits until nobody believes in anything of before.
    pub wait: WaitRule,
    /// When once more, if so.
    pub again_at: Option<u64>,
}

impl World {
    /// Stops everything, and founds the new cluster if there is a snapshot to begin with.
    pub(in crate::sim) fn restore(&mut self) {
        let Some(plan) = self.plan.restore else { return };
        let Some(snapshot) = self.pick_saved() else { return };
        let mut dice = self.rng.fork();
        let machine = LockMachine::decode_blob(&snapshot.data, LEVEL_MAX).expect("it was checked");
        let of_epoch = machine.epoch();
        let epoch = self.draw_epoch(of_epoch, &mut dice);
        let ancestors = self.draw_ancestors(&machine, &mut dice);
        let machine = machine.restored(epoch, plan.wait).expect("the epoch is larger");
        let machine = machine.with_ancestors(ancestors.clone());
        let beside = if machine.ancestors().is_empty() { ancestors } else { Ancestors::NONE };
        self.trace.marks.hit_if(self.epoch > 0, Mark::RestoredAgain);
        self.epoch = machine.epoch();
        self.restored_at = self.now;
        self.past_clusters.extend(self.clients.iter().filter_map(|client| {
            client.process.as_ref().and_then(|process| process.core.cluster())
        }));
        self.trace.count("restores");
        let index = snapshot.meta.index;
        let what = format_args!("the snapshot of {index} is restored in epoch {}", self.epoch);
        self.trace.line(self.now, what);
        self.stop_all(&mut dice);
        let data = Blob::from(machine.encode());
        let meta = SnapshotMeta {
            membership: Membership::default(),
            membership_index: Index(0),
            ..snapshot.meta
        };
        let restored = Snapshot { meta, data };
        self.judge.restore(self.nodes.len(), self.plan.nodes, &restored, (of_epoch, machine));
        self.make_machines((&restored, &beside), &mut dice);
        // Sessions of before end one after the other, and new ones wait.
        self.disturb(self.now + 15 * SECOND);
    }

    /// One of before the first settings has no bound on TTLs: its cluster would wait for longer than a run.
    fn pick_saved(&mut self) -> Option<Snapshot> {
        let knows_settings = |saved: &&Snapshot| {
            let machine = LockMachine::decode_blob(&saved.data, LEVEL_MAX).expect("it was checked");
            machine.settings().is_some()
        };
        let saved: Vec<&Snapshot> = self.operator.saved.iter().filter(knows_settings).collect();
        let newest = saved.len().checked_sub(1)?;
        let any = self.rng.below(saved.len() as u64);
        let which = if self.rng.chance(1, 2) { newest } else { usize::try_from(any).ok()? };
        Some(saved[which].clone())
    }

    /// None where the snapshot's own epoch tells the next one.
    fn draw_epoch(&self, snapshot: u64, dice: &mut Rng) -> Option<u64> {
        let is_known = snapshot == self.epoch && dice.chance(1, 2);
        (!is_known).then(|| self.epoch + dice.between(1, 3))
    }

    /// Mostly the operator's file names the cluster that it is of; one of 0.1.0 did not.
    fn draw_ancestors(&self, machine: &LockMachine, dice: &mut Rng) -> Ancestors {
        let running = self.nodes.iter().filter_map(|node| node.process.as_ref());
        let old = running.filter_map(|process| process.server.cluster()).next();
        let named = old.filter(|_| dice.chance(3, 4));
        Ancestors::new(named.into_iter().chain(machine.ancestors().iter()))
    }

    fn stop_all(&mut self, dice: &mut Rng) {
        if let Some(line) = self.operator.line() {
            self.end_order(line);
        }
        self.visitors.lines().into_iter().for_each(|line| self.end_visit(line));
        self.end_strangers();
        for slot in 0..self.nodes.len() {
            self.crash(slot, Ending::Killed);
        }
        for slot in 0..self.clients.len() {
            let knows = self.clients[slot].process.as_ref().is_some_and(|one| one.knows_cluster());
            if self.clients[slot].process.is_some() && (!knows || dice.chance(1, 2)) {
                self.end_client(slot);
            }
        }
    }

    fn make_machines(&mut self, begun_with: (&Snapshot, &Ancestors), dice: &mut Rng) {
        let options = WalOptions { segment_bytes: self.plan.server.segment_bytes };
        for slot in 0..self.nodes.len() {
            let id = NodeId(slot as u64 + 1);
            let host = Host::new(dice.fork(), self.plan.node_pauses);
            if id.0 <= self.plan.nodes {
                let directory = DirectoryId(dice.bytes16());
                let disk = SimDisk::new(host.clone());
                let made = Wal::restore(disk, id, directory, begun_with, &options);
                made.expect("an empty directory");
                drain_durable(&host, &mut self.judge.ledgers[slot]);
                let wait = dice.below(SECOND);
                self.queue.push(self.now + wait, Event::Restart(slot));
            }
            host.borrow_mut().storage.forgets_renames =
                self.plan.classes.contains(&Fault::LostRename);
            let starts = self.nodes[slot].starts;
            self.nodes[slot] = SimNode::new(host_of(id), host, self.plan.server_of(id));
            self.nodes[slot].starts = starts;
        }
        self.members_index = Index(0);
    }
}

impl Judge {
    /// Everything starts over behind `snapshot`, of which `machine` is the state, and which is of the incarnation
    /// `of_epoch`. Tokens go on rising, and clients' beliefs go on.
    pub fn restore(
        &mut self,
        nodes: usize,
        founders: u64,
        snapshot: &Snapshot,
        (of_epoch, machine): (u64, LockMachine),
    ) {
        let SnapshotMeta { index, term, .. } = snapshot.meta;
        let mut fresh = Self::new(nodes, founders, self.states.names_per_part);
        fresh.consensus.begin_behind(index, term);
        fresh.ledgers.iter_mut().take(usize::try_from(founders).expect("few")).for_each(|ledger| {
            ledger.begin_behind(index);
        });
        fresh.begin_behind(index);
        fresh.states = std::mem::take(&mut self.states);
        fresh.model = std::mem::take(&mut self.model);
        fresh.model.restore(index, of_epoch, &machine);
        fresh.states.restore(index, machine);
        std::mem::swap(&mut fresh.holding, &mut self.holding);
        fresh.replies = std::mem::take(&mut self.replies);
        fresh.observing = std::mem::take(&mut self.observing);
        fresh.history.windows = self.history.windows;
        fresh.claims.begun = self.claims.begun;
        fresh.claims.lapsed = self.claims.lapsed;
        fresh.backing.checked = self.backing.checked;
        fresh.expiry.checked = self.expiry.checked;
        fresh.expiry.delays_checked = self.expiry.delays_checked;
        fresh.rounds.checked = self.rounds.checked;
        fresh.waits.claims_checked = self.waits.claims_checked;
        fresh.waits.restores_checked = self.waits.restores_checked;
        *self = fresh;
    }
}
