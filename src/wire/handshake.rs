//! The first frames of a connection: who is there, of which cluster, under which constants, and what it speaks.
//!
//! There are two forms. The hello of 0.1.0 is a fixed struct in a frame kind for peers and one for clients; it is still answered, in
//! its own form. The hello that can grow is [`Values`] in one frame kind for both, and carries a [`Speech`] too.

use crate::base::{Ancestors, ClusterId, Credential, DirectoryId, NodeId, Term};
use crate::wire::{FrameError, Speech, Values};
use serde::{Deserialize, Serialize};

/// What a peer says first, and what the dialed peer answers (as a welcome).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerHello {
    /// The sender.
    pub node: NodeId,
    /// Whom it means to reach.
    pub to: NodeId,
    /// The sender's data directory (W8).
    pub directory: DirectoryId,
    /// The sender's cluster; `None` until it is founded.
    pub cluster: Option<ClusterId>,
    /// Drawn at each start of the sender's process.
    pub boot: u64,
    /// The sender's clock-rate bound; must equal ours (`base::time::RHO_PPM`).
    pub rho_ppm: u32,
}

/// What a client says first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientHello {
    /// The client's name, for people.
    pub client: String,
    /// The cluster it was connected to before; another one refuses it.
    pub cluster: Option<ClusterId>,
}

/// What a node answers a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientWelcome {
    /// The node.
    pub node: NodeId,
    /// Its cluster; `None` until it is founded.
    pub cluster: Option<ClusterId>,
    /// Who leads, as far as this node knows.
    pub leader: LeaderHint,
}

/// Where the leader is. Clients follow the highest term.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderHint {
    /// The sender's term.
    pub term: Term,
    /// The leader of that term and its address, if known.
    pub leader: Option<(NodeId, String)>,
}

/// Why a handshake failed. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefusedCode {
    /// Another cluster.
    Cluster,
    /// The node that was meant is another, or one with the same id, or not a member.
    Node,
    /// The directory is not the one that was founded with: it was emptied or swapped.
    Directory,
    /// Another clock-rate bound.
    ClockRate,
    /// A first frame that is neither hello.
    State,
    /// Too many connections.
    Full,
    /// The node is no member any more.
    Removed,
    /// No protocol version in common.
    Version,
    /// The cluster is at a level of the lock machine that the node does not read.
    Level,
    /// A client that did not read what it was sent; said at any time.
    SlowReader,
}

/// Said before closing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// What kind.
    pub code: RefusedCode,
    /// A sentence that says what to do.
    pub text: String,
}

/// Which of the two forms a hello has, and so its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// That of 0.1.0.
    Fixed,
    /// That which can grow.
    Named,
}

/// The hello that can grow: who speaks, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hello {
    /// A peer, to whom the same is answered.
    Peer(PeerHello, Speech),
    /// A client, which is answered by [`Welcomed`]; what it shows in the place of a certificate.
    Client(ClientHello, Speech, Option<Credential>),
}

impl Hello {
    /// As it is sent.
    #[must_use]
    pub fn to_values(&self) -> Values {
        match self {
            Self::Peer(peer, speech) => speech.added_to(peer.to_values()),
            Self::Client(client, speech, credential) => {
                let credential = credential.as_ref();
                speech
                    .added_to(client.to_values())
                    .with("credential_of", credential.map(|it| it.principal().to_string()))
                    .with("credential", credential.map(Credential::secret))
            }
        }
    }

    /// As it came.
    ///
    /// # Errors
    /// A value is missing without which there is no hello.
    pub fn from_values(values: &Values) -> Result<Self, FrameError> {
        let speech = Speech::from_values(values);
        match values.text("speaker") {
            Some(PEER) => Ok(Self::Peer(PeerHello::from_values(values)?, speech)),
            Some(CLIENT) => {
                let client = ClientHello::from_values(values)?;
                Ok(Self::Client(client, speech, credential(values)?))
            }
            _ => Err(missing("speaker")),
        }
    }
}

/// What is shown of one is shown whole, and of somebody who can have one.
fn credential(values: &Values) -> Result<Option<Credential>, FrameError> {
    if values.value("credential_of").is_none() && values.value("credential").is_none() {
        return Ok(None);
    }
    let principal = values.text("credential_of").and_then(|text| text.parse().ok());
    let principal = principal.ok_or_else(|| missing("credential_of"))?;
    let secret = values.bytes32("credential").ok_or_else(|| missing("credential"))?;
    Credential::new(principal, secret).map(Some).map_err(|_| missing("credential_of"))
}

impl PeerHello {
    fn to_values(&self) -> Values {
        Values::new()
            .with("speaker", Some(PEER))
            .with("node", Some(self.node.0))
            .with("to", Some(self.to.0))
            .with("directory", Some(self.directory.0))
            .with("cluster", self.cluster.map(|cluster| cluster.0))
            .with("boot", Some(self.boot))
            .with("rho_ppm", Some(self.rho_ppm))
    }

    fn from_values(values: &Values) -> Result<Self, FrameError> {
        let number = |name: &str| values.number(name).ok_or_else(|| missing(name));
        Ok(Self {
            node: NodeId(number("node")?),
            to: NodeId(number("to")?),
            directory: values
                .bytes16("directory")
                .map(DirectoryId)
                .ok_or_else(|| missing("directory"))?,
            cluster: values.bytes16("cluster").map(ClusterId),
            boot: number("boot")?,
            rho_ppm: u32::try_from(number("rho_ppm")?).map_err(|_| missing("rho_ppm"))?,
        })
    }
}

impl ClientHello {
    fn to_values(&self) -> Values {
        Values::new()
            .with("speaker", Some(CLIENT))
            .with("client", Some(self.client.as_str()))
            .with("cluster", self.cluster.map(|cluster| cluster.0))
    }

    fn from_values(values: &Values) -> Result<Self, FrameError> {
        Ok(Self {
            client: values.text("client").ok_or_else(|| missing("client"))?.to_owned(),
            cluster: values.bytes16("cluster").map(ClusterId),
        })
    }
}

/// A welcome as a client takes it, whichever form it has: in that of 0.1.0 only the first part is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcomed {
    /// Who it is, of which cluster, and who leads.
    pub welcome: ClientWelcome,
    /// What the node speaks.
    pub speech: Speech,
    /// The clusters that its own was restored from, as far as it knows.
    pub ancestors: Ancestors,
}

impl From<ClientWelcome> for Welcomed {
    fn from(welcome: ClientWelcome) -> Self {
        Self { welcome, speech: Speech::of_0_1(), ancestors: Ancestors::NONE }
    }
}

impl Welcomed {
    /// As it answers a hello that can grow.
    #[must_use]
    pub fn to_values(&self) -> Values {
        let ClientWelcome { node, cluster, leader: LeaderHint { term, leader } } = &self.welcome;
        let leader = leader.as_ref();
        let ancestors = Some(self.ancestors.to_bytes()).filter(|bytes| !bytes.is_empty());
        let values = Values::new()
            .with("node", Some(node.0))
            .with("cluster", cluster.map(|cluster| cluster.0))
            .with("term", Some(term.0))
            .with("leader", leader.map(|(node, _)| node.0))
            .with("leader_address", leader.map(|(_, address)| address.as_str()))
            .with("ancestors", ancestors);
        self.speech.added_to(values)
    }

    /// As it came.
    ///
    /// # Errors
    /// A value is missing without which there is no welcome.
    pub fn from_values(values: &Values) -> Result<Self, FrameError> {
        let node = values.number("node").ok_or_else(|| missing("node"))?;
        let leader = values.number("leader").zip(values.text("leader_address"));
        let welcome = ClientWelcome {
            node: NodeId(node),
            cluster: values.bytes16("cluster").map(ClusterId),
            leader: LeaderHint {
                term: Term(values.number("term").unwrap_or_default()),
                leader: leader.map(|(node, address)| (NodeId(node), address.to_owned())),
            },
        };
        let ancestors = values.bytes("ancestors").map_or(Ancestors::NONE, Ancestors::from_bytes);
        Ok(Self { welcome, speech: Speech::from_values(values), ancestors })
    }
}

fn missing(name: &str) -> FrameError {
    FrameError::Body(format!("its {name:?} is missing, or no value of its kind"))
}

/// Who speaks, as a hello names it.
const PEER: &str = "peer";
const CLIENT: &str = "client";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::codec;

    fn peer() -> PeerHello {
        PeerHello {
            node: NodeId(2),
            to: NodeId(1),
            directory: DirectoryId([2; 16]),
            cluster: Some(ClusterId([3; 16])),
            boot: 5,
            rho_ppm: 10_000,
        }
    }

    #[test]
    fn hellos_and_welcomes_come_back() {
        let client = ClientHello { client: "host:1".to_owned(), cluster: None };
        let credential = Credential::new("client/a".parse().unwrap(), [9; 32]).unwrap();
        for hello in [
            Hello::Peer(peer(), Speech::own()),
            Hello::Peer(PeerHello { cluster: None, ..peer() }, Speech::own()),
            Hello::Client(client.clone(), Speech::own(), None),
            Hello::Client(client, Speech::own(), Some(credential)),
        ] {
            let bytes = codec::encode(&hello.to_values()).unwrap();
            assert_eq!(Hello::from_values(&codec::decode(&bytes).unwrap()), Ok(hello));
        }
        for leader in [None, Some((NodeId(3), "c:1".to_owned()))] {
            let leader = LeaderHint { term: Term(4), leader };
            let welcome = ClientWelcome { node: NodeId(1), cluster: None, leader };
            for ancestors in [Ancestors::NONE, Ancestors::new([3, 2].map(|id| ClusterId([id; 16])))]
            {
                let speech = Speech::own();
                let welcomed = Welcomed { welcome: welcome.clone(), speech, ancestors };
                assert_eq!(Welcomed::from_values(&welcomed.to_values()), Ok(welcomed));
            }
        }
    }

    #[test]
    fn a_hello_without_what_it_must_name_is_none() {
        let whole = Hello::Peer(peer(), Speech::own()).to_values();
        for missing in ["speaker", "node", "to", "directory", "boot", "rho_ppm"] {
            let mut cut = Values::new();
            for (name, value) in whole.iter().filter(|(name, _)| *name != missing) {
                cut.add(name, value.clone());
            }
            let error = Hello::from_values(&cut).unwrap_err().to_string();
            assert!(error.contains(missing), "{error}");
        }
        let mut other = Values::new();
        other.add("speaker", "a gateway of a later version");
        assert!(Hello::from_values(&other).is_err());
    }
}
