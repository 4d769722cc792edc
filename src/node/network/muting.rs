//! Muted peers: their messages do not wake a leader that waits for none. They are read with the
//! next turn, a heartbeat later at most, so that the echoes of a heartbeat do not wake an idle
//! leader once each.

use super::Network;
use crate::base::time::nanos;
use crate::net::{Closed, Key};
use std::time::Duration;

/// The muted peers, and since when no message of peers is waited for.
#[derive(Debug, Default)]
pub(super) struct Muting {
    muted: Vec<Key>,
    calm_since: Option<u64>,
}

impl Network {
    /// Before a wait: `are_waited_for`: peers' messages must end it. Peers are unmuted at once if
    /// so, and muted only after a while without, so that a busy node mutes none.
    pub(in crate::node) fn hear_peers(&mut self, are_waited_for: bool, now: u64) {
        if are_waited_for {
            self.muting.calm_since = None;
            for key in std::mem::take(&mut self.muting.muted) {
                self.unmute(key);
            }
            return;
        }
        let since = *self.muting.calm_since.get_or_insert(now);
        if now.saturating_sub(since) < nanos(CALM) {
            return;
        }
        for key in self.peers.standing_keys() {
            if !self.muting.muted.contains(&key) {
                self.mute(key);
            }
        }
    }

    /// In each turn: lists muted peers to be read.
    pub(super) fn list_muted(&mut self) {
        let Self { muting, links, backlog, .. } = self;
        muting.muted.retain(|key| match links.find(*key) {
            Some(link) => {
                backlog.add(*key, link);
                true
            }
            None => false,
        });
    }

    fn mute(&mut self, key: Key) {
        let Some(link) = self.links.find(key) else { return };
        if self.poller.mute(&mut link.connection, key).is_ok() {
            self.muting.muted.push(key);
        }
    }

    fn unmute(&mut self, key: Key) {
        let Some(link) = self.links.find(key) else { return };
        if let Err(error) = self.poller.unmute(&mut link.connection, key) {
            self.lost.push((key, Closed::Failed(error)));
        }
    }
}

/// Some heartbeats.
const CALM: Duration = Duration::from_millis(100);
