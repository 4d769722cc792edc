//! Connections that may have something to read: peers, which go first, others who are known, and those who have not said who
//! they are, each in order.

use crate::net::Key;
use crate::node::links::{Link, Role};
use std::collections::VecDeque;

/// Each link is listed at most once.
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

    /// The next peer; its link is to be marked as not listed.
    pub(super) fn take_peer(&mut self) -> Option<Key> {
        self.peers.pop_front()
    }

    /// The next of the others; likewise.
    pub(super) fn take_other(&mut self) -> Option<Key> {
        self.others.pop_front()
    }

    /// The next of those who have not said who they are; likewise.
    pub(super) fn take_new(&mut self) -> Option<Key> {
        self.new.pop_front()
    }

    /// How many are listed: peers, others, those who have not said who they are.
    pub(super) fn counts(&self) -> [usize; 3] {
        [self.peers.len(), self.others.len(), self.new.len()]
    }

    /// Whether nothing is.
    pub(super) fn is_empty(&self) -> bool {
        self.counts() == [0; 3]
    }
}
