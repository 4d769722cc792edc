//! What waits to be sent: flushed for so many clients in each turn, and bounded for all of them together.
//!
//! Each connection has a bound of its own, so that none takes much. Many that do not read took as much as there are of
//! them: so there is one for all together, too. Beyond it those are hung up on who have taken nothing for the longest time,
//! each with a sentence; whoever reads what it is sent is never among them.

use crate::base::limits::{CLIENT_BUFFER_BYTES_MAX, CLIENT_BUFFERS_BYTES_MAX};
use crate::base::time::nanos;
use crate::net::{Closed, Key};
use crate::node::links::{Link, Role, connection_id};
use crate::node::network::Network;
use crate::server::Input;
use crate::sys::{clock, memory};
use crate::wire::{Ability, FrameKind, Refused, RefusedCode};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

/// Which connections are to be flushed, and who was hung up on for not reading.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    peers: Vec<Key>,
    others: VecDeque<Key>,
    /// Others that were flushed in this turn.
    flushed: usize,
    /// Clients hung up on since the last turn's input was handled.
    cut: Vec<(Key, String)>,
    /// Those that may still read why, each until then: at the latest they are closed.
    leaving: VecDeque<(u64, Key)>,
    /// Bytes that were let go of since memory was given back last.
    freed: usize,
}

impl Outputs {
    /// When there is something to do, as a reading of BOOTTIME.
    pub(super) fn next_deadline(&self) -> u64 {
        if !self.others.is_empty() || !self.cut.is_empty() {
            return 0;
        }
        self.leaving.front().map_or(u64::MAX, |(until, _)| *until)
    }

    /// As if this turn had flushed all that it may.
    #[cfg(test)]
    pub(super) fn exhaust(&mut self) {
        self.flushed = FLUSHES_PER_TURN;
    }

    /// Lists a link to be flushed, if it is not.
    pub(super) fn note_dirty(&mut self, key: Key, link: &mut Link) {
        if std::mem::replace(&mut link.is_dirty, true) {
            return;
        }
        match link.role {
            Role::Peer(_) | Role::Dialing(_) => self.peers.push(key),
            _ => self.others.push_back(key),
        }
    }
}

impl Network {
    /// Begins a turn: tells the server of clients that were hung up on, and closes those that have had their time.
    pub(super) fn advance_outputs(&mut self, now: u64, inputs: &mut Vec<Input>) {
        self.outputs.flushed = 0;
        for (key, why) in std::mem::take(&mut self.outputs.cut) {
            self.complaints.add(now, self.links.source(key).unwrap_or_default(), &why);
            inputs.push(Input::ClientDown { connection: connection_id(key) });
        }
        if self.outputs.freed >= TRIMMED_BYTES {
            self.outputs.freed = 0;
            memory::give_back();
        }
        while let Some((until, key)) = self.outputs.leaving.front().copied()
            && (until <= now || self.outputs.leaving.len() > LEAVING_MAX)
        {
            self.outputs.leaving.pop_front();
            self.remove(key);
        }
    }

    /// Lets what is queued leave, as far as sockets take it: for all peers, and for so many others in a turn, one sendmsg for
    /// each connection.
    pub(super) fn flush_links(&mut self) {
        for key in std::mem::take(&mut self.outputs.peers) {
            self.flush_link(key);
        }
        while self.outputs.flushed < FLUSHES_PER_TURN
            && let Some(key) = self.outputs.others.pop_front()
        {
            self.outputs.flushed += 1;
            self.flush_link(key);
        }
        if self.links.held() > CLIENT_BUFFERS_BYTES_MAX {
            self.relieve();
        }
    }

    fn flush_link(&mut self, key: Key) {
        let Some(link) = self.links.find(key) else { return };
        link.is_dirty = false;
        let before = link.connection.queued_bytes();
        match link.connection.flush() {
            Ok(()) => {}
            // What it sent before its end is still to be read; the end comes behind it.
            Err(Closed::ByPeer) => self.backlog.add(key, link),
            Err(closed) => self.lost.push((key, closed)),
        }
        let left = link.connection.queued_bytes();
        if left < before {
            link.moved_at = self.now;
        }
        if link.role == Role::Leaving && left == 0 {
            link.connection.end_stream();
        }
        if link.is_parked && !link.is_congested() {
            link.is_parked = false;
            self.backlog.add(key, link);
        }
        self.links.recount(key);
    }

    /// Queues one frame. A link whose buffer is full is lost; a client is told why.
    pub(super) fn queue<T: Serialize>(&mut self, key: Key, kind: FrameKind, value: &T) {
        let Some(link) = self.links.find(key) else { return };
        if link.connection.queued_bytes() == 0 {
            link.moved_at = self.now;
        }
        match link.connection.queue(kind, value) {
            Ok(()) => {
                self.outputs.note_dirty(key, link);
                self.links.recount(key);
            }
            Err(_) if link.role == Role::Client => self.cut(
                key,
                format!(
                    "this client has not read {} MiB of what it was sent, the most that a node keeps for one",
                    CLIENT_BUFFER_BYTES_MAX >> 20
                ),
            ),
            Err(closed) => self.lost.push((key, closed)),
        }
    }

    /// Queues what the other side's hello named. Anything else would end the connection there, so it is a bug, and stays
    /// here.
    pub(super) fn queue_understood<T: Serialize>(
        &mut self,
        key: Key,
        kind: FrameKind,
        needs: Option<Ability>,
        value: &T,
    ) {
        let Some(link) = self.links.find(key) else { return };
        if link.role == Role::Leaving {
            return;
        }
        if link.abilities.cover(needs) {
            return self.queue(key, kind, value);
        }
        let needed = needs.map_or("nothing", Ability::name);
        log::error!("a bug in Tenure: a message that needs {needed:?} was for one that lacks it");
        debug_assert!(false, "{needed} was not named");
    }

    /// Hangs up on clients that do not read, until three quarters of the bound are left. Those that have taken
    /// nothing for a while go first; only where that is not enough, those that have most.
    fn relieve(&mut self) {
        let now = clock::boot_nanos();
        let mut slow = self.links.holders();
        slow.sort_unstable_by_key(|(key, moved_at, held)| (*moved_at, Reverse(*held), *key));
        let is_patient = |moved_at: u64| now.saturating_sub(moved_at) < nanos(PATIENCE);
        let stalled = slow.iter().take_while(|(_, moved_at, _)| !is_patient(*moved_at)).count();
        let (stalled, others) = slow.split_at_mut(stalled);
        others.sort_unstable_by_key(|(key, _, held)| (Reverse(*held), *key));
        let enough = CLIENT_BUFFERS_BYTES_MAX / 4 * 3;
        for (key, moved_at, _) in stalled.iter() {
            if self.links.held() <= enough {
                return;
            }
            self.cut_for_all(*key, now.saturating_sub(*moved_at));
        }
        for (key, moved_at, _) in others.iter() {
            if self.links.held() <= CLIENT_BUFFERS_BYTES_MAX / 2 * 3 {
                return;
            }
            self.cut_for_all(*key, now.saturating_sub(*moved_at));
        }
    }

    fn cut_for_all(&mut self, key: Key, silence: u64) {
        let why = format!(
            "clients have not read {} MiB of what they were sent, the most that a node keeps for all together, and this one has \
             taken nothing for {} ms",
            CLIENT_BUFFERS_BYTES_MAX >> 20,
            silence / 1_000_000
        );
        self.cut(key, why);
    }

    /// Hangs up on a client that does not read. What it was not sent is forgotten, but for the rest of a frame that it was
    /// sent in part; behind that it may still read why.
    fn cut(&mut self, key: Key, why: String) {
        let Some(link) = self.links.find(key) else { return };
        self.outputs.freed += link.connection.held_bytes();
        link.connection.cut();
        link.is_parked = false;
        let text = format!(
            "{why}: it is hung up on, and goes on where it was once it comes again. Let it read more quickly, or observe less"
        );
        let refused = Refused { code: RefusedCode::SlowReader, text };
        let refused = match link.abilities.cover(refused.code.needs()) {
            true => refused,
            false => refused.for_0_1(),
        };
        // Whoever has no room for that either is closed all the same.
        let _ = link.connection.queue(FrameKind::Refused, &refused);
        self.outputs.note_dirty(key, link);
        self.backlog.add(key, link);
        self.set_role(key, Role::Leaving);
        self.links.recount(key);
        self.outputs.leaving.push_back((self.now.saturating_add(nanos(LAST_WORDS)), key));
        self.outputs.cut.push((key, why));
    }

    /// Reads on from a client that was hung up on: what it says is of no use, but its end is.
    pub(super) fn drain_leaving(&mut self, key: Key) {
        let Some(link) = self.links.find(key) else { return };
        let mut frames = Vec::new();
        match link.connection.receive(&mut frames, DRAINED_BYTES) {
            Ok(_) => {}
            Err(_) => self.remove(key),
        }
    }
}

/// Clients that are sent to in one turn: some 4 µs each.
const FLUSHES_PER_TURN: usize = 512;
/// Who has taken nothing for so long does not read at present.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a client that was hung up on may take to read why.
const LAST_WORDS: Duration = Duration::from_secs(30);
/// Of those at most so many, or their descriptors would be too many.
const LEAVING_MAX: usize = 1024;
/// What such a client may send in one turn.
const DRAINED_BYTES: usize = 64 << 10;
/// Memory is given back to the system once so much of it was let go of at once.
const TRIMMED_BYTES: usize = CLIENT_BUFFERS_BYTES_MAX / 4;
