//! What one lock costs the lock machine: entries applied to it, without log, disk and network.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tenure::base::{Index, Owner, RequestId, SessionId, SessionKey, Term, Token};
use tenure::lock::{Acquire, Applied, Command, LockMachine, Mode, Name, Operation, Outcome};

/// A machine with the log position and the clients' counters that it needs to go on.
struct Bench {
    machine: LockMachine,
    index: u64,
    request: u64,
    token: u64,
}

impl Bench {
    fn new() -> Self {
        Self { machine: LockMachine::new(), index: 0, request: 0, token: 0 }
    }

    fn apply(&mut self, command: &Command) -> Applied {
        self.index += 1;
        self.machine.apply(Index(self.index), Term(1), 0, command)
    }

    fn open(&mut self) -> SessionId {
        let key = SessionKey([0; 16]);
        let client = "host:1".to_owned();
        match self.apply(&Command::OpenSession { ttl_ms: 10_000, key, client }).outcome {
            Some(Outcome::SessionOpened { session, .. }) => session,
            other => panic!("no session: {other:?}"),
        }
    }

    /// A request of a client that has had the answers to all its earlier ones.
    fn submit(&mut self, session: SessionId, operation: Operation) -> Applied {
        self.request += 1;
        let request = RequestId(self.request);
        self.apply(&Command::Request { session, request, floor: request, operation })
    }

    fn acquire(&mut self, session: SessionId, name: &Name) -> Applied {
        let acquire = Acquire {
            name: name.clone(),
            value: Vec::new(),
            mode: Mode::Exclusive,
            limit: 0,
            permits: 1,
            owner: Owner(0),
            delay_ms: 0,
            try_only: false,
        };
        self.submit(session, Operation::Acquire(acquire))
    }

    /// Releases the newest grant; the benches below have tokens rise by one per grant.
    fn release(&mut self, session: SessionId, name: &Name) -> Applied {
        self.token += 1;
        let token = Token(self.token);
        self.submit(session, Operation::Release { name: name.clone(), token })
    }

    fn cycle(&mut self, session: SessionId, name: &Name) {
        black_box(self.acquire(session, name));
        black_box(self.release(session, name));
    }
}

fn name(number: usize) -> Name {
    Name::try_from(format!("jobs/{number:07}")).expect("a valid name")
}

/// A machine in which `held` locks are held, by sessions of 10,000 each.
fn with_held_locks(held: usize) -> Bench {
    let mut bench = Bench::new();
    let mut session = SessionId(0);
    for number in 0..held {
        if number % 10_000 == 0 {
            session = bench.open();
        }
        bench.acquire(session, &name(number * 2));
    }
    bench.token = held as u64;
    assert_eq!(bench.machine.held_count(), held);
    bench
}

fn acquire_and_release(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lock_apply/acquire_and_release");
    group.throughput(Throughput::Elements(2));
    for held in [0, 100_000] {
        let mut bench = with_held_locks(held);
        let session = bench.open();
        // Prime to the number of locks, so that the names come in an order that no cache foresees.
        let mut number = 0;
        let names: Vec<Name> = (0..100_000).map(|number| name(number * 2 + 1)).collect();
        group.bench_function(format!("{held}_held"), |bencher| {
            bencher.iter(|| {
                number = (number + 38_197) % names.len();
                bench.cycle(session, &names[number]);
            });
        });
    }
    group.finish();
}

/// The holder releases, the first who waits gets the lock, and the old holder queues again: the work of a grant is
/// the same however many wait.
fn hand_over(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lock_apply/hand_over");
    group.throughput(Throughput::Elements(2));
    for waiting in [10, 1_000, 10_000] {
        let mut bench = Bench::new();
        let contended = name(0);
        let sessions: Vec<SessionId> = (0..=waiting).map(|_| bench.open()).collect();
        for session in &sessions {
            bench.acquire(*session, &contended);
        }
        let mut holder = 0;
        group.bench_function(format!("{waiting}_waiting"), |bencher| {
            bencher.iter(|| {
                let applied = bench.release(sessions[holder], &contended);
                assert_eq!(applied.granted.len(), 1);
                black_box(bench.acquire(sessions[holder], &contended));
                holder = (holder + 1) % sessions.len();
            });
        });
    }
    group.finish();
}

/// A session that holds 10,000 locks ends; the machine is made anew each time.
fn expire(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lock_apply/expire");
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("10000_held", |bencher| {
        let expire = Command::Expire { session: SessionId(1), term: Term(1) };
        bencher.iter_batched(
            || with_held_locks(10_000),
            |mut bench| {
                bench.apply(&expire);
                bench
            },
            criterion::BatchSize::LargeInput,
        );
    });
    group.finish();
}

/// The state as bytes and back, as a snapshot needs it.
fn snapshot(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lock_apply/snapshot");
    group.throughput(Throughput::Elements(100_000));
    group.sample_size(10);
    let machine = with_held_locks(100_000).machine;
    let bytes = machine.encode();
    group.bench_function("encode_100000_held", |bencher| bencher.iter(|| machine.encode()));
    group.bench_function("decode_100000_held", |bencher| {
        bencher.iter(|| LockMachine::decode(&bytes).expect("its own bytes"));
    });
    group.finish();
}

criterion_group!(benches, acquire_and_release, hand_over, expire, snapshot);
criterion_main!(benches);
