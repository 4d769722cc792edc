//! Reads of the machine, which change nothing.

use super::AskedHolder;
use super::access::{Part, Reader};
use super::command::Settings;
use super::grant::Lock;
use super::machine::LockMachine;
use crate::base::limits::{HOLDERS_SHOWN_MAX, WAITERS_SHOWN_MAX};
use crate::base::locks::{Answer, HolderView, LockView, Mode, Name, SessionView, WaiterView};
use crate::base::{ClusterKey, RequestId, SessionId, SessionKey, Subject, Token};
use std::ops::Bound;

/// A part of the grants and places of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// In order of their ids.
    pub answers: Vec<(RequestId, Answer)>,
    /// The marks on these grants.
    pub asked: Vec<AskedHolder>,
    /// The names that were looked up for this part.
    pub names: usize,
    /// Whether nothing follows.
    pub is_last: bool,
}

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

    /// The live sessions with ids above `after`, and their TTLs; `None`: all.
    pub fn sessions_behind(
        &self,
        after: Option<SessionId>,
    ) -> impl Iterator<Item = (SessionId, u32)> + '_ {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.sessions.range((start, Bound::Unbounded));
        behind.map(|(id, session)| (*id, session.ttl_ms))
    }

    /// The number of live sessions.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// The newest token; in a new incarnation the number below all its tokens.
    #[must_use]
    pub fn newest_token(&self) -> Token {
        self.tokens.last()
    }

    /// The number of locks held, waited for or delayed.
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

    /// The highest request id that `session` is known to have used, or named as its floor; 0 if it is not
    /// alive.
    #[must_use]
    pub fn reach(&self, session: SessionId) -> RequestId {
        self.sessions.get(&session).map_or(RequestId(0), |found| found.answers.reach())
    }

    /// The owner of a live session (L27).
    #[must_use]
    pub fn subject_of(&self, session: SessionId) -> Option<&Subject> {
        self.sessions.get(&session).map(|found| &found.subject)
    }

    /// Whether `subject`, which knows the key of a live session, may speak for it: only its owner may. A
    /// session without an owner belongs to all that have its key; while rights are off, a connection without an
    /// identity may speak for any session.
    #[must_use]
    pub fn may_attach(&self, session: SessionId, subject: &Subject) -> bool {
        let may_be_anybody = *subject == Subject::Anonymous && !self.has_rights_on();
        self.subject_of(session)
            .is_some_and(|owner| *owner == Subject::Anonymous || owner == subject || may_be_anybody)
    }

    /// Whether `key` is the key of `session`; `None`: no such live session.
    #[must_use]
    pub fn check_key(&self, session: SessionId, key: &SessionKey) -> Option<bool> {
        self.sessions.get(&session).map(|found| found.key == *key)
    }

    /// The grants and places of `session`'s acquires as answers, in order of their ids, repeated at a
    /// reconnect. Empty if the session is not alive.
    #[must_use]
    pub fn standing(&self, session: SessionId) -> Vec<(RequestId, Answer)> {
        self.standing_above(session, RequestId(0), usize::MAX).answers
    }

    /// [`LockMachine::standing`] in parts: ids above `after`, at most `count`, and the marks on these grants,
    /// each with the oldest handle of its grant.
    #[must_use]
    pub fn standing_above(&self, session: SessionId, after: RequestId, count: usize) -> Standing {
        let mut standing = Standing::default();
        let Some(found) = self.sessions.get(&session) else { return standing };
        let mut grants = found.answers.grants().above(after).peekable();
        let mut waiting = found.answers.waiting().above(after).peekable();
        while standing.answers.len() < count {
            let granted = grants.peek().map(|(request, _)| *request);
            let waits = waiting.peek().map(|(request, _)| *request);
            if granted.is_some_and(|granted| waits.is_none_or(|waits| granted < waits)) {
                let Some((request, hold)) = grants.next() else { break };
                standing.answers.push((request, Answer::Granted { token: hold.token }));
                standing.names += 1;
                standing.asked.extend(self.asked_of(session, request, hold));
            } else {
                let Some((request, place)) = waiting.next() else { break };
                standing.answers.push((request, self.queued_answer(place)));
                standing.names += place.slots().len();
            }
        }
        standing.is_last = grants.peek().is_none() && waiting.peek().is_none();
        standing
    }

    /// The state of `name`; `None` if it has no holder, waiter or delay.
    #[must_use]
    pub fn lock(&self, name: &Name) -> Option<LockView> {
        self.locks.by_name(name.as_str()).map(|lock| self.lock_view(name, lock))
    }

    /// At most `limit` locks whose names start with `prefix`, in byte order, after `after`.
    #[must_use]
    pub fn locks(&self, prefix: &str, after: Option<&Name>, limit: usize) -> Vec<LockView> {
        let start = start_of(prefix, after);
        let from_start = self.locks.starting_at(start);
        let matching = from_start.take_while(|(name, _)| name.as_str().starts_with(prefix));
        matching.take(limit).map(|(name, lock)| self.lock_view(name, lock)).collect()
    }

    /// [`LockMachine::locks`] with only those that `reader` may read, without a walk over the others.
    #[must_use]
    pub fn locks_for(
        &self,
        reader: &Reader,
        prefix: &str,
        after: Option<&Name>,
        limit: usize,
    ) -> Vec<LockView> {
        let Some(parts) = reader.parts() else { return self.locks(prefix, after, limit) };
        let mut found: Vec<LockView> = Vec::new();
        for part in parts {
            let left = limit - found.len();
            match part {
                Part::One(name) => {
                    let is_behind = after.is_none_or(|after| name > after.as_str());
                    if left > 0 && is_behind && name.starts_with(prefix) {
                        let mut from_it = self.locks.starting_at(Bound::Included(name));
                        let lock = from_it.next().filter(|(of, _)| of.as_str() == name);
                        found.extend(lock.map(|(name, lock)| self.lock_view(name, lock)));
                    }
                }
                // The narrower of the two; else they have nothing in common.
                Part::Below(below) if below.starts_with(prefix) => {
                    found.extend(self.locks(below, after, left));
                }
                Part::Below(below) if prefix.starts_with(below) => {
                    found.extend(self.locks(prefix, after, left));
                }
                Part::Below(_) => {}
            }
        }
        found
    }

    /// The number of waiters for `name`.
    #[must_use]
    pub fn waiting(&self, name: &Name) -> usize {
        self.locks.by_name(name.as_str()).map_or(0, |lock| lock.queue().len())
    }

    /// Whether `token` holds `name` now.
    #[must_use]
    pub fn is_held_by(&self, name: &Name, token: Token) -> bool {
        self.locks.find(name).is_some_and(|slot| self.grant(slot, token).is_some())
    }

    fn lock_view(&self, name: &Name, lock: &Lock) -> LockView {
        let waiters = lock.queue().iter().take(WAITERS_SHOWN_MAX).map(|(_, waiter)| WaiterView {
            session: waiter.stake.session,
            client: self.client_name(waiter.stake.session),
            since_unix_ms: waiter.since_unix_ms,
            mode: waiter.stake.mode,
            permits: waiter.stake.permits,
        });
        let oldest = lock.holders.first();
        let session = oldest.map_or(SessionId(0), |grant| grant.stake.session);
        let others = lock.holders.iter().skip(1).take(HOLDERS_SHOWN_MAX).map(|grant| HolderView {
            token: grant.token,
            session: grant.stake.session,
            client: self.client_name(grant.stake.session),
            since_unix_ms: grant.since_unix_ms,
            permits: grant.stake.permits,
        });
        LockView {
            name: name.clone(),
            token: oldest.map_or(Token(0), |grant| grant.token),
            session,
            client: oldest.map_or(String::new(), |_| self.client_name(session)),
            value: oldest.map_or(Vec::new(), |grant| grant.stake.value().to_vec()),
            since_unix_ms: oldest.map_or(0, |grant| grant.since_unix_ms),
            mode: oldest.map_or(Mode::Exclusive, |grant| grant.stake.mode),
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

fn start_of<'a>(prefix: &'a str, after: Option<&'a Name>) -> Bound<&'a str> {
    match after {
        Some(after) if after.as_str() >= prefix => Bound::Excluded(after.as_str()),
        _ => Bound::Included(prefix),
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).expect("all that is counted is bounded")
}
