//! What programs ask for: which locks, of which kind, one or several at once, by which owner.

use crate::base::limits::{NAME_BYTES_MAX, NAMES_PER_ACQUIRE_MAX};
use crate::base::rng::Rng;
use crate::client::core::{AcquireCall, Wait};
use crate::lock::{Mode, Name};
use crate::sim::checkers::search::Holders;
use crate::sim::checkers::share::Share;
use std::collections::BTreeMap;

/// The locks of a run, and what they are.
#[derive(Clone, Debug)]
pub struct Wishes {
    locks: BTreeMap<Name, Kind>,
    /// Whether any lock is asked for as any kind: then some acquires are refused.
    mixes: bool,
    /// How long the values are.
    value_bytes: usize,
    /// How many locks are asked for at once at most.
    names_max: usize,
}

/// What a lock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Lock,
    ReadersAndWriters,
    /// Of so many permits.
    Semaphore(u32),
}

/// What an acquire of a program asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wished {
    /// One lock, or several.
    pub names: Vec<Name>,
    /// How much of each.
    pub share: Share,
    /// Whose.
    pub owner: u64,
}

impl Wishes {
    /// For so many locks.
    #[must_use]
    pub fn draw(rng: &mut Rng, locks: u64, value_bytes: usize) -> Self {
        let locks = (0..locks).map(|number| (lock_name(number, 0), Kind::draw(rng))).collect();
        let mixes = rng.chance(1, 5);
        Self { locks, mixes, value_bytes, names_max: 2 }
    }

    /// So many locks that have one holder each.
    #[must_use]
    pub fn plain(locks: u64, value_bytes: usize) -> Self {
        let locks = (0..locks).map(|number| (lock_name(number, 0), Kind::Lock)).collect();
        Self { locks, mixes: false, value_bytes, names_max: 2 }
    }

    /// The same of many locks, of which many are asked for at once; half of them with long names.
    #[must_use]
    pub fn widened(self, rng: &mut Rng) -> Self {
        let bytes = if rng.chance(1, 2) { NAME_BYTES_MAX } else { 0 };
        let count = rng.between(8, 40);
        let kinds = self.locks.values().copied().cycle();
        let locks = (0..count).map(|number| lock_name(number, bytes)).zip(kinds).collect();
        Self { locks, names_max: NAMES_PER_ACQUIRE_MAX, ..self }
    }

    /// Whether any lock is asked for as any kind.
    #[must_use]
    pub fn are_mixed(&self) -> bool {
        self.mixes
    }

    /// Whether many are asked for at once.
    #[must_use]
    pub fn are_wide(&self) -> bool {
        self.names_max > 2
    }

    /// How many locks there are.
    #[must_use]
    pub fn locks(&self) -> u64 {
        self.locks.len() as u64
    }

    /// How many may hold the lock `name` at once.
    #[must_use]
    pub fn holders_of(&self, name: &Name) -> Holders {
        let is_plain = !self.mixes && self.locks.get(name) == Some(&Kind::Lock);
        if is_plain { Holders::One } else { Holders::Several }
    }

    /// A plain acquire of a lock.
    #[must_use]
    pub fn plain_call(&self, lock: u64, wait: Wait) -> AcquireCall {
        let value = vec![7; self.value_bytes];
        AcquireCall { value, ..AcquireCall::lock(self.name(lock), wait) }
    }

    /// Any acquire.
    pub fn draw_call(&self, rng: &mut Rng, wait: Wait) -> AcquireCall {
        let call = self.draw_single(rng, wait);
        let owner = if rng.chance(1, 3) { rng.between(1, 2) } else { 0 };
        let also = if rng.chance(1, 4) { self.draw_others(rng, &call.name) } else { Vec::new() };
        let delay_ms = if rng.chance(1, 5) { rng.between(50, 500) } else { 0 };
        let delay_ms = u32::try_from(delay_ms).expect("below a second");
        AcquireCall { owner, also, delay_ms, ..call }
    }

    /// An acquire of one lock by an owner of its own.
    pub fn draw_single(&self, rng: &mut Rng, wait: Wait) -> AcquireCall {
        let call = self.plain_call(rng.below(self.locks()), wait);
        let kind = if self.mixes { Kind::draw(rng) } else { self.locks[&call.name] };
        match kind {
            Kind::Lock => call,
            Kind::ReadersAndWriters if rng.chance(2, 3) => {
                AcquireCall { mode: Mode::Shared, ..call }
            }
            Kind::ReadersAndWriters => call,
            Kind::Semaphore(limit) => {
                let permits = u32::try_from(rng.between(1, 2)).expect("one or two");
                AcquireCall { limit, permits, ..call }
            }
        }
    }

    /// The name of any lock.
    pub fn draw_name(&self, rng: &mut Rng) -> Name {
        self.name(rng.below(self.locks()))
    }

    fn name(&self, lock: u64) -> Name {
        self.locks.keys().nth(place(lock)).expect("so many locks").clone()
    }

    /// Other locks that can be asked for as `name` is, if there are any.
    fn draw_others(&self, rng: &mut Rng, name: &Name) -> Vec<Name> {
        let kind = self.locks[name];
        let is_other =
            |(other, of): &(&Name, &Kind)| *other != name && (self.mixes || **of == kind);
        let others = self.locks.iter().filter(is_other).map(|(other, _)| other.clone());
        let mut others: Vec<Name> = others.collect();
        let at = place(rng.below(others.len() as u64));
        let count = match self.names_max {
            ..=2 => 1,
            most => place(rng.between(1, most as u64 - 1)),
        };
        if !others.is_empty() {
            others.rotate_left(at);
        }
        others.truncate(count);
        others
    }
}

impl Kind {
    fn draw(rng: &mut Rng) -> Self {
        match rng.below(6) {
            0..=2 => Self::Lock,
            3..=4 => Self::ReadersAndWriters,
            _ => Self::Semaphore(u32::try_from(rng.between(2, 3)).expect("two or three")),
        }
    }
}

impl Wished {
    /// What `call` asks for.
    #[must_use]
    pub fn of(call: &AcquireCall) -> Self {
        let names = [call.name.clone()].into_iter().chain(call.also.iter().cloned()).collect();
        let AcquireCall { limit, mode, permits, owner, .. } = *call;
        Self { names, share: Share { limit, is_shared: mode == Mode::Shared, permits }, owner }
    }
}

/// At least so long.
fn lock_name(number: u64, bytes: usize) -> Name {
    let text = format!("lock-{number}");
    let tail = "-".repeat(bytes.saturating_sub(text.len()));
    Name::try_from(text + &tail).expect("a name that is short enough")
}

fn place(number: u64) -> usize {
    usize::try_from(number).expect("few locks")
}
