//! The longest apply: what the lock machine does with one entry while nearly a million locks are held by 90,000 sessions, and
//! everything that a lawful client can ask for is asked for. Of processor time, since a busy machine takes longer.

#![allow(unsafe_code)]

use std::time::Duration;
use tenure::base::rng::Rng;
use tenure::base::{Index, Owner, RequestId, SessionId, SessionKey, Term, Token};
use tenure::lock::{
    Acquire, Answer, Applied, BreakWay, Command, LEVEL_MAX, LockMachine, Mode, Name, Operation,
    Outcome, Settings,
};

/// A machine and its place in the log, and how long its applies took.
struct Bench {
    machine: LockMachine,
    index: u64,
    request: u64,
    /// That of the longest, and which it was.
    longest: (Duration, u32),
    entries: u32,
}

impl Bench {
    fn new() -> Self {
        let (machine, longest) = (LockMachine::new(), (Duration::ZERO, 0));
        let mut bench = Self { machine, index: 0, request: 0, longest, entries: 0 };
        let settings = Settings { lease_ms: 150, ttl_ms_max: 60_000, level: LEVEL_MAX };
        bench.apply(&Command::Settings(settings));
        bench
    }

    fn apply(&mut self, command: &Command) -> Applied {
        self.index += 1;
        let begun = processor_time();
        let applied = self.machine.apply(Index(self.index), Term(1), 0, command);
        self.entries += 1;
        self.longest = self.longest.max((processor_time() - begun, self.entries));
        applied
    }

    fn open(&mut self, client: &str) -> SessionId {
        let (key, client) = (SessionKey([0; 16]), client.to_owned());
        self.apply(&Command::OpenSession { ttl_ms: 10_000, key, client });
        SessionId(self.index)
    }

    fn submit(&mut self, session: SessionId, operation: Operation) -> Answer {
        self.request += 1;
        let (request, floor) = (RequestId(self.request), RequestId(self.request));
        let applied = self.apply(&Command::Request { session, request, floor, operation });
        match applied.outcome {
            Some(Outcome::Answered { answer, .. }) => answer,
            other => panic!("no answer: {other:?}"),
        }
    }

    fn acquire(&mut self, session: SessionId, acquire: Acquire, also: &[Name]) -> Answer {
        self.submit(
            session,
            match also {
                [] => Operation::Acquire(acquire),
                also => Operation::AcquireAll { acquire, also: also.to_vec() },
            },
        )
    }

    /// Says what the longest entry of `step` took, and of what goes on with it.
    fn measure(&mut self, what: &str, step: impl FnOnce(&mut Self)) {
        (self.longest, self.entries) = ((Duration::ZERO, 0), 0);
        step(self);
        while self.machine.is_unfinished() {
            self.apply(&Command::Continue);
        }
        let ((longest, which), entries) = (self.longest, self.entries);
        let longest = longest.as_secs_f64() * 1e3;
        println!("{what:<75}{longest:>9.3} ms, entry {which} of {entries}");
    }
}

fn name(text: String) -> Name {
    Name::try_from(text).expect("a valid name")
}

fn held(number: usize) -> Name {
    name(format!("jobs/{number:07}"))
}

fn plain(name: &Name) -> Acquire {
    let (mode, value) = (Mode::Exclusive, Vec::new());
    let (limit, permits, owner, delay_ms, try_only) = (0, 1, Owner(0), 0, false);
    Acquire { name: name.clone(), value, mode, limit, permits, owner, delay_ms, try_only }
}

fn shared(name: &Name) -> Acquire {
    Acquire { mode: Mode::Shared, ..plain(name) }
}

fn of_owner(name: &Name, owner: u64) -> Acquire {
    Acquire { owner: Owner(owner), ..plain(name) }
}

fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock is one that Linux has, and `time` is a place for its reading.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0, "a clock that Linux has");
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).expect("below a second"))
}

fn shuffled(count: usize) -> Vec<usize> {
    let mut rng = Rng::new(7);
    let mut numbers: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        let other = usize::try_from(rng.below(last as u64 + 1)).expect("below `count`");
        numbers.swap(last, other);
    }
    numbers
}

/// Names of locks that are held, 32 at a time, none twice.
fn thirty_twos(numbers: &[usize]) -> impl Iterator<Item = Vec<Name>> {
    numbers.chunks_exact(32).map(|some| some.iter().map(|number| held(*number)).collect())
}

fn with_held_locks() -> Bench {
    let mut bench = Bench::new();
    for session in 0..HELD / 10 {
        let id = bench.open("host:12345");
        for number in 0..10 {
            bench.acquire(id, plain(&held(session * 10 + number)), &[]);
        }
    }
    assert_eq!(bench.machine.held_count(), HELD, "none was refused for a bound");
    bench
}

/// 16,384 waits for 32 names each, of one owner each or of all one.
fn waits(bench: &mut Bench, client: &str, numbers: &[usize], owner: u64) -> SessionId {
    let session = bench.open(client);
    for names in thirty_twos(numbers).take(16_384) {
        let answer = bench.acquire(session, of_owner(&names[0], owner), &names[1..]);
        assert!(matches!(answer, Answer::Queued { .. }), "{answer:?}");
    }
    session
}

fn endings(bench: &mut Bench, scattered: &[usize]) {
    let mut session = SessionId(0);
    bench.measure("an acquire of 32 names behind 16,384 of its session", |bench| {
        session = waits(bench, "waits", scattered, 0);
    });
    let expire = |session| Command::Expire { session, term: Term(1) };
    bench.measure("an expiry of 16,384 waits for 32 names", |bench| {
        bench.apply(&expire(session));
    });
    let one = waits(bench, "one", scattered, 0);
    let two = waits(bench, "two", scattered, 0);
    bench.measure("a close of the same, with as many behind it", |bench| {
        bench.request += 1;
        let (request, floor) = (RequestId(bench.request), RequestId(bench.request));
        let operation = Operation::Close;
        bench.apply(&Command::Request { session: one, request, floor, operation });
    });
    bench.apply(&expire(two));
    bench.measure("an acquire of 32 names of an owner with 16,384 such waits", |bench| {
        session = waits(bench, "waits", scattered, 7);
    });
    bench.measure("an expiry of that", |bench| drop(bench.apply(&expire(session))));
    let session = bench.open("holder");
    for number in 0..3_000 {
        let names: Vec<Name> = (0..32)
            .map(|at| name(format!("more/{:06}", (number * 32 + at) * 7919 % 96_000)))
            .collect();
        let acquire = Acquire { delay_ms: 10, ..plain(&names[0]) };
        bench.acquire(session, acquire, &names[1..]);
    }
    let next = waits_behind(bench);
    bench.measure("an expiry of 96,000 locks with a delay, each waited for", |bench| {
        bench.apply(&expire(session));
    });
    bench.apply(&expire(next));
    let delays: Vec<_> = bench.machine.delays().collect();
    for delay in delays {
        let (name, token, term) = (delay.name, delay.token, Term(1));
        bench.apply(&Command::DelayOver { name, token, term });
    }
}

fn waits_behind(bench: &mut Bench) -> SessionId {
    let next = bench.open("next");
    for number in 0..16_000 {
        bench.acquire(next, plain(&name(format!("more/{number:06}"))), &[]);
    }
    next
}

fn crowds(bench: &mut Bench) {
    let crowd: Vec<SessionId> =
        (0..100_000).map(|at| bench.open(&format!("reader-{at}"))).collect();
    let (door, writer) = (name("door".to_owned()), bench.open("writer"));
    let operator = bench.open("operator");
    let token_of = |bench: &Bench, name: &Name| bench.machine.lock(name).expect("held").token;
    let break_to = |to: Option<&str>, way| Operation::Break {
        name: name("door".to_owned()),
        token: Token(0),
        way,
        to: to.map(str::to_owned),
        reason: String::new(),
    };
    for round in ["a release", "a break to the last", "a transfer to the last", "a close"] {
        bench.acquire(writer, plain(&door), &[]);
        for reader in &crowd {
            bench.acquire(*reader, shared(&door), &[]);
        }
        let token = token_of(bench, &door);
        let last = Some("reader-99999".to_owned());
        bench.measure(&format!("{round} of what 100,000 wait for to read"), |bench| match round {
            "a release" => {
                bench.submit(writer, Operation::Release { name: door.clone(), token });
            }
            "a break to the last" => {
                let ask = BreakWay::Ask { grace_ms: None };
                assert_eq!(bench.submit(operator, break_to(last.as_deref(), ask)), Answer::Done);
                bench.submit(writer, Operation::Release { name: door.clone(), token });
            }
            "a transfer to the last" => {
                let to = last;
                bench.submit(writer, Operation::Transfer { name: door.clone(), token, to });
            }
            _ => {
                bench.request += 1;
                let (request, floor) = (RequestId(bench.request), RequestId(bench.request));
                let operation = Operation::Close;
                bench.apply(&Command::Request { session: writer, request, floor, operation });
            }
        });
        let view = bench.machine.lock(&door).expect("held");
        assert_eq!((view.holding, view.waiting), (100_000, 0), "{round}");
        if round == "a close" {
            bench.measure("an order to 100,000 readers to end", |bench| {
                bench.submit(operator, break_to(None, BreakWay::Ask { grace_ms: None }));
            });
        }
        bench.measure("a break of 100,000 readers at once", |bench| {
            bench.submit(operator, break_to(None, BreakWay::Now));
        });
        assert!(bench.machine.lock(&door).is_none());
    }
    for session in crowd {
        bench.apply(&Command::Expire { session, term: Term(1) });
    }
}

/// Owners that hold one lock each and wait for those behind: the last one to wait depends on all.
fn deadlocks(bench: &mut Bench) {
    for (owners, each) in [(1_300, 1), (60, 32), (120, 32), (4_000, 1)] {
        let session = bench.open("owners");
        let lock = |number: usize| name(format!("knot/{each}/{number:05}"));
        for owner in 0..owners {
            bench.acquire(session, of_owner(&lock(owner), 1 + owner as u64), &[]);
        }
        let what = format!("a search among {owners} owners that wait for {each} each");
        bench.measure(&what, |bench| {
            for owner in (0..owners - 1).rev() {
                let names: Vec<Name> =
                    (owner + 1..owners.min(owner + 1 + each)).map(lock).collect();
                let acquire = of_owner(&names[0], 1 + owner as u64);
                bench.acquire(session, acquire, &names[1..]);
            }
            bench.acquire(session, of_owner(&lock(0), owners as u64), &[]);
        });
        let to = Some("owners".to_owned());
        let token = bench.machine.lock(&lock(owners - 1)).expect("held").token;
        bench.measure("… and a transfer of the last", |bench| {
            let name = lock(owners - 1);
            bench.submit(session, Operation::Transfer { name, token, to });
        });
        bench.measure("… and its end", |bench| {
            bench.apply(&Command::Expire { session, term: Term(1) });
        });
    }
}

/// Many of one name wait, and each would stall others at the head.
fn heirs(bench: &mut Bench) {
    for crowd in [2_000, 16_000] {
        let (a, b) = (name("heir/a".to_owned()), name("heir/b".to_owned()));
        let holder = bench.open("holder");
        bench.acquire(holder, of_owner(&a, 1), &[]);
        bench.acquire(holder, of_owner(&b, 1), &[]);
        let many = bench.open("many");
        let first = bench.open("first");
        // It holds c and waits for a; each of the many waits for c as well as for a.
        let c = name("heir/c".to_owned());
        bench.acquire(first, of_owner(&c, 1), &[]);
        bench.acquire(first, of_owner(&a, 1), &[]);
        for owner in 0..crowd / 2 {
            bench.acquire(many, of_owner(&c, 1 + owner as u64), &[]);
            bench.acquire(many, of_owner(&a, 1 + owner as u64), &[]);
        }
        let token = bench.machine.lock(&a).expect("held").token;
        let to = Some("many".to_owned());
        bench.measure(
            &format!("a transfer to one of {crowd} who would all stall others"),
            |bench| {
                bench.submit(holder, Operation::Transfer { name: a.clone(), token, to });
            },
        );
        for session in [holder, many, first] {
            bench.measure("… and an end", |bench| {
                bench.apply(&Command::Expire { session, term: Term(1) });
            });
        }
    }
}

/// 32 locks with long queues of waits for all 32.
fn long_queues(bench: &mut Bench) {
    let names: Vec<Name> = (0..32).map(|at| name(format!("long/{at}"))).collect();
    let holder = bench.open("holder");
    let Answer::Granted { token } = bench.acquire(holder, plain(&names[0]), &names[1..]) else {
        panic!("it is free")
    };
    let sessions: Vec<SessionId> = (0..6).map(|at| bench.open(&format!("long {at}"))).collect();
    bench.measure("an acquire of 32 names that 96,000 wait for", |bench| {
        for number in 0..96_000 {
            bench.acquire(sessions[number / 16_000], plain(&names[0]), &names[1..]);
        }
    });
    let middle = RequestId(bench.request - 48_000);
    bench.measure("a withdrawal from the middle of 32 queues", |bench| {
        bench.submit(sessions[2], Operation::Withdraw { acquire: middle });
    });
    bench.measure("a release of 32 names that 96,000 wait for", |bench| {
        bench.submit(holder, Operation::Release { name: names[0].clone(), token });
    });
    for session in sessions {
        bench.measure("… and an end", |bench| {
            bench.apply(&Command::Expire { session, term: Term(1) });
        });
    }
}

fn main() {
    let mut bench = with_held_locks();
    println!(
        "with {HELD} locks held by {} sessions, the longest apply of",
        bench.machine.session_count()
    );
    let scattered = shuffled(HELD);
    let only: Option<String> = std::env::args().nth(1).filter(|it| !it.starts_with('-'));
    let wanted = |what: &str| only.as_deref().is_none_or(|only| only == what);
    if wanted("endings") {
        endings(&mut bench, &scattered);
    }
    if wanted("crowds") {
        crowds(&mut bench);
    }
    if wanted("deadlocks") {
        deadlocks(&mut bench);
    }
    if wanted("heirs") {
        heirs(&mut bench);
    }
    if wanted("queues") {
        long_queues(&mut bench);
    }
}

const HELD: usize = 900_000;
