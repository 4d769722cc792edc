//! The four roles, each with the data that only it has.

use crate::base::{Index, NodeId, Round, Sample, WriteSeq};
use crate::raft::progress::Progress;
use crate::raft::quorum::Ballot;
use crate::raft::round::{Reads, Rounds};
use crate::raft::transfer::Transfer;
use crate::raft::{Cause, LeaderLease, Role};

/// Which role, with its data.
#[derive(Clone, Debug)]
pub(super) enum RoleState {
    Follower(Follower),
    PreCandidate(Ballots),
    Candidate(Candidate),
    Leader(Box<Leader>),
}

/// Waits for a leader.
#[derive(Clone, Debug, Default)]
pub(super) struct Follower {
    /// The leader of this term, if known.
    pub leader: Option<NodeId>,
    /// When it was last heard; `None` also after this node's own connection to it closed.
    pub heard: Option<Sample>,
}

/// Asks for votes in a term of its own.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub ballots: Ballots,
    /// Its own vote counts once this write is durable (R6).
    pub own_vote: WriteSeq,
    /// Why votes are asked for.
    pub cause: Cause,
}

/// The answers to one candidacy; none is carried over to another.
#[derive(Clone, Debug, Default)]
pub(super) struct Ballots(Vec<(NodeId, Ballot)>);

/// Leads its term.
#[derive(Clone, Debug)]
pub(super) struct Leader {
    /// When it won, as sampled by the event that made it win (C2, L19).
    pub won: Sample,
    /// Its own no-op.
    pub noop: Index,
    /// The entry before its no-op is a `Relinquish`: nobody else can claim (C2).
    pub behind_relinquish: bool,
    /// Its claim when the members last changed, or Δ grew.
    pub claimed: Option<LeaderLease>,
    /// Its newest claim as of the last turn, to see whether one runs out before the next begins.
    pub last_claim: Option<LeaderLease>,
    /// The index of this leader's last `Relinquish`: it claims nothing until an entry behind that is committed (C3).
    pub relinquished: Option<Index>,
    /// Its leadership is on its way to another node.
    pub transfer: Option<Transfer>,
    pub followers: Vec<FollowerView>,
    pub rounds: Rounds,
    pub reads: Reads,
    /// When messages last went to all.
    pub round_sent: Sample,
    /// The sample at which it was last found that a quorum of the members in force, and the disk, had answered (C7).
    pub trusted_at: Option<Sample>,
}

/// A follower as its leader sees it.
#[derive(Clone, Debug)]
pub(super) struct FollowerView {
    pub id: NodeId,
    pub progress: Progress,
    /// The largest round that it echoed in this term.
    pub echoed: Option<Round>,
    /// When it last answered a message that was not too old.
    pub answered: Sample,
}

impl FollowerView {
    /// Nothing is known of its log: the first probe is at `next`. It counts as heard just now, so that a
    /// new member does not at once cost the leader its quorum.
    pub fn new(id: NodeId, next: Index, now: &Sample) -> Self {
        Self { id, progress: Progress::new(next), echoed: None, answered: *now }
    }
}

impl RoleState {
    pub fn role(&self) -> Role {
        match self {
            Self::Follower(_) => Role::Follower,
            Self::PreCandidate(_) => Role::PreCandidate,
            Self::Candidate(_) => Role::Candidate,
            Self::Leader(_) => Role::Leader,
        }
    }

    pub fn leader(&self) -> Option<&Leader> {
        match self {
            Self::Leader(leader) => Some(leader),
            _ => None,
        }
    }

    /// The candidacy under way, be it for a pre-vote or a vote.
    pub fn ballots(&self) -> Option<&Ballots> {
        match self {
            Self::PreCandidate(ballots) => Some(ballots),
            Self::Candidate(candidate) => Some(&candidate.ballots),
            Self::Follower(_) | Self::Leader(_) => None,
        }
    }
}

impl Ballots {
    /// The answer of `voter`; a second one changes nothing.
    pub fn record(&mut self, voter: NodeId, ballot: Ballot) {
        if self.answer(voter).is_none() {
            self.0.push((voter, ballot));
        }
    }

    pub fn answer(&self, voter: NodeId) -> Option<Ballot> {
        self.0.iter().find(|(id, _)| *id == voter).map(|(_, ballot)| *ballot)
    }
}

impl Leader {
    pub fn follower(&self, id: NodeId) -> Option<&FollowerView> {
        self.followers.iter().find(|follower| follower.id == id)
    }

    pub fn follower_mut(&mut self, id: NodeId) -> Option<&mut FollowerView> {
        self.followers.iter_mut().find(|follower| follower.id == id)
    }
}
