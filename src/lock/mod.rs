//! The replicated lock machine, pure: a function of the committed log alone (safety L2).

mod command;

pub use command::{
    Acquire, Answer, Command, LockView, Mode, Name, NameError, Operation, Refusal, SessionView,
    Settings, WaiterView,
};

use crate::base::{Index, RequestId, SessionId, SessionKey, Term, Token};

/// What one committed entry did: whom to tell what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The answer to the entry's own request.
    pub outcome: Option<Outcome>,
    /// Grants from queues, decided by this entry, for other requests (L5).
    pub granted: Vec<Granted>,
}

/// The direct result of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A session was created.
    SessionOpened { session: SessionId, ttl_ms: u32 },
    /// The machine holds as many sessions as it may.
    SessionRefused(Refusal),
    /// A request was answered (perhaps again, L17).
    Answered { session: SessionId, request: RequestId, answer: Answer },
    /// A session ended, by expiry or close; all that it held is free.
    SessionEnded { session: SessionId },
    /// The settings in force changed.
    SettingsChanged(Settings),
}

/// A waiter that got its lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Whose.
    pub session: SessionId,
    /// For which acquire.
    pub request: RequestId,
    /// Under which token.
    pub token: Token,
}

/// Sessions, locks, queues, tokens and remembered answers.
#[derive(Debug, Default)]
pub struct LockMachine {}

#[allow(unused_variables)]
impl LockMachine {
    /// An empty machine of epoch 0.
    #[must_use]
    pub fn new() -> Self {
        todo!()
    }

    /// Applies one committed command. `index` and `term` are the entry's own; `unix_ms` is the wall
    /// clock that the entry carries, remembered for people.
    pub fn apply(&mut self, index: Index, term: Term, unix_ms: u64, command: &Command) -> Applied {
        todo!()
    }

    /// The settings in force; `None` before the first such entry.
    #[must_use]
    pub fn settings(&self) -> Option<&Settings> {
        todo!()
    }

    /// All live sessions in order of their ids, with their TTLs: for the leader's timers.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, u32)> + '_ {
        std::iter::empty()
    }

    /// One live session.
    #[must_use]
    pub fn session(&self, session: SessionId) -> Option<SessionView> {
        todo!()
    }

    /// Whether `session` lives and `key` is the one that it was created with; `None`: no such session.
    #[must_use]
    pub fn check_key(&self, session: SessionId, key: &SessionKey) -> Option<bool> {
        todo!()
    }

    /// The standing answers of `session`'s acquires, granted and queued: what a reconnect is told again.
    #[must_use]
    pub fn standing(&self, session: SessionId) -> Vec<(RequestId, Answer)> {
        todo!()
    }

    /// Who holds `name` and who waits, `None` if nobody does either.
    #[must_use]
    pub fn lock(&self, name: &Name) -> Option<LockView> {
        todo!()
    }

    /// At most `limit` locks whose names start with `prefix`, in byte order, after `after`.
    #[must_use]
    pub fn locks(&self, prefix: &str, after: Option<&Name>, limit: usize) -> Vec<LockView> {
        todo!()
    }

    /// Whether `token` holds `name` now.
    #[must_use]
    pub fn is_held_by(&self, name: &Name, token: Token) -> bool {
        todo!()
    }

    /// Live sessions.
    #[must_use]
    pub fn session_count(&self) -> usize {
        todo!()
    }

    /// Locks held.
    #[must_use]
    pub fn held_count(&self) -> usize {
        todo!()
    }

    /// A hash of the whole state: equal logs give equal hashes (O2).
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        todo!()
    }

    /// Panics unless every invariant holds: L1 and the agreement of the indexes with each other (O1).
    pub fn check_invariants(&self) {
        todo!()
    }
}
