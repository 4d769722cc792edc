//! The other members: which side dials, when to dial again, and which connection counts.
//!
//! One connection for each pair; the node with the lower id dials, and the other one after a while,
//! since a new member may not be known there yet. The newest connection counts.

use crate::base::rng::Rng;
use crate::base::time::nanos;
use crate::base::{DirectoryId, NodeId};
use crate::net::{Found, Key, resolve_locally};
use crate::node::way::Way;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

/// All other members. Instants are readings of BOOTTIME.
#[derive(Debug)]
pub(super) struct Peers {
    own: NodeId,
    peers: BTreeMap<NodeId, Peer>,
    rng: Rng,
}

#[derive(Debug)]
struct Peer {
    /// The address of the next dial.
    address: String,
    /// The resolved addresses, and until when they are not looked up again. Empty: not known.
    found: Vec<SocketAddr>,
    found_until: u64,
    /// Its name is being looked up.
    is_looked_up: bool,
    /// The addresses where the peer may be, tried in turn. Empty: it was admitted, and is not
    /// dialed.
    places: Vec<String>,
    /// Failed dials since a connection last lasted for a while.
    failures: u32,
    state: State,
    /// The way of the next dial.
    way: Way,
    /// The last logged line about it: each is logged once until another comes.
    logged: String,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The peer dials us; from this instant on we dial it all the same: it may not know of us yet.
    Awaited(u64),
    /// To be dialed from this instant on.
    Due(u64),
    /// The name is being looked up; from this instant on the former address is dialed, if known.
    Resolving(u64),
    /// Dialed; the welcome must arrive by `until`.
    Dialing { key: Key, until: u64 },
    /// Connected since `since`, with the directory of its hello.
    Standing { key: Key, since: u64, directory: DirectoryId },
}

/// The target of a dial.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A resolved address.
    Address(SocketAddr),
    /// A "host:port" that has to be looked up.
    Name(String),
}

/// How soon to dial again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// At once after a connection that lasted; else with growing pauses.
    Quick,
    /// The peer refuses us, and will until a person acts.
    Slow,
}

impl Peers {
    /// The members of `cluster` other than `own`.
    pub(super) fn new(own: NodeId, cluster: &[(NodeId, String)], seed: u64, now: u64) -> Self {
        let mut peers = Self { own, peers: BTreeMap::new(), rng: Rng::new(seed) };
        peers.set_members(cluster, |_| false, now);
        peers
    }

    /// Sets the members to those of `cluster`; one that is there several times may be at any of its
    /// addresses. Gives the connections to close: to other nodes, unless they `may_stay`, and dials
    /// of addresses without a member.
    pub(super) fn set_members(
        &mut self,
        cluster: &[(NodeId, String)],
        may_stay: impl Fn(NodeId) -> bool,
        now: u64,
    ) -> Vec<Key> {
        let mut before = std::mem::take(&mut self.peers);
        let mut places: BTreeMap<NodeId, Vec<String>> = BTreeMap::new();
        for (node, place) in cluster.iter().filter(|(node, _)| *node != self.own) {
            places.entry(*node).or_default().push(place.clone());
        }
        for (node, peer) in &before {
            if matches!(peer.state, State::Standing { .. }) && may_stay(*node) {
                places.entry(*node).or_default();
            }
        }
        let mut closing = Vec::new();
        for (node, places) in places {
            let new = |places| Peer::new(self.own, node, places, now);
            let peer = match before.remove(&node) {
                Some(peer) if peer.places == places => peer,
                // A connected peer stays: its address matters at the next dial.
                Some(Peer { state: state @ State::Standing { .. }, .. }) => {
                    Peer { state, ..new(places) }
                }
                known => {
                    closing.extend(known.and_then(|peer| peer.state.key()));
                    new(places)
                }
            };
            self.peers.insert(node, peer);
        }
        closing.extend(before.into_values().filter_map(|peer| peer.state.key()));
        closing
    }

    /// Whether this node dials `peer`, by their ids.
    pub(super) fn is_dialed_by_us(&self, peer: NodeId) -> bool {
        self.own < peer
    }

    /// Whether `peer` is a member by this node's knowledge, and not only by its own claim.
    pub(super) fn is_member(&self, peer: NodeId) -> bool {
        self.peers.get(&peer).is_some_and(|peer| !peer.places.is_empty())
    }

    /// The connection to `peer`.
    pub(super) fn standing(&self, peer: NodeId) -> Option<Key> {
        match self.peers.get(&peer)?.state {
            State::Standing { key, .. } => Some(key),
            _ => None,
        }
    }

    /// The connections to all peers.
    pub(super) fn standing_keys(&self) -> Vec<Key> {
        self.peers.keys().filter_map(|peer| self.standing(*peer)).collect()
    }

    /// The directory of the process that is connected as `peer`.
    pub(super) fn directory(&self, peer: NodeId) -> Option<DirectoryId> {
        match self.peers.get(&peer)?.state {
            State::Standing { directory, .. } => Some(directory),
            _ => None,
        }
    }

    /// The number of peers without a connection or a dial.
    pub(super) fn missing(&self) -> usize {
        self.peers.values().filter(|peer| peer.state.key().is_none()).count()
    }

    /// A peer to dial now.
    pub(super) fn due(&self, now: u64) -> Option<NodeId> {
        self.peers
            .iter()
            .find(|(_, peer)| peer.due_at().is_some_and(|at| at <= now))
            .map(|(node, _)| *node)
    }

    /// A dial that has taken too long.
    pub(super) fn overdue(&self, now: u64) -> Option<Key> {
        self.peers.values().find_map(|peer| match peer.state {
            State::Dialing { key, until } if until <= now => Some(key),
            _ => None,
        })
    }

    /// The earliest time of `due` or `overdue`.
    pub(super) fn next_deadline(&self) -> u64 {
        let deadlines = self.peers.values().map(|peer| match peer.state {
            State::Dialing { until, .. } => Some(until),
            _ => peer.due_at(),
        });
        deadlines.flatten().min().unwrap_or(u64::MAX)
    }

    /// Where to dial a peer: its addresses in turn, the former ones while no name server answers.
    pub(super) fn target(&mut self, peer: NodeId, now: u64) -> Target {
        let peer = self.peers.get_mut(&peer).expect("only members are dialed");
        if let Some(found) = resolve_locally(&peer.address) {
            peer.found = found;
        } else if !peer.is_looked_up && (peer.found.is_empty() || peer.found_until <= now) {
            peer.is_looked_up = true;
            peer.state = State::Resolving(now.saturating_add(nanos(LOOKUP_WAIT)));
            return Target::Name(peer.address.clone());
        }
        let round = peer.failures as usize / peer.places.len();
        Target::Address(peer.found[round % peer.found.len()])
    }

    /// Handles the end of a lookup.
    pub(super) fn handle_resolved(&mut self, node: NodeId, name: &str, found: Found, now: u64) {
        let named = self.peers.get_mut(&node).filter(|peer| peer.address == name);
        // The peer has moved to another address meanwhile.
        let Some(peer) = named else { return };
        peer.is_looked_up = false;
        peer.found_until = now.saturating_add(nanos(FOUND_FOR));
        let why = match found {
            Ok(found) if !found.is_empty() => {
                peer.found = found;
                None
            }
            Ok(_) => Some("its name has no address".to_owned()),
            Err(error) => Some(format!("its name cannot be looked up: {error}")),
        };
        match (why, peer.state) {
            (Some(why), State::Resolving(_)) if peer.found.is_empty() => {
                self.handle_failed(node, now, Pace::Slow, &why);
            }
            (_, State::Resolving(_)) => peer.state = State::Due(now),
            // Dialed, or connected, at the former address.
            _ => {}
        }
    }

    /// Takes the way of the next dial; later dials use the first way again.
    pub(super) fn take_way(&mut self, peer: NodeId) -> Way {
        let peer = self.peers.get_mut(&peer).expect("only members are dialed");
        std::mem::replace(&mut peer.way, Way::FIRST)
    }

    /// `peer` did not understand the connection `key`: it is dialed in the way `way`, at once.
    pub(super) fn handle_unheard(&mut self, peer: NodeId, key: Key, way: Way, now: u64) {
        let Some(peer) = self.peers.get_mut(&peer) else { return };
        if matches!(peer.state, State::Dialing { key: dialing, .. } if dialing == key) {
            peer.way = way;
            peer.state = State::Due(now);
        }
    }

    /// Notes a dial.
    pub(super) fn handle_dialing(&mut self, peer: NodeId, key: Key, now: u64) {
        let peer = self.peers.get_mut(&peer).expect("only members are dialed");
        peer.state = State::Dialing { key, until: now.saturating_add(nanos(DIAL_WAIT)) };
    }

    /// Notes an established connection; gives the older one that it replaces.
    pub(super) fn handle_standing(
        &mut self,
        node: NodeId,
        key: Key,
        directory: DirectoryId,
        now: u64,
    ) -> Option<Key> {
        // A node of this cluster that the log does not name yet.
        let untold = || Peer::new(self.own, node, Vec::new(), now);
        let peer = self.peers.entry(node).or_insert_with(untold);
        let older = match peer.state {
            State::Standing { key: older, .. } | State::Dialing { key: older, .. } => Some(older),
            _ => None,
        };
        peer.state = State::Standing { key, since: now, directory };
        log::info!(peer = node.0; "node {node} at {} is connected", peer.address);
        peer.logged.clear();
        older.filter(|older| *older != key)
    }

    /// Notes the end of a dial, or of the connection `key`.
    pub(super) fn handle_ended(
        &mut self,
        node: NodeId,
        key: Key,
        now: u64,
        pace: Pace,
        why: &dyn Display,
    ) {
        let is_dialed = self.is_dialed_by_us(node);
        let Some(peer) = self.peers.get_mut(&node) else { return };
        match peer.state {
            State::Standing { key: standing, .. } if standing == key && peer.places.is_empty() => {
                peer.log(log::Level::Warn, node, why);
                self.peers.remove(&node);
            }
            State::Standing { key: standing, since, .. } if standing == key => {
                if now.saturating_sub(since) < nanos(STEADY) {
                    return self.handle_failed(node, now, pace, why);
                }
                peer.log(log::Level::Warn, node, why);
                peer.failures = 0;
                peer.take_turn();
                peer.state = if is_dialed { State::Due(now) } else { State::awaited(now) };
            }
            State::Dialing { key: dialing, .. } if dialing == key => {
                self.handle_failed(node, now, pace, why);
            }
            _ => {}
        }
    }

    /// Notes a failed attempt.
    pub(super) fn handle_failed(&mut self, node: NodeId, now: u64, pace: Pace, why: &dyn Display) {
        let is_dialed = self.is_dialed_by_us(node);
        let Some(peer) = self.peers.get_mut(&node) else { return };
        let (level, pause) = match pace {
            Pace::Slow => (log::Level::Warn, SLOW_PAUSE),
            Pace::Quick => {
                let doubled = PAUSE_MIN.saturating_mul(2u32.saturating_pow(peer.failures));
                (log::Level::Info, doubled.min(PAUSE_MAX))
            }
        };
        peer.log(level, node, why);
        peer.failures = peer.failures.saturating_add(1);
        peer.take_turn();
        let wait = nanos(self.rng.duration(pause / 2, pause));
        peer.state =
            if is_dialed { State::Due(now.saturating_add(wait)) } else { State::awaited(now) };
    }
}

impl State {
    /// The connection, if there is one.
    fn key(self) -> Option<Key> {
        match self {
            Self::Standing { key, .. } | Self::Dialing { key, .. } => Some(key),
            Self::Awaited(_) | Self::Due(_) | Self::Resolving(_) => None,
        }
    }

    fn awaited(now: u64) -> Self {
        Self::Awaited(now.saturating_add(nanos(AWAIT)))
    }
}

impl Peer {
    fn new(own: NodeId, node: NodeId, places: Vec<String>, now: u64) -> Self {
        let state = if own < node { State::Due(0) } else { State::awaited(now) };
        Self {
            address: places.first().map_or(UNTOLD, String::as_str).to_owned(),
            found: Vec::new(),
            found_until: 0,
            is_looked_up: false,
            places,
            failures: 0,
            state,
            way: Way::FIRST,
            logged: String::new(),
        }
    }

    /// When to dial.
    fn due_at(&self) -> Option<u64> {
        match self.state {
            State::Due(at) | State::Awaited(at) => Some(at),
            State::Resolving(until) if !self.found.is_empty() => Some(until),
            _ => None,
        }
    }

    /// After a failure: moves on to the next address.
    fn take_turn(&mut self) {
        let turn = self.failures as usize % self.places.len().max(1);
        if let Some(next) = self.places.get(turn).filter(|next| **next != self.address) {
            self.address.clone_from(next);
            self.found.clear();
            self.is_looked_up = false;
        }
    }

    fn log(&mut self, level: log::Level, node: NodeId, why: &dyn Display) {
        let why = why.to_string();
        if why != self.logged {
            log::log!(level, peer = node.0; "node {node} at {} is not connected: {why}", self.address);
            self.logged = why;
        }
    }
}

/// The placeholder for an unknown address.
const UNTOLD: &str = "?";
/// Pauses between dials double from the first to the second; each is drawn from its upper half, so that
/// nodes that lost each other together do not dial in step.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// How long we wait for the other side to dial before we do.
const AWAIT: Duration = Duration::from_secs(2);
const SLOW_PAUSE: Duration = Duration::from_secs(1);
/// A connection that lasted this long is redialed at once: a shorter one may fail over and over.
const STEADY: Duration = Duration::from_millis(100);
/// From the first packet to the welcome. After a partition the next attempt is at most this away.
const DIAL_WAIT: Duration = Duration::from_secs(1);
/// How long a lookup may take before a peer is dialed at its former address.
const LOOKUP_WAIT: Duration = Duration::from_secs(1);
/// A name is looked up again no sooner than after this.
const FOUND_FOR: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
