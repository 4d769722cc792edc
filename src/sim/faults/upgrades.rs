//! Versions: operators replace the programs of nodes one by one, and take one back while they may.

use super::below;
use crate::base::rng::Rng;
use crate::sim::checkers::durability::Ending;
use crate::sim::marks::Mark;
use crate::sim::node::talk::Build;
use crate::sim::node::{Fate, SimNode};
use crate::sim::world::World;

impl World {
    /// One node ends, and starts again with another build: mostly the newer one.
    pub(in crate::sim) fn replace_program(&mut self, dice: &mut Rng) {
        let build = if dice.chance(1, 4) { Build::Old } else { Build::New };
        let slots: Vec<usize> = (0..self.nodes.len())
            .filter(|slot| self.nodes[*slot].build() != build && self.may_run(*slot, build))
            .collect();
        if slots.is_empty() {
            return;
        }
        let slot = slots[below(dice, slots.len())];
        self.nodes[slot].set_build(build);
        self.trace.count("programs replaced");
        self.trace.line(self.now, format_args!("node {} is to run the {build:?} build", slot + 1));
        self.trace.marks.hit_if(build == Build::Old, Mark::TakenBack);
        if self.nodes[slot].process.is_some() {
            let ending = if dice.chance(1, 2) { Ending::Killed } else { Ending::PowerCut };
            self.crash(slot, ending);
            self.foresee_restart(slot, dice);
        }
    }

    /// Whether a node may be given that build. Back to the older one only while another member runs it too: then the level
    /// has not risen, and cannot meanwhile (docs/developers/versions.md).
    fn may_run(&self, slot: usize, build: Build) -> bool {
        let is_there = !matches!(self.nodes[slot].fate, Fate::Gone | Fate::Unborn);
        let members: Vec<_> = self.judge.consensus.possible_members().collect();
        // One that was added counts once its own log says so: then the level did not rise before it came.
        let is_served = |other: usize| {
            let named = |node: &SimNode| {
                let inside = node.inside()?;
                inside.raft.membership().1.member(node.id).map(|_| ())
            };
            (other as u64) < self.plan.nodes || named(&self.nodes[other]).is_some()
        };
        let is_old_in_all = |other: usize| {
            let node = &self.nodes[other];
            other != slot
                && node.build() == Build::Old
                && node.fate != Fate::Gone
                && is_served(other)
                && members.iter().all(|members| members.contains(node.id))
        };
        let stays_low = || (0..self.nodes.len()).any(is_old_in_all);
        is_there && (build == Build::New || self.is_founded() && stays_low())
    }
}
