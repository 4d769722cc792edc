//! What clients wish for, at random.

use proptest::prelude::*;
use tenure::lock::{BreakWay, Mode};

/// What a client asks for.
#[derive(Clone, Debug)]
pub enum Wish {
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
    /// Tokens of these three are as those of a release.
    Proclaim {
        lock: usize,
        token: u64,
        value: Vec<u8>,
    },
    Transfer {
        lock: usize,
        token: u64,
        to: To,
    },
    /// `token`: `None`: of all who hold it.
    Break {
        lock: usize,
        token: Option<u64>,
        way: BreakWay,
        to: To,
        reason_bytes: usize,
    },
}

/// Who is to get a lock.
#[derive(Clone, Copy, Debug)]
pub enum To {
    Next,
    /// The client of the waiter with this number, counted round; a stranger if nobody waits.
    Waiter(usize),
    Stranger,
}

/// What kind of lock, and how much of it.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub mode: Mode,
    pub limit: u32,
    pub permits: u32,
}

pub const LOCKS: [&str; 5] = ["a", "a/b", "c", "d", "e"];

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

fn to() -> impl Strategy<Value = To> {
    prop_oneof![2 => Just(To::Next), 6 => (0..4usize).prop_map(To::Waiter), 1 => Just(To::Stranger)]
}

fn token() -> impl Strategy<Value = u64> {
    prop_oneof![6 => Just(0), 1 => 1..9u64]
}

fn proclaim() -> impl Strategy<Value = Wish> {
    let bytes = prop_oneof![8 => 0..3usize, 1 => Just(4097)];
    (0..LOCKS.len(), token(), bytes).prop_map(|(lock, token, bytes)| {
        let value = vec![7; bytes];
        Wish::Proclaim { lock, token, value }
    })
}

fn transfer() -> impl Strategy<Value = Wish> {
    (0..LOCKS.len(), token(), to()).prop_map(|(lock, token, to)| Wish::Transfer { lock, token, to })
}

fn break_lock() -> impl Strategy<Value = Wish> {
    let grace_ms = prop_oneof![Just(None), Just(Some(0)), Just(Some(50)), Just(Some(u32::MAX))];
    let ask = grace_ms.prop_map(|grace_ms| BreakWay::Ask { grace_ms });
    let way = prop_oneof![3 => ask, 1 => Just(BreakWay::Now)];
    let reason_bytes = prop_oneof![8 => 0..3usize, 1 => Just(255), 1 => Just(256)];
    let rest = (way, to(), reason_bytes);
    (0..LOCKS.len(), prop::option::weighted(0.6, token()), rest).prop_map(
        |(lock, token, (way, to, reason_bytes))| Wish::Break { lock, token, way, to, reason_bytes },
    )
}

/// What many owners ask for who get in each other's way, and hand on what they have.
pub fn crowding() -> impl Strategy<Value = Wish> {
    let lock = (0..LOCKS.len()).prop_flat_map(|lock| (Just(lock), kind(lock)));
    let also = prop_oneof![4 => Just(vec![]), 1 => prop::collection::vec(0..LOCKS.len(), 1..3)];
    let acquire = (lock, also, 1..4u64).prop_map(|((lock, kind), also, owner)| {
        let (delay_ms, try_only) = (0, false);
        Wish::Acquire { lock, also, kind, owner, delay_ms, try_only }
    });
    let release = (0..LOCKS.len()).prop_map(|lock| Wish::Release { lock, token: 0 });
    let close = Just(Wish::Close);
    prop_oneof![30 => acquire, 15 => transfer(), 9 => break_lock(), 6 => release, 1 => close]
}

pub fn wish() -> impl Strategy<Value = Wish> {
    let lock = 0..LOCKS.len();
    prop_oneof![
        12 => acquire(),
        6 => (lock, prop_oneof![4 => Just(0), 1 => 1..9u64])
            .prop_map(|(lock, token)| Wish::Release { lock, token }),
        4 => (0..20u64).prop_map(|acquire| Wish::Withdraw { acquire }),
        1 => Just(Wish::Close),
        2 => proclaim(),
        4 => transfer(),
        4 => break_lock(),
    ]
}
