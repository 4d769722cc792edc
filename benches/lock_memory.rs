//! How many bytes of memory a held lock, a waiter and a session cost the lock machine: counted at the allocator,
//! without what the allocator itself adds, and without the log. And what its snapshots cost: their size, the most that making the next
//! one takes, and a start from one.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tenure::base::blob::{ReadAt, Sink};
use tenure::base::rng::Rng;
use tenure::base::{Blob, Index, Owner, RequestId, SessionId, SessionKey, Term, checksum};
use tenure::lock::{Acquire, Command, LEVEL_MAX, LockMachine, Mode, Name, Operation, Settings};

/// The system's allocator, counted.
struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);
/// The most that it was since somebody set it.
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is handed to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let before = BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        PEAK.fetch_max(before + layout.size(), Ordering::Relaxed);
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
        self.submit(session, Operation::Acquire(acquire(name)));
    }

    fn submit(&mut self, session: SessionId, operation: Operation) {
        self.request += 1;
        let (request, floor) = (RequestId(self.request), RequestId(self.request));
        self.apply(&Command::Request { session, request, floor, operation });
    }

    /// An empty machine of the newest level.
    fn new() -> Self {
        let mut bench = Self { machine: LockMachine::new(), index: 0, request: 0 };
        let settings = Settings { lease_ms: 150, ttl_ms_max: 60_000, level: LEVEL_MAX };
        bench.apply(&Command::Settings(settings));
        bench
    }
}

fn acquire(name: &str) -> Acquire {
    let (mode, value) = (Mode::Exclusive, Vec::new());
    let name = Name::try_from(name).expect("a valid name");
    let (limit, permits, owner, delay_ms, try_only) = (0, 1, Owner(0), 0, false);
    Acquire { name, value, mode, limit, permits, owner, delay_ms, try_only }
}

/// Says what snapshots of a state cost that took `state` bytes of memory.
fn measure_snapshot(what: &str, machine: &LockMachine, state: usize) {
    let directory = tempfile::tempdir().expect("a directory");
    let stored = |machine: &LockMachine, name: &str| {
        let path = directory.path().join(name);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
        let mut body = Stored { file: Arc::new(OnDisk(file.expect("a file"))), length: 0, crc: 0 };
        machine.encode_into(&mut body).expect("there is room");
        body.read_back().expect("it is there")
    };
    let first = stored(machine, "first");
    println!(
        "{what}: {:.1} MB of memory, a snapshot of {:.1} MB, {:.1} MB counted",
        mega(state),
        first.len() as f64 / 1e6,
        machine.state_bytes() as f64 / 1e6
    );
    // As a node makes the next one: out of the one before, from file to file.
    let (before, begun) = (BYTES.load(Ordering::Relaxed), processor_time());
    PEAK.store(before, Ordering::Relaxed);
    let again = LockMachine::decode_blob(&first, LEVEL_MAX).expect("its own bytes");
    let start = processor_time() - begun;
    let second = stored(&again, "second");
    drop(again);
    let peak = PEAK.load(Ordering::Relaxed) - before + state;
    println!(
        "  of processor time, a start from it {:.2} s, the next one {:.2} s; at the peak {:.1} MB, the state included",
        start.as_secs_f64(),
        (processor_time() - begun).as_secs_f64(),
        mega(peak)
    );
    assert_eq!(second, first);
}

/// The state as a file, as a node stores it.
struct Stored {
    file: Arc<OnDisk>,
    length: u64,
    crc: u32,
}

#[derive(Debug)]
struct OnDisk(File);

impl ReadAt for OnDisk {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        self.0.read_exact_at(into, offset).map_err(|error| error.to_string())
    }
}

impl Sink for Stored {
    fn put(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.file.0.write_all_at(bytes, self.length).map_err(|error| error.to_string())?;
        self.length += bytes.len() as u64;
        self.crc = checksum::extend(self.crc, bytes);
        Ok(())
    }

    fn read_back(&mut self) -> Result<Blob, String> {
        let file = Arc::clone(&self.file);
        Ok(Blob::stored(file, 0..self.length, self.crc))
    }
}

/// What this process has used: a busy machine takes longer.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock is one that Linux has, and `time` is a place for its reading.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0, "a clock that Linux has");
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).expect("below a second"))
}

fn mega(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// A million locks, and waits for many locks with long names.
fn measure_snapshots() {
    let before = BYTES.load(Ordering::Relaxed);
    let mut bench = Bench::new();
    for number in 0..1_000_000 {
        if number % 8192 == 0 {
            bench.open();
        }
        let session = SessionId(bench.index - number % 8192);
        bench.acquire(session, &format!("jobs/{number:07}"));
    }
    assert_eq!(bench.machine.held_count(), 1_000_000, "none was refused for a bound");
    let state = BYTES.load(Ordering::Relaxed) - before;
    measure_snapshot("1,000,000 held locks, names of 12 bytes", &bench.machine, state);
    drop(bench);
    let before = BYTES.load(Ordering::Relaxed);
    let mut bench = Bench::new();
    let session = bench.open();
    let names: Vec<String> = (0..32).map(|number| format!("{number:0>255}")).collect();
    for _ in 0..1501 {
        let also = names[1..].iter().map(|name| acquire(name).name).collect();
        bench.submit(session, Operation::AcquireAll { acquire: acquire(&names[0]), also });
    }
    let state = BYTES.load(Ordering::Relaxed) - before;
    measure_snapshot("1,500 waits for 32 names of 255 bytes", &bench.machine, state);
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
    let mut bench = Bench::new();
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
    drop(bench);
    measure_snapshots();
}
