//! Invariants of the state after each entry (O1), and of a state from a snapshot.

use super::dedupe::{Answers, Hold, Known, Place};
use super::grant::Lock;
use super::holders::{Grant, Holders};
use super::level::{Bounds, KEY_LEVEL, PARTS_LEVEL};
use super::locks::Slot;
use super::machine::LockMachine;
use super::orders::{ORDERS_LEVEL, Order};
use super::parts::Ending;
use super::queue::Queue;
use super::session::Session;
use crate::base::limits::{
    BREAK_REASON_BYTES_MAX, CLIENT_NAME_BYTES_MAX, TTL_MS_MAX, TTL_MS_MIN, VALUE_BYTES_MAX,
};
use crate::base::locks::Mode;
use crate::base::{Index, SessionId, Token};

/// Returns a sentence as the error unless the condition holds.
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
    /// against the other: here every lock against the sessions, and then the counts.
    pub(super) fn examine(&self) -> Result<(), String> {
        self.examine_settings()?;
        self.access.examine()?;
        for (id, session) in &self.sessions {
            self.examine_session(*id, session)?;
        }
        for (id, ending) in &self.endings {
            self.examine_ending(*id, ending)?;
        }
        self.examine_tokens()?;
        self.examine_slots()?;
        for (name, _, lock) in self.locks.iter() {
            lock.examine(&self.bounds).map_err(|why| format!("{name:?}: {why}"))?;
        }
        for (_, slot, lock) in self.locks.iter() {
            self.examine_hand_over(slot, lock)?;
            self.examine_holders(slot, &lock.holders)?;
            self.examine_waiters(slot, lock.queue())?;
        }
        self.examine_asked()?;
        self.examine_orders()?;
        self.examine_unfinished()?;
        self.examine_counts()
    }

    fn examine_settings(&self) -> Result<(), String> {
        let (level, level_max) = (self.level(), self.level_max);
        ensure!(level <= level_max, "its level is {level}, this build reads {level_max}");
        let has_key = self.cluster_key.is_some();
        ensure!(!has_key || level >= KEY_LEVEL, "it has a key, and its level is {level}");
        let held = self.locks.len();
        ensure!(self.restoring.is_none() || held == 0, "{held} locks are held while restoring");
        Ok(())
    }

    /// Each session was opened in this incarnation, at an applied index (L15).
    fn examine_session(&self, id: SessionId, session: &Session) -> Result<(), String> {
        let Session { client, ttl_ms, answers, .. } = session;
        self.examine_kind(id, client, *ttl_ms, answers)?;
        let known = answers.len();
        ensure!(known <= self.bounds.answers_per_session, "session {id} remembers {known}");
        Ok(())
    }

    /// An ended session is not among the live ones, and remembers no fixed answer.
    fn examine_ending(&self, id: SessionId, ending: &Ending) -> Result<(), String> {
        let Ending { client, ttl_ms, answers, .. } = ending;
        self.examine_kind(id, client, *ttl_ms, answers)?;
        ensure!(!self.sessions.contains_key(&id), "session {id} lives and has ended");
        let fixed = answers.fixed().len();
        ensure!(fixed == 0, "session {id} has ended and remembers {fixed}");
        Ok(())
    }

    fn examine_kind(
        &self,
        id: SessionId,
        client: &str,
        ttl_ms: u32,
        answers: &Answers,
    ) -> Result<(), String> {
        let first = self.tokens.session_id(Index(1));
        let last = self.tokens.session_id(self.applied);
        ensure!((first..=last).contains(&id), "session {id} is not in {first} … {last}");
        let client = client.len();
        ensure!(client <= CLIENT_NAME_BYTES_MAX, "session {id} has a name of {client} bytes");
        ensure!(ttl_ms >= TTL_MS_MIN, "session {id} has a TTL of {ttl_ms} ms");
        answers.examine().map_err(|why| format!("session {id}: {why}"))?;
        let standing = answers.standing();
        ensure!(standing <= self.bounds.requests_per_session, "session {id}: {standing} stand");
        Ok(())
    }

    /// Each grant has a token of its own, given out already in this incarnation (L3, L4).
    fn examine_tokens(&self) -> Result<(), String> {
        let (floor, last) = (self.tokens.floor(), self.tokens.last());
        let mut tokens: Vec<Token> = self.grants().map(|(_, grant)| grant.token).collect();
        tokens.sort_unstable();
        let twice = tokens.windows(2).find(|pair| pair[0] == pair[1]);
        ensure!(twice.is_none(), "two grants have token {twice:?}");
        for (token, _) in self.locks.iter().flat_map(|(_, _, lock)| lock.delays().iter()) {
            ensure!(tokens.binary_search(&token).is_err(), "token {token} holds and has expired");
            ensure!(token > floor && token <= last, "token {token} is not in {floor} … {last}");
        }
        for token in &tokens {
            ensure!(*token > floor && *token <= last, "token {token} is not in {floor} … {last}");
        }
        Ok(())
    }

    /// All grants, each under the name by which its session knows it.
    fn grants(&self) -> impl Iterator<Item = (Slot, &Grant)> {
        let all = self
            .locks
            .iter()
            .flat_map(|(_, slot, lock)| lock.holders.iter().map(move |grant| (slot, grant)));
        all.filter(|(slot, grant)| grant.stake.is_known_as(*slot))
    }

    /// Each lock is in its slot under its own name, and every slot in the state has a lock.
    fn examine_slots(&self) -> Result<(), String> {
        for (name, slot, _) in self.locks.iter() {
            ensure!(self.locks.name(slot) == name, "{name:?} is in {slot:?} under another name");
        }
        let alive = self.sessions.values().map(|session| &session.answers);
        let answers = alive.chain(self.endings.values().map(|ending| &ending.answers));
        for answers in answers {
            let holds = answers.grants().values().map(|hold| hold.slot);
            let mut slots = holds.chain(answers.waiting().values().flat_map(Place::slots));
            let gone = slots.find(|slot| self.locks.get(*slot).is_none());
            ensure!(gone.is_none(), "a session is in {gone:?}, where no lock is");
        }
        Ok(())
    }

    /// The first waiter lacks room for some of its locks, or one of these has an unfinished hand-over (L5).
    fn examine_hand_over(&self, slot: Slot, lock: &Lock) -> Result<(), String> {
        let name = self.locks.name(slot);
        let waiting = lock.queue().iter().map(|(_, waiter)| &waiter.stake);
        for stake in lock.holders.iter().map(|grant| &grant.stake).chain(waiting) {
            let gone = stake.slots(&slot).iter().find(|slot| self.locks.get(**slot).is_none());
            ensure!(gone.is_none(), "{stake:?} is in {name:?} and not in {gone:?}");
            let mut names = self.locks.names(stake.slots(&slot));
            let is_sorted = names.by_ref().is_sorted_by(|one, next| one < next);
            ensure!(is_sorted, "{stake:?} of {name:?} is out of order");
        }
        if self.first_is_due(slot, |_| {}) {
            let stake = lock.queue().first().map(|waiter| &waiter.stake);
            let slots = stake.into_iter().flat_map(|stake| stake.slots(&slot));
            let mut names = slots.map(|slot| self.locks.name(*slot));
            let is_left = names.any(|name| self.unfinished.contains(name));
            let is_left = is_left || self.access.sweep().is_some();
            ensure!(is_left, "the first waits for {name:?} though there is room");
        }
        Ok(())
    }

    /// Each holder's session lives (L1), or its end is under way (L22), and it knows of each handle on the grant, which is the same in all of
    /// its locks.
    fn examine_holders(&self, slot: Slot, holders: &Holders) -> Result<(), String> {
        let name = self.locks.name(slot);
        for grant in holders.iter() {
            let (value, slots) = (grant.stake.value().len(), grant.stake.slots(&slot));
            ensure!(value <= VALUE_BYTES_MAX, "{name:?} has {value} bytes");
            let differs = slots.iter().find(|slot| self.grant(**slot, grant.token) != Some(grant));
            ensure!(differs.is_none(), "{grant:?} of {name:?} is another one in {differs:?}");
            let is_known_as = |hold: &Hold| hold.slot == slots[0] && hold.token == grant.token;
            let answers = self.known_answers(grant.stake.session);
            for request in grant.handles() {
                match answers.and_then(|answers| answers.known(request)) {
                    Some(Known::Granted(hold)) if is_known_as(hold) => {}
                    known => {
                        return Err(format!(
                            "{name:?} is held by {grant:?}, whose session says {known:?}"
                        ));
                    }
                }
                let (owner, own) =
                    (grant.stake.owner(), answers.map(|own| own.owners().of(request)));
                ensure!(own == Some(owner), "owner {owner} holds {name:?}, its session: {own:?}");
            }
        }
        Ok(())
    }

    /// Each waiter's session lives (L5), or its end is under way, and knows its place in the queue of each of
    /// its names.
    fn examine_waiters(&self, slot: Slot, queue: &Queue) -> Result<(), String> {
        let name = self.locks.name(slot);
        queue.check_invariants();
        ensure!(queue.len() <= self.bounds.waiters_per_lock, "{} wait for {name:?}", queue.len());
        for (ticket, waiter) in queue.iter() {
            let value = waiter.stake.value().len();
            ensure!(value <= VALUE_BYTES_MAX, "a waiter for {name:?} has {value} bytes");
            let slots = waiter.stake.slots(&slot);
            let session = waiter.stake.session;
            let lost = || self.first_lost(session, self.locks.names(slots));
            let is_lost = !self.is_ending(session) && lost().is_some();
            let may = !is_lost || self.access.sweep().is_some();
            ensure!(may, "{waiter:?} waits for {name:?} and may not");
            let answers = self.known_answers(waiter.stake.session);
            match answers.and_then(|answers| answers.known(waiter.request)) {
                Some(Known::Waiting(place))
                    if place.ticket(slot) == Some(ticket)
                        && place.slots().eq(slots.iter().copied())
                        && place.owner == waiter.stake.owner() => {}
                known => {
                    return Err(format!(
                        "{waiter:?} waits for {name:?}, its session says {known:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    pub(super) fn known_answers(&self, session: SessionId) -> Option<&Answers> {
        let alive = self.sessions.get(&session).map(|session| &session.answers);
        alive.or_else(|| self.endings.get(&session).map(|ending| &ending.answers))
    }

    /// Work is left to later entries only from its level on, and each unfinished lock has a waiter.
    fn examine_unfinished(&self) -> Result<(), String> {
        let (level, endings) = (self.level(), self.endings.len());
        ensure!(level >= PARTS_LEVEL || !self.is_unfinished(), "{endings} end at level {level}");
        for name in &self.unfinished {
            let waiting = self.waiting(name);
            ensure!(waiting > 0, "{name:?} is to be handed over, and nobody waits");
        }
        Ok(())
    }

    /// Each marked grant is held, and its mark is within the bounds (L23).
    fn examine_asked(&self) -> Result<(), String> {
        for (token, mark) in &self.asked {
            let (name, grace_ms) = (&mark.name, mark.grace_ms);
            ensure!(self.is_held_by(name, *token), "{token} is asked for {name:?} and not held");
            let is_bounded = (1..=TTL_MS_MAX).contains(&grace_ms);
            ensure!(is_bounded, "{token} is asked to end within {grace_ms} ms");
            let (reason, heir) = (mark.reason.len(), mark.heir.as_ref().map_or(0, |h| h.len()));
            ensure!(
                reason <= BREAK_REASON_BYTES_MAX,
                "{token} is asked for a reason of {reason} bytes"
            );
            ensure!(heir <= CLIENT_NAME_BYTES_MAX, "the heir of {token} has {heir} bytes");
        }
        Ok(())
    }

    /// An unfinished break is of a lock that exists, for grants of this incarnation (L23).
    fn examine_orders(&self) -> Result<(), String> {
        let level = self.level();
        ensure!(
            level >= ORDERS_LEVEL || self.orders.is_empty(),
            "a break is left at level {level}"
        );
        let (floor, last) = (self.tokens.floor(), self.tokens.last());
        for (name, order) in &self.orders {
            let Order { until, done, reason, heir, .. } = order;
            ensure!(
                self.locks.find(name).is_some(),
                "{name:?} is to be broken, and nobody is in it"
            );
            ensure!(*until > floor && *until <= last, "{name:?} is to be broken up to {until}");
            ensure!(done <= until, "the break of {name:?} has come to {done}, behind {until}");
            let is_within = |token: &Token| token > &Token(0) && token <= until;
            ensure!(order.except.iter().all(is_within), "{order:?} of {name:?} excepts others");
            let (reason, heir) = (reason.len(), heir.as_ref().map_or(0, |heir| heir.len()));
            ensure!(reason <= BREAK_REASON_BYTES_MAX, "{name:?} is broken for {reason} bytes");
            ensure!(heir <= CLIENT_NAME_BYTES_MAX, "the heir of {name:?} has {heir} bytes");
        }
        Ok(())
    }

    fn examine_counts(&self) -> Result<(), String> {
        let (sessions, locks) = (self.sessions.len(), self.locks.len());
        ensure!(sessions <= self.bounds.sessions, "there are {sessions} sessions");
        ensure!(locks <= self.bounds.locks, "{locks} locks are held");
        let answers = || {
            let alive = self.sessions.values().map(|session| &session.answers);
            alive.chain(self.endings.values().map(|ending| &ending.answers))
        };
        let grants: usize = answers().map(|answers| answers.grants().len()).sum();
        let handles: usize = self.grants().map(|(_, grant)| grant.handles().count()).sum();
        ensure!(grants == handles, "sessions know {grants} grants, and locks {handles} handles");
        let waiting: usize = answers().map(|answers| answers.waiting().len()).sum();
        let counted = self.tally.waiting;
        ensure!(waiting == counted, "{counted} are counted as waiting, and {waiting} do");
        let places = answers().flat_map(|answers| answers.waiting().values());
        let places: usize = places.map(|place| place.slots().len()).sum();
        let waiters: usize = self.locks.iter().map(|(_, _, lock)| lock.queue().len()).sum();
        ensure!(places == waiters, "sessions know {places} places, and queues {waiters} waiters");
        let (counted, weighed) = (self.weight.bytes, self.weigh());
        ensure!(counted == weighed, "{counted} bytes are counted, and there are {weighed}");
        Ok(())
    }
}

impl Lock {
    /// Fails unless holders and delays fit into the lock (L1).
    fn examine(&self, bounds: &Bounds) -> Result<(), String> {
        self.holders.examine()?;
        let (limit, holders) = (self.limit(), self.holders.len() + self.delays().len());
        ensure!(holders > 0 || self.queue().len() > 0, "nobody is in it");
        ensure!(holders <= bounds.holders_per_lock, "{holders} are in it");
        let (one, most) = (holders <= 1, u64::from(limit.max(1)));
        let stakes = || self.holders.iter().map(|grant| &grant.stake);
        let kinds = || {
            let held = stakes().map(|stake| (stake.mode, stake.permits));
            held.chain(self.delays().iter().map(|(_, delay)| (delay.mode, delay.permits)))
        };
        let is_shared = kinds().all(|(mode, _)| mode == Mode::Shared);
        let taken = self.permits_taken();
        ensure!(
            one || (limit == 0 && is_shared) || limit > 0,
            "{holders} are in it, not all to read"
        );
        ensure!(limit == 0 || taken <= most, "{taken} of {limit} permits are taken");
        let waiting = self.queue().iter().map(|(_, w)| (w.stake.mode, w.stake.permits));
        let misfit = kinds().chain(waiting).find(|(mode, permits)| {
            let is_counted = limit > 0 && *mode == Mode::Exclusive;
            !(1..=most).contains(&u64::from(*permits)) || !(limit == 0 || is_counted)
        });
        ensure!(misfit.is_none(), "of size {limit}, with {misfit:?}");
        Ok(())
    }
}
