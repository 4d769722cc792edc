//! Strangers come who say that they are peers: under an id of nobody's, or under a member's with a directory of their own.

use super::below;
use crate::base::NodeId;
use crate::base::rng::Rng;
use crate::base::time::RHO_PPM;
use crate::raft::Member;
use crate::sim::client::stranger::{NOBODY, foreign};
use crate::sim::network::LineId;
use crate::sim::plan::SECOND;
use crate::sim::world::World;
use crate::sim::world::event::Event;
use crate::wire::PeerHello;

impl World {
    /// One comes to the node at `slot`, if that has what tells strangers from members.
    pub(in crate::sim) fn receive_stranger(&mut self, slot: usize, dice: &mut Rng) {
        self.note_keys();
        let node = &self.nodes[slot];
        let (Some(inside), Some(process)) = (node.inside(), &node.process) else { return };
        if !self.strangers.are_known_to(node.id) {
            return;
        }
        let is_bound = |member: &&Member| member.node != node.id && member.directory.is_some();
        let members = inside.raft.membership().1.members().iter().filter(is_bound);
        let names: Vec<NodeId> = members.map(|member| member.node).collect();
        let name = match names.len() {
            0 => NOBODY,
            _ if dice.chance(1, 2) => NOBODY,
            some => names[below(dice, some)],
        };
        let hello = PeerHello {
            node: name,
            to: node.id,
            directory: foreign(dice),
            // Every welcome tells it.
            cluster: process.server.hello(name).cluster,
            boot: dice.number(),
            rho_ppm: RHO_PPM,
        };
        let last = (inside.raft.last_index(), inside.raft.term());
        let line = self.strangers.come(self.now, hello, last, dice.fork(), &mut self.network);
        self.trace.count("strangers");
        self.queue.push(self.now + dice.below(2 * SECOND), Event::EndStranger(line));
    }

    fn note_keys(&mut self) {
        for node in &self.nodes {
            if node.inside().is_some_and(|inside| inside.machine.cluster_key().is_some()) {
                self.strangers.note_key(node.id);
            }
        }
    }

    /// The stranger on this line leaves, if it is not gone.
    pub(in crate::sim) fn end_stranger(&mut self, line: LineId) {
        self.strangers.leave(self.now, line, &mut self.network);
        self.nodes.iter_mut().for_each(|node| node.drop_arrivals(line));
    }

    /// All of them leave: what they are refused by is about to go.
    pub(in crate::sim) fn end_strangers(&mut self) {
        self.strangers.lines().into_iter().for_each(|line| self.end_stranger(line));
        self.strangers.forget_keys();
    }
}
