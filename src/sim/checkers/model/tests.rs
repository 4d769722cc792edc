//! The model and the lock machine agree on any log, and the model finds what it should by itself.

use super::*;
use crate::base::rng::Rng;
use crate::base::{Owner, SessionKey};
use crate::lock::{AccessChange, Acquire, Applied, BreakWay, LockMachine, Mode, Refusal, Settings};
use crate::sim::checkers::state::compare;

fn name(number: u64) -> Name {
    let text = if number < 2 { format!("lock-{number}") } else { format!("lock-1/{number}") };
    Name::try_from(text).unwrap()
}

const SUBJECTS: [&str; 4] = ["client/a", "client/ab", "operator/root", "anonymous"];

fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from[place(rng.below(from.len() as u64))]
}

/// A change of who may what; of two of three whoever asks may.
fn access(rng: &mut Rng) -> Command {
    let who =
        pick(rng, &["client/a", "client/a*", "client/*", "*", "operator/root"]).parse().unwrap();
    let names = pick(rng, &["lock-0", "lock-1", "lock-1/", "lock-1/2", "*"]);
    let rights = pick(rng, &["acquire", "read", "acquire,read", "break,read"]);
    let (names, rights) = match rng.chance(1, 5) {
        true => (crate::lock::Names::of_cluster(), pick(rng, &["admin", "operate"])),
        false => (names.parse().unwrap(), rights),
    };
    let rule = crate::lock::Rule { who, names, rights: rights.parse().unwrap() };
    let change = match rng.below(9) {
        0..=1 => AccessChange::On,
        2 => AccessChange::Off,
        3..=5 => AccessChange::Allow(rule),
        _ => AccessChange::Deny(rule),
    };
    let by = if rng.chance(2, 3) { "operator/root" } else { pick(rng, &SUBJECTS) };
    Command::Access { by: by.parse().unwrap(), change }
}

fn acquire(rng: &mut Rng) -> Operation {
    let limit = if rng.chance(1, 4) { 2 } else { 0 };
    let mode = if limit == 0 && rng.chance(1, 2) { Mode::Shared } else { Mode::Exclusive };
    let acquire = Acquire {
        name: name(rng.below(3)),
        value: Vec::new(),
        mode,
        limit,
        permits: if limit > 0 && rng.chance(1, 3) { 2 } else { 1 },
        owner: Owner(rng.below(3)),
        delay_ms: if rng.chance(1, 3) { 100 } else { 0 },
        try_only: rng.chance(1, 4),
    };
    match rng.chance(1, 3) {
        true => Operation::AcquireAll { acquire, also: vec![name(rng.below(3))] },
        false => Operation::Acquire(acquire),
    }
}

const SETTINGS: Settings = Settings { lease_ms: 150, ttl_ms_max: 60_000, level: 1 };

fn place(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

fn open(index: u64) -> Command {
    let (client, key) = (format!("client {index}"), SessionKey([0; 16]));
    match place(index % 5) {
        at @ 0..4 => {
            let subject = SUBJECTS[at].parse().unwrap();
            Command::OpenSessionOf { ttl_ms: 500, key, client, subject }
        }
        _ => Command::OpenSession { ttl_ms: 500, key, client },
    }
}

fn draw(rng: &mut Rng, index: u64, machine: &LockMachine) -> Command {
    if machine.level() >= 3 && rng.chance(1, 12) {
        return access(rng);
    }
    let sessions: Vec<SessionId> = machine.sessions().map(|(session, _)| session).collect();
    let session = place(rng.below(sessions.len() as u64));
    let Some(session) = sessions.get(session).copied() else { return open(index) };
    let term = Term(rng.between(1, 2));
    let some = |rng: &mut Rng| {
        let name = name(rng.below(3));
        let token = machine.lock(&name).map_or(Token(1), |lock| lock.token);
        (name, token)
    };
    // The name of a client that perhaps waits.
    let to = |rng: &mut Rng| {
        let other = place(rng.below(sessions.len() as u64));
        let view = machine.session(sessions[other]).expect("it lives");
        rng.chance(2, 3).then_some(view.client)
    };
    let operation = match rng.below(20) {
        0 => return open(index),
        1 => return Command::Expire { session, term },
        2 => Operation::Close,
        3 => Operation::Withdraw { acquire: RequestId(rng.between(1, 20)) },
        4..=6 => {
            let (name, token) = some(rng);
            Operation::Release { name, token }
        }
        8 => {
            let (name, token) = some(rng);
            Operation::Proclaim { name, token, value: vec![1; place(rng.below(3))] }
        }
        9..=10 => {
            let (name, token) = some(rng);
            Operation::Transfer { name, token, to: to(rng) }
        }
        11..=12 => {
            let (name, token) = some(rng);
            let token = if rng.chance(1, 3) { Token(0) } else { token };
            let grace_ms = rng.chance(1, 2).then_some(100);
            let now = rng.chance(1, 2);
            let way = if now { BreakWay::Now } else { BreakWay::Ask { grace_ms } };
            Operation::Break { name, token, way, to: to(rng), reason: String::new() }
        }
        7 => {
            let delays: Vec<_> = machine.delays().collect();
            let Some(delay) = delays.first().cloned() else { return open(index) };
            return Command::DelayOver { name: delay.name, token: delay.token, term };
        }
        _ => acquire(rng),
    };
    let (request, floor) = (RequestId(rng.between(1, 20)), RequestId(rng.below(10)));
    Command::Request { session, request, floor, operation }
}

/// One of many who share locks, or who breaks one of these.
fn draw_shared(rng: &mut Rng, machine: &LockMachine) -> Option<Command> {
    let sessions: Vec<SessionId> = machine.sessions().map(|(session, _)| session).collect();
    let one = |rng: &mut Rng| sessions.get(place(rng.below(sessions.len() as u64))).copied();
    let (session, lock) = (one(rng)?, rng.below(3));
    let operation = if rng.chance(1, 5) {
        let view = machine.lock(&name(lock))?;
        let some: Vec<Token> = view.others.iter().map(|other| other.token).collect();
        let token = some.last().copied().filter(|_| rng.chance(1, 3)).unwrap_or(Token(0));
        let way = match rng.below(3) {
            0 => BreakWay::Ask { grace_ms: Some(100) },
            _ => BreakWay::Now,
        };
        let to = machine.session(one(rng)?).map(|view| view.client).filter(|_| rng.chance(1, 2));
        Operation::Break { name: name(lock), token, way, to, reason: String::new() }
    } else {
        let Operation::Acquire(mut acquire) = acquire(rng) else { return None };
        (acquire.limit, acquire.name, acquire.try_only) = (0, name(lock), false);
        acquire.mode = if rng.chance(3, 4) { Mode::Shared } else { Mode::Exclusive };
        acquire.permits = 1;
        if lock == 0 {
            (acquire.limit, acquire.mode, acquire.permits) =
                (6, Mode::Exclusive, rng.between(1, 2) as u32);
        }
        Operation::Acquire(acquire)
    };
    let (request, floor) = (RequestId(rng.between(1, 60)), RequestId(1));
    Some(Command::Request { session, request, floor, operation })
}

/// From seed 900 on many share locks, which are broken.
fn draw_of(seed: u64, rng: &mut Rng, index: u64, machine: &LockMachine) -> Command {
    let shared = (seed >= 900 && rng.chance(2, 3)).then(|| draw_shared(rng, machine));
    shared.flatten().unwrap_or_else(|| draw(rng, index, machine))
}

fn same_answer(one: &Answer, other: &Answer) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
        && (matches!(one, Answer::Queued { .. } | Answer::Deadlock { .. }) || one == other)
}

/// Handovers in order; and closed sessions of which all is free.
fn check_effects(model: &Model, applied: &Applied, at: &str) {
    let handed: Vec<Asker> = model.effects().handed.iter().map(Place::asker).collect();
    let granted: Vec<Asker> = applied.granted.iter().map(|it| (it.session, it.request)).collect();
    assert_eq!(granted, handed, "{at}");
    let now = Some(model.applied());
    let is_freed = |one: &ModelSession| one.is_closed && one.freed == now && one.ended != now;
    let freed = model.sessions.iter().filter(|(_, one)| is_freed(one)).map(|(id, _)| *id);
    assert_eq!(applied.freed, freed.collect::<Vec<_>>(), "{at}");
}

fn raise_level(level: u32) -> Command {
    Command::Settings(Settings { level, ..SETTINGS })
}

/// The states of both, and the answer to each request that is answered for the first time; at levels 2 and 3 in parts of any size.
#[test]
fn the_model_and_the_machine_agree_on_any_log() {
    let (mut deadlocks, mut overtakings, mut parts, mut breaks) = (0, 0, 0, 0);
    let (mut denials, mut refused, mut sweeps) = (0, 0, 0);
    for seed in 0..1000 {
        let mut rng = Rng::new(seed);
        let names = place(seed % 7);
        let mut model = Model::default().in_parts_of(names);
        let mut machine = LockMachine::new().with_names_per_part(names);
        for index in 1..200 {
            let command = match (index, names) {
                (1, 1..) => raise_level(if seed < 600 { 2 } else { 3 }),
                _ if machine.is_unfinished() && rng.chance(1, 3) => Command::Continue,
                _ => draw_of(seed, &mut rng, index, &machine),
            };
            parts += u64::from(model.has_ending() && model.has_unfinished_lines());
            let applied = machine.apply(Index(index), Term(1), 0, &command);
            model.apply(Index(index), Term(1), Some(&command));
            overtakings += u64::from(model.effects().overtook);
            refused += applied.denied.len();
            sweeps += u64::from(model.is_sweeping());
            breaks += u64::from(model.has_breaks());
            check_effects(&model, &applied, &format!("seed {seed}, {index}, {command:?}"));
            if rng.chance(1, 10) {
                let reloaded = LockMachine::decode(&machine.encode()).expect("its own bytes");
                assert_eq!(reloaded.state_hash(), machine.state_hash(), "seed {seed}, {index}");
                machine = reloaded.with_names_per_part(names);
            }
            machine.check_invariants();
            let locks = machine.locks("", None, usize::MAX);
            let same = compare(&model, &machine, &locks);
            same.unwrap_or_else(|found| panic!("seed {seed}, {index}, {command:?}: {found}"));
            let Some(crate::lock::Outcome::Answered { session, request, answer }) = applied.outcome
            else {
                continue;
            };
            deadlocks += u64::from(matches!(answer, Answer::Deadlock { .. }));
            denials += u64::from(matches!(answer, Answer::Denied { .. }));
            let is_conflict = answer == Answer::Refused(Refusal::Conflict);
            if is_conflict {
                let (before, asker) = (Index(index - 1), (session, request));
                assert!(model.is_conflict(asker, before, Index(index)), "seed {seed}, {index}");
                continue;
            }
            if let Some((_, told)) = model.told(session, request).last()
                && !model.is_below_floor(session, request)
            {
                assert!(
                    same_answer(told, &answer),
                    "seed {seed}, {index}: {answer:?}, not {told:?}"
                );
            }
        }
    }
    assert!(denials > 500 && refused > 50 && sweeps > 50, "{denials}, {refused}, {sweeps}");
    assert!(breaks > 100, "{breaks}");
    assert!(
        deadlocks > 20 && overtakings > 20 && parts > 20,
        "{deadlocks}, {overtakings}, {parts}"
    );
}
