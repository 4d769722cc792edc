//! Decisions of a leader by its clocks, which it appends: that a session has expired (safety L8),
//! that a lock's delay is over (L16). Each names its term, and takes effect in an entry of that
//! term only (L9).

use super::Replica;
use super::work::WorkKind;
use crate::base::{Sample, SessionId, Token};
use crate::lock::{Command, Delayed, Name};
use crate::raft::Urgency;
use std::time::Duration;

impl Replica {
    /// Begins all waits once the leader's own no-op is applied: each session has its whole TTL from
    /// here on, and each delay its whole length (L12, L16).
    pub(super) fn begin_waits(&mut self, now: &Sample) {
        self.leading.beginning = Beginning::Sessions { since: *now, after: None };
        self.advance_waits();
    }

    /// Continues to begin waits, a part in each turn. A wait that begins late is no shorter.
    pub(super) fn advance_waits(&mut self) {
        while self.work.may(WorkKind::Begin) {
            self.leading.beginning = match std::mem::take(&mut self.leading.beginning) {
                Beginning::Over => return,
                Beginning::Sessions { since, after } => self.begin_ttls(since, after),
                Beginning::Delays { since, after } => self.begin_delays_behind(since, after),
            };
        }
    }

    fn begin_ttls(&mut self, since: Sample, after: Option<SessionId>) -> Beginning {
        let (mut last, count) = (None, self.work.part(PART));
        for (session, ttl_ms) in self.machine.sessions_behind(after).take(count) {
            self.leading.sessions.begin(session, milliseconds(ttl_ms), &since);
            self.work.spend(WorkKind::Begin, 1);
            last = Some(session);
        }
        match last {
            Some(last) => Beginning::Sessions { since, after: Some(last) },
            None => Beginning::Delays { since, after: None },
        }
    }

    fn begin_delays_behind(&mut self, since: Sample, after: Option<(Name, Token)>) -> Beginning {
        let count = self.work.part(PART);
        let (delays, next) = self.machine.delays_behind(after.as_ref(), count);
        // Nearly all locks have no delay, and are skipped.
        self.work.spend(WorkKind::Begin, (count.div_ceil(8) + delays.len()) as u64);
        for Delayed { name, token, delay_ms } in delays {
            self.leading.delays.begin((token, name), milliseconds(delay_ms), &since);
        }
        next.map_or(Beginning::Over, |next| Beginning::Delays { since, after: Some(next) })
    }

    /// Restarts the wait for a session, if no expiry is decided (L10). One that has not begun yet
    /// begins now.
    pub(super) fn restart_ttl(&mut self, now: &Sample, session: SessionId) -> bool {
        if matches!(self.leading.beginning, Beginning::Sessions { .. })
            && !self.leading.sessions.contains(&session)
            && let Some(view) = self.machine.session(session)
        {
            self.leading.sessions.begin(session, milliseconds(view.ttl_ms), now);
        }
        self.leading.sessions.restart(&session, now)
    }

    /// Begins the wait for a session whose creation is applied (L8).
    pub(super) fn begin_ttl(&mut self, now: &Sample, session: SessionId, ttl_ms: u32) {
        if self.leading.is_ready() {
            self.leading.sessions.insert(session, milliseconds(ttl_ms), now);
        }
    }

    /// Begins the delays that an applied `Expire` has left (L16).
    pub(super) fn begin_delays(&mut self, now: &Sample, delayed: Vec<Delayed>) {
        if self.leading.is_ready() {
            for Delayed { name, token, delay_ms } in delayed {
                self.leading.delays.insert((token, name), milliseconds(delay_ms), now);
            }
        }
    }

    /// Decides on expiry and appends it in one step (L8, L10), a bounded number of sessions, and of
    /// their grants and places, at a time: each session ends with all of these in one apply (L22).
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

/// How far the waits of a new leader have begun; all count from its apply of its own no-op.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Beginning {
    /// All have begun, or the leader is not ready.
    #[default]
    Over,
    /// Waits for sessions, up to that one.
    Sessions { since: Sample, after: Option<SessionId> },
    /// Waits for all sessions, and for delays up to that one.
    Delays { since: Sample, after: Option<(Name, Token)> },
}

impl Beginning {
    #[must_use]
    pub fn is_over(&self) -> bool {
        *self == Self::Over
    }
}

fn milliseconds(count: u32) -> Duration {
    Duration::from_millis(u64::from(count))
}

/// Decisions of one kind appended in one turn, so that a mass expiry leaves turns short (faults NT29).
const PER_TURN_MAX: usize = 256;
/// Grants and places in queues after which no other session is expired in a turn.
const PLACES_PER_TURN_MAX: u32 = 4096;
/// The pause before a decision is tried again for which the log had no room.
const RETRY: Duration = Duration::from_millis(10);
/// Sessions, or locks and delays, of one part.
const PART: usize = 256;
