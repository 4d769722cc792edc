//! Grants: what a lock is, when it has room for one more, and how it is handed on.

use super::Granted;
use super::command::{Mode, Name};
use super::dedupe::{Fixed, Hold};
use super::delay::Delays;
use super::holders::{Claim, Grant, Handles, Holders, Left};
use super::level::Bounds;
use super::machine::LockMachine;
use super::queue::{Queue, Waiter};
use crate::base::{RequestId, SessionId, Token};

/// A lock that somebody holds, or that is delayed. Whoever waits has no room: what frees a lock hands it on at
/// once (L5).
#[derive(Clone, Debug)]
pub(super) struct Lock {
    /// 0 = a lock, else a semaphore of this size. Fixed by those who are in it.
    pub(super) limit: u32,
    pub(super) holders: Holders,
    /// What expired holders still take (L16).
    pub(super) delays: Delays,
    pub(super) queue: Queue,
}

impl Lock {
    /// One that nobody holds yet.
    pub(super) fn new(limit: u32) -> Self {
        let (holders, delays, queue) = (Holders::default(), Delays::default(), Queue::default());
        Self { limit, holders, delays, queue }
    }

    /// Whether `claim` may hold it beside those who do (L1). Nobody overtakes: this is asked for the first
    /// in the queue only, or where nobody waits, so neither a writer nor a large request starves.
    pub(super) fn has_room(&self, claim: &Claim, bounds: &Bounds) -> bool {
        if self.holders.len() + self.delays.len() >= bounds.holders_per_lock {
            return false;
        }
        match (self.limit, claim.mode) {
            (0, Mode::Exclusive) => self.is_unused(),
            // All are of one mode: an exclusive one is alone.
            (0, Mode::Shared) => self.first_mode().is_none_or(|mode| mode == Mode::Shared),
            (limit, _) => self.permits_taken() + u64::from(claim.permits) <= u64::from(limit),
        }
    }

    /// Permits of holders, and of those whose delay is not over.
    pub(super) fn permits_taken(&self) -> u64 {
        self.holders.permits() + self.delays.permits()
    }

    /// The mode in which it is used, if it is.
    fn first_mode(&self) -> Option<Mode> {
        let held = self.holders.first().map(|grant| grant.claim.mode);
        held.or_else(|| self.delays.iter().next().map(|(_, delay)| delay.mode))
    }

    fn is_unused(&self) -> bool {
        self.holders.is_empty() && self.delays.len() == 0
    }

    fn is_vacant(&self) -> bool {
        self.is_unused() && self.queue.len() == 0
    }
}

impl LockMachine {
    /// Gives `name` to as many as it has room for, first come first (L5), each under a token of its own; if
    /// nobody is left in it, drops it. The waiters' sessions live: what ends a session takes it out of all
    /// queues before it frees anything.
    pub(super) fn hand_over(&mut self, name: &Name, unix_ms: u64, granted: &mut Vec<Granted>) {
        let Some(lock) = self.locks.get_mut(name) else { return };
        while let Some(waiter) = lock.queue.first()
            && lock.has_room(&waiter.claim, &self.bounds)
        {
            let Waiter { request, claim, .. } = lock.queue.pop().expect("seen above");
            let (session, token) = (claim.session, self.tokens.next());
            let handles = Handles::new(request);
            lock.holders.add(Grant { token, since_unix_ms: unix_ms, handles, claim });
            let found = self.sessions.get_mut(&session).expect("waiters live (L5)");
            let place = found.answers.leave_queue(request);
            found.answers.note_grant(request, Hold { name: place.name, token });
            granted.push(Granted { session, request, token });
        }
        if lock.is_vacant() {
            self.locks.remove(name);
        }
    }

    /// Ends the handle that `acquire` has on `hold`, and fixes its answer. The lock is free once the grant
    /// has no handle left.
    pub(super) fn end_handle(
        &mut self,
        session: SessionId,
        acquire: RequestId,
        answer: Fixed,
    ) -> (Hold, Left) {
        let answers = &mut self.live_session_mut(session).answers;
        let hold = answers.end_grant(acquire);
        answers.fix(acquire, answer);
        let left = self.grant_mut(&hold).handles.give_up(acquire);
        if left == Left::None {
            self.drop_grant(&hold);
        }
        (hold, left)
    }

    /// Takes the grant out of its lock, which is handed on by the caller.
    pub(super) fn drop_grant(&mut self, hold: &Hold) -> Grant {
        let lock = self.locks.get_mut(&hold.name);
        let grant = lock.and_then(|lock| lock.holders.remove(hold.token));
        grant.unwrap_or_else(|| panic!("nobody holds {hold:?}"))
    }

    /// The grant of `name` under `token`.
    pub(super) fn grant(&self, name: &Name, token: Token) -> Option<&Grant> {
        self.locks.get(name).and_then(|lock| lock.holders.by_token(token))
    }

    pub(super) fn grant_mut(&mut self, hold: &Hold) -> &mut Grant {
        let lock = self.locks.get_mut(&hold.name);
        let grant = lock.and_then(|lock| lock.holders.by_token_mut(hold.token));
        grant.unwrap_or_else(|| panic!("nobody holds {hold:?}"))
    }
}
