//! Raises the level of the lock machine, once every member has told that it reads the next one
//! (docs/developers/versions.md).
//!
//! Learners count as voters do: committed entries reach them, too, and a replica that cannot read
//! one has to end. New members count from the entry that adds them. A member's statement counts
//! only as long as the connection lives on which it was made, because an absent member may return
//! as an older build; and since a connection may outlive its other end for a while, each member
//! must also answer a round that begins after all of them were connected. So at the instant at
//! which that round begins every member runs a build that reads the next level.

use super::Replica;
use crate::base::{NodeId, Round};
use crate::lock::{Command, Settings};
use crate::raft::{EntryKind, Role, Urgency};

/// A leader's progress to the next level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Raising {
    /// Not every member has told that it reads the level.
    #[default]
    Waiting,
    /// All have. They must answer round `need` while no peer connects or disconnects (`connections`
    /// counts that).
    Asking { need: Round, connections: u64 },
    /// The raise is in the log.
    Proposed,
}

/// Why a leader does not raise the level.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Obstacle {
    /// The level is the highest that this build reads.
    Highest,
    /// A member is not connected.
    Away(NodeId),
    /// A member reads no more than the level in force.
    Older(NodeId, String),
}

impl Replica {
    /// Proposes the highest level that all members read, if it is above the one in force.
    pub(super) fn raise_level(&mut self) {
        let may = self.leading.is_ready() && !self.raft.is_transferring();
        if !may || self.leading.raising == Raising::Proposed {
            return;
        }
        let (level, round) = match (self.common_level(), self.raft.round()) {
            (Ok(level), Some(round)) => (level, round),
            _ => return self.leading.raising = Raising::Waiting,
        };
        match self.leading.raising {
            Raising::Asking { need, connections } if connections == self.connections => {
                if self.have_all_answered(need) {
                    self.propose_level(level);
                }
            }
            _ => {
                let (need, connections) = (round.next(), self.connections);
                self.leading.raising = Raising::Asking { need, connections };
                // No other member has to answer.
                if self.have_all_answered(need) {
                    self.propose_level(level);
                }
            }
        }
    }

    fn propose_level(&mut self, level: u32) {
        let Some(settings) = self.machine.settings() else { return };
        let command = Command::Settings(Settings { level, ..settings.clone() });
        if self.propose(&command, Urgency::Frees).is_ok() {
            ::log::info!("every member reads level {level}: the cluster rises to it");
            self.leading.raising = Raising::Proposed;
        }
    }

    /// The highest level above the one in force that every member reads.
    fn common_level(&self) -> Result<u32, Obstacle> {
        let (now, own) = (self.machine.level(), self.machine.level_max());
        let mut lowest = own;
        for node in self.other_members() {
            let peer = self.peers.get(&node).ok_or(Obstacle::Away(node))?;
            if peer.speech.level_max <= now {
                return Err(Obstacle::Older(node, peer.speech.version.clone()));
            }
            lowest = lowest.min(peer.speech.level_max);
        }
        if lowest > now { Ok(lowest) } else { Err(Obstacle::Highest) }
    }

    fn have_all_answered(&self, need: Round) -> bool {
        self.other_members().all(|node| self.raft.echoed(node).is_some_and(|round| round >= need))
    }

    pub(super) fn other_members(&self) -> impl Iterator<Item = NodeId> + '_ {
        let members = self.raft.membership().1.members().iter().map(|member| member.node);
        members.filter(|node| *node != self.raft.id())
    }

    /// The level after all entries of this node's log, committed or not.
    #[must_use]
    pub fn level_ahead(&self) -> u32 {
        let coming = self.raft.entries(self.applied.next(), self.raft.last_index());
        let commands = coming.filter(|entry| entry.header.kind == EntryKind::Command);
        let highest = commands.map(|entry| u32::from(entry.header.format)).max();
        highest.unwrap_or_default().max(self.machine.level())
    }

    /// Why this leader does not raise the level, for people; `None` if there is no higher one, or it does not lead.
    #[must_use]
    pub fn level_waits(&self) -> Option<String> {
        if self.raft.role() != Role::Leader || self.machine.level() >= self.machine.level_max() {
            return None;
        }
        match self.common_level() {
            Ok(_) | Err(Obstacle::Highest) => None,
            Err(Obstacle::Away(node)) => Some(format!("node {node} is not connected")),
            Err(Obstacle::Older(node, version)) => {
                Some(format!("node {node} runs tenure {version}"))
            }
        }
    }
}
