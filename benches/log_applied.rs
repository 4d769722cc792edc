//! What a cycle costs a node from the bytes of its two entries on: they are decoded and applied, as a node does for its clients,
//! or replayed, as for a snapshot. Without raft, disk, network and clients.
//!
//!     cargo bench --bench log_applied -- WHAT CYCLES       # WHAT: nothing, apply, replay
//!
//! The processor time depends on what else the machine does; instructions do not, and callgrind counts them:
//!
//!     valgrind --tool=callgrind target/release/deps/log_applied-… apply 20000
//!
//! less those of `nothing`, which makes the same log.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;
use tenure::base::{Index, Owner, Payload, RequestId, SessionId, SessionKey, Term, Token, codec};
use tenure::lock::{
    Acquire, Command, HoldingRef, LEVEL_MAX, LockMachine, Mode, Name, Operation, Settings,
};
use tenure::raft::{Entry, EntryHeader, EntryKind};

/// A log of eight clients, each of which holds 128 locks.
struct Log {
    entries: Vec<Entry>,
    sessions: Vec<SessionId>,
    /// The newest request of each session.
    requests: [u64; CLIENTS],
}

impl Log {
    fn of(cycles: u64) -> Self {
        let mut log = Self { entries: Vec::new(), sessions: Vec::new(), requests: [0; CLIENTS] };
        log.push(&Command::Settings(Settings {
            lease_ms: 150,
            ttl_ms_max: 60_000,
            level: LEVEL_MAX,
        }));
        for _ in 0..CLIENTS {
            let (key, client) = (SessionKey([1; 16]), "host:12345".to_owned());
            log.push(&Command::OpenSession { ttl_ms: 10_000, key, client });
            log.sessions.push(SessionId(log.entries.len() as u64));
        }
        let mut held = VecDeque::new();
        for cycle in 0..cycles {
            let client = (cycle % CLIENTS as u64) as usize;
            if held.len() == CLIENTS * DEPTH {
                let (client, name, token) = held.pop_front().expect("not empty");
                log.submit(client, Operation::Release { name, token });
            }
            let number = cycle / CLIENTS as u64 % DEPTH as u64;
            let name = Name::try_from(format!("b{client}-{number}")).expect("a name");
            log.submit(client, Operation::Acquire(acquire(name.clone())));
            held.push_back((client, name, Token(cycle + 1)));
        }
        log
    }

    fn submit(&mut self, client: usize, operation: Operation) {
        self.requests[client] += 1;
        let (request, session) = (RequestId(self.requests[client]), self.sessions[client]);
        let floor = RequestId(request.0.saturating_sub(DEPTH as u64).max(1));
        self.push(&Command::Request { session, request, floor, operation });
    }

    fn push(&mut self, command: &Command) {
        let format = u8::try_from(command.level()).expect("levels are few");
        let header = EntryHeader { format, kind: EntryKind::Command, proposer_unix_ms: 0 };
        let payload = Payload::from(codec::encode(command).expect("it is small"));
        let index = Index(self.entries.len() as u64 + 1);
        self.entries.push(Entry { term: Term(1), index, header, payload });
    }
}

fn acquire(name: Name) -> Acquire {
    let (value, mode, limit, permits) = (Vec::new(), Mode::Exclusive, 0, 1);
    Acquire { name, value, mode, limit, permits, owner: Owner(0), delay_ms: 0, try_only: false }
}

/// What this process has used.
#[allow(unsafe_code)]
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock is one that Linux has, and `time` is a place for its reading.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0, "a clock that Linux has");
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).expect("below a second"))
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let cycles = args.get(1).map_or(300_000, |cycles| cycles.parse().expect("a number of cycles"));
    for what in ["nothing", "apply", "replay"] {
        if args.first().is_some_and(|wanted| wanted != what) {
            continue;
        }
        let entries = Log::of(cycles).entries;
        let begun = processor_time();
        match what {
            "apply" => {
                let mut machine = LockMachine::new();
                for Entry { index, term, payload, .. } in &entries {
                    let command: Command = codec::decode(payload.bytes()).expect("made above");
                    let changed = |name: &Name, holder: Option<HoldingRef<'_>>| {
                        black_box((name, holder));
                    };
                    black_box(machine.apply_telling(*index, *term, 0, &command, changed));
                }
            }
            "replay" => {
                drop(black_box(tenure::replica::replayed(None, &entries).expect("made above")))
            }
            _ => {
                black_box(&entries);
            }
        }
        let nanos = (processor_time() - begun).as_nanos() / u128::from(cycles.max(1));
        println!("{what}: {nanos} ns of a processor for each of {cycles} cycles");
    }
}

const CLIENTS: usize = 8;
/// Locks that each client holds.
const DEPTH: usize = 128;
