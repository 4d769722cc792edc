//! What the logs say, in the form that the checks read: names as numbers, events paired to intervals.
//!
//! Ten million lines must fit into memory, so an interval is some tens of bytes and knows its line by number.

use super::orders::Orders;
use super::rights::Change;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Everything that was read.
#[derive(Debug, Default)]
pub struct History {
    /// The logs, in the order in which they were given.
    pub files: Vec<PathBuf>,
    /// Boots of machines: stamps of two of them cannot be compared.
    pub boots: Names,
    /// Who logged.
    pub clients: Names,
    /// On whose behalf.
    pub principals: Names,
    /// Locks, elections and semaphores.
    pub locks: Names,
    /// Resources.
    pub resources: Names,
    /// What was believed.
    pub beliefs: Vec<Belief>,
    /// Who waited.
    pub waits: Vec<Wait>,
    /// What resources that look at tokens decided, each resource's in its own order.
    pub writes: Vec<Write>,
    /// What was asked about grants, and done with them.
    pub orders: Orders,
    /// Which rights were taken away and given, each principal's in its own order.
    pub rights: Vec<Change>,
    /// What observers were told, each observer's in its own order.
    pub sightings: Vec<Sighting>,
    /// What was done to the cluster.
    pub marks: Vec<Mark>,
    /// Writes that resources without tokens took.
    pub unchecked: u64,
    /// Writes of others that those undid.
    pub unchecked_undid: u64,
    /// Lines read.
    pub lines: u64,
    /// Last lines that were cut off when their writer was killed.
    pub cut_lines: u64,
}

/// Names as small numbers.
#[derive(Debug, Default)]
pub struct Names {
    numbers: BTreeMap<String, u32>,
    names: Vec<String>,
}

/// A line of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Which log, counted from 0.
    pub file: u32,
    /// Which line, counted from 1.
    pub line: u32,
}

/// One grant, and how long it was believed in for sure: at `from` and at `until` it stood.
#[derive(Clone, Copy, Debug)]
pub struct Belief {
    pub boot: u32,
    pub lock: u32,
    pub client: u32,
    pub share: Share,
    pub token: u64,
    pub from: u64,
    pub until: u64,
    pub granted: Source,
    pub ended: Source,
    /// On whose behalf, if that was logged.
    pub principal: Option<u32>,
    /// How many locks were granted in the same step.
    pub names: u32,
    /// The TTL of its session, and the delay that it leaves when that expires; 0: none that was logged.
    pub ttl_ms: u32,
    pub delay_ms: u32,
    /// Up to here it would have stood, had nobody ended it; 0: not logged.
    pub stands_to: u64,
    pub fate: Fate,
}

/// What became of a grant, as far as its client said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    #[default]
    Open,
    /// Its client ended it, or saw that it had ended.
    Ended,
    /// Its client was no more at that instant, and had not ended it.
    Gone { at: u64 },
}

/// How much of a lock a grant takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// All of it.
    Exclusive,
    /// Its place beside other readers.
    Shared,
    /// So many permits of so many.
    Counted { permits: u32, limit: u32 },
}

/// A client that wanted a lock.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    pub boot: u32,
    pub lock: u32,
    pub client: u32,
    pub from: u64,
    /// When it was granted, gave up, or was gone; `None`: not before its log's end.
    pub until: Option<u64>,
    pub outcome: Outcome,
    /// On whose behalf, if that was logged.
    pub principal: Option<u32>,
    /// In which session it began, if that was logged.
    pub session: Option<u64>,
    /// Whether it was granted in that session. Else a grant may have gone by unheard: in a session that ended, the client
    /// goes on waiting in the next one.
    pub was_heard: bool,
    pub source: Source,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It did not, or its client was gone.
    #[default]
    Open,
    Granted,
    GaveUp,
    /// It gave up since it may not have the lock.
    Denied,
}

/// A resource's decision.
#[derive(Clone, Copy, Debug)]
pub struct Write {
    pub resource: u32,
    pub token: u64,
    pub accepted: bool,
    pub overwrote: u64,
    pub source: Source,
}

/// What an observer was told.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    pub client: u32,
    pub lock: u32,
    /// When, if that was logged, and on whose behalf.
    pub at: Option<u64>,
    pub principal: Option<u32>,
    pub boot: u32,
    pub told: Told,
    pub source: Source,
}

/// In it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing yet: it begins to follow.
    Begin,
    /// Nobody holds it.
    Vacant { missed: Option<u64> },
    /// The grant of this token holds it, whose client is this one if it said so.
    Holder { token: u64, client: Option<u32>, missed: Option<u64> },
}

/// An instant at which something began to be done to the cluster, or nothing was any more.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pub boot: u32,
    pub at: u64,
    pub turn: Turn,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    Struck,
    Healed,
}

impl Share {
    /// Whether grants of the two cannot stand at the same time, whoever else holds the lock.
    #[must_use]
    pub fn excludes(self, other: Self) -> bool {
        match (self, other) {
            (Self::Shared, Self::Shared) => false,
            (
                Self::Counted { permits, limit },
                Self::Counted { permits: others, limit: others_limit },
            ) => u64::from(permits) + u64::from(others) > u64::from(limit.min(others_limit)),
            _ => true,
        }
    }
}

impl Names {
    /// The number of `name`, a new one if it has none.
    ///
    /// # Panics
    /// There are more than 2³² names.
    pub fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).expect("fewer than 2^32 names");
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// The name of `number`.
    #[must_use]
    pub fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.names.len()
    }
}

impl History {
    /// "log:line", for people.
    #[must_use]
    pub fn place(&self, source: Source) -> String {
        format!("{}:{}", self.files[source.file as usize].display(), source.line)
    }

    /// "client under token n", for people.
    #[must_use]
    pub fn whose(&self, belief: &Belief) -> String {
        format!("{} under token {}", self.clients.name(belief.client), belief.token)
    }

    /// "client under token n from t (file:line)".
    #[must_use]
    pub fn beginning(&self, belief: &Belief) -> String {
        format!("{} from {} ({})", self.whose(belief), belief.from, self.place(belief.granted))
    }

    /// "until t (file:line)".
    #[must_use]
    pub fn end(&self, belief: &Belief) -> String {
        format!("until {} ({})", belief.until, self.place(belief.ended))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number() {
        let mut names = Names::default();
        let first = names.number("a");
        assert_ne!(names.number("b"), first);
        assert_eq!((names.number("a"), names.name(first), names.count()), (first, "a", 2));
    }

    #[test]
    fn what_fits_into_a_lock_together_excludes_nothing() {
        let counted = |permits| Share::Counted { permits, limit: 3 };
        assert!(!Share::Shared.excludes(Share::Shared));
        assert!(Share::Shared.excludes(Share::Exclusive) && Share::Exclusive.excludes(counted(1)));
        assert!(!counted(1).excludes(counted(2)) && counted(2).excludes(counted(2)));
    }
}
