//! The lock machine against a deliberately naive reference, over random logs.
//!
//! The logs hold what an unreliable network and many leaders make of clients' wishes: duplicates, retries
//! under an old or a new floor, withdrawals before their acquire, expiries of another term, closes, and
//! requests of sessions that are gone.

#[path = "lock_machine/reference.rs"]
mod reference;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use reference::{LockShown, Reference};
use std::collections::{BTreeMap, BTreeSet};
use tenure::base::{Index, Owner, RequestId, SessionId, SessionKey, Term, Token};
use tenure::lock::{
    Acquire, Answer, Applied, Command, Delayed, LockMachine, Mode, Name, Operation, Outcome,
    Settings, Wait,
};

/// One entry of a log, in terms of what the log has made so far.
#[derive(Clone, Debug)]
enum Step {
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
enum Before {
    Nothing,
    /// Its snapshot is taken, and goes on in its place.
    Reload,
    /// Its snapshot is restored into a new incarnation, and goes on in its place.
    Restore,
}

/// What a client asks for.
#[derive(Clone, Debug)]
enum Wish {
    Acquire {
        lock: usize,
        /// Other locks to be had in the same step.
        also: Vec<usize>,
        kind: Kind,
        owner: u64,
        delay_ms: u32,
        try_only: bool,
    },
    /// `token` as guessed, or if 0 one that holds the lock: of this session, or else the oldest.
    Release {
        lock: usize,
        token: u64,
    },
    Withdraw {
        acquire: u64,
    },
    Close,
}

/// What kind of lock, and how much of it.
#[derive(Clone, Copy, Debug)]
struct Kind {
    mode: Mode,
    limit: u32,
    permits: u32,
}

const LOCKS: [&str; 5] = ["a", "a/b", "c", "d", "e"];

/// The term of every entry; expiries may name another.
const TERM: Term = Term(2);

/// The first two locks are exclusive, the next two shared, the last one is a semaphore of three; now and then
/// somebody comes with what does not fit in, or with what there is not.
fn kind(lock: usize) -> impl Strategy<Value = Kind> {
    let mode = prop_oneof![3 => Just(Mode::Shared), 1 => Just(Mode::Exclusive)];
    let usual = (mode, 1..4u32).prop_map(move |(mode, permits)| match lock {
        0 | 1 => Kind { mode: Mode::Exclusive, limit: 0, permits: 1 },
        2 | 3 => Kind { mode, limit: 0, permits: 1 },
        _ => Kind { mode: Mode::Exclusive, limit: 3, permits },
    });
    let mode = prop_oneof![Just(Mode::Shared), Just(Mode::Exclusive)];
    let any =
        (mode, 0..4u32, 0..4u32).prop_map(|(mode, limit, permits)| Kind { mode, limit, permits });
    prop_oneof![15 => usual, 1 => any]
}

fn acquire() -> impl Strategy<Value = Wish> {
    let lock = (0..LOCKS.len()).prop_flat_map(|lock| (Just(lock), kind(lock)));
    let also = prop_oneof![4 => Just(vec![]), 2 => prop::collection::vec(0..LOCKS.len(), 1..3)];
    let owner = prop_oneof![2 => Just(0u64), 3 => 1..3u64];
    let delay_ms = prop_oneof![20 => Just(0u32), 6 => Just(70), 1 => Just(3_600_001)];
    let whose = (owner, delay_ms, prop::bool::weighted(0.2));
    (lock, also, whose).prop_map(|((lock, kind), also, (owner, delay_ms, try_only))| {
        Wish::Acquire { lock, also, kind, owner, delay_ms, try_only }
    })
}

fn wish() -> impl Strategy<Value = Wish> {
    let lock = 0..LOCKS.len();
    prop_oneof![
        12 => acquire(),
        6 => (lock, prop_oneof![4 => Just(0), 1 => 1..9u64])
            .prop_map(|(lock, token)| Wish::Release { lock, token }),
        4 => (0..20u64).prop_map(|acquire| Wish::Withdraw { acquire }),
        1 => Just(Wish::Close),
    ]
}

fn step() -> impl Strategy<Value = Step> {
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

fn before() -> impl Strategy<Value = Before> {
    prop_oneof![20 => Just(Before::Nothing), 4 => Just(Before::Reload), 1 => Just(Before::Restore)]
}

/// Random logs, the same in each run.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 500,
        rng_seed: RngSeed::Fixed(0x7e40_2e00),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn name(lock: &str) -> Name {
    Name::try_from(lock).expect("a valid name")
}

/// The log being made: which sessions it opened, and the machine that has applied it.
#[derive(Default)]
struct Log {
    machine: LockMachine,
    opened: Vec<SessionId>,
    entries: Vec<Command>,
}

impl Log {
    /// Makes the step's command and applies it. Who waits for whom in a deadlock is left out: it is for people.
    fn write(&mut self, step: &Step) -> (Command, Applied) {
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
    fn reload(&mut self) {
        let bytes = self.machine.encode();
        let reloaded = LockMachine::decode(&bytes).expect("its own bytes");
        assert_eq!(reloaded.encode(), bytes);
        assert_eq!(reloaded.state_hash(), self.machine.state_hash());
        self.machine = reloaded;
    }

    fn restore(&mut self) {
        let machine = std::mem::take(&mut self.machine);
        self.machine = machine.restored(None, Wait::Full).expect("few epochs");
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
                client: format!("client-{}", self.opened.len()),
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
            Wish::Release { lock, token: 0 } => {
                let name = name(LOCKS[*lock]);
                let token = self.token_of(session, &name);
                Operation::Release { name, token }
            }
            Wish::Release { lock, token } => {
                Operation::Release { name: name(LOCKS[*lock]), token: Token(*token) }
            }
            Wish::Withdraw { acquire } => Operation::Withdraw { acquire: RequestId(*acquire) },
            Wish::Close => Operation::Close,
        }
    }
}

/// Compares all that the machine shows with the reference.
fn check_views(machine: &LockMachine, reference: &Reference) {
    for name in LOCKS.map(name) {
        let shown = machine.lock(&name).map(|view| {
            let is_vacant = view.token == Token(0);
            assert_eq!(view.holding as usize, view.others.len() + usize::from(!is_vacant));
            assert_eq!(view.waiting as usize, view.waiters.len());
            let oldest = (view.token, view.session, view.client);
            let others = view.others.into_iter().map(|one| (one.token, one.session, one.client));
            let oldest = (!is_vacant).then_some(oldest).into_iter();
            let holders = oldest.chain(others).collect();
            let waiters = view.waiters.iter().map(|w| (w.session, w.client.clone())).collect();
            LockShown { limit: view.limit, is_delayed: view.is_delayed, holders, waiters }
        });
        assert_eq!(shown, reference.lock(&name), "lock {name}");
        for token in (0..12).map(Token) {
            let is_held = machine.is_held_by(&name, token);
            assert_eq!(is_held, reference.is_held_by(&name, token), "{name} by {token}");
        }
    }
    assert_eq!(machine.held_count(), reference.held_count());
    let sessions = reference.sessions();
    assert_eq!(machine.session_count(), sessions.len());
    assert!(machine.sessions().eq(sessions.iter().copied()));
    for (session, _) in sessions {
        check_session(machine, reference, session);
    }
}

fn check_session(machine: &LockMachine, reference: &Reference, session: SessionId) {
    let standing = reference.standing(session);
    let grants = standing.iter().filter(|(_, a)| matches!(a, Answer::Granted { .. })).count();
    let view = machine.session(session).expect("the reference says that it lives");
    assert_eq!(view.grants as usize, grants);
    assert_eq!(view.waiting as usize, standing.len() - grants);
    assert_eq!(machine.standing(session), standing);
}

/// The grants that an entry tells of, in the order in which it made them.
fn grants_told(applied: &Applied) -> Vec<(SessionId, RequestId, Token)> {
    let answered = match &applied.outcome {
        Some(Outcome::Answered { session, request, answer: Answer::Granted { token } }) => {
            Some((*session, *request, *token))
        }
        _ => None,
    };
    let granted = applied.granted.iter().map(|g| (g.session, g.request, g.token));
    answered.into_iter().chain(granted).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn machine_and_reference_agree_after_every_entry(steps in prop::collection::vec(step(), 1..120)) {
        let (mut log, mut reference) = (Log::default(), Reference::default());
        for step in &steps {
            let (command, applied) = log.write(step);
            let index = Index(log.entries.len() as u64);
            prop_assert_eq!(applied, reference.apply(index, TERM, &command));
            log.machine.check_invariants();
            check_views(&log.machine, &reference);
        }
    }

    /// L3, L15, L17: what a snapshot loses, or a restore keeps, shows in a later answer or grant.
    #[test]
    fn snapshots_and_restores_go_on_as_the_reference_does(
        steps in prop::collection::vec((before(), step()), 1..120),
    ) {
        let (mut log, mut reference) = (Log::default(), Reference::default());
        for (before, step) in &steps {
            match before {
                Before::Nothing => {}
                Before::Reload => log.reload(),
                Before::Restore => {
                    log.restore();
                    reference.restore();
                }
            }
            let (command, applied) = log.write(step);
            let index = Index(log.entries.len() as u64);
            prop_assert_eq!(applied, reference.apply(index, TERM, &command));
            log.machine.check_invariants();
            check_views(&log.machine, &reference);
        }
    }

    #[test]
    fn tokens_rise_and_a_retry_repeats_its_own(steps in prop::collection::vec(step(), 1..120)) {
        let mut log = Log::default();
        let mut newest = Token(0);
        let mut known = BTreeMap::new();
        for step in &steps {
            for (session, request, token) in grants_told(&log.write(step).1) {
                // An older token is told anew to its own session only: to a handle that was added.
                let is_entered_again = known.iter().any(|((of, _), told)| (*of, *told) == (session, token));
                match known.insert((session, request), token) {
                    Some(earlier) => prop_assert_eq!(token, earlier),
                    None if is_entered_again => {}
                    None => prop_assert!(token > newest, "{} after {}", token, newest),
                }
                newest = newest.max(token);
            }
        }
    }

    #[test]
    fn the_same_log_gives_the_same_state(steps in prop::collection::vec(step(), 1..120)) {
        let mut log = Log::default();
        let hashes: Vec<u64> = steps.iter().map(|step| {
            log.write(step);
            log.machine.state_hash()
        }).collect();
        let mut again = LockMachine::new();
        for ((index, command), hash) in (1..).zip(&log.entries).zip(hashes) {
            again.apply(Index(index), TERM, index, command);
            prop_assert_eq!(again.state_hash(), hash, "after entry {}", index);
        }
    }
}

#[test]
fn the_random_logs_reach_every_answer() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::new(config());
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        let steps = prop::collection::vec(step(), 120).new_tree(&mut runner).expect("a log");
        let mut log = Log::default();
        for step in steps.current() {
            let (_, applied) = log.write(&step);
            let outcome = format!("{:?}", applied.outcome);
            let answer = outcome.split("answer: ").last().unwrap_or_default();
            seen.insert(answer.chars().take_while(|c| !" {)".contains(*c)).collect::<String>());
            seen.extend((!applied.delayed.is_empty()).then(|| "delayed".to_owned()));
            let has_several = |token| {
                let held = LOCKS.map(name).into_iter().filter(|n| log.machine.is_held_by(n, token));
                held.count() > 1
            };
            let waited = applied.granted.iter().any(|grant| has_several(grant.token));
            seen.extend(waited.then(|| "several locks after a wait".to_owned()));
            seen.extend((applied.granted.len() > 1).then(|| "several granted".to_owned()));
        }
    }
    let expected = [
        "Deadlock",
        "Done",
        "Ended",
        "Granted",
        "Held",
        "None",
        "NotHeld",
        "Queued",
        "Refused(BelowFloor",
        "Refused(Invalid",
        "SessionExpired",
        "Some(SessionEnded",
        "Some(SessionOpened",
        "Some(SettingsChanged(Settings",
        "Withdrawn",
        "delayed",
        "several granted",
        "several locks after a wait",
    ];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
