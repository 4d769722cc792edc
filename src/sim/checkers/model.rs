//! O8's reference: what the committed log means, written down a second time and as plainly as possible.
//!
//! A lock is a line of requests, the first of which holds it. The model keeps the whole past: what each
//! request was answered from which index on, and who stood in each line at each index. It knows none of the
//! bounds, which no simulated run reaches.

use crate::base::{Index, RequestId, SessionId, Term, Token};
use crate::lock::{Answer, Command, Name, Operation};
use std::collections::BTreeMap;

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
    lines: BTreeMap<Name, Vec<Place>>,
    past: BTreeMap<Name, Vec<(Index, Vec<Place>)>>,
    told: BTreeMap<(SessionId, RequestId), Vec<(Index, Answer)>>,
    grants: BTreeMap<Token, Grant>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSession {
    /// The client's name.
    pub client: String,
    /// Its TTL.
    pub ttl_ms: u32,
    /// The entry that ended it.
    pub ended: Option<Index>,
    floor: RequestId,
}

/// One who stands in a lock's line. The first holds it, under a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whose.
    pub session: SessionId,
    /// By which acquire.
    pub request: RequestId,
    /// 0 while it waits.
    pub token: Token,
}

/// That a token was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Of which lock.
    pub name: Name,
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
        match command {
            Some(Command::OpenSession { ttl_ms, client, .. }) => {
                let (client, ttl_ms, floor) = (client.clone(), *ttl_ms, RequestId(1));
                let session = ModelSession { client, ttl_ms, ended: None, floor };
                self.sessions.insert(self.session_of(index), session);
            }
            Some(Command::Request { session, request, floor, operation }) => {
                self.request(*session, *request, *floor, operation);
            }
            Some(Command::Expire { session, term: decided_in }) if *decided_in == term => {
                self.end_session(*session);
            }
            Some(
                Command::Expire { .. }
                | Command::Settings(_)
                | Command::RestoreOver { .. }
                | Command::DelayOver { .. },
            )
            | None => {}
        }
    }

    /// The session that the entry at `index` creates.
    #[must_use]
    pub fn session_of(&self, index: Index) -> SessionId {
        SessionId(self.epoch << 48 | index.0)
    }

    /// A new incarnation begins with the state at `index` of an earlier one: all sessions end, and all
    /// that came behind it has not been.
    pub fn restore(&mut self, index: Index, of_epoch: u64, epoch: u64) {
        let given = self.grants.iter().filter(|(token, grant)| {
            token.0 >> 48 == of_epoch && grant.index <= Index(of_epoch << 48 | index.0)
        });
        let before = self.given_before.get(&of_epoch).copied().unwrap_or(0);
        let count = given.map(|(token, _)| token.0 & COUNT).max().unwrap_or(before);
        self.given_before.insert(epoch, count);
        self.last_token = Token(epoch << 48 | count);
        (self.applied, self.epoch) = (index, epoch);
        for session in self.sessions.values_mut() {
            session.ended = Some(index);
        }
        self.lines.clear();
        self.told.clear();
        for past in self.past.values_mut() {
            past.retain(|(since, _)| *since < index);
            past.push((index, Vec::new()));
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

    /// The locks that are held, with their lines.
    pub fn lines(&self) -> impl Iterator<Item = (&Name, &Vec<Place>)> {
        self.lines.iter()
    }

    /// The line of `name` as it was at `index`.
    #[must_use]
    pub fn line_at(&self, name: &Name, index: Index) -> &[Place] {
        let Some(past) = self.past.get(name) else { return &[] };
        let behind = past.partition_point(|(since, _)| *since <= index);
        behind.checked_sub(1).map_or(&[], |at| &past[at].1)
    }

    /// The grant under `token`.
    #[must_use]
    pub fn grant(&self, token: Token) -> Option<&Grant> {
        self.grants.get(&token)
    }

    /// What `request` was answered over time: each answer holds until the next, the last one until its
    /// session ended.
    #[must_use]
    pub fn told(&self, session: SessionId, request: RequestId) -> &[(Index, Answer)] {
        self.told.get(&(session, request)).map_or(&[], Vec::as_slice)
    }

    /// Whether an answer to `request` may have been forgotten (L17).
    #[must_use]
    pub fn is_below_floor(&self, session: SessionId, request: RequestId) -> bool {
        self.sessions.get(&session).is_some_and(|session| request < session.floor)
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
        if self.remembers(session, request) || self.is_below_floor(session, request) {
            return;
        }
        match operation {
            Operation::Acquire(acquire) => {
                self.acquire(session, request, &acquire.name, acquire.try_only);
            }
            Operation::Release { name, token } => self.release(session, request, name, *token),
            Operation::Withdraw { acquire } => self.withdraw(session, request, *acquire),
            Operation::Close => self.end_session(session),
            Operation::AcquireAll { .. }
            | Operation::Proclaim { .. }
            | Operation::Transfer { .. }
            | Operation::Break { .. } => todo!("simulator"),
        }
    }

    fn acquire(&mut self, session: SessionId, request: RequestId, name: &Name, try_only: bool) {
        let line = self.lines.entry(name.clone()).or_default();
        match line.first() {
            Some(holder) if try_only => {
                let client = self.sessions[&holder.session].client.clone();
                self.tell(session, request, Answer::Held { client });
            }
            Some(_) => {
                line.push(Place { session, request, token: Token(0) });
                self.tell(session, request, Answer::Queued { ahead: 0 });
                self.note_line(name);
            }
            None => {
                line.push(Place { session, request, token: Token(0) });
                self.grant_first(name);
            }
        }
    }

    fn release(&mut self, session: SessionId, request: RequestId, name: &Name, token: Token) {
        let first = self.lines.get(name).and_then(|line| line.first().copied());
        match first.filter(|first| (first.session, first.token) == (session, token)) {
            Some(first) => {
                self.tell(session, first.request, Answer::Ended { token });
                self.leave(name, first.session, first.request);
                self.tell(session, request, Answer::Done);
            }
            None => self.tell(session, request, Answer::NotHeld),
        }
    }

    fn withdraw(&mut self, session: SessionId, request: RequestId, acquire: RequestId) {
        let standing = matches!(
            self.told(session, acquire).last(),
            Some((_, Answer::Granted { .. } | Answer::Queued { .. }))
        );
        if standing {
            self.tell(session, acquire, Answer::Withdrawn);
            let name = self.name_of(session, acquire);
            self.leave(&name, session, acquire);
        } else if !self.remembers(session, acquire) && !self.is_below_floor(session, acquire) {
            self.tell(session, acquire, Answer::Withdrawn);
        }
        self.tell(session, request, Answer::Withdrawn);
    }

    fn end_session(&mut self, session: SessionId) {
        let Some(live) = self.sessions.get_mut(&session).filter(|one| one.ended.is_none()) else {
            return;
        };
        live.ended = Some(self.applied);
        let (mut held, mut waited) = (Vec::new(), Vec::new());
        for (name, line) in &self.lines {
            for (position, place) in line.iter().enumerate() {
                if place.session == session {
                    let list = if position == 0 { &mut held } else { &mut waited };
                    list.push((place.request, name.clone()));
                }
            }
        }
        // Locks are freed in the order in which they were asked for: so tokens are.
        held.sort();
        for (request, name) in waited.into_iter().chain(held) {
            self.leave(&name, session, request);
        }
    }

    /// One leaves a line; if it held the lock, the next one has it.
    fn leave(&mut self, name: &Name, session: SessionId, request: RequestId) {
        let line = self.lines.get_mut(name).expect("a line that somebody stands in");
        let stands = |place: &Place| (place.session, place.request) == (session, request);
        let position = line.iter().position(stands).expect("it stands there");
        line.remove(position);
        if line.is_empty() {
            self.lines.remove(name);
        }
        match position {
            0 if self.lines.contains_key(name) => self.grant_first(name),
            _ => self.note_line(name),
        }
    }

    fn grant_first(&mut self, name: &Name) {
        let token = Token(self.last_token.0 + 1);
        self.last_token = token;
        let first = &mut self.lines.get_mut(name).expect("somebody stands there")[0];
        first.token = token;
        let (session, request) = (first.session, first.request);
        let client = self.sessions[&session].client.clone();
        let index = Index(self.epoch << 48 | self.applied.0);
        self.grants.insert(token, Grant { name: name.clone(), client, index });
        self.tell(session, request, Answer::Granted { token });
        self.note_line(name);
    }

    fn note_line(&mut self, name: &Name) {
        let line = self.lines.get(name).cloned().unwrap_or_default();
        self.past.entry(name.clone()).or_default().push((self.applied, line));
    }

    fn tell(&mut self, session: SessionId, request: RequestId, answer: Answer) {
        self.told.entry((session, request)).or_default().push((self.applied, answer));
    }

    /// Whether the request has an answer that is not forgotten: what stands is kept below the floor too.
    fn remembers(&self, session: SessionId, request: RequestId) -> bool {
        match self.told(session, request).last() {
            None => false,
            Some((_, Answer::Granted { .. } | Answer::Queued { .. })) => true,
            Some(_) => !self.is_below_floor(session, request),
        }
    }

    fn name_of(&self, session: SessionId, request: RequestId) -> Name {
        let stands = |place: &Place| (place.session, place.request) == (session, request);
        let found = self.lines.iter().find(|(_, line)| line.iter().any(stands));
        found.expect("what stands is in a line").0.clone()
    }
}

/// The bits of a token behind the epoch.
const COUNT: u64 = (1 << 48) - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SessionKey;
    use crate::lock::{Acquire, LockMachine, Mode};
    use crate::sim::checkers::state::compare;

    fn name(number: u64) -> Name {
        Name::try_from(format!("lock-{number}")).unwrap()
    }

    fn acquire(rng: &mut crate::base::rng::Rng) -> Operation {
        Operation::Acquire(Acquire {
            name: name(rng.below(2)),
            value: Vec::new(),
            mode: Mode::Exclusive,
            limit: 0,
            permits: 1,
            owner: crate::base::Owner(0),
            delay_ms: 0,
            try_only: rng.chance(1, 4),
        })
    }

    fn draw(rng: &mut crate::base::rng::Rng, index: u64, machine: &LockMachine) -> Command {
        let sessions: Vec<SessionId> = machine.sessions().map(|(session, _)| session).collect();
        let session = usize::try_from(rng.below(sessions.len() as u64)).unwrap();
        let Some(session) = sessions.get(session).copied() else {
            let client = format!("client {index}");
            return Command::OpenSession { ttl_ms: 500, key: SessionKey([0; 16]), client };
        };
        let operation = match rng.below(12) {
            0 => {
                let client = format!("client {index}");
                return Command::OpenSession { ttl_ms: 500, key: SessionKey([0; 16]), client };
            }
            1 => return Command::Expire { session, term: Term(rng.between(1, 2)) },
            2 => Operation::Close,
            3..=4 => Operation::Withdraw { acquire: RequestId(rng.between(1, 20)) },
            5..=7 => {
                let name = name(rng.below(2));
                let token = machine.lock(&name).map_or(Token(1), |lock| lock.token);
                Operation::Release { name, token }
            }
            _ => acquire(rng),
        };
        let (request, floor) = (RequestId(rng.between(1, 20)), RequestId(rng.below(10)));
        Command::Request { session, request, floor, operation }
    }

    #[test]
    fn the_model_and_the_machine_agree_on_any_log() {
        for seed in 0..60 {
            let mut rng = crate::base::rng::Rng::new(seed);
            let (mut model, mut machine) = (Model::default(), LockMachine::new());
            for index in 1..200 {
                let command = draw(&mut rng, index, &machine);
                machine.apply(Index(index), Term(1), 0, &command);
                model.apply(Index(index), Term(1), Some(&command));
                let locks = machine.locks("", None, usize::MAX);
                let same = compare(&model, &machine, &locks);
                same.unwrap_or_else(|found| panic!("seed {seed}, {index}, {command:?}: {found}"));
            }
        }
    }
}
