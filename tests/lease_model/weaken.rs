//! Deliberate breaks of one rule each, made from outside the cores: what the search must find.

use crate::lease_model::client::{Client, Release};
use crate::lease_model::network::Packet;
use crate::lease_model::node::Node;
use tenure::base::Round;
use tenure::raft::Message;
use tenure::wire::{Request, ServerMessage};

/// Which rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// None.
    AllHold,
    /// L7: an acknowledgement counts for the newest renewal that was sent.
    AnyAcknowledgementCounts,
    /// Rounds: whoever believes that it leads acknowledges a renewal at once, unconfirmed.
    AcknowledgedUnconfirmed,
    /// Rounds: an answer of a follower counts for the newest round, whichever it answers.
    AnyEchoCounts,
    /// L13: the program goes on as if it held the lock until its release is answered.
    BeliefOutlivesRelease,
    /// R6, W1: a disk forgets what was synced when its node crashes.
    ForgetfulDisk,
}

impl Rules {
    pub fn release(self) -> Release {
        match self {
            Self::BeliefOutlivesRelease => Release::Lingers,
            _ => Release::EndsBelief,
        }
    }

    /// What a client is handed in place of `packet`.
    pub fn spoil_for_client(self, client: &Client, packet: Packet) -> Packet {
        match packet {
            Packet::Server(link, ServerMessage::Renewed { session, .. })
                if self == Self::AnyAcknowledgementCounts =>
            {
                let number = client.newest_renewal;
                Packet::Server(link, ServerMessage::Renewed { session, number })
            }
            packet => packet,
        }
    }

    /// What a node is handed in place of a peer's message.
    pub fn spoil_for_node(self, node: &Node, mut message: Message) -> Message {
        if self != Self::AnyEchoCounts {
            return message;
        }
        let (term, newest) = node.newest_round;
        let count = |answered, round: &mut Round| {
            if answered == term {
                *round = newest;
            }
        };
        match &mut message {
            Message::HeartbeatResponse(response) => count(response.term, &mut response.round),
            Message::AppendResponse(response) => count(response.term, &mut response.round),
            _ => {}
        }
        message
    }

    /// What a node that is asked says besides what its replica says.
    pub fn hasty_answer(self, node: &Node, request: &Request) -> Option<ServerMessage> {
        match *request {
            Request::Renew { session, number }
                if self == Self::AcknowledgedUnconfirmed && node.is_leader() =>
            {
                Some(ServerMessage::Renewed { session, number })
            }
            _ => None,
        }
    }
}
