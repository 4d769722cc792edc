//! What a leader decides by its clocks, and appends: that a session has expired (safety L8), that a lock's delay is
//! over (L16). Each names its term, and takes effect in an entry of that term only (L9).

use super::Replica;
use crate::base::{Sample, SessionId};
use crate::lock::{Command, Delayed};
use crate::raft::Urgency;
use std::time::Duration;

impl Replica {
    /// The leader's own no-op is applied: each session has its whole TTL from here on, and each delay its whole
    /// length (L12, L16).
    pub(super) fn begin_waits(&mut self, now: &Sample) {
        for (session, ttl_ms) in self.machine.sessions() {
            self.leading.sessions.insert(session, milliseconds(ttl_ms), now);
        }
        for Delayed { name, token, delay_ms } in self.machine.delays() {
            self.leading.delays.insert((token, name), milliseconds(delay_ms), now);
        }
    }

    /// A session's creation is applied (L8).
    pub(super) fn begin_ttl(&mut self, now: &Sample, session: SessionId, ttl_ms: u32) {
        if self.leading.is_ready() {
            self.leading.sessions.insert(session, milliseconds(ttl_ms), now);
        }
    }

    /// An `Expire` is applied that left these (L16).
    pub(super) fn begin_delays(&mut self, now: &Sample, delayed: Vec<Delayed>) {
        if self.leading.is_ready() {
            for Delayed { name, token, delay_ms } in delayed {
                self.leading.delays.insert((token, name), milliseconds(delay_ms), now);
            }
        }
    }

    /// Decides on expiry and appends it in one step (L8, L10), a bounded number at a time: of sessions, and of what
    /// they hold and wait for, since each goes with all of it in one apply (L22).
    pub(super) fn expire_sessions(&mut self, now: &Sample) {
        let mut places = 0;
        for _ in 0..PER_TURN_MAX {
            let Some(session) = self.leading.sessions.take_due(now, 1).pop() else { return };
            let command = Command::Expire { session, term: self.raft.term() };
            if self.propose(&command, Urgency::Frees).is_err() {
                self.leading.sessions.postpone(session, now, RETRY);
            }
            let view = self.machine.session(session);
            places += view.map_or(0, |view| view.grants + view.waiting);
            if places >= PLACES_PER_TURN_MAX {
                return;
            }
        }
    }

    /// Decides that delays are over and appends it in one step (L16), a bounded number at a time.
    pub(super) fn end_delays(&mut self, now: &Sample) {
        for key in self.leading.delays.take_due(now, PER_TURN_MAX) {
            let (token, ref name) = key;
            let command = Command::DelayOver { name: name.clone(), token, term: self.raft.term() };
            match self.propose(&command, Urgency::Frees) {
                // It will be applied, or this node leads no more.
                Ok(_) => self.leading.delays.remove(&key),
                Err(_) => self.leading.delays.postpone(key, now, RETRY),
            }
        }
    }

    /// When to decide next, as a reading of BOOTTIME; a hint.
    pub(super) fn decisions_deadline(&self) -> u64 {
        self.leading.sessions.next_deadline().min(self.leading.delays.next_deadline())
    }
}

fn milliseconds(count: u32) -> Duration {
    Duration::from_millis(u64::from(count))
}

/// Decisions of one kind appended in one turn, so that a mass expiry leaves turns short (faults NT29).
const PER_TURN_MAX: usize = 256;
/// Grants and places in queues after which no other session is expired in a turn.
const PLACES_PER_TURN_MAX: u32 = 4096;
/// How long to wait before deciding again on what the log had no room for.
const RETRY: Duration = Duration::from_millis(10);
