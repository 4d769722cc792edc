//! All connections of a node, each with its role.

use crate::base::limits::{CLIENT_BUFFER_BYTES_MAX, PEER_BUFFER_BYTES_MAX};
use crate::base::{ClientSource, ConnectionId, Credential, NodeId, Principal, Subject};
use crate::net::{Connection, Key};
use crate::node::credentials::Shown;
use crate::node::greetings::source_of;
use crate::server::Candidate;
use crate::wire::{Abilities, Form};
use std::collections::BTreeMap;

/// The role of a connection, which decides the meaning of its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Accepted; no hello yet.
    Greeting,
    /// Accepted; its hello must be proved.
    Challenged,
    /// Dialed by us; the peer has not welcomed us yet.
    Dialing(NodeId),
    /// A peer, its hello checked.
    Peer(NodeId),
    /// A client, its hello answered.
    Client,
    /// A client that did not read: it is told why, and then closed.
    Leaving,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) role: Role,
    /// The form of the hello, theirs or ours.
    pub(super) form: Form,
    /// The candidate that must prove that it is a member.
    pub(super) candidate: Option<Box<Candidate>>,
    /// The abilities in the other side's hello.
    pub(super) abilities: Abilities,
    pub(super) source: ClientSource,
    /// The credential that it has shown.
    pub(super) shown: Option<Box<Shown>>,
    /// The TLS hello says that a node dials.
    pub(super) says_node: bool,
    /// Listed to be flushed.
    pub(super) is_dirty: bool,
    /// Listed to be read.
    pub(super) is_listed: bool,
    /// Back-pressure: not read until the peer has drained our output buffer.
    pub(super) is_parked: bool,
    /// The count of changes of trust when its certificate was verified last.
    pub(super) trusted_at: u64,
    /// When its socket last took output, or none was queued; a reading of BOOTTIME.
    pub(super) moved_at: u64,
    /// Bytes of its output as last counted in [`Links::held`].
    held: usize,
}

/// Connections by key. Keys are never reused, so that a stale key names no connection.
#[derive(Debug)]
pub(super) struct Links {
    links: BTreeMap<Key, Link>,
    clients: usize,
    /// Bytes of the output of all clients.
    held: usize,
    next: u64,
}

impl Links {
    /// No connections yet; keys begin at `first`.
    pub(super) fn new(first: Key) -> Self {
        Self { links: BTreeMap::new(), clients: 0, held: 0, next: first.0 }
    }

    /// The key of the next connection.
    pub(super) fn next_key(&self) -> Key {
        Key(self.next)
    }

    /// Adds a connection under the next key; `trusted_at`: the present count of changes of trust.
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

    /// The keys from this one on, in order.
    pub(super) fn from(&self, key: Key) -> impl Iterator<Item = Key> {
        self.links.range(key..).map(|(key, _)| *key)
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Link> {
        let removed = self.links.remove(&key);
        self.clients -= usize::from(removed.as_ref().is_some_and(Link::is_client));
        self.held -= removed.as_ref().map_or(0, |link| link.held);
        removed
    }

    /// Sets the role of a connection; gives its source.
    pub(super) fn set_role(&mut self, key: Key, role: Role) -> Option<ClientSource> {
        let link = self.links.get_mut(&key)?;
        self.clients -= usize::from(link.is_client());
        link.role = role;
        self.clients += usize::from(link.is_client());
        Some(link.source)
    }

    /// Counts the present bytes of a client's output.
    pub(super) fn recount(&mut self, key: Key) {
        self.change(key, |_| ());
    }

    /// Lets `change` work on a connection, and counts the bytes of its output then; `None`: there is none of this key.
    pub(super) fn change<T>(&mut self, key: Key, change: impl FnOnce(&mut Link) -> T) -> Option<T> {
        let link = self.links.get_mut(&key)?;
        let changed = change(link);
        let held = if link.is_client() { link.connection.held_bytes() } else { 0 };
        self.held = self.held + held - link.held;
        link.held = held;
        Some(changed)
    }

    /// What the output of all clients takes together, in bytes.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// The clients with output: since when the socket has taken none of it, and its bytes.
    pub(super) fn holders(&self) -> Vec<(Key, u64, usize)> {
        let holders = self.links.iter().filter(|(_, link)| link.held > 0);
        holders.map(|(key, link)| (*key, link.moved_at, link.held)).collect()
    }

    /// The source of a connection.
    pub(super) fn source(&self, key: Key) -> Option<ClientSource> {
        self.links.get(&key).map(|link| link.source)
    }

    pub(super) fn client_count(&self) -> usize {
        self.clients
    }

    /// The connections of clients.
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

    /// The principal by certificate or credential; `None`: neither was shown.
    pub(super) fn principal(&self) -> Option<&Principal> {
        self.credential().map(Credential::principal).or_else(|| self.connection.principal())
    }

    /// The identity: the principal, else anonymous; in the process of node `own` the local program.
    pub(super) fn subject(&self, own: NodeId) -> Subject {
        match (self.principal(), self.connection.address()) {
            (Some(principal), _) => Subject::Known(principal.clone()),
            (None, Some(_)) => Subject::Anonymous,
            (None, None) => Subject::Known(Principal::Local(own)),
        }
    }

    /// Whether so much output is unread that the connection is not read either.
    pub(super) fn is_congested(&self) -> bool {
        self.is_client() && self.connection.queued_bytes() > CLIENT_BUFFER_BYTES_MAX / 2
    }

    /// Whether most of the output was read: only then is a long list continued.
    pub(super) fn takes_more(&self) -> bool {
        self.connection.queued_bytes() < CLIENT_BUFFER_BYTES_MAX / 16
    }
}

/// The bound on output of any connection: the role of an accepted one is not known yet.
pub(super) const OUT_BYTES_MAX: usize = PEER_BUFFER_BYTES_MAX;
const _: () = assert!(PEER_BUFFER_BYTES_MAX == CLIENT_BUFFER_BYTES_MAX);

/// The id of a client's connection, made of its key.
pub(super) fn connection_id(key: Key) -> ConnectionId {
    ConnectionId(key.0)
}

/// The key of a client's connection.
pub(super) fn key_of(connection: ConnectionId) -> Key {
    Key(connection.0)
}
