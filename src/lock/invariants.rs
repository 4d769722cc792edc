//! What must hold of the state after each entry (O1).

use super::command::Name;
use super::dedupe::Known;
use super::grant::Lock;
use super::machine::LockMachine;
use super::queue::Queue;
use std::collections::BTreeSet;

impl LockMachine {
    /// Panics unless every invariant holds: L1 and the agreement of the indexes with each other (O1).
    ///
    /// Locks know their holders and waiters, sessions their grants and places. Each side is checked
    /// against the other: here every lock's against the sessions, and then that the counts agree.
    pub fn check_invariants(&self) {
        self.check_tokens();
        for (name, lock) in &self.locks {
            self.check_holder(name, lock);
            self.check_waiters(name, &lock.queue);
        }
        self.check_counts();
        for (id, session) in &self.sessions {
            assert!(*id <= self.tokens.session_id(self.applied), "session {id} from the future");
            session.answers.check_invariants();
        }
    }

    /// Each grant has a token of its own, given out already (L3, L4).
    fn check_tokens(&self) {
        let mut seen = BTreeSet::new();
        for (name, lock) in &self.locks {
            let token = lock.grant.token;
            assert!(token.0 > 0 && token <= self.tokens.last(), "{name:?} has token {token}");
            assert!(seen.insert(token), "{name:?} shares token {token} with another lock");
        }
    }

    /// The holder's session lives (L1) and knows of the grant. There is one holder by type.
    fn check_holder(&self, name: &Name, lock: &Lock) {
        let grant = &lock.grant;
        let answers = &self.live_session(grant.session).answers;
        match answers.known(grant.request) {
            Some(Known::Granted(known)) if known == name => {}
            known => panic!("{name:?} is held by {grant:?}, whose session says {known:?}"),
        }
    }

    /// Each waiter's session lives (L5) and knows its place.
    fn check_waiters(&self, name: &Name, queue: &Queue) {
        queue.check_invariants();
        assert!(queue.len() <= self.bounds.waiters_per_lock, "{} wait for {name:?}", queue.len());
        for (ticket, waiter) in queue.iter() {
            match self.live_session(waiter.session).answers.known(waiter.request) {
                Some(Known::Waiting(place)) if place.name == *name && place.ticket == ticket => {}
                known => panic!("{waiter:?} waits for {name:?}, its session says {known:?}"),
            }
        }
    }

    fn check_counts(&self) {
        let answers = || self.sessions.values().map(|session| &session.answers);
        let grants: usize = answers().map(|answers| answers.grants().len()).sum();
        assert_eq!(grants, self.locks.len(), "grants that sessions know, and held locks");
        let places: usize = answers().map(|answers| answers.waiting().len()).sum();
        let waiters: usize = self.locks.values().map(|lock| lock.queue.len()).sum();
        assert_eq!(places, waiters, "places that sessions know, and waiters in queues");
        assert!(self.sessions.len() <= self.bounds.sessions, "{} sessions", self.sessions.len());
        assert!(self.locks.len() <= self.bounds.locks, "{} locks", self.locks.len());
        for answers in answers() {
            assert!(answers.len() <= self.bounds.answers_per_session, "{} answers", answers.len());
            assert!(answers.standing() <= self.bounds.requests_per_session, "too many standing");
        }
    }
}
