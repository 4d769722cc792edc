//! O18: messages that only a confirmed leader may send rest on a round that was begun after the question, and that a
//! quorum of voters has echoed (safety, *Rounds*; L7, L18, R13): an acknowledged renewal, the result of a read, the
//! first word to an observer, the end of the list of an attached client's grants.
//!
//! [`Backing`] knows which rounds left when, and which voters echoed them; this checker is as lenient as that one.

use super::Violation;
use super::backing::Backing;
use super::members::Members;
use crate::base::{ConnectionId, NodeId, SessionId};
use crate::sim::node::slot_of;
use crate::wire::{ReadAnswer, Request, ServerMessage};
use std::collections::{BTreeMap, VecDeque};

/// A client's question that needs a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// To acknowledge that renewal.
    Renewal(SessionId, u64),
    /// To be told all that stands.
    Standing(SessionId),
    /// A read, or the first word of an observation.
    Read(u64),
}

impl Asked {
    /// The question in a request, if it needs a round.
    #[must_use]
    pub fn by(request: &Request) -> Option<Self> {
        match request {
            Request::Renew { session, number } => Some(Self::Renewal(*session, *number)),
            Request::Attach { session, .. } => Some(Self::Standing(*session)),
            Request::Read { read, .. } | Request::Observe { read, .. } => Some(Self::Read(*read)),
            _ => None,
        }
    }

    /// The question that a message answers.
    fn answered(message: &ServerMessage) -> Option<Self> {
        match message {
            ServerMessage::Renewed { session, number } => Some(Self::Renewal(*session, *number)),
            ServerMessage::Standing { session } => Some(Self::Standing(*session)),
            // Refused before any round.
            ServerMessage::Read { answer: ReadAnswer::Refused(_), .. } => None,
            ServerMessage::Read { read, .. } | ServerMessage::Changed { read, .. } => {
                Some(Self::Read(*read))
            }
            _ => None,
        }
    }
}

/// Questions without an answer yet.
#[derive(Debug, Default)]
pub struct Rounds {
    /// When the step began in which it was read, the earliest first.
    asked: BTreeMap<(NodeId, ConnectionId, Asked), VecDeque<u64>>,
    /// Answers that were checked.
    pub checked: u64,
}

impl Rounds {
    /// In a step that began at `began` the node read this on a connection.
    pub fn note(&mut self, node: NodeId, began: u64, (connection, asked): (ConnectionId, Asked)) {
        self.asked.entry((node, connection, asked)).or_default().push_back(began);
    }

    /// The node's process has ended, and its connections with it.
    pub fn forget(&mut self, node: NodeId) {
        self.asked.retain(|(asked, ..), _| *asked != node);
    }

    /// The node says `message` on a connection; `acting` are the members that it may have counted.
    ///
    /// # Errors
    /// It was asked after every round that a quorum of them has echoed had begun.
    pub fn check<'a>(
        &mut self,
        (node, connection): (NodeId, ConnectionId),
        message: &ServerMessage,
        backing: &Backing,
        mut acting: impl Iterator<Item = &'a Members>,
    ) -> Result<(), Violation> {
        let Some(answered) = Asked::answered(message) else { return Ok(()) };
        let times = self.asked.get_mut(&(node, connection, answered));
        // An observer hears more than it asked for.
        let Some(since) = times.and_then(VecDeque::pop_front) else { return Ok(()) };
        self.checked += 1;
        if acting.any(|members| backing.is_echoed(slot_of(node), since, members)) {
            return Ok(());
        }
        let what = format!(
            "node {node} says {message:?} to what it was asked at {since} ns or later, and no quorum has echoed a \
             round of since then"
        );
        Err(Violation::new("O18", what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Index, Round, Term};
    use crate::raft::{Heartbeat, HeartbeatResponse, Message};

    const TERM: Term = Term(3);
    const SESSION: SessionId = SessionId(1);
    const ON: (NodeId, ConnectionId) = (NodeId(1), ConnectionId(7));

    fn round(backing: &mut Backing, round: u64, at: u64) {
        let beat = Heartbeat { term: TERM, round: Round(round), commit: Index(0) };
        backing.follow((0, 1), &Message::Heartbeat(beat), at, || at);
    }

    fn echo(backing: &mut Backing, from: usize, round: u64) {
        let said = HeartbeatResponse { term: TERM, round: Round(round) };
        backing.follow((from, 0), &Message::HeartbeatResponse(said), 0, || unreachable!());
    }

    fn renewed(number: u64) -> ServerMessage {
        ServerMessage::Renewed { session: SESSION, number }
    }

    #[test]
    fn l7_a_renewal_that_joins_a_round_that_was_open_is_found() {
        let (mut rounds, mut backing) = (Rounds::default(), Backing::new(3));
        let members = Members::founding(3);
        let says = |rounds: &mut Rounds, backing: &Backing, number| {
            rounds.check(ON, &renewed(number), backing, [&members].into_iter())
        };
        round(&mut backing, 1, 100);
        rounds.note(ON.0, 150, (ON.1, Asked::Renewal(SESSION, 1)));
        rounds.note(ON.0, 150, (ON.1, Asked::Renewal(SESSION, 2)));
        echo(&mut backing, 1, 1);
        assert_eq!(says(&mut rounds, &backing, 1).unwrap_err().checker, "O18");
        round(&mut backing, 2, 150);
        echo(&mut backing, 1, 2);
        says(&mut rounds, &backing, 2).unwrap();
        assert_eq!(rounds.checked, 2);
    }

    #[test]
    fn each_question_is_answered_by_what_came_first_and_ends_with_its_process() {
        let (mut rounds, mut backing) = (Rounds::default(), Backing::new(3));
        let members = Members::founding(3);
        let standing = ServerMessage::Standing { session: SESSION };
        let says = |rounds: &mut Rounds, backing: &Backing| {
            rounds.check(ON, &standing, backing, [&members].into_iter()).is_ok()
        };
        for began in [50, 150] {
            rounds.note(ON.0, began, (ON.1, Asked::Standing(SESSION)));
        }
        round(&mut backing, 1, 100);
        echo(&mut backing, 2, 1);
        assert!(says(&mut rounds, &backing));
        assert!(!says(&mut rounds, &backing));
        assert!(says(&mut rounds, &backing), "nobody asked");
        rounds.note(ON.0, 150, (ON.1, Asked::Standing(SESSION)));
        rounds.forget(ON.0);
        assert!(says(&mut rounds, &backing));
    }
}
