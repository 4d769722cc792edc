//! Strangers: they know what every welcome tells, say that they are peers, and mean ill. Nobody lets them in (O20).
//!
//! They come to nodes that have got the key of their cluster: before that nothing tells them from members.

use crate::base::cluster_key::Statement;
use crate::base::rng::Rng;
use crate::base::{ClusterKey, DirectoryId, Index, NodeId, Round, Term};
use crate::raft::{Append, Entry, EntryHeader, EntryKind, Message, Payload};
use crate::sim::checkers::Violation;
use crate::sim::network::{Arrival, HostId, LineId, Network, Side};
use crate::sim::node::host_of;
use crate::sim::node::talk::{frame, read_frames};
use crate::wire::{
    Abilities, Challenge, Form, Frame, FrameDecoder, FrameKind, Hello, PeerHello, PeerMessage,
    Proof, Speech,
};
use std::collections::{BTreeMap, BTreeSet};

/// Their machine, which they share with visitors.
#[derive(Debug)]
pub struct Strangers {
    host_id: HostId,
    guests: BTreeMap<LineId, Stranger>,
    violation: Option<Violation>,
    /// Nodes that have applied the cluster's key since their disk was new: they know it after a restart, too.
    has_key: BTreeSet<NodeId>,
    /// How many were refused.
    pub refused: u64,
}

/// One of them, on one connection.
#[derive(Debug)]
struct Stranger {
    decoder: FrameDecoder,
    rng: Rng,
    /// The stranger's hello.
    hello: PeerHello,
    form: Form,
    /// Messages that it sends once it is let in, or before.
    harm: Message,
}

impl Strangers {
    /// A machine that nobody uses.
    #[must_use]
    pub fn new(host_id: HostId) -> Self {
        let (guests, has_key) = (BTreeMap::new(), BTreeSet::new());
        Self { host_id, guests, violation: None, has_key, refused: 0 }
    }

    /// The node has applied the key of its cluster.
    pub fn note_key(&mut self, node: NodeId) {
        self.has_key.insert(node);
    }

    /// Whether the node must tell strangers from members.
    #[must_use]
    pub fn are_known_to(&self, node: NodeId) -> bool {
        self.has_key.contains(&node)
    }

    /// Disks are exchanged: a node that knew the key may have lost it.
    pub fn forget_keys(&mut self) {
        self.has_key.clear();
    }

    /// Whether one of them is on this line.
    #[must_use]
    pub fn are_on(&self, line: LineId) -> bool {
        self.guests.contains_key(&line)
    }

    /// Lines of strangers.
    #[must_use]
    pub fn lines(&self) -> Vec<LineId> {
        self.guests.keys().copied().collect()
    }

    /// One comes to the node that `hello` is for. It knows the last entry there, and its term.
    pub fn come(
        &mut self,
        now: u64,
        hello: PeerHello,
        last: (Index, Term),
        mut rng: Rng,
        network: &mut Network,
    ) -> LineId {
        let line = network.dial(now, self.host_id, host_of(hello.to));
        let form = if rng.chance(1, 3) { Form::Fixed } else { Form::Named };
        let (decoder, harm) = (FrameDecoder::new(), harm(last));
        self.guests.insert(line, Stranger { decoder, rng, hello, form, harm });
        line
    }

    /// The stranger goes away.
    pub fn leave(&mut self, now: u64, line: LineId, network: &mut Network) {
        if self.guests.remove(&line).is_some() {
            network.abandon(now, line, Side::Dialer);
        }
    }

    /// Something came in.
    pub fn handle_arrival(
        &mut self,
        now: u64,
        line: LineId,
        arrival: Arrival,
        network: &mut Network,
    ) {
        let Some(guest) = self.guests.get_mut(&line) else { return };
        let answer = match arrival {
            Arrival::Accepted => Ok(guest.first_words()),
            Arrival::Bytes(bytes) => {
                let mut frames = Vec::new();
                read_frames(&mut guest.decoder, &bytes, &mut frames).expect("our own codec");
                frames.iter().try_fold(Vec::new(), |mut said, frame| {
                    said.extend(guest.handle_frame(frame)?);
                    Ok(said)
                })
            }
            Arrival::Refused | Arrival::TimedOut | Arrival::ClosedByPeer | Arrival::Reset => {
                self.refused += u64::from(arrival == Arrival::ClosedByPeer);
                self.guests.remove(&line);
                return;
            }
        };
        match answer {
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => network.send(now, line, Side::Dialer, bytes),
            Err(violation) => self.violation = Some(violation),
        }
    }

    /// O20.
    ///
    /// # Errors
    /// One of them was let in.
    pub fn check(&mut self) -> Result<(), Violation> {
        self.violation.take().map_or(Ok(()), Err)
    }
}

impl Stranger {
    /// Its hello; sometimes it does not wait for the answer.
    fn first_words(&mut self) -> Vec<u8> {
        let mut said = match self.form {
            Form::Fixed => frame(FrameKind::PeerHello, &self.hello),
            Form::Named => {
                let own = Speech::own();
                let abilities = if self.rng.chance(1, 4) { Abilities::NONE } else { own.abilities };
                let hello = Hello::Peer(self.hello.clone(), Speech { abilities, ..own });
                frame(FrameKind::Hello, &hello.to_values())
            }
        };
        if self.rng.chance(1, 3) {
            said.extend(self.do_harm());
        }
        said
    }

    fn handle_frame(&mut self, heard: &Frame) -> Result<Vec<u8>, Violation> {
        match heard.kind {
            FrameKind::Challenge => {
                let values = heard.decode().expect("our own codec");
                let challenge = Challenge::from_values(&values).expect("our own challenge");
                Ok(self.guess(&challenge))
            }
            FrameKind::Welcome | FrameKind::PeerWelcome => {
                let PeerHello { node, to, directory, .. } = &self.hello;
                let what = format!(
                    "node {to} lets a stranger in, who says that it is node {node} with the directory {directory:?}"
                );
                Err(Violation::new("O20", what))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The stranger does not have the key.
    fn guess(&mut self, challenge: &Challenge) -> Vec<u8> {
        let mac = match self.rng.below(4) {
            0 => [0; 32],
            1 => self.rng.bytes32(),
            2 => return self.do_harm(),
            // As if there were none.
            _ => ClusterKey([0; 32]).prove(&Statement {
                cluster: self.hello.cluster.expect("it says that it is of the cluster"),
                from: self.hello.node,
                directory: self.hello.directory,
                from_boot: self.hello.boot,
                to: self.hello.to,
                to_boot: challenge.boot,
                nonce: challenge.nonce,
            }),
        };
        frame(FrameKind::Proof, &Proof { mac }.to_values())
    }

    fn do_harm(&self) -> Vec<u8> {
        frame(FrameKind::Peer, &PeerMessage::Raft(self.harm.clone()))
    }
}

/// An append of the leader of the next term: an entry that nobody can read, said to be committed.
fn harm((index, term): (Index, Term)) -> Message {
    let header = EntryHeader { format: 1, kind: EntryKind::Command, proposer_unix_ms: 0 };
    let next = Term(term.0 + 1);
    let payload = Payload::from(vec![0xff; 9]);
    let entry = Entry { term: next, index: index.next(), header, payload };
    Message::Append(Append {
        term: next,
        round: Round(1),
        prev_index: index,
        prev_term: term,
        commit: index.next(),
        entries: vec![entry],
    })
}

/// An id that no machine has.
pub const NOBODY: NodeId = NodeId(77);

/// A directory that nobody has.
#[must_use]
pub fn foreign(rng: &mut Rng) -> DirectoryId {
    DirectoryId(rng.bytes16())
}
