//! O8's reference: the meaning of the committed log, written down a second time and as plainly as possible.
//!
//! A lock is a line of acquires, of which some hold it. The model keeps the whole past: each answer to a request with
//! the index from which it holds, and each line at each index. It knows none of the bounds, which no simulated run
//! reaches.

mod access;
mod acquire;
mod breaks;
mod deadlock;
mod ending;
mod line;
mod orders;
mod parts;
#[cfg(test)]
mod tests;

pub use access::ModelRights;
pub use line::{Ask, Asker, Delay, Line, Place, Wish};

use crate::base::{Index, RequestId, SessionId, Subject, Term, Token};
use crate::lock::{Answer, Command, LockMachine, Name, Operation};
use parts::Parts;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that the committed log brought about.
#[derive(Debug, Default)]
pub struct Model {
    applied: Index,
    /// The incarnation of the cluster: in front of tokens and session ids (L3, L15).
    epoch: u64,
    /// How many tokens had been given before each incarnation began.
    given_before: BTreeMap<u64, u64>,
    last_token: Token,
    /// All sessions that ever were.
    sessions: BTreeMap<SessionId, ModelSession>,
    lines: BTreeMap<Name, Line>,
    past: BTreeMap<Name, Vec<(Index, Line)>>,
    told: BTreeMap<(SessionId, RequestId), Vec<(Index, Answer)>>,
    /// The level in force.
    level: u32,
    /// The first use of each request id, from level 2 on.
    first_used: BTreeMap<(SessionId, RequestId), Operation>,
    /// Entries that used an id for something else.
    conflicts: BTreeMap<(SessionId, RequestId), Vec<Index>>,
    grants: BTreeMap<Token, Grant>,
    /// Grants that were taken at once, by which entry, behind the number of its incarnation.
    taken: BTreeMap<Token, Index>,
    /// Sessions that were asked to end a grant, whatever became of it (L23).
    asked: BTreeSet<SessionId>,
    /// The delays that each entry left, by the token of the expired grant.
    delays: BTreeMap<Index, Vec<Token>>,
    parts: Parts,
    rights: access::Keeper,
    effects: Effects,
}

/// Effects of the newest entry.
#[derive(Debug, Default)]
pub struct Effects {
    /// Waiters that were granted.
    pub handed: Vec<Place>,
    /// Delays that it left (L16).
    pub delays: usize,
    /// Grants that it took at once.
    pub taken: Vec<Token>,
    /// Whether it handed a lock to a waiter whom its holder wanted.
    pub transferred: bool,
    /// Whether it let somebody go before others who wait.
    pub overtook: bool,
}

/// A session in the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSession {
    /// The client's name.
    pub client: String,
    /// Its subject (L27).
    pub subject: String,
    /// Its TTL, in milliseconds.
    pub ttl_ms: u32,
    /// The entry that ended it.
    pub ended: Option<Index>,
    /// The entry that freed the last of what it had.
    pub freed: Option<Index>,
    /// Whether its client ended it.
    pub is_closed: bool,
    floor: RequestId,
}

/// That a token was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The locks that it is of.
    pub names: Vec<Name>,
    /// To which client.
    pub client: String,
    /// By which entry, behind the number of its incarnation.
    pub index: Index,
}

impl Model {
    /// Applies the next committed entry; `command` is none for those that are none.
    pub fn apply(&mut self, index: Index, term: Term, command: Option<&Command>) {
        assert_eq!(index, self.applied.next(), "the model follows the log without gaps");
        self.applied = index;
        self.effects = Effects::default();
        self.begin_part();
        match command {
            Some(Command::OpenSession { ttl_ms, client, .. }) => {
                self.open_session(*ttl_ms, client, &Subject::Anonymous);
            }
            Some(Command::OpenSessionOf { ttl_ms, client, subject, .. }) => {
                self.open_session(*ttl_ms, client, subject);
            }
            Some(Command::Access { by, change }) => self.change_access(by, change),
            Some(Command::Request { session, request, floor, operation }) => {
                self.request(*session, *request, *floor, operation);
            }
            Some(Command::Expire { session, term: decided_in }) if *decided_in == term => {
                self.expire(*session);
            }
            Some(Command::DelayOver { name, token, term: decided_in }) if *decided_in == term => {
                self.end_delay(name, *token);
            }
            Some(Command::Continue) => self.go_on(),
            Some(Command::Settings(settings)) => self.level = self.level.max(settings.level),
            Some(
                Command::Expire { .. }
                | Command::RestoreOver { .. }
                | Command::DelayOver { .. }
                | Command::ClusterKey(_),
            )
            | None => {}
        }
        self.end_part(term);
    }

    fn open_session(&mut self, ttl_ms: u32, client: &str, subject: &Subject) {
        let (client, subject, floor) = (client.to_owned(), subject.to_string(), RequestId(1));
        let (ended, freed, is_closed) = (None, None, false);
        let session = ModelSession { client, subject, ttl_ms, ended, freed, is_closed, floor };
        self.sessions.insert(self.session_of(self.applied), session);
    }

    /// The session that the entry at `index` creates.
    #[must_use]
    pub fn session_of(&self, index: Index) -> SessionId {
        SessionId(self.epoch << 48 | index.0)
    }

    /// A new incarnation begins with `machine`, made of the state at `index` of an earlier one: all sessions end, and all
    /// that came behind it has not been.
    pub fn restore(&mut self, index: Index, of_epoch: u64, machine: &LockMachine) {
        let epoch = machine.epoch();
        self.level = machine.level();
        let given = self.grants.iter().filter(|(token, grant)| {
            token.0 >> 48 == of_epoch && grant.index <= Index(of_epoch << 48 | index.0)
        });
        let before = self.given_before.get(&of_epoch).copied().unwrap_or(0);
        let count = given.map(|(token, _)| token.0 & COUNT).max().unwrap_or(before);
        self.given_before.insert(epoch, count);
        self.last_token = Token(epoch << 48 | count);
        (self.applied, self.epoch) = (index, epoch);
        for session in self.sessions.values_mut() {
            (session.ended, session.freed) = (Some(index), Some(index));
        }
        self.lines.clear();
        self.forget_parts();
        self.restore_rights(index);
        self.told.clear();
        self.first_used.clear();
        self.conflicts.clear();
        self.delays.clear();
        for past in self.past.values_mut() {
            past.retain(|(since, _)| *since < index);
            past.push((index, Line::default()));
        }
    }

    /// The newest entry applied.
    #[must_use]
    pub fn applied(&self) -> Index {
        self.applied
    }

    /// A session, alive or not.
    #[must_use]
    pub fn session(&self, session: SessionId) -> Option<&ModelSession> {
        self.sessions.get(&session)
    }

    /// The sessions that are alive.
    pub fn alive(&self) -> impl Iterator<Item = (SessionId, &ModelSession)> {
        let all = self.sessions.iter().map(|(id, session)| (*id, session));
        all.filter(|(_, session)| session.ended.is_none())
    }

    /// The locks that somebody is in, with their lines.
    pub fn lines(&self) -> impl Iterator<Item = (&Name, &Line)> {
        self.lines.iter()
    }

    /// The effects of the newest entry.
    #[must_use]
    pub fn effects(&self) -> &Effects {
        &self.effects
    }

    /// All names that anybody was in line for at some time, in order.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.past.keys()
    }

    /// The line of `name` as it was at `index`; none if nobody was in it then.
    #[must_use]
    pub fn line_at(&self, name: &Name, index: Index) -> Option<&Line> {
        let past = self.past.get(name)?;
        let behind = past.partition_point(|(since, _)| *since <= index);
        let (_, line) = &past[behind.checked_sub(1)?];
        (!line.is_empty()).then_some(line)
    }

    /// The entries behind `from` and before `to` that did something to the line of `name`.
    pub fn changes(&self, name: &Name, from: Index, to: Index) -> impl Iterator<Item = Index> {
        let past = self.past.get(name).map(Vec::as_slice).unwrap_or_default();
        let first = past.partition_point(|(since, _)| *since <= from);
        past[first..].iter().map(|(since, _)| *since).take_while(move |since| *since < to)
    }

    /// The acquires of `session` that held at `index`, or waited.
    #[must_use]
    pub fn places_of(&self, session: SessionId, index: Index) -> Vec<&Place> {
        let lines = self.past.keys().filter_map(|name| self.line_at(name, index));
        lines.flat_map(|line| &line.places).filter(|place| place.session == session).collect()
    }

    /// Whether `session` was ever asked to end a grant (L23).
    #[must_use]
    pub fn was_asked(&self, session: SessionId) -> bool {
        self.asked.contains(&session)
    }

    /// The tokens of the delays that entries behind `from` and up to `to` left (L16).
    pub fn delays(&self, from: Index, to: Index) -> impl Iterator<Item = Token> {
        let entries = self.delays.range(from.next()..).take_while(move |(index, _)| **index <= to);
        entries.flat_map(|(_, left)| left).copied()
    }

    /// By which entry, behind the number of its incarnation, the grant under `token` was taken at once (L23).
    #[must_use]
    pub fn taken(&self, token: Token) -> Option<Index> {
        self.taken.get(&token).copied()
    }

    /// The line of `name` as it is.
    #[must_use]
    pub fn line(&self, name: &Name) -> Option<&Line> {
        self.lines.get(name)
    }

    /// The grant under `token`.
    #[must_use]
    pub fn grant(&self, token: Token) -> Option<&Grant> {
        self.grants.get(&token)
    }

    /// Answers to `request` over time: each holds until the next, the last one until its session ended.
    #[must_use]
    pub fn told(&self, session: SessionId, request: RequestId) -> &[(Index, Answer)] {
        self.told.get(&(session, request)).map_or(&[], Vec::as_slice)
    }

    /// Whether an answer to `request` may have been forgotten (L17).
    #[must_use]
    pub fn is_below_floor(&self, session: SessionId, request: RequestId) -> bool {
        self.sessions.get(&session).is_some_and(|session| request < session.floor)
    }

    /// Whether an entry behind `from` and up to `to` used the id of `request` for something else than the first one did.
    #[must_use]
    pub fn is_conflict(&self, (session, request): Asker, from: Index, to: Index) -> bool {
        let entries = self.conflicts.get(&(session, request)).map_or(&[][..], Vec::as_slice);
        entries.iter().any(|index| (from.next()..=to).contains(index))
    }

    /// Notes what an id is used for (L17). An id that a withdrawal reserved has not been used.
    fn note_use(&mut self, asker: Asker, operation: &Operation, is_known: bool) {
        if self.level < 2 {
            return;
        }
        match self.first_used.get(&asker) {
            Some(first) if is_known && first != operation => {
                self.conflicts.entry(asker).or_default().push(self.applied);
            }
            Some(_) if is_known => {}
            // Known by its withdrawal alone, or from below level 2.
            None if is_known && operation.acquire().is_some() => {}
            None if is_known => {
                let reserved = matches!(self.told(asker.0, asker.1), [(_, Answer::Withdrawn), ..]);
                if reserved {
                    self.conflicts.entry(asker).or_default().push(self.applied);
                }
            }
            _ => drop(self.first_used.insert(asker, operation.clone())),
        }
    }

    fn request(
        &mut self,
        session: SessionId,
        request: RequestId,
        floor: RequestId,
        operation: &Operation,
    ) {
        let Some(live) = self.sessions.get_mut(&session).filter(|one| one.ended.is_none()) else {
            return;
        };
        live.floor = live.floor.max(floor);
        let (asker, is_known) = ((session, request), self.remembers(session, request));
        if is_known || !self.is_below_floor(session, request) {
            self.note_use(asker, operation, is_known);
        }
        if is_known || self.is_below_floor(session, request) {
            return;
        }
        if let Some(denied) = self.denied(session, operation) {
            return self.tell(asker, denied);
        }
        match operation {
            Operation::Acquire(acquire) => self.acquire(asker, acquire, &[]),
            Operation::AcquireAll { acquire, also } => self.acquire(asker, acquire, also),
            Operation::Release { name, token } => self.release(asker, name, *token),
            Operation::Withdraw { acquire } => self.withdraw(asker, *acquire),
            Operation::Close => self.close(session),
            Operation::Proclaim { name, token, value } => self.proclaim(asker, name, *token, value),
            Operation::Transfer { name, token, to } => {
                self.transfer(asker, name, *token, to.as_deref());
            }
            Operation::Break { name, token, way, to, reason: _ } => {
                let (token, way, to) = (*token, *way, to.as_deref());
                self.break_lock(asker, &orders::Wanted { name, token, way, to });
            }
        }
    }

    fn note_line(&mut self, name: &Name) {
        let line = self.lines.get(name).cloned().unwrap_or_default();
        if line.is_empty() {
            self.lines.remove(name);
            self.parts.breaks.remove(name);
        }
        self.past.entry(name.clone()).or_default().push((self.applied, line));
    }

    fn tell(&mut self, (session, request): Asker, answer: Answer) {
        // Nothing is remembered of a session that has ended.
        if !self.is_dead(session) {
            self.told.entry((session, request)).or_default().push((self.applied, answer));
        }
    }

    /// Whether the request has an answer that is not forgotten: what stands is kept below the floor too.
    fn remembers(&self, session: SessionId, request: RequestId) -> bool {
        match self.told(session, request).last() {
            None => false,
            Some((_, Answer::Granted { .. } | Answer::Queued { .. })) => true,
            Some(_) => !self.is_below_floor(session, request),
        }
    }

    fn client(&self, session: SessionId) -> &str {
        &self.sessions[&session].client
    }
}

/// The bits of a token behind the epoch.
const COUNT: u64 = (1 << 48) - 1;
