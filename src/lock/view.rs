//! What the machine shows: reads, which change nothing.

use super::command::{Answer, HolderView, LockView, Mode, Name, SessionView, Settings, WaiterView};
use super::grant::Lock;
use super::machine::LockMachine;
use crate::base::limits::{HOLDERS_SHOWN_MAX, WAITERS_SHOWN_MAX};
use crate::base::{ClusterKey, RequestId, SessionId, SessionKey, Token};
use std::ops::Bound;

impl LockMachine {
    /// The key of the cluster, once it has one.
    #[must_use]
    pub fn cluster_key(&self) -> Option<&ClusterKey> {
        self.cluster_key.as_ref()
    }

    /// The settings in force; `None` before the first such entry.
    #[must_use]
    pub fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }

    /// All live sessions in order of their ids, with their TTLs: for the leader's timers.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, u32)> + '_ {
        self.sessions.iter().map(|(id, session)| (*id, session.ttl_ms))
    }

    /// How many sessions are alive.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// The largest token given out so far; of a new incarnation, what all its tokens will be larger than.
    #[must_use]
    pub fn newest_token(&self) -> Token {
        self.tokens.last()
    }

    /// How many locks are held or delayed.
    #[must_use]
    pub fn held_count(&self) -> usize {
        self.locks.len()
    }

    /// One live session.
    #[must_use]
    pub fn session(&self, session: SessionId) -> Option<SessionView> {
        let found = self.sessions.get(&session)?;
        Some(SessionView {
            session,
            client: found.client.as_ref().to_owned(),
            ttl_ms: found.ttl_ms,
            grants: count(found.answers.grants().len()),
            waiting: count(found.answers.waiting().len()),
        })
    }

    /// The highest request id that `session` is known to have used, or named as its floor; 0 if it is not alive.
    #[must_use]
    pub fn reach(&self, session: SessionId) -> RequestId {
        self.sessions.get(&session).map_or(RequestId(0), |found| found.answers.reach())
    }

    /// Whether `session` lives and `key` is the one that it was created with; `None`: no such session.
    #[must_use]
    pub fn check_key(&self, session: SessionId, key: &SessionKey) -> Option<bool> {
        self.sessions.get(&session).map(|found| found.key == *key)
    }

    /// The standing answers of `session`'s acquires, granted and queued, in order of their ids: what a
    /// reconnect is told again. Empty if the session is not alive.
    #[must_use]
    pub fn standing(&self, session: SessionId) -> Vec<(RequestId, Answer)> {
        let Some(found) = self.sessions.get(&session) else { return Vec::new() };
        let grants = found.answers.grants().iter();
        let grants = grants.map(|(request, hold)| (request, Answer::Granted { token: hold.token }));
        let waiting = found.answers.waiting().iter();
        let waiting = waiting.map(|(request, place)| (request, self.queued_answer(place)));
        let mut standing: Vec<_> = grants.chain(waiting).collect();
        standing.sort_unstable_by_key(|(request, _)| *request);
        standing
    }

    /// Who holds `name` and who waits, `None` if nobody does either and it is not delayed.
    #[must_use]
    pub fn lock(&self, name: &Name) -> Option<LockView> {
        self.locks.get(name).map(|lock| self.lock_view(name, lock))
    }

    /// At most `limit` locks whose names start with `prefix`, in byte order, after `after`.
    #[must_use]
    pub fn locks(&self, prefix: &str, after: Option<&Name>, limit: usize) -> Vec<LockView> {
        let start = match after {
            Some(after) if after.as_str() >= prefix => Bound::Excluded(after.as_str()),
            _ => Bound::Included(prefix),
        };
        let from_start = self.locks.range::<str, _>((start, Bound::Unbounded));
        let matching = from_start.take_while(|(name, _)| name.as_str().starts_with(prefix));
        matching.take(limit).map(|(name, lock)| self.lock_view(name, lock)).collect()
    }

    /// Whether `token` holds `name` now.
    #[must_use]
    pub fn is_held_by(&self, name: &Name, token: Token) -> bool {
        self.grant(name, token).is_some()
    }

    fn lock_view(&self, name: &Name, lock: &Lock) -> LockView {
        let waiters = lock.queue().iter().take(WAITERS_SHOWN_MAX).map(|(_, waiter)| WaiterView {
            session: waiter.claim.session,
            client: self.client_name(waiter.claim.session),
            since_unix_ms: waiter.since_unix_ms,
            mode: waiter.claim.mode,
            permits: waiter.claim.permits,
        });
        let oldest = lock.holders.first();
        let session = oldest.map_or(SessionId(0), |grant| grant.claim.session);
        let others = lock.holders.iter().skip(1).take(HOLDERS_SHOWN_MAX).map(|grant| HolderView {
            token: grant.token,
            session: grant.claim.session,
            client: self.client_name(grant.claim.session),
            since_unix_ms: grant.since_unix_ms,
            permits: grant.claim.permits,
        });
        LockView {
            name: name.clone(),
            token: oldest.map_or(Token(0), |grant| grant.token),
            session,
            client: oldest.map_or(String::new(), |_| self.client_name(session)),
            value: oldest.map_or(Vec::new(), |grant| grant.claim.value().to_vec()),
            since_unix_ms: oldest.map_or(0, |grant| grant.since_unix_ms),
            mode: oldest.map_or(Mode::Exclusive, |grant| grant.claim.mode),
            limit: lock.limit(),
            taken: lock.holders.permits(),
            others: others.collect(),
            holding: count(lock.holders.len()),
            is_delayed: lock.delays().len() > 0,
            is_asked: oldest.is_some_and(|grant| self.asked.contains_key(&grant.token)),
            waiters: waiters.collect(),
            waiting: count(lock.queue().len()),
        }
    }

    fn client_name(&self, session: SessionId) -> String {
        self.client_of(session).as_ref().to_owned()
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).expect("all that is counted is bounded")
}
