//! One node that decides alone, and clients that talk to it. Messages arrive at once, unless their client is cut off; time
//! passes only when a script says so.

use crate::scripts::client::{Client, ENDPOINT, Wanted, name};
use crate::scripts::command::{number, span};
use crate::scripts::{lock_words, script};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tenure::base::meters::Meters;
use tenure::base::time::nanos;
use tenure::base::{
    ClientSource, ConnectionId, DirectoryId, NodeId, Sample, Subject, Token, limits,
};
use tenure::client::core::{AcquireCall, BreakCall, Wait};
use tenure::lock::{BreakWay, LEVEL_MAX, LockView};
use tenure::raft::{Config, LeaseTold, Membership, Raft, Recovered, Write};
use tenure::replica::{Output, Replica, ReplicaOptions, Storage, Turn};
use tenure::wire::{Abilities, Request, ServerMessage};

/// The world of `lock/*.txt`.
pub struct World {
    now: Duration,
    replica: Replica,
    clients: BTreeMap<String, Client>,
    /// Clients whose messages are lost, both ways.
    cut_off: BTreeSet<String>,
    /// Clients whose own messages arrive, and that hear nothing.
    deaf: BTreeSet<String>,
    /// The clients of all connections that ever were.
    connections: Vec<String>,
    to_node: VecDeque<(ConnectionId, Request)>,
    to_clients: VecDeque<(String, ServerMessage)>,
    told: Vec<String>,
}

impl Default for World {
    fn default() -> Self {
        let mut world = Self {
            now: Duration::ZERO,
            replica: replica(),
            clients: BTreeMap::new(),
            cut_off: BTreeSet::new(),
            deaf: BTreeSet::new(),
            connections: Vec::new(),
            to_node: VecDeque::new(),
            to_clients: VecDeque::new(),
            told: Vec::new(),
        };
        world.pass(ELECTED);
        world.told.clear();
        world
    }
}

impl script::World for World {
    fn obey(&mut self, command: &str) -> Result<Vec<String>, String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            ["client", client, "connects"] => self.connect(client),
            ["client", client, "is", "cut", "off"] => drop(self.cut_off.insert(client.to_owned())),
            ["client", client, "is", "back"] => drop(self.cut_off.remove(client)),
            ["answers", "to", client, "are", "lost"] => drop(self.deaf.insert(client.to_owned())),
            ["answers", "to", client, "arrive"] => drop(self.deaf.remove(client)),
            ["client", client, ref rest @ ..] => self.command(client, rest)?,
            [count, unit, "pass"] => self.pass(span(count, unit)?),
            ["show"] => self.show(),
            _ => return Err(UNKNOWN.to_owned()),
        }
        self.settle();
        Ok(std::mem::take(&mut self.told))
    }
}

impl World {
    fn connect(&mut self, name: &str) {
        let seed = self.clients.len() as u64 + 1;
        self.clients.insert(name.to_owned(), Client::new(name, seed, &self.sample()));
    }

    fn command(&mut self, client: &str, words: &[&str]) -> Result<(), String> {
        let now = self.sample();
        let client = self.clients.get_mut(client).ok_or("there is no such client")?;
        match words {
            ["acquires", lock] => {
                let call = AcquireCall::lock(name(lock)?, Wait::Forever);
                let call = client.core.acquire(&now, call);
                client.expect(call, format!("its acquire of {lock}"));
            }
            ["acquires", lock, "as", "owner", owner] => {
                let call = AcquireCall::lock(name(lock)?, Wait::Forever);
                let call = AcquireCall { owner: number(owner)?, ..call };
                let call = client.core.acquire(&now, call);
                client.expect(call, format!("its acquire of {lock}"));
            }
            ["tries", lock] => {
                let call = client.core.acquire(&now, AcquireCall::lock(name(lock)?, Wait::Try));
                client.expect(call, format!("its try of {lock}"));
            }
            ["releases", lock] => {
                let lease = client.lease(lock)?;
                let call = client.core.release(&now, lease);
                client.expect(call, format!("its release of {lock}"));
            }
            ["hands", lock, "over", "to", to] => {
                let lease = client.lease(lock)?;
                let call = client.core.transfer(&now, lease, Some((*to).to_owned()));
                client.expect(call, format!("its handover of {lock}"));
            }
            ["asks", "for", lock, "within", count, unit] => {
                let grace_ms = Some(span(count, unit)?.as_millis() as u32);
                let (way, to) = (BreakWay::Ask { grace_ms }, Some(client.name.clone()));
                let reason = format!("{} needs it", client.name);
                let call = BreakCall { name: name(lock)?, token: Token(0), way, to, reason };
                client.break_lock(&now, call, format!("its asking for {lock}"));
            }
            ["closes"] => {
                let call = client.core.close(&now);
                client.expect(call, "its close".to_owned());
            }
            _ => return Err(UNKNOWN.to_owned()),
        }
        Ok(())
    }

    fn sample(&self) -> Sample {
        Sample::at(START + nanos(self.now))
    }

    /// Lets time pass; everybody does what is due, when it is.
    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            self.settle();
            let due = self.clients.values().map(|client| client.core.next_deadline()).min();
            let due = due.unwrap_or(u64::MAX).min(self.replica.next_deadline()).max(START);
            let due = Duration::from_nanos(due - START);
            if due > end {
                self.now = end;
                return;
            }
            // A hint that has passed is looked at again a little later.
            self.now = due.max(self.now + Duration::from_micros(u64::from(due <= self.now)));
            let now = self.sample();
            for client in self.clients.values_mut() {
                client.core.handle_deadline(&now);
            }
        }
    }

    /// Until nobody has anything to say.
    fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let names: Vec<String> = self.clients.keys().cloned().collect();
            names.iter().for_each(|name| self.run_client(name));
            self.run_node();
            if self.to_node.is_empty() && self.to_clients.is_empty() {
                return;
            }
            let now = self.sample();
            for (name, message) in std::mem::take(&mut self.to_clients) {
                self.clients.get_mut(&name).expect("it is there").hear(&now, message);
                self.run_client(&name);
            }
        }
        panic!("no end of messages");
    }

    fn run_client(&mut self, name: &str) {
        let now = self.sample();
        for _ in 0..ROUNDS_MAX {
            let wanted = self.clients.get_mut(name).expect("it is there").take(&now);
            if wanted.is_empty() {
                return;
            }
            wanted.into_iter().for_each(|wanted| self.obey_client(name, wanted));
        }
        panic!("client {name} never rests");
    }

    fn obey_client(&mut self, name: &str, wanted: Wanted) {
        let now = self.sample();
        let is_cut_off = self.cut_off.contains(name);
        let client = self.clients.get_mut(name).expect("it is there");
        match wanted {
            Wanted::Tell(told) => self.tell(&format!("  {told}")),
            Wanted::Send(request) => {
                let lost = if is_cut_off { " (lost)" } else { "" };
                let connection = client.connection;
                self.tell(&format!("{name}→node  {}{lost}", lock_words::request(&request)));
                if let Some(connection) = connection.filter(|_| !is_cut_off) {
                    self.to_node.push_back((connection, request));
                }
            }
            Wanted::Hangup => {
                if let Some(connection) = client.connection.take().filter(|_| !is_cut_off) {
                    self.replica.handle_client_down(connection);
                }
            }
            // No answer: it dials again after a while.
            Wanted::Dial if is_cut_off || self.deaf.contains(name) => {}
            Wanted::Dial => {
                self.connections.push(name.to_owned());
                let connection = ConnectionId(self.connections.len() as u64);
                client.welcome(&now, connection, self.replica.leader_hint());
                let (source, abilities) = (ClientSource::default(), Abilities::own());
                self.replica.handle_client_up(connection, source, abilities, Subject::Anonymous);
            }
        }
    }

    /// One turn of the node.
    fn run_node(&mut self) {
        let now = self.sample();
        let unix_ms = self.now.as_millis() as u64;
        let (storage, room, claim) = (Storage::Open, u64::MAX, LeaseTold::Standing);
        self.replica.handle_turn(&now, Turn { unix_ms, storage, room, claim });
        for (connection, request) in std::mem::take(&mut self.to_node) {
            self.replica.handle_request(&now, connection, request);
        }
        self.replica.handle_deadline(&now);
        self.replica.advance_parts(false, |_| true);
        loop {
            let outputs = self.replica.take_outputs(&now, &mut || false).expect("our own codec");
            if outputs.is_empty() {
                return;
            }
            for output in outputs {
                match output {
                    Output::Write(write) => self.write(&now, &write),
                    Output::SendClient { to, message } => self.send_client(to, message),
                    other => panic!("a node alone has no peer for {other:?}"),
                }
            }
        }
    }

    fn write(&mut self, now: &Sample, write: &Write) {
        for entry in &write.entries {
            let words = lock_words::entry(entry, self.replica.machine());
            self.tell(&format!("  node logs {}: {words}", entry.index));
        }
        self.replica.handle_persisted(now, write.seq);
    }

    fn send_client(&mut self, to: ConnectionId, message: ServerMessage) {
        // The leader, and conditions of the cluster, do not change here.
        if matches!(message, ServerMessage::Leader(_) | ServerMessage::Condition(_)) {
            return;
        }
        let name = self.connections[to.0 as usize - 1].clone();
        let is_current = self.clients[&name].connection == Some(to);
        let hears = !self.cut_off.contains(&name) && !self.deaf.contains(&name);
        let is_lost = !hears || !is_current;
        let lost = if is_lost { " (lost)" } else { "" };
        self.tell(&format!("node→{name}  {}{lost}", lock_words::message(&message)));
        if !is_lost {
            self.to_clients.push_back((name, message));
        }
    }

    fn tell(&mut self, text: &str) {
        self.told
            .push(format!("{:>7.3}  {text}", (self.now - ELECTED.min(self.now)).as_secs_f64()));
    }

    fn show(&mut self) {
        let now = self.sample();
        let machine = self.replica.machine();
        let locks = machine.locks("", None, usize::MAX);
        self.told.extend(locks.iter().map(shown));
        let owner = |(session, _)| machine.session(session).expect("it lives").client;
        let owners: Vec<String> = machine.sessions().map(owner).collect();
        self.told.push(format!("node: sessions of {}", owners.join(", ")));
        self.told.extend(self.clients.values().map(|client| client.shown(&now)));
    }
}

/// Holder and queue of a lock.
fn shown(lock: &LockView) -> String {
    let holder = match lock.token {
        Token(0) => "held by nobody".to_owned(),
        token => format!("held by {} under token {token}", lock.client),
    };
    let waiters: Vec<&str> = lock.waiters.iter().map(|waiter| &*waiter.client).collect();
    let waiters = if waiters.is_empty() { "nobody".to_owned() } else { waiters.join(", ") };
    format!("node: {} is {holder}; waiting: {waiters}", lock.name)
}

/// A cluster of one: its log is committed at once.
fn replica() -> Replica {
    let members = [(NodeId(1), DirectoryId([1; 16]), ENDPOINT.to_owned())];
    let config = Config {
        id: NodeId(1),
        membership: Membership::founding(members),
        heartbeat: Duration::from_millis(50),
        election: Duration::from_millis(500),
        peer_down_wait: Duration::from_millis(10),
        log_bytes_max: limits::LOG_BYTES_MAX,
        log_reserve_bytes: limits::LOG_RESERVE_BYTES,
        retained_bytes: 0,
        part_bytes: 64 << 10,
        seed: 1,
    };
    let options = ReplicaOptions {
        lease_ms: 150,
        ttl_ms_max: 60_000,
        snapshot_every_bytes: u64::MAX,
        work_divisor: 1,
        level_max: LEVEL_MAX,
        names_per_part: 1000,
        cluster_key: None,
        requires_tls: None,
        meters: Meters::new(),
    };
    let raft = Raft::new(config, Recovered::default(), &Sample::at(START));
    Replica::new(options, raft).expect("nothing to be read")
}

const UNKNOWN: &str = "no command that tests/scripts/README.md names";
/// Reading of the clocks when the node starts, in nanoseconds.
const START: u64 = 1_000_000_000;
/// By then the node leads, and has logged what a leader logs first.
const ELECTED: Duration = Duration::from_secs(2);
/// More than any exchange needs that ends.
const ROUNDS_MAX: usize = 1_000;
