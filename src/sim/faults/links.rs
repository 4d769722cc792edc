//! Links that are cut, flap, are slow or lossy; connections that are reset; frames that come again.

use super::below;
use crate::base::rng::Rng;
use crate::raft::Seat;
use crate::sim::marks::Mark;
use crate::sim::network::HostId;
use crate::sim::plan::fault::Fault;
use crate::sim::plan::{MS, SECOND};
use crate::sim::world::World;
use crate::sim::world::event::Event;

/// Directed links, and whether they are cut again.
#[derive(Clone, Debug)]
pub struct Flapping {
    links: Vec<(HostId, HostId)>,
    period: u64,
    rounds: u64,
}

/// Whether a cut is of one direction or of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Direction {
    One,
    Both,
}

impl World {
    /// Cuts a node off from some or all others, for a while.
    pub(in crate::sim) fn cut_node(&mut self, slot: usize, direction: Direction, dice: &mut Rng) {
        if direction == Direction::One && dice.chance(1, 4) {
            return self.silence_until_it_restarts(slot, dice);
        }
        let links = self.pick_links(slot, direction, dice);
        self.trace.count(if direction == Direction::Both { "cuts" } else { "one-way cuts" });
        self.cut_for_a_while(links, dice);
    }

    fn pick_links(
        &self,
        slot: usize,
        direction: Direction,
        dice: &mut Rng,
    ) -> Vec<(HostId, HostId)> {
        let host = self.nodes[slot].host_id;
        let with_clients = dice.chance(1, 2);
        let others =
            if with_clients { self.nodes.len() + self.clients.len() } else { self.nodes.len() };
        let (all, inwards) = (dice.chance(1, 2), dice.chance(1, 2));
        let mut links = Vec::new();
        for other in (0..others).map(HostId).filter(|other| *other != host) {
            if all || dice.chance(1, 2) {
                links.push(if inwards { (other, host) } else { (host, other) });
            }
        }
        if direction == Direction::Both {
            links.extend(links.clone().into_iter().map(|(from, to)| (to, from)));
        }
        links
    }

    /// No other node hears this one, which hears all; then it restarts. So it has entries that nobody knows it to
    /// have.
    fn silence_until_it_restarts(&mut self, slot: usize, dice: &mut Rng) {
        let host = self.nodes[slot].host_id;
        let others = self.plan.node_hosts().filter(|other| *other != host);
        let links: Vec<_> = others.map(|other| (host, other)).collect();
        let until = self.now + dice.between(10 * MS, 2 * SECOND);
        self.trace.count("one-way cuts");
        self.cut(&links);
        self.disturb(until);
        self.queue.push(until, Event::Lapse(slot));
        self.queue.push(until, Event::Mend(links));
    }

    /// One node's links go down and up, a few times (NT10).
    pub(in crate::sim) fn flap(&mut self, slot: usize, dice: &mut Rng) {
        let direction = if dice.chance(2, 3) { Direction::Both } else { Direction::One };
        let links = self.pick_links(slot, direction, dice);
        let election = crate::base::time::nanos(self.plan.server.election);
        let period = dice.between(election / 2, 2 * election);
        let rounds = dice.between(2, 8);
        self.trace.count("flapping links");
        self.disturb(self.now + 2 * period * (rounds + 1));
        self.go_down(Flapping { links, period, rounds });
    }

    /// A flapping link goes down, comes up, and perhaps goes down again.
    pub(in crate::sim) fn go_down(&mut self, flapping: Flapping) {
        self.cut(&flapping.links);
        self.queue.push(self.now + flapping.period, Event::Mend(flapping.links.clone()));
        if flapping.rounds > 0 {
            let next = Flapping { rounds: flapping.rounds - 1, ..flapping };
            self.queue.push(self.now + 2 * next.period, Event::Flap(Box::new(next)));
        }
    }

    /// The leader loses its peers and keeps its clients, and perhaps learners; the peers see their connections
    /// reset. Its successor may be told at once to hand over again.
    pub(in crate::sim) fn leave_leader_alone(&mut self, dice: &mut Rng) {
        let Some(leader) = self.leader() else { return };
        let host = self.nodes[leader].host_id;
        let members = self.judge.consensus.committed_members();
        let keeps_learners = dice.chance(3, 4);
        let is_lost = |slot: &usize| {
            let learns = members.seat(self.nodes[*slot].id) == Some(Seat::Learner);
            *slot != leader && !(keeps_learners && learns)
        };
        let peers: Vec<HostId> =
            (0..self.nodes.len()).filter(is_lost).map(|slot| self.nodes[slot].host_id).collect();
        let mut links: Vec<_> =
            peers.iter().flat_map(|peer| [(*peer, host), (host, *peer)]).collect();
        // Some clients are on its side of the cut: they hear of no other leader.
        for client in (0..self.clients.len()).map(|slot| self.plan.client_host(slot)) {
            if dice.chance(1, 2) {
                links.extend(peers.iter().flat_map(|peer| [(*peer, client), (client, *peer)]));
            }
        }
        self.trace.count("leaders left alone");
        self.cut_for_a_while(links, dice);
        for (line, side) in self.network.lines_of(host) {
            let other = self.network.other_host(line, side).expect("a line has two ends");
            if peers.contains(&other) {
                self.network.reset_towards(self.now, line, side.other());
            }
        }
        self.moves_on = self.plan.classes.contains(&Fault::MoveLeader) && dice.chance(1, 2);
    }

    pub(in crate::sim) fn cut_client(&mut self, dice: &mut Rng) {
        let slot = below(dice, self.clients.len());
        let host = self.clients[slot].host_id;
        let one_way = dice.chance(1, 3);
        let mut links = Vec::new();
        for node in self.plan.node_hosts() {
            if dice.chance(3, 4) {
                links.push((host, node));
                if !one_way {
                    links.push((node, host));
                }
            }
        }
        self.trace.count("client cuts");
        self.cut_for_a_while(links, dice);
    }

    /// The last acknowledgements are on their way for long, and no renewal follows them.
    pub(in crate::sim) fn fade_client(&mut self, dice: &mut Rng) {
        let slot = below(dice, self.clients.len());
        let host = self.clients[slot].host_id;
        let ttl = crate::base::time::nanos(self.plan.habits.ttl);
        let (begin, end) = (self.now + dice.below(ttl), self.now + 4 * ttl);
        let inwards: Vec<_> = self.plan.node_hosts().map(|node| (node, host)).collect();
        let outwards: Vec<_> = self.plan.node_hosts().map(|node| (host, node)).collect();
        // Longer than a third of the TTL the client does not wait for an answer.
        for (from, to) in &inwards {
            self.network.links().slow(*from, *to, ttl / 3);
        }
        self.trace.count("fading links");
        self.disturb(end);
        self.queue.push(begin, Event::Cut(outwards.clone()));
        self.queue.push(end, Event::Mend(outwards));
        self.queue.push(end, Event::Calm(inwards));
    }

    pub(in crate::sim) fn slow_node(&mut self, slot: usize, dice: &mut Rng) {
        let links = self.pick_links(slot, Direction::Both, dice);
        let nanos = dice.between(MS, 300 * MS);
        self.trace.count("slow links");
        links.iter().for_each(|(from, to)| self.network.links().slow(*from, *to, nanos));
        self.calm_later(links, dice);
    }

    /// Packets are lost and sent again; what is behind them waits, as on TCP.
    pub(in crate::sim) fn lose_packets(&mut self, slot: usize, dice: &mut Rng) {
        let links = self.pick_links(slot, Direction::Both, dice);
        let one_in = dice.between(2, 20);
        self.trace.count("lossy links");
        links.iter().for_each(|(from, to)| self.network.links().lose(*from, *to, one_in));
        self.calm_later(links, dice);
    }

    pub(in crate::sim) fn reset_line(&mut self, slot: usize, dice: &mut Rng) {
        let lines = self.network.lines_of(self.nodes[slot].host_id);
        if lines.is_empty() {
            return;
        }
        let (line, side) = lines[below(dice, lines.len())];
        self.trace.count("resets");
        self.network.reset_towards(self.now, line, side);
        if dice.chance(1, 2) {
            self.network.reset_towards(self.now, line, side.other());
        }
    }

    pub(in crate::sim) fn replay_frames(&mut self, dice: &mut Rng) {
        for _ in 0..dice.between(1, 6) {
            if self.network.replay(self.now, |bound| dice.below(bound)) {
                self.trace.count("frames replayed");
                self.trace.marks.hit(Mark::Replayed);
            }
        }
    }

    pub(in crate::sim) fn cut(&mut self, links: &[(HostId, HostId)]) {
        links.iter().for_each(|(from, to)| self.network.links().cut(*from, *to));
    }

    fn cut_for_a_while(&mut self, links: Vec<(HostId, HostId)>, dice: &mut Rng) {
        self.cut(&links);
        let until = self.now + dice.between(10 * MS, 4 * SECOND);
        self.disturb(until);
        self.queue.push(until, Event::Mend(links));
    }

    fn calm_later(&mut self, links: Vec<(HostId, HostId)>, dice: &mut Rng) {
        let until = self.now + dice.between(10 * MS, 4 * SECOND);
        self.disturb(until);
        self.queue.push(until, Event::Calm(links));
    }
}
