//! Connections that may have input: peers, which go first, welcomed clients, and connections
//! without a hello, each in order.

use crate::net::Key;
use crate::node::links::{Link, Role};
use std::collections::VecDeque;

/// The backlog; each link is listed at most once.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    peers: VecDeque<Key>,
    others: VecDeque<Key>,
    new: VecDeque<Key>,
}

impl Backlog {
    /// Lists a link, if it is not.
    pub(super) fn add(&mut self, key: Key, link: &mut Link) {
        if std::mem::replace(&mut link.is_listed, true) {
            return;
        }
        match link.role {
            Role::Peer(_) | Role::Dialing(_) => self.peers.push_back(key),
            Role::Client | Role::Leaving => self.others.push_back(key),
            Role::Greeting | Role::Challenged => self.new.push_back(key),
        }
    }

    /// Takes the next peer; the caller marks its link as not listed.
    pub(super) fn take_peer(&mut self) -> Option<Key> {
        self.peers.pop_front()
    }

    /// Takes the next welcomed client; likewise.
    pub(super) fn take_other(&mut self) -> Option<Key> {
        self.others.pop_front()
    }

    /// Takes the next connection without a hello; likewise.
    pub(super) fn take_new(&mut self) -> Option<Key> {
        self.new.pop_front()
    }

    /// How many are listed: peers, welcomed clients, connections without a hello.
    pub(super) fn counts(&self) -> [usize; 3] {
        [self.peers.len(), self.others.len(), self.new.len()]
    }

    /// Whether none is listed.
    pub(super) fn is_empty(&self) -> bool {
        self.counts() == [0; 3]
    }
}
