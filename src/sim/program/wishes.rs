//! Wishes of programs: which locks, of which kind, one or two at once, by which owner.

use crate::base::limits::NAME_BYTES_MAX;
use crate::base::rng::Rng;
use crate::client::core::{AcquireCall, Wait};
use crate::lock::{Mode, Name};
use crate::sim::checkers::search::Holders;
use crate::sim::checkers::share::Share;
use crate::wire::Query;
use std::collections::BTreeMap;

/// The locks of a run, and what they are.
#[derive(Clone, Debug)]
pub struct Wishes {
    locks: BTreeMap<Name, Kind>,
    /// Whether any lock is asked for as any kind: then some acquires are refused.
    mixes: bool,
    /// How long the values are.
    value_bytes: usize,
    /// How many names an acquire may ask for.
    names_max: u64,
    /// Whether some reads are of a list of locks.
    are_listed: bool,
}

/// Kind of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Lock,
    ReadersAndWriters,
    /// A semaphore of so many permits.
    Semaphore(u32),
}

/// Options of a program's acquire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wished {
    /// One lock, or two.
    pub names: Vec<Name>,
    /// How much of each.
    pub share: Share,
    /// The owner.
    pub owner: u64,
}

impl Wishes {
    /// For so many locks.
    #[must_use]
    pub fn draw(rng: &mut Rng, locks: u64, value_bytes: usize) -> Self {
        let locks = (0..locks).map(|number| (lock_name(number), Kind::draw(rng))).collect();
        Self { locks, mixes: rng.chance(1, 5), value_bytes, names_max: 2, are_listed: false }
    }

    /// So many exclusive locks.
    #[must_use]
    pub fn plain(locks: u64, value_bytes: usize) -> Self {
        let locks = (0..locks).map(|number| (lock_name(number), Kind::Lock)).collect();
        Self { locks, mixes: false, value_bytes, names_max: 2, are_listed: false }
    }

    /// More locks, and acquires of up to so many names.
    #[must_use]
    pub fn widened(mut self, rng: &mut Rng, locks: u64, names_max: u64) -> Self {
        let kind = Kind::draw(rng);
        for number in self.locks()..locks {
            let kind = if rng.chance(3, 4) { kind } else { Kind::draw(rng) };
            self.locks.insert(lock_name(number), kind);
        }
        Self { names_max, ..self }
    }

    /// Whether any lock is asked for as any kind.
    #[must_use]
    pub fn are_mixed(&self) -> bool {
        self.mixes
    }

    /// The same locks under names that are as long as they may be.
    #[must_use]
    pub fn lengthened(self) -> Self {
        let locks = self.locks.into_iter().map(|(name, kind)| (long_name(&name), kind)).collect();
        Self { locks, ..self }
    }

    /// Whether so many are asked for at once that a look at all that wait is long.
    #[must_use]
    pub fn are_wide(&self) -> bool {
        self.names_max > WIDE
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

    /// Draws any acquire.
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

    /// Some reads are of a list of locks from now on.
    pub fn list(&mut self) {
        self.are_listed = true;
    }

    /// A read of who has a lock, or of a list.
    pub fn draw_read(&self, rng: &mut Rng) -> Query {
        if self.are_listed && rng.chance(1, 3) {
            let prefix = if rng.chance(1, 2) { String::new() } else { "lock-".to_owned() };
            let after = rng.chance(1, 3).then(|| self.draw_name(rng));
            let limit = u32::try_from(rng.between(1, 6)).expect("few");
            return Query::Locks { prefix, after, limit };
        }
        Query::Lock { name: self.draw_name(rng) }
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.locks.keys()
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
        let more = if self.names_max > 2 { rng.between(1, self.names_max - 1) } else { 1 };
        let mut drawn = Vec::new();
        while (drawn.len() as u64) < more && !others.is_empty() {
            drawn.push(others.swap_remove(place(rng.below(others.len() as u64))));
        }
        drawn
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
    /// The acquire behind `call`.
    #[must_use]
    pub fn of(call: &AcquireCall) -> Self {
        let names = [call.name.clone()].into_iter().chain(call.also.iter().cloned()).collect();
        let AcquireCall { limit, mode, permits, owner, .. } = *call;
        Self { names, share: Share { limit, is_shared: mode == Mode::Shared, permits }, owner }
    }
}

fn lock_name(number: u64) -> Name {
    Name::try_from(format!("lock-{number}")).expect("a short name")
}

fn long_name(name: &Name) -> Name {
    let tail = "-".repeat(NAME_BYTES_MAX - name.as_str().len());
    Name::try_from(format!("{}{tail}", name.as_str())).expect("a name of the largest length")
}

fn place(number: u64) -> usize {
    usize::try_from(number).expect("few locks")
}

/// Beyond that many names in an acquire, a state is large.
const WIDE: u64 = 8;
