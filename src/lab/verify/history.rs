//! The history in the logs, as the checks read it: names as numbers, events paired to intervals.
//!
//! Ten million lines must fit into memory, so an interval is some tens of bytes and knows its line by number.

use super::orders::Orders;
use super::rights::Change;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The content of all logs.
#[derive(Debug, Default)]
pub struct History {
    /// The logs, in the order of the command line.
    pub files: Vec<PathBuf>,
    /// Boots of machines: stamps of different boots cannot be compared.
    pub boots: Names,
    /// The clients that logged.
    pub clients: Names,
    /// The principals of clients.
    pub principals: Names,
    /// Locks, elections and semaphores.
    pub locks: Names,
    /// Resources.
    pub resources: Names,
    /// Beliefs in grants.
    pub beliefs: Vec<Belief>,
    /// Waits for locks.
    pub waits: Vec<Wait>,
    /// Decisions of resources that check tokens, in each resource's own order.
    pub writes: Vec<Write>,
    /// Validations, hand-overs and breaks of grants.
    pub orders: Orders,
    /// Rights taken away and given, in each principal's own order.
    pub rights: Vec<Change>,
    /// Sightings of observers, in each observer's own order.
    pub sightings: Vec<Sighting>,
    /// Strokes of nemeses, and healings.
    pub marks: Vec<Mark>,
    /// Writes accepted by resources without tokens.
    pub unchecked: u64,
    /// Writes of others that those writes undid.
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
    /// The log, counted from 0.
    pub file: u32,
    /// The line, counted from 1.
    pub line: u32,
}

/// A belief in a grant, which surely stood from `from` to `until`.
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
    /// The client's principal, if it was logged.
    pub principal: Option<u32>,
    /// How many locks were granted in the same step.
    pub names: u32,
    /// The TTL of its session, and the lock delay; 0: none was logged.
    pub ttl_ms: u32,
    pub delay_ms: u32,
    /// How long the lease would have stood, had nobody ended it; 0: not logged.
    pub stands_to: u64,
    pub fate: Fate,
}

/// The fate of a grant, as far as its client logged it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    #[default]
    Open,
    /// The client ended it, or saw its end.
    Ended,
    /// The client was gone at that instant, and had not ended it.
    Gone { at: u64 },
}

/// How much of a lock a grant takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// All of it.
    Exclusive,
    /// A reader's share.
    Shared,
    /// Permits of a semaphore.
    Counted { permits: u32, limit: u32 },
}

/// A client that wanted a lock.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    pub boot: u32,
    pub lock: u32,
    pub client: u32,
    pub from: u64,
    /// When the client was granted the lock, gave up, or was gone; `None`: not before its log's
    /// end.
    pub until: Option<u64>,
    pub outcome: Outcome,
    /// The client's principal, if it was logged.
    pub principal: Option<u32>,
    /// The session in which the wait began, if it was logged.
    pub session: Option<u64>,
    /// Whether it was granted in that session. Else the client may have missed a grant in a session
    /// that ended, and waited on in the next one.
    pub was_heard: bool,
    pub source: Source,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// The wait did not end, or its client was gone.
    #[default]
    Open,
    Granted,
    GaveUp,
    /// The client gave up, since it lacks the right.
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

/// A sighting of an observer.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    pub client: u32,
    pub lock: u32,
    /// When, if it was logged; then the observer's principal.
    pub at: Option<u64>,
    pub principal: Option<u32>,
    pub boot: u32,
    pub told: Told,
    pub source: Source,
}

/// The content of a sighting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The observer begins to follow.
    Begin,
    /// Nobody holds it.
    Vacant { missed: Option<u64> },
    /// The grant of this token holds it; its client, if it was logged.
    Holder { token: u64, client: Option<u32>, missed: Option<u64> },
}

/// The instant of a nemesis' stroke or of a healing.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pub boot: u32,
    pub at: u64,
    pub turn: Turn,
}

/// A stroke or a healing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    Struck,
    Healed,
}

impl Share {
    /// Whether grants of the two shares can never stand at the same time.
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

    /// The number of names.
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
