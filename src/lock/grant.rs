//! Grants: what a lock is, when it has room for one more, and how it is handed on.

use super::Granted;
use super::command::{Mode, Name};
use super::dedupe::{Hold, Place};
use super::delay::Delays;
use super::effects::Effects;
use super::holders::{Claim, Grant, Handles, Holders};
use super::level::Bounds;
use super::machine::LockMachine;
use super::queue::Queue;
use crate::base::Token;
use std::collections::VecDeque;

/// A lock that somebody holds or waits for, or that is delayed. Whoever waits has no room: what frees a lock hands it on at
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

    /// Whether `claim` may hold it beside those who do (L1). Nobody overtakes on its own: this is asked for the first
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
    /// nobody is left in it, drops it. One who waits for several gets all or nothing: when all are free, and it
    /// is the first in the queue of each. The others' queues have another head then, and are looked at after.
    ///
    /// The waiters' sessions live: what ends a session takes it out of all queues before it frees anything.
    pub(super) fn hand_over(&mut self, name: &Name, unix_ms: u64, effects: &mut Effects) {
        let mut due = VecDeque::from([name.clone()]);
        while let Some(name) = due.pop_front() {
            while self.first_is_due(&name) {
                let place = self.grant_first(&name, unix_ms, effects);
                due.extend(place.names().filter(|other| **other != name).cloned());
            }
            if self.locks.get(&name).is_some_and(Lock::is_vacant) {
                self.locks.remove(&name);
            }
        }
    }

    /// Whether the first who waits for `name` may have all that it waits for.
    pub(super) fn first_is_due(&self, name: &Name) -> bool {
        let Some(waiter) = self.locks.get(name).and_then(|lock| lock.queue.first()) else {
            return false;
        };
        waiter.claim.names(name).iter().all(|name| {
            let lock = &self.locks[name];
            let first = lock.queue.first();
            first.is_some_and(|first| first.is_of(waiter))
                && lock.has_room(&waiter.claim, &self.bounds)
        })
    }

    /// Grants to the first in the queue of `name` all that it waits for.
    fn grant_first(&mut self, name: &Name, unix_ms: u64, effects: &mut Effects) -> Place {
        let first = self.locks[name].queue.first().expect("it is due");
        let (session, request, owner) = (first.claim.session, first.request, first.claim.owner);
        let token = self.tokens.next();
        let answers = &mut self.sessions.get_mut(&session).expect("waiters live (L5)").answers;
        let place = answers.leave_queue(request);
        let known_as = place.names().next().expect("it waits for something").clone();
        answers.note_grant(request, Hold { name: known_as, token, owner });
        for name in place.names() {
            let lock = self.locks.get_mut(name).expect("somebody waits for it");
            let claim = lock.queue.pop().expect("it is the first in each").claim;
            let handles = Handles::new(request);
            if lock.holders.is_empty() {
                effects.note_change(name);
            }
            lock.holders.add(Grant { token, since_unix_ms: unix_ms, handles, claim });
        }
        effects.granted.push(Granted { session, request, token });
        place
    }

    /// The grant of `name` under `token`.
    pub(super) fn grant(&self, name: &Name, token: Token) -> Option<&Grant> {
        self.locks.get(name).and_then(|lock| lock.holders.by_token(token))
    }

    pub(super) fn grant_mut(&mut self, name: &Name, token: Token) -> &mut Grant {
        let lock = self.locks.get_mut(name);
        let grant = lock.and_then(|lock| lock.holders.by_token_mut(token));
        grant.unwrap_or_else(|| panic!("nobody holds {name:?} under {token}"))
    }
}
