//! How many bytes of memory a held lock, a waiter and a session cost the lock machine: counted at the allocator,
//! without what the allocator itself adds, and without the log.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use tenure::base::rng::Rng;
use tenure::base::{Index, Owner, RequestId, SessionId, SessionKey, Term};
use tenure::lock::{Acquire, Command, LockMachine, Mode, Name, Operation};

/// The system's allocator, counted.
struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is handed to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A machine and its place in the log.
struct Bench {
    machine: LockMachine,
    index: u64,
    request: u64,
}

impl Bench {
    fn apply(&mut self, command: &Command) {
        self.index += 1;
        self.machine.apply(Index(self.index), Term(1), 0, command);
    }

    /// A session, which is the newest entry's.
    fn open(&mut self) -> SessionId {
        let key = SessionKey([0; 16]);
        self.apply(&Command::OpenSession { ttl_ms: 10_000, key, client: "host:12345".to_owned() });
        SessionId(self.index)
    }

    fn acquire(&mut self, session: SessionId, name: &str) {
        let (mode, value) = (Mode::Exclusive, Vec::new());
        let name = Name::try_from(name).expect("a valid name");
        let (limit, permits, owner, delay_ms, try_only) = (0, 1, Owner(0), 0, false);
        let acquire = Acquire { name, value, mode, limit, permits, owner, delay_ms, try_only };
        self.request += 1;
        let (request, floor) = (RequestId(self.request), RequestId(self.request));
        let operation = Operation::Acquire(acquire);
        self.apply(&Command::Request { session, request, floor, operation });
    }
}

/// Says what each of `count` steps costs.
fn measure(what: &str, count: usize, bench: &mut Bench, step: impl Fn(&mut Bench, usize)) {
    let before = BYTES.load(Ordering::Relaxed);
    for number in 0..count {
        step(bench, number);
    }
    let grown = BYTES.load(Ordering::Relaxed) - before;
    println!("{what:<42}{:>7.1} bytes each, {count} of them", grown as f64 / count as f64);
}

/// The numbers below `count` in an order without any pattern: a fixed stride would fill the nodes of the map of
/// locks, as names that people choose do not.
fn shuffled(count: usize) -> Vec<usize> {
    let mut rng = Rng::new(7);
    let mut numbers: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        let other = usize::try_from(rng.below(last as u64 + 1)).expect("below `count`");
        numbers.swap(last, other);
    }
    numbers
}

fn main() {
    let mut bench = Bench { machine: LockMachine::new(), index: 0, request: 0 };
    measure("sessions", 10_000, &mut bench, |bench, _| {
        bench.open();
    });
    let sessions: Vec<SessionId> = (0..10).map(|_| bench.open()).collect();
    measure("held locks, names of 12 bytes in order", 100_000, &mut bench, |bench, number| {
        bench.acquire(sessions[number / 10_000], &format!("jobs/{number:07}"));
    });
    let sessions: Vec<SessionId> = (0..10).map(|_| bench.open()).collect();
    let scattered = shuffled(100_000);
    measure("held locks, names of 12 bytes at random", 100_000, &mut bench, |bench, number| {
        bench.acquire(sessions[number / 10_000], &format!("work/{:07}", scattered[number]));
    });
    let sessions: Vec<SessionId> = (0..10_000).map(|_| bench.open()).collect();
    measure("held locks, one of each session", 10_000, &mut bench, |bench, number| {
        bench.acquire(sessions[number], &format!("host/{number:07}"));
    });
    assert_eq!(bench.machine.held_count(), 210_000, "none was refused for a bound");
    let waiting: Vec<SessionId> = (0..10).map(|_| bench.open()).collect();
    measure("waiters of one lock", 10_000, &mut bench, |bench, number| {
        bench.acquire(waiting[number / 1000], "jobs/0000000");
    });
}
