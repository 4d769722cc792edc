//! The reference: one list of claims in the order in which they came, searched from end to end.
//!
//! It has no index, no queue and no count that could disagree with the list, and none of the bounds,
//! which the logs of this test do not reach.

mod endings;
mod grants;
mod orders;
mod shown;

pub use shown::LockShown;

use std::collections::BTreeMap;
use tenure::base::limits::{TTL_MS_MAX, TTL_MS_MIN};
use tenure::base::{Index, RequestId, SessionId, Term, Token};
use tenure::lock::{
    Acquire, Answer, Applied, AskedHolder, Command, Granted, Name, Operation, Outcome, Refusal,
    Settings,
};

#[derive(Clone, Default)]
pub struct Reference {
    settings: Option<Settings>,
    /// Every restore raises it (L15).
    epoch: u64,
    is_restoring: bool,
    tokens: u64,
    sessions: Vec<Session>,
    /// Holders and waiters of all locks, first come first.
    claims: Vec<Claim>,
    /// Claims that expired and still keep their room (L16).
    ghosts: Vec<Ghost>,
    /// Hand-overs of the entry being applied.
    granted: Vec<Granted>,
    /// Whom the entry being applied asks to end, or takes something from.
    asked: Vec<AskedHolder>,
    /// The wall clock of the entry being applied; in these logs it is the index.
    now: u64,
}

#[derive(Clone)]
struct Session {
    id: SessionId,
    ttl_ms: u32,
    client: String,
    floor: RequestId,
    /// Answers that stand for good; never trimmed, the floor is asked instead.
    fixed: BTreeMap<RequestId, Answer>,
}

/// One acquire that stands. Those that share a token are handles on one grant.
#[derive(Clone)]
struct Claim {
    /// In byte order.
    names: Vec<Name>,
    session: SessionId,
    request: RequestId,
    wanted: Acquire,
    /// `None` while it waits.
    token: Option<Token>,
    /// When it was granted.
    since_unix_ms: u64,
    /// Each handle on a grant that is asked has the same.
    mark: Option<Mark>,
}

/// That its grant is to end, and who gets the lock then.
#[derive(Clone)]
struct Mark {
    name: Name,
    grace_ms: u32,
    reason: String,
    heir: Option<String>,
}

/// A claim that held until it expired.
#[derive(Clone)]
struct Ghost {
    name: Name,
    token: Token,
    client: String,
    wanted: Acquire,
}

impl Reference {
    pub fn apply(&mut self, index: Index, term: Term, command: &Command) -> Applied {
        self.now = index.0;
        let before = self.shown_to_observers();
        let mut delayed = Vec::new();
        let outcome = match command {
            Command::OpenSession { ttl_ms, client, .. } => Some(self.open(index, *ttl_ms, client)),
            Command::Request { session, request, floor, operation } => {
                Some(self.request(*session, *request, *floor, operation))
            }
            Command::Expire { session, term: decided } if *decided == term => {
                delayed = self.delayed_by(*session);
                self.end(*session)
            }
            Command::Expire { .. } => None,
            Command::DelayOver { name, token, term: decided } => {
                let is_over = |ghost: &Ghost| ghost.name == *name && ghost.token == *token;
                self.ghosts.retain(|ghost| *decided != term || !is_over(ghost));
                self.hand_over(name);
                None
            }
            Command::Settings(wanted) => self.raise(wanted),
            // Nothing that is shown or answered depends on it.
            Command::ClusterKey(_) => None,
            // These logs stay at level 1: nothing is left to later entries, and there are no rights.
            Command::Continue | Command::OpenSessionOf { .. } | Command::Access { .. } => None,
            Command::RestoreOver { term: decided } => {
                let is_over = self.is_restoring && *decided == term;
                self.is_restoring &= !is_over;
                is_over.then_some(Outcome::RestoreOver)
            }
        };
        let granted = std::mem::take(&mut self.granted);
        let (asked, changes) = (std::mem::take(&mut self.asked), self.changes_since(&before));
        Applied { outcome, granted, delayed, asked, changes, freed: Vec::new(), denied: Vec::new() }
    }

    /// A new incarnation: of the old one only settings and counters are left.
    pub fn restore(&mut self) {
        self.epoch += 1;
        self.is_restoring = true;
        self.sessions.clear();
        self.claims.clear();
        self.ghosts.clear();
    }

    fn stamp(&self, number: u64) -> u64 {
        (self.epoch << 48) + number
    }

    fn open(&mut self, index: Index, ttl_ms: u32, client: &str) -> Outcome {
        let ttl_ms_max = self.settings.as_ref().map_or(TTL_MS_MAX, |s| s.ttl_ms_max);
        let ttl_ms = ttl_ms.clamp(TTL_MS_MIN, ttl_ms_max.max(TTL_MS_MIN));
        let (id, client) = (SessionId(self.stamp(index.0)), client.to_owned());
        let session = Session { id, ttl_ms, client, floor: RequestId(1), fixed: BTreeMap::new() };
        self.sessions.push(session);
        Outcome::SessionOpened { session: id, ttl_ms }
    }

    fn request(
        &mut self,
        session: SessionId,
        request: RequestId,
        floor: RequestId,
        operation: &Operation,
    ) -> Outcome {
        let answered = |answer| Outcome::Answered { session, request, answer };
        let Some(found) = self.sessions.iter_mut().find(|s| s.id == session) else {
            return answered(Answer::SessionExpired);
        };
        found.floor = found.floor.max(floor);
        if let Some(answer) = self.standing_answer(session, request) {
            return answered(answer);
        }
        let found = self.find(session);
        if request < found.floor {
            return answered(Answer::Refused(Refusal::BelowFloor));
        }
        if let Some(answer) = found.fixed.get(&request) {
            return answered(answer.clone());
        }
        let answer = match operation {
            Operation::Acquire(_) | Operation::AcquireAll { .. } if self.is_restoring => {
                return answered(Answer::Refused(Refusal::Busy));
            }
            Operation::Acquire(acquire) => self.acquire(session, request, acquire, &[]),
            Operation::AcquireAll { acquire, also } => {
                self.acquire(session, request, acquire, also)
            }
            Operation::Release { name, token } => self.release(session, name, *token),
            Operation::Withdraw { acquire } => self.withdraw(session, *acquire),
            Operation::Close => return self.end(session).expect("alive"),
            Operation::Proclaim { name, token, value } => {
                self.proclaim(session, name, *token, value)
            }
            Operation::Transfer { name, token, to } => {
                self.transfer(session, name, *token, to.as_deref())
            }
            Operation::Break { name, token, way, to, reason } => {
                self.break_lock(name, *token, *way, to.as_deref(), reason)
            }
        };
        if self.standing_answer(session, request).is_none() {
            self.find(session).fixed.insert(request, answer.clone());
        }
        answered(answer)
    }

    fn raise(&mut self, wanted: &Settings) -> Option<Outcome> {
        let mut settings = self.settings.clone().unwrap_or_else(|| wanted.clone());
        settings.lease_ms = settings.lease_ms.max(wanted.lease_ms);
        settings.ttl_ms_max = settings.ttl_ms_max.max(wanted.ttl_ms_max);
        let is_new = self.settings.as_ref() != Some(&settings);
        self.settings = Some(settings.clone());
        is_new.then_some(Outcome::SettingsChanged(settings))
    }

    fn next_token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.stamp(self.tokens))
    }

    fn find(&mut self, session: SessionId) -> &mut Session {
        self.sessions.iter_mut().find(|s| s.id == session).expect("alive")
    }

    fn claims_of(&self, name: &Name) -> impl Iterator<Item = &Claim> {
        self.claims.iter().filter(move |claim| claim.names.contains(name))
    }

    fn ghosts_of(&self, name: &Name) -> impl Iterator<Item = &Ghost> {
        self.ghosts.iter().filter(move |ghost| ghost.name == *name)
    }

    /// One claim of each grant, in the order of the tokens.
    fn holders(&self, name: &Name) -> Vec<&Claim> {
        let held = self.claims_of(name).filter_map(|claim| Some((claim.token?, claim)));
        held.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    fn client(&self, session: SessionId) -> String {
        self.sessions.iter().find(|s| s.id == session).expect("alive").client.clone()
    }
}
