//! All connections of a node, each with what it is so far.

use crate::base::limits::{CLIENT_BUFFER_BYTES_MAX, PEER_BUFFER_BYTES_MAX};
use crate::base::{ClientSource, ConnectionId, Credential, NodeId, Principal, Subject};
use crate::net::{Connection, Key};
use crate::node::credentials::Shown;
use crate::node::greetings::source_of;
use crate::server::Candidate;
use crate::wire::{Abilities, Form};
use std::collections::BTreeMap;

/// What a connection is. Its frames are read by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Accepted; has not said who it is.
    Greeting,
    /// Accepted; has said who it is, and is to prove it.
    Challenged,
    /// Dialed by us; the peer has not welcomed us yet.
    Dialing(NodeId),
    /// A peer, its hello checked.
    Peer(NodeId),
    /// A client, its hello answered.
    Client,
    /// Was one, and did not read: it is told why, and then closed.
    Leaving,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) role: Role,
    /// The form of the hello, theirs or ours.
    pub(super) form: Form,
    /// Who is to prove that it is a member.
    pub(super) candidate: Option<Box<Candidate>>,
    /// What the other side understands, as its hello says.
    pub(super) abilities: Abilities,
    pub(super) source: ClientSource,
    /// What it has shown in the place of a certificate.
    pub(super) shown: Option<Box<Shown>>,
    /// Its handshake says that a node dials.
    pub(super) says_node: bool,
    /// It is in the list of those to flush.
    pub(super) is_dirty: bool,
    /// It is in the list of those to read.
    pub(super) is_listed: bool,
    /// It is not read until it has read more of what we sent it.
    pub(super) is_parked: bool,
    /// How often whom we trust had changed when its certificate was judged last.
    pub(super) trusted_at: u64,
    /// When its socket took something last, or nothing was queued; a reading of BOOTTIME.
    pub(super) moved_at: u64,
    /// What its output counted in [`Links::held`] last.
    held: usize,
}

/// Connections by key. Keys are never reused, so that what is left of an old one names nothing.
#[derive(Debug)]
pub(super) struct Links {
    links: BTreeMap<Key, Link>,
    clients: usize,
    /// What the output of all clients takes together, in bytes.
    held: usize,
    next: u64,
}

impl Links {
    /// None yet; their keys begin at `first`.
    pub(super) fn new(first: Key) -> Self {
        Self { links: BTreeMap::new(), clients: 0, held: 0, next: first.0 }
    }

    /// The key of the next connection.
    pub(super) fn next_key(&self) -> Key {
        Key(self.next)
    }

    /// Takes a connection under the next key; how often whom we trust has changed before.
    pub(super) fn insert(&mut self, connection: Connection, role: Role, trusted_at: u64) -> Key {
        let key = self.next_key();
        self.next += 1;
        let source = source_of(connection.address());
        let link = Link {
            connection,
            role,
            source,
            shown: None,
            says_node: false,
            form: Form::Fixed,
            candidate: None,
            abilities: Abilities::NONE,
            is_dirty: false,
            is_listed: false,
            is_parked: false,
            trusted_at,
            moved_at: 0,
            held: 0,
        };
        self.links.insert(key, link);
        key
    }

    pub(super) fn link(&self, key: Key) -> Option<&Link> {
        self.links.get(&key)
    }

    pub(super) fn find(&mut self, key: Key) -> Option<&mut Link> {
        self.links.get_mut(&key)
    }

    /// From this key on, in order.
    pub(super) fn from(&self, key: Key) -> impl Iterator<Item = Key> {
        self.links.range(key..).map(|(key, _)| *key)
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Link> {
        let removed = self.links.remove(&key);
        self.clients -= usize::from(removed.as_ref().is_some_and(Link::is_client));
        self.held -= removed.as_ref().map_or(0, |link| link.held);
        removed
    }

    /// Says what a connection is from now on; where it comes from.
    pub(super) fn set_role(&mut self, key: Key, role: Role) -> Option<ClientSource> {
        let link = self.links.get_mut(&key)?;
        self.clients -= usize::from(link.is_client());
        link.role = role;
        self.clients += usize::from(link.is_client());
        Some(link.source)
    }

    /// Counts what a client's output takes by now.
    pub(super) fn recount(&mut self, key: Key) {
        let Some(link) = self.links.get_mut(&key) else { return };
        let held = if link.is_client() { link.connection.held_bytes() } else { 0 };
        self.held = self.held + held - link.held;
        link.held = held;
    }

    /// What the output of all clients takes together, in bytes.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// The clients whose output takes something: since when the socket took nothing of it, and how much it is.
    pub(super) fn holders(&self) -> Vec<(Key, u64, usize)> {
        let holders = self.links.iter().filter(|(_, link)| link.held > 0);
        holders.map(|(key, link)| (*key, link.moved_at, link.held)).collect()
    }

    /// Where a connection comes from.
    pub(super) fn source(&self, key: Key) -> Option<ClientSource> {
        self.links.get(&key).map(|link| link.source)
    }

    pub(super) fn client_count(&self) -> usize {
        self.clients
    }

    /// Those of clients.
    pub(super) fn clients(&self) -> Vec<Key> {
        let clients = self.links.iter().filter(|(_, link)| link.is_client());
        clients.map(|(key, _)| *key).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.links.len()
    }
}

impl Link {
    fn is_client(&self) -> bool {
        self.role == Role::Client
    }

    /// Who is at its other end, by its certificate or its credential; `None`: it has shown none.
    pub(super) fn principal(&self) -> Option<&Principal> {
        self.credential().map(Credential::principal).or_else(|| self.connection.principal())
    }

    /// Who is at its other end: as it has shown, else whoever it is; in the process of node `own` its program.
    pub(super) fn subject(&self, own: NodeId) -> Subject {
        match (self.principal(), self.connection.address()) {
            (Some(principal), _) => Subject::Known(principal.clone()),
            (None, Some(_)) => Subject::Anonymous,
            (None, None) => Subject::Known(Principal::Local(own)),
        }
    }

    /// Whether it has not read so much of what we sent that it is not read either.
    pub(super) fn is_congested(&self) -> bool {
        self.is_client() && self.connection.queued_bytes() > CLIENT_BUFFER_BYTES_MAX / 2
    }

    /// Whether it has read most of what we sent it: only then is it told more of a long list.
    pub(super) fn takes_more(&self) -> bool {
        self.connection.queued_bytes() < CLIENT_BUFFER_BYTES_MAX / 16
    }
}

/// The bound on output of any connection: what an accepted one will be is not known yet.
pub(super) const OUT_BYTES_MAX: usize = PEER_BUFFER_BYTES_MAX;
const _: () = assert!(PEER_BUFFER_BYTES_MAX == CLIENT_BUFFER_BYTES_MAX);

/// A client's connection is named by its key.
pub(super) fn connection_id(key: Key) -> ConnectionId {
    ConnectionId(key.0)
}

/// The key of a client's connection.
pub(super) fn key_of(connection: ConnectionId) -> Key {
    Key(connection.0)
}
