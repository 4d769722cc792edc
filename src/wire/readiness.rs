//! Whether a node serves, by what it says of itself: the one verdict that probes, commands and people are given.

use crate::base::text::span;
use crate::wire::{Condition, NodeStatus, ServiceState};
use std::time::Duration;

/// Why a node does not serve: a word for programs, a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// A state's name, or what a single node may besides be.
    pub word: &'static str,
    /// Whole, and says what to do where something is to be done.
    pub sentence: String,
}

impl Complaint {
    /// In these words.
    pub fn new(word: &'static str, sentence: impl Into<String>) -> Self {
        Self { word, sentence: sentence.into() }
    }

    /// Of what keeps the cluster from granting.
    #[must_use]
    pub fn of(condition: &Condition) -> Self {
        Self::new(condition.state.name(), condition.sentence())
    }
}

impl NodeStatus {
    /// Whether it leads, or follows a leader and has room for what that sends.
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self) -> Result<(), Complaint> {
        if let Some(condition) = self.condition.as_ref().filter(|it| !it.is_serving()) {
            return Err(Complaint::of(condition));
        }
        let node = self.node;
        if let Some(lacks) = &self.disk_lacks {
            let text = format!(
                "node {node} has no room on its disk: {lacks}. Make room there: it goes on by itself"
            );
            return Err(Complaint::of(&Condition::new(ServiceState::DiskFull, text)));
        }
        if self.standing() == NO_MEMBER {
            let text =
                format!("node {node} is no member of its cluster: `tenure member list` has who is");
            return Err(Complaint::new("no_member", text));
        }
        if self.leader.is_none() {
            let text = format!(
                "node {node} knows no leader: a majority of the nodes is not up, or does not reach it"
            );
            return Err(Complaint::of(&Condition::new(ServiceState::NoQuorum, text)));
        }
        Ok(())
    }

    /// What one that is ready does, and for how long by now: "node 2 follows node 1 in term 7, for 4m 10s".
    #[must_use]
    pub fn position(&self) -> String {
        let does = match self.leader {
            Some(leader) if leader == self.node => "leads".to_owned(),
            Some(leader) => format!("follows node {leader}"),
            None => "knows no leader".to_owned(),
        };
        let long =
            self.leader_for_ms.map(|ms| format!(", for {}", span(Duration::from_millis(ms))));
        format!("node {} {does} in term {}{}", self.node, self.term, long.unwrap_or_default())
    }
}

/// As [`NodeStatus::standing`] says it.
const NO_MEMBER: &str = "no member";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{NodeId, Term};
    use crate::wire::MemberStatus;

    fn follower() -> NodeStatus {
        let members = vec![MemberStatus::voter(NodeId(2), "b:1".into())];
        let (leader, role) = (Some(NodeId(1)), "follower".to_owned());
        let leader_for_ms = Some(250_000);
        let (node, term) = (NodeId(2), Term(7));
        NodeStatus { node, role, term, members, leader, leader_for_ms, ..NodeStatus::default() }
    }

    #[test]
    fn who_follows_is_ready_and_who_knows_no_leader_is_not_whatever_else_it_says() {
        assert_eq!(follower().ready(), Ok(()));
        assert_eq!(follower().position(), "node 2 follows node 1 in term 7, for 4m 10s");
        let leads = NodeStatus { leader: Some(NodeId(2)), leader_for_ms: None, ..follower() };
        assert_eq!((leads.ready(), leads.position().as_str()), (Ok(()), "node 2 leads in term 7"));
        // One of 0.1.0 says nothing of its condition.
        let lost = NodeStatus { leader: None, condition: None, ..follower() };
        let complaint = lost.ready().unwrap_err();
        assert_eq!(complaint.word, "no_quorum");
        assert!(complaint.sentence.starts_with("node 2 knows no leader"), "{complaint:?}");
    }

    #[test]
    fn each_reason_has_its_word_and_its_sentence() {
        let of = |state, text: &str| NodeStatus {
            condition: Some(Condition::new(state, text)),
            ..follower()
        };
        let lacks = Some("no space left: cannot prepare spare.new".to_owned());
        for (status, word, sentence) in [
            (of(ServiceState::NoQuorum, "no leader"), "no_quorum", "no leader"),
            (of(ServiceState::NotFounded, "not yet"), "not_founded", "not yet"),
            (of(ServiceState::Restoring, "restored"), "restoring", "restored"),
            (
                NodeStatus { disk_lacks: lacks, ..follower() },
                "disk_full",
                "node 2 has no room on its disk: no space left",
            ),
            (
                NodeStatus { members: Vec::new(), ..follower() },
                "no_member",
                "node 2 is no member of its cluster",
            ),
        ] {
            let complaint = status.ready().expect_err(word);
            assert_eq!(complaint.word, word);
            assert!(complaint.sentence.starts_with(sentence), "{complaint:?}");
        }
    }
}
