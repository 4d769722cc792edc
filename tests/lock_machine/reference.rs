//! The reference: one list of claims in the order in which they came, searched from end to end.
//!
//! It has no index, no queue and no count that could disagree with the list, and none of the bounds,
//! which the logs of this test do not reach.

use std::collections::BTreeMap;
use tenure::base::limits::{TTL_MS_MAX, TTL_MS_MIN};
use tenure::base::{Index, RequestId, SessionId, Term, Token};
use tenure::lock::{
    Acquire, Answer, Applied, Command, Granted, Name, Operation, Outcome, Refusal, Settings,
};

#[derive(Default)]
pub struct Reference {
    settings: Option<Settings>,
    /// Every restore raises it (L15).
    epoch: u64,
    is_restoring: bool,
    tokens: u64,
    sessions: Vec<Session>,
    /// Holders and waiters of all locks, first come first.
    claims: Vec<Claim>,
    /// Hand-overs of the entry being applied.
    granted: Vec<Granted>,
}

struct Session {
    id: SessionId,
    ttl_ms: u32,
    client: String,
    floor: RequestId,
    /// Answers that stand for good; never trimmed, the floor is asked instead.
    fixed: BTreeMap<RequestId, Answer>,
}

#[derive(Clone)]
struct Claim {
    name: Name,
    session: SessionId,
    request: RequestId,
    /// `None` while it waits.
    token: Option<Token>,
}

/// Token, session and client of the holder, and the waiters.
type LockShown = (Token, SessionId, String, Vec<(SessionId, String)>);

impl Reference {
    pub fn apply(&mut self, index: Index, term: Term, command: &Command) -> Applied {
        let outcome = match command {
            Command::OpenSession { ttl_ms, client, .. } => Some(self.open(index, *ttl_ms, client)),
            Command::Request { session, request, floor, operation } => {
                Some(self.request(*session, *request, *floor, operation))
            }
            Command::Expire { session, term: decided } if *decided == term => self.end(*session),
            Command::Expire { .. } => None,
            Command::Settings(wanted) => self.raise(wanted),
            Command::RestoreOver { term: decided } => {
                let is_over = self.is_restoring && *decided == term;
                self.is_restoring &= !is_over;
                is_over.then_some(Outcome::RestoreOver)
            }
        };
        Applied { outcome, granted: std::mem::take(&mut self.granted) }
    }

    /// A new incarnation: of the old one only settings and counters are left.
    pub fn restore(&mut self) {
        self.epoch += 1;
        self.is_restoring = true;
        self.sessions.clear();
        self.claims.clear();
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
            Operation::Acquire(_) if self.is_restoring => {
                return answered(Answer::Refused(Refusal::Busy));
            }
            Operation::Acquire(acquire) => self.acquire(session, request, acquire),
            Operation::Release { name, token } => self.release(session, name, *token),
            Operation::Withdraw { acquire } => self.withdraw(session, *acquire),
            Operation::Close => return self.end(session).expect("alive"),
        };
        if self.standing_answer(session, request).is_none() {
            self.find(session).fixed.insert(request, answer.clone());
        }
        answered(answer)
    }

    fn acquire(&mut self, session: SessionId, request: RequestId, acquire: &Acquire) -> Answer {
        if acquire.limit != 0 {
            return Answer::Refused(Refusal::Unsupported);
        }
        if let (Some((_, _, client, _)), true) = (self.lock(&acquire.name), acquire.try_only) {
            return Answer::Held { client };
        }
        let name = acquire.name.clone();
        let token = self.lock(&name).is_none().then(|| self.next_token());
        self.claims.push(Claim { name, session, request, token });
        self.standing_answer(session, request).expect("just claimed")
    }

    fn release(&mut self, session: SessionId, name: &Name, token: Token) -> Answer {
        let is_it = |c: &&Claim| c.session == session && c.name == *name && c.token == Some(token);
        let Some(claim) = self.claims.iter().find(is_it).cloned() else { return Answer::NotHeld };
        self.drop_claim(&claim, Answer::Ended { token });
        Answer::Done
    }

    fn withdraw(&mut self, session: SessionId, acquire: RequestId) -> Answer {
        let is_it = |c: &&Claim| c.session == session && c.request == acquire;
        if let Some(claim) = self.claims.iter().find(is_it).cloned() {
            self.drop_claim(&claim, Answer::Withdrawn);
        } else {
            self.find(session).fixed.entry(acquire).or_insert(Answer::Withdrawn);
        }
        Answer::Withdrawn
    }

    fn end(&mut self, session: SessionId) -> Option<Outcome> {
        let position = self.sessions.iter().position(|s| s.id == session)?;
        self.sessions.remove(position);
        let mut held: Vec<Claim> = self.claims.clone();
        held.retain(|claim| claim.session == session && claim.token.is_some());
        held.sort_by_key(|claim| claim.request);
        self.claims.retain(|claim| claim.session != session);
        for claim in held {
            self.hand_over(&claim.name);
        }
        Some(Outcome::SessionEnded { session })
    }

    fn raise(&mut self, wanted: &Settings) -> Option<Outcome> {
        let mut settings = self.settings.clone().unwrap_or_else(|| wanted.clone());
        settings.lease_ms = settings.lease_ms.max(wanted.lease_ms);
        settings.ttl_ms_max = settings.ttl_ms_max.max(wanted.ttl_ms_max);
        let is_new = self.settings.as_ref() != Some(&settings);
        self.settings = Some(settings.clone());
        is_new.then_some(Outcome::SettingsChanged(settings))
    }

    fn drop_claim(&mut self, claim: &Claim, answer: Answer) {
        self.claims.retain(|c| (c.session, c.request) != (claim.session, claim.request));
        self.find(claim.session).fixed.insert(claim.request, answer);
        self.hand_over(&claim.name);
    }

    /// Grants `name` to the first claim of it, if nobody holds it.
    fn hand_over(&mut self, name: &Name) {
        if self.claims.iter().any(|claim| claim.name == *name && claim.token.is_some()) {
            return;
        }
        let token = Token(self.stamp(self.tokens + 1));
        if let Some(claim) = self.claims.iter_mut().find(|claim| claim.name == *name) {
            claim.token = Some(token);
            self.tokens += 1;
            self.granted.push(Granted { session: claim.session, request: claim.request, token });
        }
    }

    fn next_token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.stamp(self.tokens))
    }

    fn find(&mut self, session: SessionId) -> &mut Session {
        self.sessions.iter_mut().find(|s| s.id == session).expect("alive")
    }

    /// The answer of a request that holds or waits.
    fn standing_answer(&self, session: SessionId, request: RequestId) -> Option<Answer> {
        let is_it = |claim: &Claim| claim.session == session && claim.request == request;
        let position = self.claims.iter().position(is_it)?;
        let claim = &self.claims[position];
        let before = self.claims[..position].iter();
        let ahead = before.filter(|c| c.name == claim.name && c.token.is_none()).count();
        Some(match claim.token {
            Some(token) => Answer::Granted { token },
            None => Answer::Queued { ahead: ahead as u32 },
        })
    }

    pub fn lock(&self, name: &Name) -> Option<LockShown> {
        let client = |id| self.sessions.iter().find(|s| s.id == id).expect("alive").client.clone();
        let claims = || self.claims.iter().filter(|claim| claim.name == *name);
        let holder = claims().find(|claim| claim.token.is_some())?;
        let waiters = claims().filter(|claim| claim.token.is_none());
        let waiters = waiters.map(|claim| (claim.session, client(claim.session))).collect();
        Some((holder.token?, holder.session, client(holder.session), waiters))
    }

    pub fn is_held_by(&self, name: &Name, token: Token) -> bool {
        self.claims.iter().any(|claim| claim.name == *name && claim.token == Some(token))
    }

    pub fn sessions(&self) -> Vec<(SessionId, u32)> {
        self.sessions.iter().map(|session| (session.id, session.ttl_ms)).collect()
    }

    pub fn held_count(&self) -> usize {
        self.claims.iter().filter(|claim| claim.token.is_some()).count()
    }

    pub fn standing(&self, session: SessionId) -> Vec<(RequestId, Answer)> {
        let claims = self.claims.iter().filter(|claim| claim.session == session);
        let answer = |request| self.standing_answer(session, request).expect("it stands");
        let mut standing: Vec<_> = claims.map(|c| (c.request, answer(c.request))).collect();
        standing.sort_by_key(|(request, _)| *request);
        standing
    }
}
