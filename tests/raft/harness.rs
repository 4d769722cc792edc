//! One core with its disk, obeyed by hand: nothing is durable, and nothing leaves, unless a test says so.

use std::time::Duration;
use tenure::base::{DirectoryId, Index, NodeId, ReadId, Round, Sample, Term, WriteSeq, limits};
use tenure::raft::{
    Action, Append, AppendOutcome, AppendResponse, Cause, Config, Entry, EntryHeader, EntryKind,
    Event, HardState, Heartbeat, HeartbeatResponse, Membership, Message, Payload, ProposeError,
    Raft, Recovered, Role, Snapshot, Urgency, VoteRequest, VoteResponse, Write,
};

/// The heartbeat interval, in milliseconds.
pub const HEARTBEAT: u64 = 30;
/// The smallest election timeout, in milliseconds.
pub const ELECTION: u64 = 150;

/// What a node has on disk for sure.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    pub hard_state: HardState,
    pub snapshot: Option<Snapshot>,
    /// Behind `base`.
    pub entries: Vec<Entry>,
    pub base: u64,
}

impl Disk {
    pub fn last_index(&self) -> u64 {
        self.base + self.entries.len() as u64
    }
}

/// A core, its disk, and what it asked for.
#[derive(Debug)]
pub struct Node {
    pub id: NodeId,
    pub raft: Raft,
    pub disk: Disk,
    /// Milliseconds on its clock.
    pub clock: u64,
    /// All writes up to this one are durable.
    pub synced: WriteSeq,
    /// Issued and not durable.
    pub writes: Vec<Write>,
    /// Messages that wait for a write.
    pub held: Vec<(WriteSeq, NodeId, Message)>,
    /// Messages that left.
    pub outbox: Vec<(NodeId, Message)>,
    pub applied: Vec<Index>,
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
        let (snapshot, entries) = (disk.snapshot.clone(), disk.entries.clone());
        let recovered = Recovered { hard_state: disk.hard_state, snapshot, entries };
        Self {
            id: config.id,
            raft: Raft::new(config, recovered, &Sample::at(clock * 1_000_000)),
            disk,
            clock,
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

    pub fn now(&self) -> Sample {
        Sample::at(self.clock * 1_000_000)
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
        for action in self.raft.take_actions(&self.now()) {
            match action {
                Action::Write(write) => self.writes.push(write),
                Action::Send { to, message, after: Some(seq) } if seq > self.synced => {
                    self.held.push((seq, to, message));
                }
                Action::Send { to, message, .. } => self.emit(to, message),
                Action::Apply { from, to } => {
                    self.applied.extend((from.0..=to.0).map(Index));
                    self.handle(Event::Applied(to));
                }
                Action::Install(snapshot) => self.installs.push(snapshot),
                Action::Restored { index } => self.restored.push(index),
                Action::ReadReady { read, index } => self.ready.push((read, index)),
                Action::ReadFailed { read } => self.failed.push(read),
                Action::RoleChanged { role, term, leader } => self.roles.push((role, term, leader)),
            }
        }
    }

    /// Makes the oldest write durable, says so, and releases what waited for it.
    pub fn sync_one(&mut self) {
        let write = self.writes.remove(0);
        if let Some(hard_state) = write.hard_state {
            self.disk.hard_state = hard_state;
        }
        if let Some(start) = write.start {
            let stored = self.disk.snapshot.as_ref().map(|snapshot| snapshot.meta.index);
            assert_eq!(stored, Some(start.index), "the log begins behind a durable snapshot");
            self.disk.base = start.index.0;
            self.disk.entries.clear();
        }
        if let Some(from) = write.truncate_from {
            self.disk.entries.truncate((from.0 - self.disk.base) as usize - 1);
        }
        for entry in write.entries {
            assert_eq!(entry.index.0, self.disk.last_index() + 1, "the disk has no gaps");
            self.disk.entries.push(entry);
        }
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
        self.turn();
        while !self.writes.is_empty() {
            self.sync_one();
            self.turn();
        }
    }

    /// A snapshot is durable: its own, or one that it was to install.
    pub fn store(&mut self, snapshot: Snapshot) {
        self.disk.snapshot = Some(snapshot.clone());
        self.handle(Event::SnapshotStored(snapshot));
    }

    /// A turn of a leader whose heartbeat is due.
    pub fn beat(&mut self) {
        self.clock += HEARTBEAT;
        self.turn();
    }

    /// What left for `to` since the last call; the rest is dropped.
    pub fn sent_to(&mut self, to: u64) -> Vec<Message> {
        let sent = self.sent().into_iter().filter(|(receiver, _)| *receiver == to);
        sent.map(|(_, message)| message).collect()
    }

    /// What left since the last call.
    pub fn sent(&mut self) -> Vec<(u64, Message)> {
        std::mem::take(&mut self.outbox).into_iter().map(|(to, m)| (to.0, m)).collect()
    }

    /// The terms of its log.
    pub fn terms(&self) -> Vec<u64> {
        let term = |index| self.raft.entry(Index(index)).expect("no gaps").term.0;
        (1..=self.raft.last_index().0).map(term).collect()
    }

    /// A message leaves: what it promises must be on disk at this moment (R6, R7).
    fn emit(&mut self, to: NodeId, message: Message) {
        match &message {
            Message::VoteResponse(VoteResponse { term, granted: true }) => {
                let disk = self.disk.hard_state;
                let voted = disk.term > *term || disk == HardState { term: *term, vote: Some(to) };
                assert!(voted, "a vote for {to} in {term} leaves, the disk has {disk:?}");
            }
            Message::AppendResponse(AppendResponse {
                outcome: AppendOutcome::Accepted { matched },
                ..
            }) => {
                let stored =
                    self.disk.snapshot.as_ref().map_or(0, |snapshot| snapshot.meta.index.0);
                let last = self.disk.last_index().max(stored);
                assert!(matched.0 <= last, "{matched} is acknowledged, the disk has {last}");
            }
            _ => {}
        }
        self.outbox.push((to, message));
    }
}

pub fn vote(term: u64, last_index: u64, last_term: u64) -> Message {
    Message::Vote(vote_request(term, last_index, last_term))
}

pub fn pre_vote(term: u64, last_index: u64, last_term: u64) -> Message {
    Message::PreVote(vote_request(term, last_index, last_term))
}

fn vote_request(term: u64, last_index: u64, last_term: u64) -> VoteRequest {
    let (last_index, last_term) = (Index(last_index), Term(last_term));
    VoteRequest { term: Term(term), last_index, last_term, cause: Cause::Silence }
}

pub fn vote_response(term: u64, granted: bool) -> Message {
    Message::VoteResponse(VoteResponse { term: Term(term), granted })
}

pub fn pre_vote_response(term: u64, granted: bool) -> Message {
    Message::PreVoteResponse(VoteResponse { term: Term(term), granted })
}

/// An append of `term` behind (`prev_index`, `prev_term`) with entries of `terms`.
pub fn append(term: u64, prev: (u64, u64), commit: u64, terms: &[u64]) -> Message {
    Message::Append(Append {
        term: Term(term),
        round: Round(0),
        prev_index: Index(prev.0),
        prev_term: Term(prev.1),
        commit: Index(commit),
        entries: entries(prev.0.saturating_add(1), terms),
    })
}

pub fn accepted(term: u64, round: u64, matched: u64) -> Message {
    let outcome = AppendOutcome::Accepted { matched: Index(matched) };
    Message::AppendResponse(AppendResponse { term: Term(term), round: Round(round), outcome })
}

pub fn rejected(term: u64, prev: u64, hint: (u64, u64)) -> Message {
    let outcome = AppendOutcome::Rejected {
        prev_index: Index(prev),
        hint_index: Index(hint.0),
        hint_term: Term(hint.1),
    };
    Message::AppendResponse(AppendResponse { term: Term(term), round: Round(0), outcome })
}

pub fn heartbeat(term: u64, round: u64, commit: u64) -> Message {
    Message::Heartbeat(Heartbeat { term: Term(term), round: Round(round), commit: Index(commit) })
}

pub fn echo(term: u64, round: u64) -> Message {
    Message::HeartbeatResponse(HeartbeatResponse { term: Term(term), round: Round(round) })
}

/// The places of an append: the index before its entries, and how many they are.
pub fn span(message: &Message) -> Option<(u64, usize)> {
    match message {
        Message::Append(append) => Some((append.prev_index.0, append.entries.len())),
        _ => None,
    }
}
