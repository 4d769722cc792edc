//! One core with its disk, obeyed by hand: nothing is durable, and nothing leaves, unless a test says so.

pub use crate::disk::Disk;
pub use crate::messages::*;

use std::time::Duration;
use tenure::base::{
    Blob, DirectoryId, Index, NodeId, ReadId, Sample, Term, WriteSeq, checksum, limits,
};
use tenure::raft::{
    Action, AppendOutcome, AppendResponse, Config, Entry, EntryHeader, EntryKind, Event, HardState,
    Membership, Message, Payload, ProposeError, Raft, Role, Snapshot, SnapshotOutcome,
    SnapshotResponse, Urgency, VoteResponse, Write,
};

/// The heartbeat interval, in milliseconds.
pub const HEARTBEAT: u64 = 30;
/// The smallest election timeout, in milliseconds.
pub const ELECTION: u64 = 150;

/// A core, its disk, and its requests.
#[derive(Debug)]
pub struct Node {
    pub id: NodeId,
    pub raft: Raft,
    pub config: Config,
    pub disk: Disk,
    /// Real time, in milliseconds.
    pub clock: u64,
    /// How much faster than real time its clock runs, in parts per million.
    pub rate_ppm: i64,
    /// All writes up to this one are durable.
    pub synced: WriteSeq,
    /// Issued and not durable.
    pub writes: Vec<Write>,
    /// Messages that wait for a write.
    pub held: Vec<(WriteSeq, NodeId, Message)>,
    /// Messages that left.
    pub outbox: Vec<(NodeId, Message)>,
    pub applied: Vec<Index>,
    /// The state machine: how far it is, and a digest of all that it applied.
    pub state: (Index, u32),
    /// That after each entry, until somebody looks.
    pub states: Vec<(Index, u32)>,
    /// Snapshots to be stored.
    pub installs: Vec<Snapshot>,
    pub restored: Vec<Index>,
    pub ready: Vec<(ReadId, Index)>,
    pub failed: Vec<ReadId>,
    pub roles: Vec<(Role, Term, Option<NodeId>)>,
}

pub fn config(id: u64, voters: u64) -> Config {
    Config {
        id: NodeId(id),
        membership: founding(1..=voters),
        retained_bytes: 0,
        part_bytes: 64 << 10,
        heartbeat: Duration::from_millis(HEARTBEAT),
        election: Duration::from_millis(ELECTION),
        peer_down_wait: Duration::from_millis(10),
        log_bytes_max: limits::LOG_BYTES_MAX,
        log_reserve_bytes: limits::LOG_RESERVE_BYTES,
        seed: id,
    }
}

/// A founding membership of these ids.
pub fn founding(ids: impl IntoIterator<Item = u64>) -> Membership {
    let member = |id: u64| (NodeId(id), DirectoryId([id as u8; 16]), format!("host{id}:1"));
    Membership::founding(ids.into_iter().map(member))
}

/// A log of these terms, from index 1.
pub fn log(terms: &[u64]) -> Vec<Entry> {
    entries(1, terms)
}

/// Entries of these terms, the first at `first`.
pub fn entries(first: u64, terms: &[u64]) -> Vec<Entry> {
    let entry = |(offset, term): (usize, &u64)| Entry {
        term: Term(*term),
        index: Index(first + offset as u64),
        header: header(),
        payload: Payload::empty(),
    };
    terms.iter().enumerate().map(entry).collect()
}

pub fn header() -> EntryHeader {
    EntryHeader { format: 1, kind: EntryKind::Command, proposer_unix_ms: 0 }
}

impl Node {
    pub fn new(id: u64, voters: u64) -> Self {
        Self::with_log(id, voters, 0, &[])
    }

    /// A node that recovered `term` and a log of `terms`.
    pub fn with_log(id: u64, voters: u64, term: u64, terms: &[u64]) -> Self {
        let disk = Disk {
            hard_state: HardState { term: Term(term), vote: None },
            entries: log(terms),
            ..Disk::default()
        };
        Self::start(config(id, voters), disk, 1000)
    }

    pub fn start(config: Config, disk: Disk, clock: u64) -> Self {
        Self::start_at_rate(config, disk, clock, 0)
    }

    /// As [`Node::start`], with a clock that is so much faster than real time.
    pub fn start_at_rate(config: Config, mut disk: Disk, clock: u64, rate_ppm: i64) -> Self {
        let recovered = disk.recover();
        let state = disk.snapshot.as_ref().map_or_else(Default::default, state_of);
        Self {
            id: config.id,
            raft: Raft::new(config.clone(), recovered, &sample(clock, rate_ppm)),
            config,
            disk,
            clock,
            rate_ppm,
            state,
            states: vec![state],
            synced: WriteSeq(0),
            writes: Vec::new(),
            held: Vec::new(),
            outbox: Vec::new(),
            applied: Vec::new(),
            installs: Vec::new(),
            restored: Vec::new(),
            ready: Vec::new(),
            failed: Vec::new(),
            roles: Vec::new(),
        }
    }

    /// The leader of `term` among `voters`, whose log was `terms` before its no-op; all is durable, and
    /// its first appends are on their way.
    pub fn leader(voters: u64, term: u64, terms: &[u64]) -> Self {
        let mut node = Self::winner(voters, term, terms);
        node.settle();
        node.outbox.clear();
        node
    }

    /// As [`Node::leader`], with other bounds.
    pub fn leader_of(config: Config, term: u64, terms: &[u64]) -> Self {
        let hard_state = HardState { term: Term(term - 1), vote: None };
        let disk = Disk { hard_state, entries: log(terms), ..Disk::default() };
        let mut node = Self::start(config, disk, 1000);
        node.become_candidate();
        node.receive(2, vote_response(term, true));
        node.settle();
        node.outbox.clear();
        node
    }

    /// As [`Node::leader`], its no-op neither sent nor written.
    pub fn winner(voters: u64, term: u64, terms: &[u64]) -> Self {
        let mut node = Self::with_log(1, voters, term - 1, terms);
        node.become_candidate();
        for voter in 2..=voters {
            node.receive(voter, vote_response(term, true));
        }
        assert_eq!((node.raft.role(), node.raft.term()), (Role::Leader, Term(term)));
        node
    }

    /// A candidate of the next term, its own vote durable.
    pub fn become_candidate(&mut self) {
        self.become_pre_candidate();
        let term = self.raft.term().next().0;
        for voter in 2..=9 {
            self.receive(voter, pre_vote_response(term, true));
        }
        self.settle();
        self.outbox.clear();
    }

    /// Lets its election timeout pass.
    pub fn become_pre_candidate(&mut self) {
        self.clock += 2 * ELECTION;
        self.handle(Event::Deadline);
    }

    /// The present, by its clock.
    pub fn now(&self) -> Sample {
        sample(self.clock, self.rate_ppm)
    }

    pub fn handle(&mut self, event: Event) {
        self.raft.handle(&self.now(), event);
    }

    pub fn receive(&mut self, from: u64, message: Message) {
        self.handle(Event::Message { from: NodeId(from), message });
    }

    pub fn propose(&mut self) -> Index {
        self.propose_bytes(0, Urgency::Normal).expect("a leader takes proposals")
    }

    pub fn propose_bytes(&mut self, bytes: usize, urgency: Urgency) -> Result<Index, ProposeError> {
        self.raft.propose(header(), Payload::from(vec![0; bytes]), urgency)
    }

    /// One `take_actions`, obeyed; writes stay unsynced.
    pub fn turn(&mut self) {
        self.obey();
    }

    /// As [`Node::turn`]; whether there was anything to do.
    fn obey(&mut self) -> bool {
        let actions = self.raft.take_actions(&self.now());
        let is_any = !actions.is_empty();
        for action in actions {
            match action {
                Action::Write(write) => self.writes.push(write),
                Action::Send { to, message, after: Some(seq) } if seq > self.synced => {
                    self.held.push((seq, to, message));
                }
                Action::Send { to, message, .. } => self.emit(to, message),
                Action::Apply { from, to } => self.apply(from, to),
                Action::Unreadable(why) => panic!("{why}"),
                Action::Install(snapshot) => self.installs.push(snapshot),
                Action::Restored { index } => {
                    self.state = state_of(self.disk.snapshot.as_ref().expect("it is stored"));
                    assert_eq!(self.state.0, index, "the snapshot that was stored last");
                    self.states.push(self.state);
                    self.restored.push(index);
                }
                Action::ReadReady { read, index } => self.ready.push((read, index)),
                Action::ReadFailed { read } => self.failed.push(read),
                Action::RoleChanged { role, term, leader } => self.roles.push((role, term, leader)),
            }
        }
        is_any
    }

    /// Makes the oldest write durable, says so, and releases what waited for it.
    pub fn sync_one(&mut self) {
        let write = self.writes.remove(0);
        self.disk.write(&write);
        self.synced = write.seq;
        self.handle(Event::Persisted(write.seq));
        for (after, to, message) in std::mem::take(&mut self.held) {
            if after <= write.seq {
                self.emit(to, message);
            } else {
                self.held.push((after, to, message));
            }
        }
    }

    /// Turns and syncs until nothing is left to do.
    pub fn settle(&mut self) {
        while self.obey() || !self.writes.is_empty() {
            while !self.writes.is_empty() {
                self.sync_one();
            }
        }
    }

    /// Takes a snapshot of its state, with some `bytes` of it, which is then durable.
    pub fn take_snapshot(&mut self, bytes: usize) {
        let (index, digest) = self.state;
        let mut data = digest.to_le_bytes().to_vec();
        data.resize(4 + bytes, digest as u8);
        let meta = self.raft.snapshot_meta(index);
        self.store(Snapshot { meta, data: Blob::from(data) });
    }

    /// A snapshot is durable: its own, or one that it was to install.
    pub fn store(&mut self, snapshot: Snapshot) {
        if snapshot.meta.index.0 > self.disk.snapshot_index() {
            self.disk.snapshot = Some(snapshot.clone());
        }
        self.handle(Event::SnapshotStored(snapshot));
    }

    /// Stores the snapshots that it is to install.
    pub fn store_installs(&mut self) {
        for snapshot in std::mem::take(&mut self.installs) {
            self.store(snapshot);
        }
    }

    /// A turn of a leader whose heartbeat is due.
    pub fn beat(&mut self) {
        self.clock += HEARTBEAT;
        self.turn();
    }

    /// Messages that left for `to` since the last call; the rest is dropped.
    pub fn sent_to(&mut self, to: u64) -> Vec<Message> {
        let sent = self.sent().into_iter().filter(|(receiver, _)| *receiver == to);
        sent.map(|(_, message)| message).collect()
    }

    /// Messages that left since the last call.
    pub fn sent(&mut self) -> Vec<(u64, Message)> {
        std::mem::take(&mut self.outbox).into_iter().map(|(to, m)| (to.0, m)).collect()
    }

    /// The terms of the entries that its log holds.
    pub fn terms(&self) -> Vec<u64> {
        let held = (1..=self.raft.last_index().0).filter_map(|at| self.raft.entry(Index(at)));
        held.map(|entry| entry.term.0).collect()
    }

    fn apply(&mut self, from: Index, to: Index) {
        assert_eq!(from, self.state.0.next(), "applied in order, each entry once");
        for entry in self.raft.entries(from, to) {
            let mut bytes = self.state.1.to_le_bytes().to_vec();
            bytes.extend([entry.term.0.to_le_bytes(), entry.index.0.to_le_bytes()].as_flattened());
            bytes.extend(entry.payload.bytes());
            self.state = (entry.index, checksum::crc32c(&bytes));
            self.states.push(self.state);
            self.applied.push(entry.index);
        }
        self.handle(Event::Applied(to));
    }

    /// A message leaves: its promise must be on disk at this moment (R6, R7).
    fn emit(&mut self, to: NodeId, message: Message) {
        match &message {
            Message::VoteResponse(VoteResponse { term, granted: true }) => {
                let disk = self.disk.hard_state;
                let voted = disk.term > *term || disk == HardState { term: *term, vote: Some(to) };
                assert!(voted, "a vote for {to} in {term} leaves, the disk has {disk:?}");
            }
            // One of an earlier term than the disk's was true when it was made; its leader is deposed, and a later one may
            // have taken entries back since, in the write that it waited for.
            Message::AppendResponse(AppendResponse {
                outcome: AppendOutcome::Accepted { matched: index },
                term,
                ..
            })
            | Message::SnapshotResponse(SnapshotResponse {
                outcome: SnapshotOutcome::Stored,
                index,
                term,
                ..
            }) if *term == self.disk.hard_state.term => {
                let last = self.disk.last_index().max(self.disk.snapshot_index());
                assert!(index.0 <= last, "{index} is acknowledged, the disk has {last}");
            }
            _ => {}
        }
        let answers = matches!(
            message,
            Message::AppendResponse(_)
                | Message::HeartbeatResponse(_)
                | Message::SnapshotResponse(_)
                | Message::Vote(_)
        );
        let (term, durable) = (message.term(), self.disk.hard_state.term);
        assert!(!answers || term <= durable, "{message:?} leaves, the disk is of term {durable}");
        self.outbox.push((to, message));
    }
}

/// A clock that is so much faster than real time.
fn sample(clock: u64, rate_ppm: i64) -> Sample {
    Sample::at(clock * 1_000_000u64.saturating_add_signed(rate_ppm))
}

/// The state that a snapshot holds.
fn state_of(snapshot: &Snapshot) -> (Index, u32) {
    let digest = snapshot.data.part(0..4).unwrap().try_into().expect("a digest");
    (snapshot.meta.index, u32::from_le_bytes(digest))
}
