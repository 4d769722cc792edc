//! Consensus, pure: events in, actions out, `now` and the seed given. No clock, socket, file or thread.
//!
//! Raft (Ongaro & Ousterhout 2014; Ongaro's dissertation), with pre-vote, check-quorum, stickiness,
//! numbered heartbeat rounds (safety §1) and the leader lease (safety §3).

mod append;
mod calm;
mod catch_up;
mod change;
mod election;
mod input;
mod install;
mod issue;
mod leader_lease;
mod log;
mod memberships;
mod message;
mod output;
mod owed;
mod patience;
mod progress;
pub mod quorum;
mod reconfigure;
mod refusals;
mod replication;
mod request;
mod role;
mod room;
mod round;
mod shipment;
mod snapshot;
mod timer;
mod transfer;
mod writes;

pub use crate::base::Payload;
pub use crate::base::members::{
    Change, ChangeError, Member, Membership, MembershipError, Seat, SnapshotMeta, TransferError,
};
pub use change::{LeaderChange, Reason};
pub use input::{Config, Event, Recovered, Urgency};
pub use message::{
    Append, AppendOutcome, AppendResponse, Cause, Entry, EntryHeader, EntryKind, Heartbeat,
    HeartbeatResponse, Message, SnapshotChunk, SnapshotOutcome, SnapshotResponse, TimeoutNow,
    VoteRequest, VoteResponse,
};
pub use output::{
    Action, HardState, LeaderLease, LeaseTold, LogStart, ProposeError, ReadError, Role, Write,
};
pub use snapshot::Snapshot;

use crate::base::{Index, NodeId, Round, Sample, Term, WriteSeq};
use crate::raft::change::Changes;
use crate::raft::install::Incoming;
use crate::raft::log::Log;
use crate::raft::memberships::Memberships;
use crate::raft::owed::Owed;
use crate::raft::patience::Patience;
use crate::raft::refusals::Refusals;
use crate::raft::role::{Follower, RoleState};
use crate::raft::room::Room;
use crate::raft::shipment::Shipment;
use crate::raft::timer::ElectionTimer;
use crate::raft::writes::Writes;
use std::time::Duration;

/// The largest term: the leader lease's token holds it in 48 bits (safety §3). A peer that names a larger
/// one is not believed.
const TERM_MAX: Term = Term((1 << 48) - 1);

/// The largest index that a peer may name of its log: session ids hold indexes in 48 bits (safety L3), and a node that
/// believed a larger one would have no room left for entries of its own. A sixteenth of them is five years of 100,000 a
/// second.
const INDEX_MAX: Index = Index((1 << 48) - (1 << 44));

/// Term, vote, log and role of one node. See [`Event`] and [`Action`].
///
/// Invariants: applied ≤ apply_issued ≤ min(commit, durable index); commit ≤ last index; no entry at or
/// below commit is ever removed (R9).
#[derive(Clone, Debug)]
pub struct Raft {
    config: Config,
    hard_state: HardState,
    log: Log,
    memberships: Memberships,
    /// The newest snapshot; the log is compacted up to it, nearly.
    shipment: Option<Shipment>,
    incoming: Incoming,
    writes: Writes,
    commit: Index,
    /// The last index named in an `Action::Apply`.
    apply_issued: Index,
    applied: Index,
    role: RoleState,
    timer: ElectionTimer,
    patience: Patience,
    changes: Changes,
    /// Peers whose connection closed and has not come back: they will not answer.
    unreachable: Vec<NodeId>,
    /// Peers whose connection is up, as far as is known.
    reachable: Vec<NodeId>,
    room: Room,
    lease_duration: Option<Duration>,
    lease_gaps: u64,
    /// In that term the log was found equal to its leader's up to here, who takes nothing of it back (R2).
    matched_in: (Term, Index),
    /// Entries that this node acknowledged and has lost, by the word of a leader.
    owed: Option<Owed>,
    refusals: Refusals,
    /// A write failed (R14).
    poisoned: bool,
    /// The last sample seen; deadlines are hinted from it.
    now: Sample,
    /// How long before it the one before it was.
    unseen: Duration,
    /// The content of the last `Action::RoleChanged`.
    reported: (Role, Term, Option<NodeId>),
    actions: Vec<Action>,
}

impl Raft {
    /// The node as it was when it stopped, a follower.
    ///
    /// # Panics
    /// If the founding membership cannot be in force; or if the recovered log has gaps, or terms beyond the
    /// recovered one.
    #[must_use]
    pub fn new(config: Config, recovered: Recovered, now: &Sample) -> Self {
        config.check();
        let term = recovered.hard_state.term;
        let snapshot = recovered.snapshot.map(|snapshot| snapshot.founded_with(&config.membership));
        let start = snapshot.as_ref().map(|snapshot| &snapshot.meta);
        let (base, base_term) = start.map_or_else(Default::default, |meta| (meta.index, meta.term));
        let mut memberships = match start {
            Some(meta) => Memberships::new(meta.membership_index, meta.membership.clone()),
            None => Memberships::new(Index(0), config.membership.clone()),
        };
        let behind = recovered.entries.into_iter().filter(|entry| entry.index > base);
        let log = Log::new(base, base_term, behind);
        assert!(log.last_term() <= term, "entries of term {} in {term}", log.last_term());
        let held = log.range(base.next(), log.last_index());
        held.for_each(|entry| memberships.handle_appended(entry));
        let patience = Patience::new(&config, now);
        let mut raft = Self {
            hard_state: recovered.hard_state,
            writes: Writes::new(log.last_index()),
            memberships,
            shipment: snapshot.map(Shipment::new),
            incoming: Incoming::Nothing,
            commit: base,
            apply_issued: base,
            applied: base,
            role: RoleState::Follower(Follower::default()),
            timer: ElectionTimer::new(&config, &patience, now),
            patience,
            changes: Changes::default(),
            unreachable: Vec::new(),
            reachable: Vec::new(),
            room: Room::default(),
            lease_duration: None,
            lease_gaps: 0,
            matched_in: Default::default(),
            owed: None,
            refusals: Refusals::default(),
            poisoned: false,
            now: *now,
            unseen: Duration::ZERO,
            reported: (Role::Follower, term, None),
            actions: Vec::new(),
            config,
            log,
        };
        raft.begin_quickly(now);
        raft
    }

    /// Takes one event; its actions wait in [`Raft::take_actions`].
    pub fn handle(&mut self, now: &Sample, event: Event) {
        self.see(now);
        if self.poisoned {
            return;
        }
        // Before anything else: after a stall a leader must not act on what it believed before (C7).
        self.check_leadership(now);
        match event {
            Event::Message { from, message } => self.handle_message(now, from, message),
            Event::Persisted(seq) => self.handle_persisted(now, seq),
            Event::PersistFailed => self.become_poisoned(now),
            Event::Applied(index) => self.handle_applied(index),
            Event::SnapshotStored(snapshot) => self.handle_snapshot_stored(now, snapshot),
            Event::SnapshotRefused => self.handle_snapshot_refused(),
            Event::PeerDown(peer) => self.handle_peer_down(now, peer),
            Event::PeerUp(peer) => self.handle_peer_up(now, peer),
            Event::Deadline => self.handle_deadline(now),
        }
        self.report_role();
    }

    /// Builds what the events and proposals of this turn call for (one write, at most one append or
    /// heartbeat for each peer) and hands over all actions, in the order in which they must be obeyed.
    ///
    /// There are two writes only if entries that were accepted in this turn were truncated in it too:
    /// an acknowledgement may name the first.
    pub fn take_actions(&mut self, now: &Sample) -> Vec<Action> {
        self.see(now);
        if !self.poisoned {
            self.check_leadership(now);
            self.leave_joint(now);
            self.advance_transfer(now);
            self.retire(now);
            self.end_catch_ups(now);
            self.send_to_followers(now);
            self.issue_write();
            self.advance_incoming();
            self.issue_apply();
            self.confirm_reads();
            self.note_claim(now);
            self.log.collect_garbage();
        }
        self.report_role();
        std::mem::take(&mut self.actions)
    }

    /// When to call with [`Event::Deadline`] at the latest, as a reading of BOOTTIME; a hint.
    #[must_use]
    pub fn next_deadline(&self) -> u64 {
        if self.poisoned {
            return u64::MAX;
        }
        match &self.role {
            // Nobody to hear from, but its claim begins and goes on by the clock.
            RoleState::Leader(_) if self.is_only_voter() => self.now.hint(self.config.heartbeat),
            RoleState::Leader(leader) => self.now.hint(self.leader_remaining(leader)),
            _ => self.now.hint(self.timer.remaining(&self.now)),
        }
    }

    /// The id of this node.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.config.id
    }

    /// Leader, follower or candidate.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role.role()
    }

    /// The current term.
    #[must_use]
    pub fn term(&self) -> Term {
        self.hard_state.term
    }

    /// The candidate that got this node's vote in the current term.
    #[must_use]
    pub fn vote(&self) -> Option<NodeId> {
        self.hard_state.vote
    }

    /// How long nothing may be heard at present: the smallest election timeout, or more where things are late.
    #[must_use]
    pub fn election_wait(&self) -> Duration {
        self.patience.wait()
    }

    /// The leader of the current term, as far as known; this node itself if it leads.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        match &self.role {
            RoleState::Leader(_) => Some(self.config.id),
            RoleState::Follower(follower) => follower.leader,
            RoleState::PreCandidate(_) | RoleState::Candidate(_) => None,
        }
    }

    /// The index of the leader's own no-op of this term, if it leads.
    #[must_use]
    pub fn own_noop(&self) -> Option<Index> {
        self.role.leader().map(|leader| leader.noop)
    }

    /// The highest index known to be committed.
    #[must_use]
    pub fn commit(&self) -> Index {
        self.commit
    }

    /// The last index of the log.
    #[must_use]
    pub fn last_index(&self) -> Index {
        self.log.last_index()
    }

    /// The log of this node is durable up to here.
    #[must_use]
    pub fn durable_index(&self) -> Index {
        self.writes.durable_index()
    }

    /// Bytes of entries held since the last snapshot.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        self.log.bytes_behind(self.snapshot_index())
    }

    /// The entries `from ..= to`, all held.
    #[must_use]
    pub fn entries(
        &self,
        from: Index,
        to: Index,
    ) -> impl DoubleEndedIterator<Item = &Entry> + Clone {
        self.log.range(from, to)
    }

    /// How far a leader knows each follower's log to equal its own.
    pub fn matched(&self) -> impl Iterator<Item = (NodeId, Index)> + '_ {
        let followers = self.role.leader().into_iter().flat_map(|leader| &leader.followers);
        followers.map(|follower| (follower.id, follower.progress.matched()))
    }

    /// The round that a leader's messages carry that are built now.
    #[must_use]
    pub fn round(&self) -> Option<Round> {
        self.role.leader().map(|leader| leader.rounds.current())
    }

    /// The newest round of this leader's term that `node` has answered, of those that are sent the log.
    #[must_use]
    pub fn echoed(&self, node: NodeId) -> Option<Round> {
        let followers = &self.role.leader()?.followers;
        followers.iter().find(|follower| follower.id == node)?.echoed
    }

    /// The entry at `index`, if the log holds it.
    #[must_use]
    pub fn entry(&self, index: Index) -> Option<&Entry> {
        self.log.entry(index)
    }

    /// Whether a write failed: this node promises nothing any more (R14).
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    fn handle_message(&mut self, now: &Sample, from: NodeId, message: Message) {
        // Senders outside the known membership are heard: they may be members by an entry that is still on its way
        // here. Who may connect at all is decided elsewhere.
        if from == self.config.id {
            return;
        }
        if message.term() > TERM_MAX {
            let said = format!("it names term {}, beyond any that can be", message.term());
            return self.refuse(now, from, &said);
        }
        match message {
            Message::PreVote(request) => self.handle_pre_vote(now, from, &request),
            Message::PreVoteResponse(response) => {
                self.handle_pre_vote_response(now, from, &response);
            }
            Message::Vote(request) => self.handle_vote(now, from, &request),
            Message::VoteResponse(response) => self.handle_vote_response(now, from, &response),
            Message::Append(append) => self.handle_append(now, from, append),
            Message::AppendResponse(response) => {
                self.handle_append_response(now, from, &response);
            }
            Message::Heartbeat(heartbeat) => self.handle_heartbeat(now, from, &heartbeat),
            Message::HeartbeatResponse(response) => {
                self.handle_heartbeat_response(now, from, &response);
            }
            Message::SnapshotChunk(chunk) => self.handle_snapshot_chunk(now, from, chunk),
            Message::SnapshotResponse(response) => {
                self.handle_snapshot_response(now, from, &response);
            }
            Message::TimeoutNow(order) => self.handle_timeout_now(now, from, &order),
        }
    }

    fn report_role(&mut self) {
        let present = (self.role(), self.term(), self.leader());
        if present != self.reported {
            let (role, term, leader) = present;
            self.actions.push(Action::RoleChanged { role, term, leader });
            self.reported = present;
            self.note_leader();
        }
    }

    fn is_only_voter(&self) -> bool {
        self.memberships.current().only_voter() == Some(self.config.id)
    }

    /// Queues a message. The server holds it back until the write `after` is durable.
    fn send(&mut self, to: NodeId, message: Message, after: Option<WriteSeq>) {
        self.actions.push(Action::Send { to, message, after });
    }
}
