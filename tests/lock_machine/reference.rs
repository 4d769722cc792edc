//! The reference: one list of claims in the order in which they came, searched from end to end.
//!
//! It has no index, no queue and no count that could disagree with the list, and none of the bounds,
//! which the logs of this test do not reach.

use std::collections::{BTreeMap, BTreeSet};
use tenure::base::limits::{TTL_MS_MAX, TTL_MS_MIN};
use tenure::base::{Index, RequestId, SessionId, Term, Token};
use tenure::lock::{
    Acquire, Answer, Applied, Command, Delayed, Granted, Mode, Name, Operation, Outcome, Refusal,
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
}

/// A claim that held until it expired.
#[derive(Clone)]
struct Ghost {
    name: Name,
    token: Token,
    client: String,
    wanted: Acquire,
}

/// The holders, the oldest first, and the waiters.
#[derive(Debug, PartialEq, Eq)]
pub struct LockShown {
    pub limit: u32,
    pub is_delayed: bool,
    pub holders: Vec<(Token, SessionId, String)>,
    pub waiters: Vec<(SessionId, String)>,
}

impl Reference {
    pub fn apply(&mut self, index: Index, term: Term, command: &Command) -> Applied {
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
            Command::RestoreOver { term: decided } => {
                let is_over = self.is_restoring && *decided == term;
                self.is_restoring &= !is_over;
                is_over.then_some(Outcome::RestoreOver)
            }
        };
        let granted = std::mem::take(&mut self.granted);
        Applied { outcome, granted, delayed, ..Applied::default() }
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
            Operation::Proclaim { .. } | Operation::Transfer { .. } | Operation::Break { .. } => {
                panic!("{operation:?} is not in these logs")
            }
        };
        if self.standing_answer(session, request).is_none() {
            self.find(session).fixed.insert(request, answer.clone());
        }
        answered(answer)
    }

    fn acquire(
        &mut self,
        session: SessionId,
        request: RequestId,
        wanted: &Acquire,
        also: &[Name],
    ) -> Answer {
        let names: BTreeSet<&Name> = also.iter().chain([&wanted.name]).collect();
        let is_counted = wanted.limit > 0;
        if wanted.permits == 0
            || wanted.permits > wanted.limit.max(1)
            || (is_counted && wanted.mode == Mode::Shared)
            || wanted.delay_ms > 3_600_000
            || names.len() <= also.len()
            || names.len() > 32
        {
            return Answer::Refused(Refusal::Invalid);
        }
        let names: Vec<Name> = names.into_iter().cloned().collect();
        let inside: Vec<&Claim> = names.iter().flat_map(|name| self.claims_of(name)).collect();
        let ghosts = names.iter().flat_map(|name| self.ghosts_of(name));
        let held = inside.iter().map(|claim| &claim.wanted);
        if held.chain(ghosts.map(|ghost| &ghost.wanted)).any(|other| other.limit != wanted.limit) {
            return Answer::Refused(Refusal::Invalid);
        }
        let own = inside.iter().filter(|claim| {
            wanted.owner.0 != 0 && (claim.session, claim.wanted.owner) == (session, wanted.owner)
        });
        // What it holds counts before what it waits for.
        if let Some(own) = own.max_by_key(|claim| claim.token.is_some()).cloned() {
            let terms = |acquire: &Acquire| (acquire.mode, acquire.permits);
            let is_same = own.names == names && terms(&own.wanted) == terms(wanted);
            if !is_same || own.token.is_none() {
                return Answer::Refused(Refusal::Invalid);
            }
            // It takes over what the grant was asked for with.
            self.claims.push(Claim { request, ..own.clone() });
        } else {
            let is_free = |name: &&Name| {
                self.claims_of(name).all(|c| c.token.is_some()) && self.fits(name, wanted)
            };
            let taken = names.iter().find(|name| !is_free(name));
            if let (Some(name), true) = (taken, wanted.try_only) {
                return Answer::Held { client: self.who_is_in(name) };
            }
            let is_taken = taken.is_some();
            let claim = Claim { names, session, request, wanted: wanted.clone(), token: None };
            if is_taken && self.is_deadlock(&claim) {
                return Answer::Deadlock { circle: String::new() };
            }
            let token = (!is_taken).then(|| self.next_token());
            self.claims.push(Claim { token, ..claim });
        }
        self.standing_answer(session, request).expect("just claimed")
    }

    /// Whether `claim` would wait for ever: it does if it still waits after everybody who can has released
    /// everything, again and again.
    fn is_deadlock(&self, claim: &Claim) -> bool {
        let mut world = self.clone();
        world.claims.push(claim.clone());
        world.ghosts.clear();
        loop {
            for name in world.claims.iter().flat_map(|c| c.names.clone()).collect::<Vec<_>>() {
                world.hand_over(&name);
            }
            let before = world.claims.len();
            let waiting: Vec<_> =
                world.claims.iter().filter(|c| c.token.is_none()).cloned().collect();
            let waits = |c: &Claim| {
                let same = |w: &Claim| (w.session, w.wanted.owner) == (c.session, c.wanted.owner);
                c.wanted.owner.0 != 0 && waiting.iter().any(same)
            };
            world.claims.retain(|c| c.token.is_none() || waits(c));
            if world.claims.len() == before {
                let is_it = |c: &Claim| (c.session, c.request) == (claim.session, claim.request);
                return world.claims.iter().any(|c| is_it(c) && c.token.is_none());
            }
        }
    }

    fn who_is_in(&self, name: &Name) -> String {
        let holder = self.holders(name).first().map(|claim| self.client(claim.session));
        let ghost = || self.ghosts_of(name).next().map(|ghost| ghost.client.clone());
        let waiter = || self.claims_of(name).next().map(|claim| self.client(claim.session));
        holder.or_else(ghost).or_else(waiter).expect("somebody is in it")
    }

    /// Whether `wanted` could hold `name` now, waiters not asked.
    fn fits(&self, name: &Name, wanted: &Acquire) -> bool {
        let holders = self.holders(name).into_iter().map(|claim| &claim.wanted);
        let inside: Vec<&Acquire> =
            holders.chain(self.ghosts_of(name).map(|ghost| &ghost.wanted)).collect();
        let taken: u32 = inside.iter().map(|other| other.permits).sum();
        let all_read = inside.iter().all(|other| other.mode == Mode::Shared);
        if wanted.limit > 0 {
            taken + wanted.permits <= wanted.limit
        } else {
            inside.is_empty() || (all_read && wanted.mode == Mode::Shared)
        }
    }

    fn release(&mut self, session: SessionId, name: &Name, token: Token) -> Answer {
        let is_it = |c: &&Claim| c.session == session && c.token == Some(token);
        let Some(claim) = self.claims_of(name).find(is_it).cloned() else {
            return Answer::NotHeld;
        };
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
        let mut freed = self.claims.clone();
        freed.retain(|claim| claim.session == session);
        freed.sort_by_key(|claim| (claim.token.is_none(), claim.request));
        self.claims.retain(|claim| claim.session != session);
        for name in freed.into_iter().flat_map(|claim| claim.names) {
            self.hand_over(&name);
        }
        Some(Outcome::SessionEnded { session })
    }

    /// What an expiry of `session` leaves, in the order in which it was asked for.
    fn delayed_by(&mut self, session: SessionId) -> Vec<Delayed> {
        let mut held = self.claims.clone();
        held.retain(|claim| claim.session == session && claim.token.is_some());
        held.sort_by_key(|claim| claim.request);
        let mut delayed: Vec<Delayed> = Vec::new();
        for Claim { names, token, wanted, .. } in held {
            let (token, delay_ms) = (token.expect("kept above"), wanted.delay_ms);
            if delay_ms == 0 || self.ghosts.iter().any(|ghost| ghost.token == token) {
                continue;
            }
            for name in names {
                delayed.push(Delayed { name: name.clone(), token, delay_ms });
                let (client, wanted) = (self.client(session), wanted.clone());
                self.ghosts.push(Ghost { name, token, client, wanted });
            }
        }
        self.ghosts.sort_by_key(|ghost| ghost.token);
        delayed
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
        claim.names.iter().for_each(|name| self.hand_over(name));
    }

    /// Grants `name` to its waiters in their order, until one cannot have all that it waits for; then does so
    /// with each other name of those who got something.
    fn hand_over(&mut self, name: &Name) {
        let mut looked_at = 0;
        let mut due = vec![name.clone()];
        while let Some(name) = due.get(looked_at).cloned() {
            looked_at += 1;
            while let Some(first) = self.first_waiter(&name).filter(|first| self.is_due(first)) {
                let (session, request, token) = (first.session, first.request, self.next_token());
                due.extend(first.names.iter().filter(|other| **other != name).cloned());
                let is_it = |c: &&mut Claim| (c.session, c.request) == (session, request);
                self.claims.iter_mut().find(is_it).expect("it waits").token = Some(token);
                self.granted.push(Granted { session, request, token });
            }
        }
    }

    fn first_waiter(&self, name: &Name) -> Option<Claim> {
        self.claims_of(name).find(|claim| claim.token.is_none()).cloned()
    }

    /// Whether it is the first of all its names, and fits in each.
    fn is_due(&self, claim: &Claim) -> bool {
        claim.names.iter().all(|name| {
            let first = self.first_waiter(name).expect("it waits itself");
            (first.session, first.request) == (claim.session, claim.request)
                && self.fits(name, &claim.wanted)
        })
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
        let before = self.claims[..position].iter().filter(|c| c.token.is_none());
        let ahead = |name: &Name| before.clone().filter(|c| c.names.contains(name)).count();
        let ahead = claim.names.iter().map(ahead).max().expect("it has a name");
        Some(match claim.token {
            Some(token) => Answer::Granted { token },
            None => Answer::Queued { ahead: ahead as u32 },
        })
    }

    pub fn lock(&self, name: &Name) -> Option<LockShown> {
        let ghost = self.ghosts_of(name).next();
        let claim = self.claims_of(name).next();
        let limit = claim.map(|c| &c.wanted).or(ghost.map(|ghost| &ghost.wanted))?.limit;
        let is_delayed = ghost.is_some();
        let holders = self.holders(name).into_iter();
        let holders =
            holders.map(|c| (c.token.expect("it holds"), c.session, self.client(c.session)));
        let waiters = self.claims_of(name).filter(|claim| claim.token.is_none());
        let waiters = waiters.map(|claim| (claim.session, self.client(claim.session)));
        Some(LockShown {
            limit,
            is_delayed,
            holders: holders.collect(),
            waiters: waiters.collect(),
        })
    }

    pub fn is_held_by(&self, name: &Name, token: Token) -> bool {
        self.claims_of(name).any(|claim| claim.token == Some(token))
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

    pub fn sessions(&self) -> Vec<(SessionId, u32)> {
        self.sessions.iter().map(|session| (session.id, session.ttl_ms)).collect()
    }

    pub fn held_count(&self) -> usize {
        let held = self.claims.iter().flat_map(|claim| &claim.names);
        held.chain(self.ghosts.iter().map(|ghost| &ghost.name)).collect::<BTreeSet<_>>().len()
    }

    pub fn standing(&self, session: SessionId) -> Vec<(RequestId, Answer)> {
        let claims = self.claims.iter().filter(|claim| claim.session == session);
        let answer = |request| self.standing_answer(session, request).expect("it stands");
        let mut standing: Vec<_> = claims.map(|c| (c.request, answer(c.request))).collect();
        standing.sort_by_key(|(request, _)| *request);
        standing
    }
}
