//! Output buffers: flushed for a bounded number of clients in each turn, and bounded for all of
//! them together.
//!
//! Each connection has a bound of its own. Since many connections that do not read would still take
//! much, there is a bound for all together, too. Beyond it the clients are disconnected whose
//! sockets have taken nothing for the longest time, each with a sentence; a client that reads is
//! never among them.

use crate::base::limits::{CLIENT_BUFFER_BYTES_MAX, CLIENT_BUFFERS_BYTES_MAX};
use crate::base::time::nanos;
use crate::net::{Closed, Key};
use crate::node::links::{Link, Role, connection_id};
use crate::node::network::Network;
use crate::server::Input;
use crate::sys::{clock, memory};
use crate::wire::{Ability, FrameKind, Frames, Refused, RefusedCode};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

/// The connections to flush, and those that were disconnected for not reading.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    peers: Vec<Key>,
    others: VecDeque<Key>,
    /// How many clients were flushed in this turn.
    flushed: usize,
    /// Clients disconnected since the last turn's input was handled.
    cut: Vec<(Key, String)>,
    /// Disconnected clients that may still read why, each until it is closed at this instant.
    leaving: VecDeque<(u64, Key)>,
    /// Bytes freed since memory was last returned to the system.
    freed: usize,
}

impl Outputs {
    /// The next deadline, as a reading of BOOTTIME.
    pub(super) fn next_deadline(&self) -> u64 {
        if !self.others.is_empty() || !self.cut.is_empty() {
            return 0;
        }
        self.leaving.front().map_or(u64::MAX, |(until, _)| *until)
    }

    /// Uses up the flushes of this turn.
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
    /// Begins a turn: tells the server of disconnected clients, and closes those whose time is
    /// over.
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

    /// Flushes output as far as sockets take it: of all peers, and of [`FLUSHES_PER_TURN`] clients,
    /// with one sendmsg for each connection.
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
            // Its last input is still to be read, and then its end.
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
        self.queue_if(key, kind, value, |_| true);
    }

    /// Queues one frame if the link `may` be sent it; false: it may not.
    fn queue_if<T: Serialize>(
        &mut self,
        key: Key,
        kind: FrameKind,
        value: &T,
        may: impl FnOnce(&Link) -> bool,
    ) -> bool {
        let Self { links, outputs, now, .. } = self;
        let queued = links.change(key, |link| {
            if !may(link) {
                return Ok(false);
            }
            if link.connection.queued_bytes() == 0 {
                link.moved_at = *now;
            }
            link.connection.queue(kind, value).map_err(|closed| (link.role, closed))?;
            outputs.note_dirty(key, link);
            Ok(true)
        });
        match queued {
            None | Some(Ok(true)) => {}
            Some(Ok(false)) => return false,
            Some(Err((Role::Client, _))) => self.cut(
                key,
                format!(
                    "this client has not read {} MiB of what it was sent, the most that a node keeps for one",
                    CLIENT_BUFFER_BYTES_MAX >> 20
                ),
            ),
            Some(Err((_, closed))) => self.lost.push((key, closed)),
        }
        true
    }

    /// Queues a message that the other side's hello named. Any other would end the connection
    /// there: it is a bug, and dropped here.
    pub(super) fn queue_understood<T: Serialize>(
        &mut self,
        key: Key,
        kind: FrameKind,
        needs: Option<Ability>,
        value: &T,
    ) {
        let knows = |link: &Link| link.abilities.cover(needs);
        let may = |link: &Link| link.role != Role::Leaving && knows(link);
        if self.queue_if(key, kind, value, may) {
            return;
        }
        if self.links.link(key).is_none_or(|link| link.role == Role::Leaving) {
            return;
        }
        let needed = needs.map_or("nothing", Ability::name);
        log::error!("a bug in Tenure: a message that needs {needed:?} was for one that lacks it");
        debug_assert!(false, "{needed} was not named");
    }

    /// Disconnects clients that do not read, until three quarters of the bound are left. Those
    /// whose sockets have taken nothing for a while go first; if that is not enough, those with the
    /// most output.
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

    /// Disconnects a client that does not read. Its output is dropped, but for the rest of a frame
    /// that was sent in part; after that comes the reason.
    fn cut(&mut self, key: Key, why: String) {
        let Some(link) = self.links.find(key) else { return };
        self.outputs.freed += link.connection.held_bytes();
        link.connection.cut();
        link.is_parked = false;
        let text = format!(
            "{why}: it is disconnected, and goes on where it was once it has reconnected. Let it read faster, or observe less"
        );
        let refused = Refused { code: RefusedCode::SlowReader, text };
        let refused = match link.abilities.cover(refused.code.needs()) {
            true => refused,
            false => refused.for_0_1(),
        };
        // Without room for that either, the client is closed all the same.
        let _ = link.connection.queue(FrameKind::Refused, &refused);
        self.outputs.note_dirty(key, link);
        self.backlog.add(key, link);
        self.set_role(key, Role::Leaving);
        self.links.recount(key);
        self.outputs.leaving.push_back((self.now.saturating_add(nanos(LAST_WORDS)), key));
        self.outputs.cut.push((key, why));
    }

    /// Reads on from a disconnected client, only to notice its end.
    pub(super) fn drain_leaving(&mut self, key: Key) {
        let Some(link) = self.links.find(key) else { return };
        match link.connection.receive(&mut Frames::default(), DRAINED_BYTES) {
            Ok(_) => {}
            Err(_) => self.remove(key),
        }
    }
}

/// Clients flushed in one turn: some 4 µs each.
const FLUSHES_PER_TURN: usize = 512;
/// A client whose socket has taken nothing for so long does not read at present.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a disconnected client may take to read why.
const LAST_WORDS: Duration = Duration::from_secs(30);
/// The most such clients, to bound their descriptors.
const LEAVING_MAX: usize = 1024;
/// Bytes read from such a client in one turn.
const DRAINED_BYTES: usize = 64 << 10;
/// Memory is returned to the system once so much was freed at once.
const TRIMMED_BYTES: usize = CLIENT_BUFFERS_BYTES_MAX / 4;
