//! What must hold of the state after each entry (O1), and of a state that a snapshot brings.

use super::command::Name;
use super::dedupe::Known;
use super::grant::Lock;
use super::level::LEVEL_MAX;
use super::machine::LockMachine;
use super::queue::Queue;
use super::session::Session;
use crate::base::limits::{CLIENT_NAME_BYTES_MAX, TTL_MS_MIN, VALUE_BYTES_MAX};
use crate::base::{Index, SessionId, Token};

/// Leaves with a sentence unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err(format!($($why)+));
        }
    };
}

impl LockMachine {
    /// Panics unless every invariant holds: L1 and the agreement of the indexes with each other (O1).
    pub fn check_invariants(&self) {
        if let Err(why) = self.examine() {
            panic!("{why}");
        }
    }

    /// The first invariant that does not hold, as a sentence.
    ///
    /// Locks know their holders and waiters, sessions their grants and places. Each side is checked
    /// against the other: here every lock's against the sessions, and then that the counts agree.
    pub(super) fn examine(&self) -> Result<(), String> {
        self.examine_settings()?;
        for (id, session) in &self.sessions {
            self.examine_session(*id, session)?;
        }
        self.examine_tokens()?;
        for (name, lock) in &self.locks {
            self.examine_holder(name, lock)?;
            self.examine_waiters(name, &lock.queue)?;
        }
        self.examine_counts()
    }

    fn examine_settings(&self) -> Result<(), String> {
        let level = self.settings.as_ref().map_or(0, |settings| settings.level);
        ensure!(level <= LEVEL_MAX, "its level is {level}, this build knows {LEVEL_MAX}");
        let held = self.locks.len();
        ensure!(self.restoring.is_none() || held == 0, "{held} locks are held while restoring");
        Ok(())
    }

    /// Each session was opened in this incarnation, at an index that was applied (L15).
    fn examine_session(&self, id: SessionId, session: &Session) -> Result<(), String> {
        let first = self.tokens.session_id(Index(1));
        let last = self.tokens.session_id(self.applied);
        ensure!((first..=last).contains(&id), "session {id} is not in {first} … {last}");
        let (client, ttl_ms) = (session.client.len(), session.ttl_ms);
        ensure!(client <= CLIENT_NAME_BYTES_MAX, "session {id} has a name of {client} bytes");
        ensure!(ttl_ms >= TTL_MS_MIN, "session {id} has a TTL of {ttl_ms} ms");
        session.answers.examine().map_err(|why| format!("session {id}: {why}"))?;
        let (standing, known) = (session.answers.standing(), session.answers.len());
        ensure!(standing <= self.bounds.requests_per_session, "session {id}: {standing} stand");
        ensure!(known <= self.bounds.answers_per_session, "session {id} remembers {known}");
        Ok(())
    }

    /// Each grant has a token of its own, given out already in this incarnation (L3, L4).
    fn examine_tokens(&self) -> Result<(), String> {
        let (floor, last) = (self.tokens.floor(), self.tokens.last());
        let tokens = self.locks.values().map(|lock| lock.grant.token);
        let mut tokens: Vec<Token> = tokens.collect();
        tokens.sort_unstable();
        for token in &tokens {
            ensure!(*token > floor && *token <= last, "token {token} is not in {floor} … {last}");
        }
        let twice = tokens.windows(2).find(|pair| pair[0] == pair[1]);
        ensure!(twice.is_none(), "two locks have token {twice:?}");
        Ok(())
    }

    /// The holder's session lives (L1) and knows of the grant. There is one holder by type.
    fn examine_holder(&self, name: &Name, lock: &Lock) -> Result<(), String> {
        let grant = &lock.grant;
        ensure!(grant.value.len() <= VALUE_BYTES_MAX, "{name:?} has {} bytes", grant.value.len());
        let session = self.sessions.get(&grant.session);
        match session.and_then(|session| session.answers.known(grant.request)) {
            Some(Known::Granted(known)) if known == name => Ok(()),
            known => Err(format!("{name:?} is held by {grant:?}, whose session says {known:?}")),
        }
    }

    /// Each waiter's session lives (L5) and knows its place.
    fn examine_waiters(&self, name: &Name, queue: &Queue) -> Result<(), String> {
        queue.check_invariants();
        ensure!(queue.len() <= self.bounds.waiters_per_lock, "{} wait for {name:?}", queue.len());
        for (ticket, waiter) in queue.iter() {
            let value = waiter.value.len();
            ensure!(value <= VALUE_BYTES_MAX, "a waiter for {name:?} has {value} bytes");
            let session = self.sessions.get(&waiter.session);
            match session.and_then(|session| session.answers.known(waiter.request)) {
                Some(Known::Waiting(place)) if place.name == *name && place.ticket == ticket => {}
                known => {
                    return Err(format!(
                        "{waiter:?} waits for {name:?}, its session says {known:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    fn examine_counts(&self) -> Result<(), String> {
        let (sessions, locks) = (self.sessions.len(), self.locks.len());
        ensure!(sessions <= self.bounds.sessions, "there are {sessions} sessions");
        ensure!(locks <= self.bounds.locks, "{locks} locks are held");
        let answers = || self.sessions.values().map(|session| &session.answers);
        let grants: usize = answers().map(|answers| answers.grants().len()).sum();
        ensure!(grants == locks, "sessions know {grants} grants, and {locks} locks are held");
        let places: usize = answers().map(|answers| answers.waiting().len()).sum();
        let waiters: usize = self.locks.values().map(|lock| lock.queue.len()).sum();
        ensure!(places == waiters, "sessions know {places} places, and queues {waiters} waiters");
        Ok(())
    }
}
