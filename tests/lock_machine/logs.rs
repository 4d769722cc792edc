//! Random logs: the entries that an unreliable network and many leaders make of what clients wish for.

use super::wishes::{LOCKS, To, Wish, crowding, wish};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tenure::base::{Index, Owner, RequestId, SessionId, SessionKey, Term, Token};
use tenure::lock::{
    Acquire, Answer, Applied, Command, Delayed, Largest, LockMachine, Name, Operation, Outcome,
    Settings, WaitRule,
};

/// One entry of a log, in terms of what the log has made so far.
#[derive(Clone, Debug)]
pub enum Step {
    Open {
        ttl_ms: u32,
    },
    Request {
        session: usize,
        request: u64,
        floor: u64,
        wish: Wish,
    },
    Expire {
        session: usize,
        term: u64,
    },
    Settings {
        ttl_ms_max: u32,
        lease_ms: u32,
    },
    RestoreOver {
        term: u64,
    },
    /// Of the delay with this number, counted round; of none if there is none.
    DelayOver {
        number: usize,
        term: u64,
    },
}

/// What becomes of the machine before an entry.
#[derive(Clone, Copy, Debug)]
pub enum Before {
    Nothing,
    /// Its snapshot is taken, and goes on in its place.
    Reload,
    /// Its snapshot is restored into a new incarnation, and goes on in its place.
    Restore,
}

/// The term of every entry; expiries may name another.
pub const TERM: Term = Term(2);

pub fn step() -> impl Strategy<Value = Step> {
    let request = (0..5usize, 0..20u64, prop_oneof![8 => 0..3u64, 1 => 0..20u64], wish());
    let settings = (prop_oneof![Just(100u32), Just(5_000), Just(20_000)], 100..200u32);
    prop_oneof![
        3 => prop_oneof![Just(0u32), Just(10_000), Just(u32::MAX)]
            .prop_map(|ttl_ms| Step::Open { ttl_ms }),
        30 => request.prop_map(|(session, request, floor, wish)| Step::Request {
            session, request, floor, wish,
        }),
        2 => (0..5usize, 1..4u64).prop_map(|(session, term)| Step::Expire { session, term }),
        1 => settings.prop_map(|(ttl_ms_max, lease_ms)| Step::Settings { ttl_ms_max, lease_ms }),
        2 => (1..4u64).prop_map(|term| Step::RestoreOver { term }),
        2 => (0..6usize, 1..4u64).prop_map(|(number, term)| Step::DelayOver { number, term }),
    ]
}

/// Four sessions, each request a new one: what may make a deadlock.
pub fn crowded() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..4usize, crowding()), 1..60).prop_map(|wishes| {
        let opens = std::iter::repeat_n(Step::Open { ttl_ms: 0 }, 4);
        let requests = (1..).zip(wishes).map(|(request, (session, wish))| {
            let floor = 0;
            Step::Request { session, request, floor, wish }
        });
        // All that is left goes with its session, so that asked grants end in each way.
        let closes = (0..4).map(|session| {
            let (request, floor, wish) = (1000, 0, Wish::Close);
            Step::Request { session, request, floor, wish }
        });
        opens.chain(requests).chain(closes).collect()
    })
}

pub fn before() -> impl Strategy<Value = Before> {
    prop_oneof![20 => Just(Before::Nothing), 4 => Just(Before::Reload), 1 => Just(Before::Restore)]
}

/// Random logs, the same in each run.
pub fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 500,
        rng_seed: RngSeed::Fixed(0x7e40_2e00),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

pub fn name(lock: &str) -> Name {
    Name::try_from(lock).expect("a valid name")
}

/// The log being made: which sessions it opened, and the machine that has applied it.
#[derive(Default)]
pub struct Log {
    pub machine: LockMachine,
    opened: Vec<SessionId>,
    pub entries: Vec<Command>,
}

impl Log {
    /// Makes the step's command and applies it. Who waits for whom in a deadlock is left out: it is for people.
    pub fn write(&mut self, step: &Step) -> (Command, Applied) {
        let command = self.command(step);
        self.entries.push(command.clone());
        let index = self.entries.len() as u64;
        let mut applied = self.machine.apply(Index(index), TERM, index, &command);
        if let Some(Outcome::Answered { answer: Answer::Deadlock { circle }, .. }) =
            &mut applied.outcome
        {
            assert!(circle.contains(" waits for "), "{circle:?}");
            circle.clear();
        }
        if let Some(Outcome::SessionOpened { session, .. }) = &applied.outcome {
            self.opened.push(*session);
        }
        (command, applied)
    }

    /// Puts what its snapshot brings back in the place of the machine.
    pub fn reload(&mut self) {
        let bytes = self.machine.encode();
        let reloaded = LockMachine::decode(&bytes).expect("its own bytes");
        assert_eq!(reloaded.encode(), bytes);
        assert_eq!(reloaded.state_hash(), self.machine.state_hash());
        self.machine = reloaded;
    }

    pub fn restore(&mut self) {
        let machine = std::mem::take(&mut self.machine);
        self.machine = machine.restored(None, WaitRule::Full(Largest::OF_ALL)).expect("few epochs");
    }

    /// The newest sessions are the likeliest to live; a session that was never opened is 0.
    fn session(&self, number: usize) -> SessionId {
        self.opened.iter().rev().nth(number).copied().unwrap_or(SessionId(0))
    }

    /// One of the delays that are not over; if there is none, the token of a holder, which has no delay.
    fn delay(&self, number: usize) -> (Name, Token) {
        let delays: Vec<Delayed> = self.machine.delays().collect();
        match delays.get(number % delays.len().max(1)) {
            Some(delayed) => (delayed.name.clone(), delayed.token),
            None => {
                let name = name(LOCKS[number % LOCKS.len()]);
                let token = self.machine.lock(&name).map_or(Token(0), |view| view.token);
                (name, token)
            }
        }
    }

    fn command(&self, step: &Step) -> Command {
        match step {
            Step::Open { ttl_ms } => Command::OpenSession {
                ttl_ms: *ttl_ms,
                key: SessionKey([1; 16]),
                // Several sessions of one name, so that a name may mean several who wait.
                client: format!("client-{}", self.opened.len() % 4),
            },
            Step::Request { session, request, floor, wish } => Command::Request {
                session: self.session(*session),
                request: RequestId(*request),
                floor: RequestId(*floor),
                operation: self.operation(self.session(*session), wish),
            },
            Step::Expire { session, term } => {
                Command::Expire { session: self.session(*session), term: Term(*term) }
            }
            Step::Settings { ttl_ms_max, lease_ms } => {
                let (lease_ms, ttl_ms_max) = (*lease_ms, *ttl_ms_max);
                Command::Settings(Settings { lease_ms, ttl_ms_max, level: 1 })
            }
            Step::RestoreOver { term } => Command::RestoreOver { term: Term(*term) },
            Step::DelayOver { number, term } => {
                let (name, token) = self.delay(*number);
                Command::DelayOver { name, token, term: Term(*term) }
            }
        }
    }

    /// Under which token `session` holds `name`; if it does not, the oldest that does.
    fn token_of(&self, session: SessionId, name: &Name) -> Token {
        let Some(view) = self.machine.lock(name) else { return Token(0) };
        let own = view.others.iter().find(|other| other.session == session);
        own.filter(|_| view.session != session).map_or(view.token, |own| own.token)
    }

    /// A lock and `token`, or if 0 one that holds it.
    fn grant(&self, session: SessionId, lock: usize, token: u64) -> (Name, Token) {
        let name = name(LOCKS[lock]);
        let token = if token == 0 { self.token_of(session, &name) } else { Token(token) };
        (name, token)
    }

    /// The first lock from `lock` on, counted round, that `session` holds; if it holds none, `lock`.
    fn own(&self, session: SessionId, lock: usize) -> usize {
        let is_own = |lock: &usize| {
            let view = self.machine.lock(&name(LOCKS[*lock]));
            view.is_some_and(|view| {
                view.session == session || view.others.iter().any(|one| one.session == session)
            })
        };
        let round = (0..LOCKS.len()).map(|step| (lock + step) % LOCKS.len());
        round.into_iter().find(is_own).unwrap_or(lock)
    }

    fn client(&self, name: &Name, to: To) -> Option<String> {
        let waiters = self.machine.lock(name).map_or(Vec::new(), |view| view.waiters);
        match to {
            To::Next => None,
            To::Waiter(number) if !waiters.is_empty() => {
                Some(waiters[number % waiters.len()].client.clone())
            }
            To::Waiter(_) | To::Stranger => Some("stranger".to_owned()),
        }
    }

    fn operation(&self, session: SessionId, wish: &Wish) -> Operation {
        match wish {
            Wish::Acquire { lock, also, kind, owner, delay_ms, try_only } => {
                let acquire = Acquire {
                    name: name(LOCKS[*lock]),
                    value: vec![7],
                    mode: kind.mode,
                    limit: kind.limit,
                    permits: kind.permits,
                    owner: Owner(*owner),
                    delay_ms: *delay_ms,
                    try_only: *try_only,
                };
                if also.is_empty() {
                    return Operation::Acquire(acquire);
                }
                let also = also.iter().map(|lock| name(LOCKS[*lock])).collect();
                Operation::AcquireAll { acquire, also }
            }
            Wish::Release { lock, token } => {
                let (name, token) = self.grant(session, *lock, *token);
                Operation::Release { name, token }
            }
            Wish::Withdraw { acquire } => Operation::Withdraw { acquire: RequestId(*acquire) },
            Wish::Close => Operation::Close,
            Wish::Proclaim { lock, token, value } => {
                let (name, token) = self.grant(session, self.own(session, *lock), *token);
                Operation::Proclaim { name, token, value: value.clone() }
            }
            Wish::Transfer { lock, token, to } => {
                let (name, token) = self.grant(session, self.own(session, *lock), *token);
                let to = self.client(&name, *to);
                Operation::Transfer { name, token, to }
            }
            Wish::Break { lock, token, way, to, reason_bytes } => {
                let (name, held) = self.grant(session, *lock, token.unwrap_or(0));
                let (to, reason) = (self.client(&name, *to), "r".repeat(*reason_bytes));
                let token = token.map_or(Token(0), |_| held);
                Operation::Break { name, token, way: *way, to, reason }
            }
        }
    }
}
