//! What may go wrong at a step, and what each costs of the bound.

use crate::lease_model::client::Program;
use crate::lease_model::network::{Line, Place};
use crate::lease_model::node::Running;
use crate::lease_model::world::{Next, World};
use tenure::base::NodeId;

/// What somebody does at a step before, or in place of, what comes next by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing comes out of this line until it is released.
    Hold(Line),
    /// The message that is to arrive is lost.
    Drop(Line),
    /// It arrives, and once more at some later step.
    Duplicate(Line),
    /// The process takes no step until it is resumed.
    Pause(Place),
    /// The node's next sync does not return until it is unblocked.
    Stall(NodeId),
    /// The node is cut off from its peers, which see it; perhaps a client with it, from the other nodes.
    CutOff(NodeId, Option<usize>),
    Crash(NodeId),
    /// A client's connection breaks.
    Reset(usize, NodeId),
    /// The program gives the lock back.
    Release(usize),
    /// The program wants the lock no more.
    GiveUp(usize),
    // What ends one of the above, and costs nothing.
    LetGo(Line),
    DeliverCopy(usize),
    Resume(Place),
    Unblock(NodeId),
    Heal(NodeId),
    Restart(NodeId),
}

/// Which disturbances a search places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them, at every step.
    Everything,
    /// Those of the client that holds the lock: what it and the nodes say to each other, its program, pauses
    /// of it and of its leader.
    Holder,
    /// Crashes and cuts of every node.
    Members,
    /// Cuts of the first leader, and late or repeated answers of its peers.
    Echoes,
}

impl Scope {
    fn holds(self, choice: Choice) -> bool {
        const HOLDER: Place = Place::Client(0);
        const LEADER: Place = Place::Node(NodeId(1));
        let is_of = |line: Line, place| line.from == place || line.to == place;
        let is_between_nodes =
            |line: Line| matches!((line.from, line.to), (Place::Node(_), Place::Node(_)));
        match (self, choice) {
            (Self::Everything, _) => true,
            (_, ending) if ending.cost() == 0 => true,
            (Self::Holder, Choice::Hold(line) | Choice::Drop(line) | Choice::Duplicate(line)) => {
                is_of(line, HOLDER)
            }
            (Self::Holder, Choice::Pause(place)) => place == HOLDER || place == LEADER,
            (Self::Holder, Choice::Reset(client, _) | Choice::Release(client)) => client == 0,
            (Self::Holder, Choice::GiveUp(_)) => true,
            (Self::Members, Choice::Crash(_) | Choice::CutOff(..)) => true,
            (Self::Echoes, Choice::CutOff(id, _)) => Place::Node(id) == LEADER,
            (Self::Echoes, Choice::Hold(line) | Choice::Duplicate(line)) => {
                line.to == LEADER && is_between_nodes(line)
            }
            (Self::Holder | Self::Members | Self::Echoes, _) => false,
        }
    }

    /// Whether what was held back, or comes a second time, may arrive between two messages of one instant.
    /// If not, it arrives when nothing else is on its way.
    fn is_fine(self) -> bool {
        self == Self::Everything
    }
}

impl Choice {
    /// How much of the bound it takes: the start of a disturbance 1, its end nothing.
    pub fn cost(self) -> u32 {
        match self {
            Self::LetGo(_) | Self::DeliverCopy(_) | Self::Resume(_) => 0,
            Self::Unblock(_) | Self::Heal(_) | Self::Restart(_) => 0,
            _ => 1,
        }
    }
}

impl World {
    /// Everything that somebody may do here.
    pub fn choices(&self, next: Next, scope: Scope) -> Vec<Choice> {
        let mut choices = Vec::new();
        match next {
            Next::Deliver(line) => {
                choices.extend([Choice::Hold(line), Choice::Drop(line), Choice::Duplicate(line)]);
            }
            Next::Pass { .. } => {
                choices.extend(self.endings());
                choices.extend(self.disturbances());
            }
        }
        if matches!(next, Next::Pass { .. }) || scope.is_fine() {
            choices.extend(self.arrivals());
        }
        choices.retain(|choice| scope.holds(*choice));
        choices
    }

    /// What may arrive that was held back, or a second time.
    fn arrivals(&self) -> Vec<Choice> {
        let network = &self.network;
        let full = network.held.iter().filter(|line| network.lines.contains_key(line));
        let copies = network.copies.iter().enumerate();
        let copies = copies.filter(|(_, (line, _))| self.is_running(line.to));
        let mut choices: Vec<Choice> = full.map(|line| Choice::LetGo(*line)).collect();
        choices.extend(copies.map(|(at, _)| Choice::DeliverCopy(at)));
        choices
    }

    /// What ends a disturbance of a process or of its peers.
    fn endings(&self) -> Vec<Choice> {
        let mut choices = Vec::new();
        choices.extend(self.network.cuts.keys().map(|node| Choice::Heal(*node)));
        for node in &self.nodes {
            match node.state {
                Running::Paused => choices.push(Choice::Resume(Place::Node(node.id))),
                Running::Blocked(_) => choices.push(Choice::Unblock(node.id)),
                Running::Freely | Running::Stalling => {}
            }
            if node.replica.is_none() {
                choices.push(Choice::Restart(node.id));
            }
        }
        let paused = (0..self.clients.len()).filter(|at| self.clients[*at].paused);
        choices.extend(paused.map(|at| Choice::Resume(Place::Client(at))));
        choices
    }

    /// What may begin while nothing is on its way.
    fn disturbances(&self) -> Vec<Choice> {
        let mut choices = Vec::new();
        for node in self.nodes.iter().filter(|node| node.replica.is_some()) {
            let id = node.id;
            choices.push(Choice::Crash(id));
            if node.state == Running::Freely {
                choices.extend([Choice::Pause(Place::Node(id)), Choice::Stall(id)]);
            }
            if self.network.cuts.is_empty() {
                choices.extend([Choice::CutOff(id, None), Choice::CutOff(id, Some(0))]);
            }
        }
        for (at, client) in self.clients.iter().enumerate() {
            if !client.paused {
                choices.push(Choice::Pause(Place::Client(at)));
            }
            match client.program {
                Program::Holds { .. } => choices.push(Choice::Release(at)),
                Program::Waits(_) => choices.push(Choice::GiveUp(at)),
                Program::Idle | Program::Lingers { .. } | Program::Over => {}
            }
            let home = client.core.home();
            let home = home.and_then(|link| {
                self.network.connection(|one| one.client == at && one.link == link)
            });
            choices.extend(home.map(|connection| Choice::Reset(at, connection.node)));
        }
        choices
    }

    pub fn choose(&mut self, choice: Choice) {
        let now = self.now;
        match choice {
            Choice::Hold(line) => drop(self.network.held.insert(line)),
            Choice::Drop(line) => drop(self.network.take(line)),
            Choice::Duplicate(line) => {
                let packet = self.network.front(line).clone();
                self.network.copies.push((line, packet));
                self.step(Next::Deliver(line));
            }
            Choice::Pause(Place::Node(id)) => self.node_mut(id).state = Running::Paused,
            Choice::Pause(Place::Client(at)) => self.clients[at].paused = true,
            Choice::Stall(id) => self.node_mut(id).state = Running::Stalling,
            Choice::CutOff(id, with) => self.cut_off(id, with),
            Choice::Crash(id) => self.crash(id),
            Choice::Reset(at, node) => {
                let gone = self.network.connection(|one| one.client == at && one.node == node);
                self.reset(gone.expect("only standing connections break"));
            }
            Choice::Release(at) => {
                let how = self.rules.release();
                self.clients[at].release(now, how);
                self.drain(at);
            }
            Choice::GiveUp(at) => {
                self.clients[at].give_up(now);
                self.drain(at);
            }
            Choice::LetGo(line) => drop(self.network.held.remove(&line)),
            Choice::DeliverCopy(at) => {
                let (line, packet) = self.network.copies.remove(at);
                self.deliver(line, packet);
            }
            Choice::Resume(Place::Node(id)) => self.node_mut(id).state = Running::Freely,
            Choice::Resume(Place::Client(at)) => self.clients[at].paused = false,
            Choice::Unblock(id) => self.unblock(id),
            Choice::Heal(id) => self.heal(id),
            Choice::Restart(id) => self.restart(id),
        }
        self.observe();
    }
}
