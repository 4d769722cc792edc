//! The machine itself: dispatch of committed commands, sessions and settings.

use super::access::{ACCESS_LEVEL, Access};
use super::asked::Mark;
use super::breaking::Breaking;
use super::command::{Command, Settings};
use super::dedupe::{Admission, Answers};
use super::effects::Effects;
use super::locks::{Locks, Slot};
use crate::base::locks::{Answer, LEVEL_MAX, Name, Operation, Refusal};

use super::level::{self, Bounds, KEY_LEVEL};
use super::orders::Order;
use super::parts::Ending;
use super::print::Print;
use super::restore::RestoreWait;
use super::session::Session;
use super::tally::{Tally, end_reason};
use super::token::Tokens;
use super::weight::Weight;
use super::{Applied, HolderChange, Holding, HoldingRef, Outcome};
use crate::base::limits::CLIENT_NAME_BYTES_MAX;
use crate::base::{
    Ancestors, ClusterKey, Index, RequestId, SessionId, SessionKey, Subject, Term, Token,
};
use std::collections::{BTreeMap, BTreeSet};

/// Sessions, locks, queues, tokens and remembered answers.
///
/// ```
/// use tenure::base::{Index, SessionId, SessionKey, Term};
/// use tenure::lock::{Command, LockMachine, Outcome};
///
/// let mut machine = LockMachine::new();
/// let command = Command::OpenSession {
///     ttl_ms: 10_000,
///     key: SessionKey([7; 16]),
///     client: "host:1".to_owned(),
/// };
/// let applied = machine.apply(Index(2), Term(1), 1_700_000_000_000, &command);
/// let session = SessionId(2);
/// assert_eq!(applied.outcome, Some(Outcome::SessionOpened { session, ttl_ms: 10_000 }));
/// assert_eq!(machine.check_key(session, &SessionKey([7; 16])), Some(true));
/// ```
#[derive(Clone, Debug)]
pub struct LockMachine {
    pub(super) bounds: Bounds,
    /// The highest level that this machine reads.
    pub(super) level_max: u32,
    /// The newest entry applied.
    pub(super) applied: Index,
    pub(super) settings: Option<Settings>,
    /// The key by which members prove themselves to nodes that do not know them yet (W9).
    pub(super) cluster_key: Option<ClusterKey>,
    pub(super) tokens: Tokens,
    pub(super) sessions: BTreeMap<SessionId, Box<Session>>,
    /// Ended sessions that are still in a lock (L22).
    pub(super) endings: BTreeMap<SessionId, Box<Ending>>,
    /// The locks that are held, delayed, or being handed over in parts.
    pub(super) locks: Locks,
    /// Locks whose first waiter may have room: the entry that freed it had used up its share of work (L5).
    pub(super) unfinished: BTreeSet<Name>,
    /// Breaks of crowded locks, under way (L23).
    pub(super) orders: BTreeMap<Name, Order>,
    /// Grants that are to end, by token (L23).
    pub(super) asked: BTreeMap<Token, Mark>,
    /// The wait after a restore, in which nothing is granted (L15).
    pub(super) restoring: Option<RestoreWait>,
    /// The access rules (L27).
    pub(super) access: Access,
    /// The size of the state in bytes.
    pub(super) weight: Weight,
    /// The clusters that this one was restored from; none below level 2.
    pub(super) ancestors: Ancestors,
    /// Names looked up by all applies; no part of the state.
    pub(super) looked: u64,
    /// The meters of a leader; no part of the state.
    pub(super) tally: Tally,
    /// Room for the changes of an apply; no part of the state.
    pub(super) changed: Vec<(Slot, Name)>,
}

impl LockMachine {
    /// An empty machine of epoch 0.
    #[must_use]
    pub fn new() -> Self {
        Self::with_bounds(Bounds::LEVEL_1)
    }

    pub(super) fn with_bounds(bounds: Bounds) -> Self {
        Self {
            bounds,
            level_max: LEVEL_MAX,
            applied: Index(0),
            settings: None,
            cluster_key: None,
            tokens: Tokens::default(),
            sessions: BTreeMap::new(),
            endings: BTreeMap::new(),
            locks: Locks::default(),
            unfinished: BTreeSet::new(),
            orders: BTreeMap::new(),
            asked: BTreeMap::new(),
            restoring: None,
            access: Access::default(),
            weight: Weight::default(),
            ancestors: Ancestors::default(),
            looked: 0,
            tally: Tally::default(),
            changed: Vec::new(),
        }
    }

    /// Applies one committed command. `index` and `term` are the entry's own; `unix_ms` is the wall
    /// clock in the entry, kept for people.
    ///
    /// # Panics
    /// `index` is not above every index applied before, or the command is of a level above
    /// [`LockMachine::level_max`]: decoders of entries refuse such a command first
    /// ([`Command::level`]).
    pub fn apply(&mut self, index: Index, term: Term, unix_ms: u64, command: &Command) -> Applied {
        let mut changes = Vec::new();
        let applied = self.apply_telling(index, term, unix_ms, command, |name, holder| {
            let (name, holder) = (name.clone(), holder.map(Holding::from));
            changes.push(HolderChange { name, holder });
        });
        Applied { changes, ..applied }
    }

    /// [`LockMachine::apply`] that lists no changes: each goes to `changed` as the lock and its oldest holder.
    ///
    /// # Panics
    /// As [`LockMachine::apply`] does.
    pub fn apply_telling(
        &mut self,
        index: Index,
        term: Term,
        unix_ms: u64,
        command: &Command,
        mut changed: impl FnMut(&Name, Option<HoldingRef<'_>>),
    ) -> Applied {
        let room = std::mem::take(&mut self.changed);
        let (names, why) = (self.names_per_part(), end_reason(command));
        let mut effects = Effects::of_part(names, unix_ms, why, Some(room));
        let outcome = self.advance(index, term, command, &mut effects);
        let mut told = effects.take_changed();
        for (slot, name) in told.drain(..) {
            changed(&name, self.holding_in(slot));
        }
        told.shrink_to(CHANGED_ROOM);
        self.changed = told;
        let Effects { granted, delayed, asked, freed, denied, .. } = effects;
        Applied { outcome, granted, delayed, asked, changes: Vec::new(), freed, denied }
    }

    /// Applies without a listener, as for a snapshot: changes of holders are not gathered.
    ///
    /// # Panics
    /// As [`LockMachine::apply`] does.
    pub fn replay(&mut self, index: Index, term: Term, unix_ms: u64, command: &Command) {
        let (names, why) = (self.names_per_part(), end_reason(command));
        self.advance(index, term, command, &mut Effects::of_part(names, unix_ms, why, None));
    }

    /// Applies one committed command; `effects` gathers all but the answer.
    fn advance(
        &mut self,
        index: Index,
        term: Term,
        command: &Command,
        effects: &mut Effects,
    ) -> Option<Outcome> {
        let unix_ms = effects.unix_ms;
        assert!(index > self.applied, "entry {index} applied after entry {}", self.applied);
        let (level, level_max) = (command.level(), self.level_max);
        assert!(level <= level_max, "entry {index} is of level {level}, above {level_max}");
        self.applied = index;
        let outcome = match command {
            Command::OpenSession { ttl_ms, key, client } => {
                Some(self.open_session(*ttl_ms, *key, client, &Subject::Anonymous))
            }
            Command::OpenSessionOf { ttl_ms, key, client, subject } => {
                Some(self.open_session(*ttl_ms, *key, client, subject))
            }
            Command::Access { by, change } => {
                Some(Outcome::AccessChanged(self.change_access(by, change, effects)))
            }
            Command::Request { session, request, floor, operation } => {
                // Before level 2 a request leaves only its answer.
                let print = if self.level() >= 2 { Print::of(operation) } else { Print::UNKNOWN };
                let call = Call { session: *session, request: *request, print, unix_ms };
                Some(self.apply_request(call, *floor, operation, effects))
            }
            Command::Expire { session, term: decided_in } if *decided_in == term => {
                self.expire_session(*session, unix_ms, effects)
            }
            // A leader that was replaced decided it; a later one may have acknowledged a renewal (L9).
            Command::Expire { .. } => None,
            Command::Settings(wanted) => self.raise_settings(wanted),
            Command::RestoreOver { term: decided_in } if *decided_in == term => {
                self.end_restoring()
            }
            Command::DelayOver { name, token, term: decided_in } if *decided_in == term => {
                self.end_delay(name, *token, unix_ms, effects);
                None
            }
            // A leader that was replaced decided it, by its own clock (L9).
            Command::RestoreOver { .. } | Command::DelayOver { .. } => None,
            Command::ClusterKey(key) => {
                self.take_cluster_key(*key);
                None
            }
            Command::Continue => {
                self.go_on(unix_ms, effects);
                None
            }
        };
        self.count_touched();
        self.looked += effects.looked;
        outcome
    }

    /// The index of the last command applied.
    #[must_use]
    pub fn applied(&self) -> Index {
        self.applied
    }

    /// Names looked up by all applies: their cost. No apply depends on the number.
    #[must_use]
    pub fn looked(&self) -> u64 {
        self.looked
    }

    fn open_session(
        &mut self,
        ttl_ms: u32,
        key: SessionKey,
        client: &str,
        subject: &Subject,
    ) -> Outcome {
        if client.len() > CLIENT_NAME_BYTES_MAX {
            return Outcome::SessionRefused(Refusal::Invalid);
        }
        if self.sessions.len() >= self.bounds.sessions || self.lacks_room_for_sessions() {
            return Outcome::SessionRefused(Refusal::Limit);
        }
        let id = self.tokens.session_id(self.applied);
        let ttl_ms = level::clamped_ttl_ms(self.settings.as_ref(), ttl_ms);
        // Below this level no snapshot could carry the subject.
        let subject =
            if self.level() >= ACCESS_LEVEL { subject.clone() } else { Subject::Anonymous };
        let session = Session::new(key, client.into(), ttl_ms, subject, Answers::new());
        self.weight.touch(id);
        self.sessions.insert(id, Box::new(session));
        Outcome::SessionOpened { session: id, ttl_ms }
    }

    fn apply_request(
        &mut self,
        call: Call,
        floor: RequestId,
        operation: &Operation,
        effects: &mut Effects,
    ) -> Outcome {
        let Some(session) = self.sessions.get_mut(&call.session) else {
            return call.answered(Answer::SessionExpired);
        };
        session.answers.raise_floor(floor);
        self.weight.recount(session);
        let admission = session.answers.admission(call.request, self.bounds.answers_per_session);
        let is_other = admission == Admission::Known
            && !session.answers.is_retry(call.request, operation, call.print);
        let lacks_room = self.lacks_room_for(operation);
        let answer = match (admission, operation) {
            (Admission::Known, _) if is_other => Answer::Refused(Refusal::Conflict),
            (Admission::Known, _) => self.known_answer(call.session, call.request),
            (Admission::BelowFloor, _) => Answer::Refused(Refusal::BelowFloor),
            (Admission::Full | Admission::New, Operation::Close) => {
                let ended = self.close_session(call.session, call.unix_ms, effects);
                return ended.expect("the session was found alive above");
            }
            (admission, _) if admission == Admission::Full || lacks_room => {
                self.live_session_mut(call.session).answers.refuse_for_good(call.request);
                Answer::Refused(Refusal::Limit)
            }
            // Not remembered, as if it had not been logged: the client retries the acquire under its id, and
            // gets the lock once the wait is over.
            (Admission::New, Operation::Acquire(_) | Operation::AcquireAll { .. })
                if self.restoring.is_some() =>
            {
                Answer::Refused(Refusal::Busy)
            }
            (Admission::New | Admission::Full, operation) => {
                match self.denial(call.session, operation) {
                    Some(denial) => self.deny_request(call, denial),
                    None => self.carry_out(call, operation, effects),
                }
            }
        };
        call.answered(answer)
    }

    /// Carries out a new request; a close was answered by the end of its session.
    fn carry_out(&mut self, call: Call, operation: &Operation, effects: &mut Effects) -> Answer {
        match operation {
            Operation::Acquire(acquire) => self.acquire(call, acquire, &[], effects),
            Operation::AcquireAll { acquire, also } => self.acquire(call, acquire, also, effects),
            Operation::Release { name, token } => self.release(call, name, *token, effects),
            Operation::Withdraw { acquire } => self.withdraw(call, *acquire, effects),
            Operation::Close => unreachable!("a close ends the session of {call:?}"),
            Operation::Proclaim { name, token, value } => {
                self.proclaim(call, name, *token, value, effects)
            }
            Operation::Transfer { name, token, to } => {
                self.transfer(call, name, *token, to.as_deref(), effects)
            }
            Operation::Break { name, token, way, to, reason } => {
                let (token, to) = (*token, to.as_deref());
                self.break_lock(call, &Breaking { name, token, to, reason }, *way, effects)
            }
        }
    }

    /// The first key is final. Below its level no snapshot could carry one.
    fn take_cluster_key(&mut self, key: ClusterKey) {
        if self.level() >= KEY_LEVEL {
            self.cluster_key.get_or_insert(key);
        }
    }

    fn raise_settings(&mut self, wanted: &Settings) -> Option<Outcome> {
        let settings = level::raised(self.settings.as_ref(), wanted);
        if self.settings.as_ref() == Some(&settings) {
            return None;
        }
        self.settings = Some(settings.clone());
        Some(Outcome::SettingsChanged(settings))
    }
}

impl Default for LockMachine {
    fn default() -> Self {
        Self::new()
    }
}

/// Changes for which room is kept.
const CHANGED_ROOM: usize = 32;

/// The request being applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) session: SessionId,
    pub(super) request: RequestId,
    /// A checksum of the operation.
    pub(super) print: Print,
    /// The entry's wall clock.
    pub(super) unix_ms: u64,
}

impl Call {
    fn answered(self, answer: Answer) -> Outcome {
        Outcome::Answered { session: self.session, request: self.request, answer }
    }
}
