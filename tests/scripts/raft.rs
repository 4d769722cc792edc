//! Nodes that hear each other only when a script says so, in one real time that passes only when it says so.

use crate::scripts::command::{link, number, span};
use crate::scripts::node::{HEARTBEAT, Node, Turn};
use crate::scripts::raft_words;
use crate::scripts::script;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;
use tenure::base::time::nanos;
use tenure::base::{DirectoryId, NodeId, Sample};
use tenure::raft::{
    Change, EntryHeader, EntryKind, Event, LeaseTold, Message, Payload, Role, Urgency,
};

/// The world of `raft/*.txt`.
#[derive(Default)]
pub struct World {
    now: Duration,
    /// Node i stands at position i − 1.
    nodes: Vec<Node>,
    /// From, to, what; in the order in which they were sent.
    in_flight: VecDeque<(u64, u64, Message)>,
    cut_off: BTreeSet<u64>,
    /// Nodes that founded the cluster.
    founders: u64,
    told: Vec<String>,
}

impl script::World for World {
    fn obey(&mut self, command: &str) -> Result<Vec<String>, String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            [count, "nodes"] => self.start(number(count)?),
            [count, unit, "pass"] => self.now += span(count, unit)?,
            ["run", count, unit] => self.run(span(count, unit)?),
            ["cut", "off", id] => self.cut_off(number(id)?)?,
            ["heal"] => self.heal(),
            ["deliver", "all"] => self.deliver_all(),
            ["deliver", word] => self.deliver(link(word)?)?,
            ["lose", word] => self.lose(link(word)?)?,
            ["disk", "of", id, "stalls"] => self.node(number(id)?)?.stall(),
            ["disk", "of", id, "syncs"] => {
                let (id, now) = (number(id)?, self.sample());
                let turn = self.node(id)?.sync(&now);
                self.take(id, turn);
            }
            ["node", id, ref rest @ ..] => self.command(number(id)?, rest)?,
            ["show"] => self.show(),
            _ => return Err(UNKNOWN.to_owned()),
        }
        Ok(std::mem::take(&mut self.told))
    }
}

impl World {
    fn command(&mut self, id: u64, words: &[&str]) -> Result<(), String> {
        match words {
            ["times", "out"] => self.time_out(id),
            ["beats"] => self.beat(id),
            ["proposes", text] => self.propose(id, text),
            ["hands", "over", "to", target] => self.hand_over(id, number(target)?),
            ["restarts"] => self.restart(id),
            ["adds", "node", new] => self.add(id, number(new)?),
            ["makes", changes @ ..] => self.change(id, changes),
            _ => Err(UNKNOWN.to_owned()),
        }
    }

    /// Nodes with empty disks, connected to each other.
    fn start(&mut self, count: u64) {
        let now = self.sample();
        self.founders = count;
        self.nodes = (1..=count).map(|id| Node::new(id, count, &now)).collect();
        self.connect(&(1..=count).collect());
    }

    fn sample(&self) -> Sample {
        Sample::at(START + nanos(self.now))
    }

    fn node(&mut self, id: u64) -> Result<&mut Node, String> {
        let node = (id as usize).checked_sub(1).and_then(|at| self.nodes.get_mut(at));
        node.ok_or_else(|| format!("there is no node {id}"))
    }

    /// Time goes on until the election timer of `id` is over, if it is not; the others have not noticed yet.
    fn time_out(&mut self, id: u64) -> Result<(), String> {
        let node = self.node(id)?;
        if node.raft.role() == Role::Leader {
            return Err("it leads: it waits for nobody".to_owned());
        }
        let due = Duration::from_nanos(node.raft.next_deadline() - START);
        self.now = self.now.max(due);
        self.handle(id, Event::Deadline)
    }

    /// A leader's next round is due.
    fn beat(&mut self, id: u64) -> Result<(), String> {
        if self.node(id)?.raft.role() != Role::Leader {
            return Err("it does not lead".to_owned());
        }
        self.now += HEARTBEAT;
        self.handle(id, Event::Deadline)
    }

    fn propose(&mut self, id: u64, text: &str) -> Result<(), String> {
        let (header, payload) = (
            EntryHeader { format: 1, kind: EntryKind::Command, proposer_unix_ms: 0 },
            Payload::from(text.as_bytes().to_vec()),
        );
        let now = self.sample();
        let node = self.node(id)?;
        match node.raft.propose(header, payload, Urgency::Normal) {
            Ok(_) => {
                let turn = node.turn(&now);
                self.take(id, turn);
            }
            Err(refused) => self.told.push(format!("refused: {refused}")),
        }
        Ok(())
    }

    fn hand_over(&mut self, id: u64, target: u64) -> Result<(), String> {
        let now = self.sample();
        let node = self.node(id)?;
        if let Err(refused) = node.raft.transfer(&now, Some(NodeId(target)), LeaseTold::Ended) {
            self.told.push(format!("refused: {refused}"));
            return Ok(());
        }
        let turn = node.turn(&now);
        self.take(id, turn);
        Ok(())
    }

    /// Restarts a node: messages to and from it are lost with its connections.
    fn restart(&mut self, id: u64) -> Result<(), String> {
        let now = self.sample();
        let node = self.node(id)?;
        *node = node.restarted(&now);
        let told = node.shown();
        self.told.push(told);
        self.in_flight.retain(|(from, to, _)| *from != id && *to != id);
        self.connect(&BTreeSet::from([id]));
        Ok(())
    }

    /// A new node with an empty disk, which knows the founding members alone, and is added as a learner.
    fn add(&mut self, id: u64, new: u64) -> Result<(), String> {
        if new != self.nodes.len() as u64 + 1 {
            return Err(format!("the next new node is {}", self.nodes.len() + 1));
        }
        let now = self.sample();
        self.nodes.push(Node::new(new, self.founders, &now));
        self.connect(&BTreeSet::from([new]));
        let (node, directory) = (NodeId(new), DirectoryId([new as u8; 16]));
        let added = Change::AddLearner { node, address: format!("host{new}:1") };
        self.propose_change(id, &[added, Change::Bind { node, directory }])
    }

    /// Changes such as `4 a voter, 1 no member`, all of them in one step.
    fn change(&mut self, id: u64, words: &[&str]) -> Result<(), String> {
        let changes = words.join(" ");
        let changes = changes.split(", ").map(|one| match one.split(' ').collect::<Vec<_>>()[..] {
            [node, "a", "voter"] => Ok(Change::Promote { node: NodeId(number(node)?) }),
            [node, "a", "learner"] => Ok(Change::Demote { node: NodeId(number(node)?) }),
            [node, "no", "member"] => Ok(Change::Remove { node: NodeId(number(node)?) }),
            _ => Err(UNKNOWN.to_owned()),
        });
        let changes = changes.collect::<Result<Vec<Change>, String>>()?;
        self.propose_change(id, &changes)
    }

    fn propose_change(&mut self, id: u64, changes: &[Change]) -> Result<(), String> {
        let now = self.sample();
        let node = self.node(id)?;
        if let Err(refused) = node.raft.change_membership(&now, changes) {
            self.told.push(format!("refused: {refused}"));
            return Ok(());
        }
        let turn = node.turn(&now);
        self.take(id, turn);
        Ok(())
    }

    fn cut_off(&mut self, id: u64) -> Result<(), String> {
        self.node(id)?;
        self.cut_off.insert(id);
        self.in_flight.retain(|(from, to, _)| *from != id && *to != id);
        Ok(())
    }

    /// Everybody reaches everybody again, over new connections.
    fn heal(&mut self) {
        let back = std::mem::take(&mut self.cut_off);
        self.connect(&back);
    }

    /// New connections between each of `back` and all others.
    fn connect(&mut self, back: &BTreeSet<u64>) {
        let ids = 1..=self.nodes.len() as u64;
        for (id, peer) in ids.clone().flat_map(|id| ids.clone().map(move |peer| (id, peer))) {
            if id != peer && (back.contains(&id) || back.contains(&peer)) {
                self.handle(id, Event::PeerUp(NodeId(peer))).expect("it is there");
            }
        }
    }

    /// Time passes; everybody does what is due, when it is, and messages arrive at once.
    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.now += Duration::from_millis(1);
            for id in 1..=self.nodes.len() as u64 {
                if self.nodes[id as usize - 1].raft.next_deadline() <= self.sample().boot() {
                    self.handle(id, Event::Deadline).expect("it is there");
                }
            }
            self.deliver_all();
        }
    }

    fn handle(&mut self, id: u64, event: Event) -> Result<(), String> {
        let now = self.sample();
        let turn = self.node(id)?.handle(&now, event);
        self.take(id, turn);
        Ok(())
    }

    /// Delivers the messages on one link.
    fn deliver(&mut self, (from, to): (u64, u64)) -> Result<(), String> {
        for message in self.take_link((from, to))? {
            self.arrive(from, to, message);
        }
        Ok(())
    }

    /// Everything arrives, and what follows from it, until nothing is on its way.
    fn deliver_all(&mut self) {
        for _ in 0..MESSAGES_MAX {
            let Some((from, to, message)) = self.in_flight.pop_front() else { return };
            self.arrive(from, to, message);
        }
        panic!("no end of messages");
    }

    fn lose(&mut self, link: (u64, u64)) -> Result<(), String> {
        self.take_link(link).map(drop)
    }

    fn take_link(&mut self, link: (u64, u64)) -> Result<Vec<Message>, String> {
        let is_there = |(from, to, _): &(u64, u64, Message)| (*from, *to) == link;
        let (there, others) = std::mem::take(&mut self.in_flight).into_iter().partition(is_there);
        self.in_flight = others;
        let there: VecDeque<_> = there;
        match there.is_empty() {
            true => Err("nothing is on its way there".to_owned()),
            false => Ok(there.into_iter().map(|(.., message)| message).collect()),
        }
    }

    fn arrive(&mut self, from: u64, to: u64, message: Message) {
        self.told.push(format!("{from}→{to} arrives: {}", raft_words::message(&message)));
        self.handle(to, Event::Message { from: NodeId(from), message }).expect("it is there");
    }

    /// Tells what a node did, each message at its place, and puts messages on their way.
    fn take(&mut self, id: u64, turn: Turn) {
        let mut sent = turn.sent.into_iter().peekable();
        for (at, told) in (0..).zip(turn.told) {
            while let Some((to, message, _)) = sent.next_if(|(.., before)| *before <= at) {
                self.send(id, to, message);
            }
            self.told.push(format!("  {told}"));
        }
        for (to, message, _) in sent {
            self.send(id, to, message);
        }
    }

    fn send(&mut self, from: u64, to: u64, message: Message) {
        let is_lost = [from, to].iter().any(|id| self.cut_off.contains(id));
        let lost = if is_lost { " (lost)" } else { "" };
        self.told.push(format!("  {from}→{to} {}{lost}", raft_words::message(&message)));
        if !is_lost {
            self.in_flight.push_back((from, to, message));
        }
    }

    fn show(&mut self) {
        self.told.extend(self.nodes.iter().map(Node::shown));
        let in_flight = self.in_flight.iter();
        self.told.extend(in_flight.map(|(from, to, message)| {
            format!("on its way {from}→{to}: {}", raft_words::message(message))
        }));
    }
}

/// Reading of the clocks when a script begins, in nanoseconds.
const START: u64 = 1_000_000_000;
/// More than any exchange needs that ends.
const MESSAGES_MAX: usize = 1_000;
const UNKNOWN: &str = "no command that tests/scripts/README.md names";
