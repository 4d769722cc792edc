//! Changes of leader: their number and reasons, for people; no decision depends on them.
//!
//! A node parts from its leader when it stands for election, votes for another node, hears of a later term, or steps
//! down. The first of these is the reason of the change, with this node's own measurements; the next known leader ends
//! the change.

use crate::base::meters::ChangeReason;
use crate::base::{NodeId, Sample, Term};
use crate::raft::Raft;
use crate::raft::role::{Follower, RoleState};
use std::fmt;
use std::time::Duration;

/// Why a node parted from a leader, itself perhaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The node has started and has heard no leader yet.
    Started,
    /// Nothing was heard of the leader for so long, and this node's own loop was late at the end of that.
    Silence { leader: NodeId, silent: Duration, late: Duration },
    /// The leader's connection was closed at its side.
    Closed { leader: NodeId },
    /// The leader handed over.
    HandedOver { leader: NodeId },
    /// This node led and no quorum answered; `late`: the delay of its own loop at the end of that.
    QuorumSilent { silent: Duration, late: Duration },
    /// This node led and its disk did not answer; `late` as above.
    DiskSilent { silent: Duration, late: Duration },
    /// This node led and was removed.
    Removed,
    /// A later term began elsewhere while all was well here.
    Elsewhere { leader: NodeId },
}

impl Reason {
    /// As it is counted; the first leader since the start is no change.
    fn kind(self) -> Option<ChangeReason> {
        Some(match self {
            Self::Started => return None,
            Self::Silence { .. } => ChangeReason::Silence,
            Self::Closed { .. } => ChangeReason::Closed,
            Self::HandedOver { .. } => ChangeReason::HandedOver,
            Self::QuorumSilent { .. } => ChangeReason::QuorumSilent,
            Self::DiskSilent { .. } => ChangeReason::DiskSilent,
            Self::Removed => ChangeReason::Removed,
            Self::Elsewhere { .. } => ChangeReason::Elsewhere,
        })
    }
}

/// The last change of leader that a node saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderChange {
    /// The new term.
    pub term: Term,
    /// The leader of that term.
    pub leader: NodeId,
    /// Why there is a new one.
    pub reason: Reason,
    /// When this node knew it.
    pub since: Sample,
}

/// The leaders that a node has known, and why it parted from them.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    /// The last leader known, and its term.
    known: Option<(Term, NodeId)>,
    parting: Option<Reason>,
    last: Option<LeaderChange>,
    counts: [u64; ChangeReason::COUNT],
}

impl Changes {
    /// The first reason counts.
    fn part(&mut self, reason: Reason) {
        self.parting.get_or_insert(reason);
    }

    /// Notes that `leader` leads `term`; true if that is new. The first leader since the start is no change.
    fn find(&mut self, term: Term, leader: NodeId, since: &Sample) -> bool {
        let reason = self.parting.take();
        let before = self.known.replace((term, leader));
        if before == Some((term, leader)) {
            return false;
        }
        let reason = match (reason, before) {
            (_, None) => Reason::Started,
            (Some(reason), Some(_)) => reason,
            (None, Some((_, before))) => Reason::Elsewhere { leader: before },
        };
        if let (Some(kind), Some(_)) = (reason.kind(), before) {
            self.counts[kind as usize] += 1;
        }
        self.last = Some(LeaderChange { term, leader, reason, since: *since });
        true
    }
}

impl Raft {
    /// How many changes of leader this node has seen since it started.
    #[must_use]
    pub fn leader_changes(&self) -> u64 {
        self.changes.counts.iter().sum()
    }

    /// The same, counted by reason.
    #[must_use]
    pub fn leader_changes_by_reason(&self) -> &[u64; ChangeReason::COUNT] {
        &self.changes.counts
    }

    /// The newest leader that this node has known, and why there was a new one.
    #[must_use]
    pub fn last_change(&self) -> Option<&LeaderChange> {
        self.changes.last.as_ref()
    }

    /// Makes `now` the present of this core.
    pub(super) fn see(&mut self, now: &Sample) {
        self.unseen = now.elapsed_lo(&self.now);
        self.now = *now;
    }

    /// Notes the reason for which this node parts from its leader, or steps down; the first one counts.
    pub(super) fn part(&mut self, reason: Reason) {
        self.changes.part(reason);
    }

    /// Notes the reason before this node follows another term.
    pub(super) fn part_from_term(&mut self, now: &Sample) {
        let own = self.config.id;
        match &self.role {
            RoleState::Leader(leader) if leader.transfer.is_some() => {
                self.part(Reason::HandedOver { leader: own });
            }
            RoleState::Follower(Follower { leader: Some(leader), .. })
                if self.hears_leader(now) =>
            {
                self.part(Reason::Elsewhere { leader: *leader });
            }
            RoleState::Follower(_) => self.part_as_seen(now),
            _ => {}
        }
    }

    /// Notes the reason before this node stands for election, votes for another, or follows a later term.
    pub(super) fn part_as_seen(&mut self, now: &Sample) {
        let RoleState::Follower(Follower { leader: Some(leader), heard }) = self.role else {
            return;
        };
        let reason = match heard {
            None => Reason::Closed { leader },
            Some(heard) => {
                let (silent, late) = (now.elapsed_hi(&heard), self.timer.lateness(now));
                Reason::Silence { leader, silent, late }
            }
        };
        self.changes.part(reason);
    }

    /// Notes the present leader, and logs why there is a new one.
    pub(super) fn note_leader(&mut self) {
        let Some(leader) = self.leader() else { return };
        let term = self.term();
        if self.changes.find(term, leader, &self.now)
            && let Some(LeaderChange { reason, .. }) = self.changes.last
        {
            let who = if leader == self.config.id {
                "this node".to_owned()
            } else {
                format!("node {leader}")
            };
            ::log::info!(leader = leader.0, term = term.0; "{who} leads term {term}: {reason}");
        }
    }
}

/// Where to look, if it was not the others alone.
fn write_late(f: &mut fmt::Formatter<'_>, late: &Duration) -> fmt::Result {
    match late.as_millis() {
        0 => Ok(()),
        late => write!(f, ", and this node itself was {late} ms late"),
    }
}

/// A clause that says why there is a new leader.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("the first that this node knows since it started"),
            Self::Silence { leader, silent, late } => {
                let silent = silent.as_millis();
                write!(f, "nothing was heard of node {leader} for {silent} ms")?;
                write_late(f, late)
            }
            Self::Closed { leader } => write!(f, "node {leader} closed its connection"),
            Self::HandedOver { leader } => write!(f, "node {leader} handed over"),
            Self::QuorumSilent { silent, late } => {
                let silent = silent.as_millis();
                write!(f, "this node led, and no majority answered for {silent} ms")?;
                write_late(f, late)
            }
            Self::DiskSilent { silent, late } => {
                let silent = silent.as_millis();
                write!(f, "this node led, and its disk did not answer for {silent} ms")?;
                write_late(f, late)
            }
            Self::Removed => f.write_str("this node led, and was removed"),
            Self::Elsewhere { leader } => {
                write!(f, "others elected it while this node followed node {leader}")
            }
        }
    }
}
