//! One node of a script: the raft core, and a disk that syncs at once unless it is told to stall.

use crate::scripts::raft_words;
use std::time::Duration;
use tenure::base::limits::{LOG_BYTES_MAX, LOG_RESERVE_BYTES};
use tenure::base::{DirectoryId, Index, NodeId, Sample, WriteSeq};
use tenure::raft::{
    Action, Config, Entry, Event, HardState, Membership, Message, Raft, Recovered, Role, Write,
};

/// The heartbeat interval.
pub const HEARTBEAT: Duration = Duration::from_millis(30);
/// The smallest election timeout.
pub const ELECTION: Duration = Duration::from_millis(150);

/// A node, with the messages that wait for its disk.
pub struct Node {
    pub raft: Raft,
    id: u64,
    config: Config,
    disk: Disk,
    /// All writes up to this one are on the disk.
    synced: WriteSeq,
    waiting: Vec<(WriteSeq, u64, Message)>,
    commit: Index,
}

/// Data that survives a crash, and writes that do not.
#[derive(Clone, Default)]
struct Disk {
    hard_state: HardState,
    entries: Vec<Entry>,
    stalls: bool,
    unsynced: Vec<Write>,
}

/// Effects of one turn of a node.
#[derive(Default)]
pub struct Turn {
    /// Sentences for the script.
    pub told: Vec<String>,
    /// To whom, what, and what was told before it left.
    pub sent: Vec<(u64, Message, usize)>,
}

impl Node {
    /// One of `voters`, with an empty disk.
    pub fn new(id: u64, voters: u64, now: &Sample) -> Self {
        let member = |id: u64| (NodeId(id), DirectoryId([id as u8; 16]), format!("host{id}:1"));
        let config = Config {
            id: NodeId(id),
            membership: Membership::founding((1..=voters).map(member)),
            heartbeat: HEARTBEAT,
            election: ELECTION,
            peer_down_wait: Duration::from_millis(10),
            log_bytes_max: LOG_BYTES_MAX,
            log_reserve_bytes: LOG_RESERVE_BYTES,
            retained_bytes: 0,
            part_bytes: 64 << 10,
            seed: id,
        };
        Self::start(config, Disk::default(), now)
    }

    /// The node as it starts again, from what its disk has.
    pub fn restarted(&self, now: &Sample) -> Self {
        let disk = Disk { stalls: false, unsynced: Vec::new(), ..self.disk.clone() };
        Self::start(self.config.clone(), disk, now)
    }

    fn start(config: Config, disk: Disk, now: &Sample) -> Self {
        let (hard_state, entries) = (disk.hard_state, disk.entries.clone());
        let recovered = Recovered { hard_state, snapshot: None, entries };
        let (id, synced, waiting) = (config.id.0, WriteSeq(0), Vec::new());
        let raft = Raft::new(config.clone(), recovered, now);
        Self { raft, id, config, disk, synced, waiting, commit: Index(0) }
    }

    /// From now on its writes stay unsynced.
    pub fn stall(&mut self) {
        self.disk.stalls = true;
    }

    /// The disk syncs all that was written, and each write from now on.
    pub fn sync(&mut self, now: &Sample) -> Turn {
        self.disk.stalls = false;
        let mut turn = Turn::default();
        self.sync_all(now, &mut turn);
        self.settle(now, &mut turn);
        turn
    }

    /// Takes an event and does all that follows.
    pub fn handle(&mut self, now: &Sample, event: Event) -> Turn {
        let mut turn = Turn::default();
        self.raft.handle(now, event);
        self.settle(now, &mut turn);
        turn
    }

    /// Does all that follows from what its core was asked.
    pub fn turn(&mut self, now: &Sample) -> Turn {
        let mut turn = Turn::default();
        self.settle(now, &mut turn);
        turn
    }

    /// One line: role, term, vote, commit index, log.
    pub fn shown(&self) -> String {
        let (role, term) = (role(self.raft.role()), self.raft.term());
        let vote = self.raft.vote().map_or("-".to_owned(), |vote| vote.to_string());
        let (commit, log) = (self.raft.commit(), raft_words::entries(self.log()));
        format!("node {}  {role:<13} term {term}  vote {vote}  commit {commit}  log {log}", self.id)
    }

    fn log(&self) -> impl Iterator<Item = &Entry> {
        self.raft.entries(Index(1), self.raft.last_index())
    }

    fn settle(&mut self, now: &Sample, turn: &mut Turn) {
        loop {
            let actions = self.raft.take_actions(now);
            if actions.is_empty() {
                return self.note_commit(turn);
            }
            // The core says it last: who reads a script wants to know first who speaks.
            let (roles, others): (Vec<Action>, Vec<Action>) =
                actions.into_iter().partition(|it| matches!(it, Action::RoleChanged { .. }));
            for action in roles.into_iter().chain(others) {
                self.obey(now, action, turn);
            }
            self.note_commit(turn);
            if !self.disk.stalls {
                self.sync_all(now, turn);
            }
        }
    }

    fn obey(&mut self, now: &Sample, action: Action, turn: &mut Turn) {
        match action {
            Action::Write(write) => self.disk.unsynced.push(write),
            Action::Send { to, message, after: Some(write) } if write > self.synced => {
                self.waiting.push((write, to.0, message));
            }
            Action::Send { to, message, .. } => turn.sent.push((to.0, message, turn.told.len())),
            Action::Apply { from, to } => {
                self.note_commit(turn);
                let applied = raft_words::entries(self.raft.entries(from, to));
                turn.told.push(format!("{} applies {applied}", self.id));
                self.raft.handle(now, Event::Applied(to));
            }
            Action::RoleChanged { role, term, leader } => {
                turn.told.push(self.became(role, term.0, leader));
            }
            other => panic!("no script has {other:?}"),
        }
    }

    fn sync_all(&mut self, now: &Sample, turn: &mut Turn) {
        for write in std::mem::take(&mut self.disk.unsynced) {
            turn.told.push(format!("{} writes: {}", self.id, raft_words::write(&write)));
            self.disk.hard_state = write.hard_state.unwrap_or(self.disk.hard_state);
            if let Some(from) = write.truncate_from {
                self.disk.entries.truncate(from.0 as usize - 1);
            }
            self.disk.entries.extend(write.entries);
            self.synced = write.seq;
            self.raft.handle(now, Event::Persisted(write.seq));
            for (after, to, message) in std::mem::take(&mut self.waiting) {
                match after <= write.seq {
                    true => turn.sent.push((to, message, turn.told.len())),
                    false => self.waiting.push((after, to, message)),
                }
            }
        }
    }

    fn note_commit(&mut self, turn: &mut Turn) {
        if self.raft.commit() > self.commit {
            self.commit = self.raft.commit();
            turn.told.push(format!("{} knows {} to be committed", self.id, self.commit));
        }
    }

    fn became(&self, role: Role, term: u64, leader: Option<NodeId>) -> String {
        let id = self.id;
        match (role, leader) {
            (Role::Follower, Some(leader)) => format!("{id} follows {leader} in term {term}"),
            (Role::Follower, None) => format!("{id} follows nobody in term {term}"),
            (Role::PreCandidate, _) => {
                format!("{id} asks whether it would be elected, still in term {term}")
            }
            (Role::Candidate, _) => format!("{id} is a candidate in term {term}"),
            (Role::Leader, _) => format!("{id} leads term {term}"),
        }
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Follower => "follower",
        Role::PreCandidate => "pre-candidate",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
    }
}
