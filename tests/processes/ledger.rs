//! Checks that no acknowledgement outruns the syncs that it rests on (O4, safety R6, R7, W1).
//!
//! It follows three disks through the facts of all nodes, in the order of their times: what is durable is
//! what was written to a file before a sync of that file that succeeded.

use crate::facts::{Change, Fact, Origin, Vote};
use std::collections::{BTreeMap, BTreeSet};
use tenure::base::{Index, NodeId, Term};

/// How many acknowledgements were checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Of appends, by followers.
    pub appends: usize,
    /// Votes for others.
    pub votes: usize,
    /// Terms that a node led.
    pub leaderships: usize,
    /// Answers to clients.
    pub answers: usize,
}

/// Checks all facts, which are in the order of their times.
///
/// # Errors
/// The first acknowledgement that was not covered.
pub fn check(facts: &[(u64, NodeId, Fact)]) -> Result<Tally, String> {
    let mut disks: BTreeMap<NodeId, Disk> = BTreeMap::new();
    let mut tally = Tally::default();
    let mut led = BTreeSet::new();
    for (nanos, node, fact) in facts {
        disks.entry(*node).or_default().take(fact);
        let disk = &disks[node];
        let is_covered = match fact {
            Fact::Accepted { matched } => {
                tally.appends += 1;
                disk.is_durable_to(*matched)
            }
            Fact::Voted(vote) => {
                tally.votes += 1;
                disk.votes.contains(vote)
            }
            Fact::Led { term } => {
                tally.leaderships += usize::from(led.insert((*node, *term)));
                disk.votes.contains(&Vote { term: *term, candidate: *node })
            }
            Fact::Answered(origin) => {
                tally.answers += 1;
                disk.durable_entries(*origin).any(|entry| is_on_quorum(&disks, entry))
            }
            Fact::Started | Fact::Logged { .. } | Fact::Elected { .. } | Fact::Synced { .. } => {
                true
            }
        };
        if !is_covered {
            return Err(format!("at {nanos} node {node} said {fact:?}, its disk is {disk:?}"));
        }
    }
    Ok(tally)
}

/// Two of three have it durably.
fn is_on_quorum(disks: &BTreeMap<NodeId, Disk>, (index, term): (Index, Term)) -> bool {
    let has = |disk: &&Disk| disk.is_durable_to(index) && disk.entries[&index].term == term;
    disks.values().filter(has).count() >= 2
}

/// What one node's disk surely holds, and what it may lose.
#[derive(Default)]
struct Disk {
    /// Durable entries, contiguous from index 1.
    entries: BTreeMap<Index, Entry>,
    /// At which indices entries of each origin were, if they still are.
    places: BTreeMap<Origin, Vec<Index>>,
    /// Written to a file and not synced, in order.
    unsynced: Vec<(String, Change)>,
    /// Votes that were durable at some time.
    votes: BTreeSet<Vote>,
    unsynced_votes: Vec<Vote>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    term: Term,
    origin: Origin,
}

impl Disk {
    fn take(&mut self, fact: &Fact) {
        match fact {
            // What was not synced it has to write again, if it finds it.
            Fact::Started => {
                self.unsynced.clear();
                self.unsynced_votes.clear();
            }
            Fact::Logged { file, change } => self.unsynced.push((file.clone(), change.clone())),
            Fact::Elected { vote, .. } => self.unsynced_votes.push(*vote),
            Fact::Synced { file } if file == "hard-state" => {
                self.votes.extend(self.unsynced_votes.drain(..));
            }
            Fact::Synced { file } => {
                let synced: Vec<_> =
                    self.unsynced.extract_if(.., |(written, _)| written == file).collect();
                synced.into_iter().for_each(|(_, change)| self.apply(&change));
            }
            Fact::Accepted { .. } | Fact::Voted(_) | Fact::Led { .. } | Fact::Answered(_) => {}
        }
    }

    fn apply(&mut self, change: &Change) {
        self.entries.split_off(&change.first());
        if let Change::Append { index, term, origin } = change {
            let last = self.entries.last_key_value().map_or(Index(0), |(last, _)| *last);
            assert_eq!(*index, last.next(), "the log on disk has a gap");
            self.entries.insert(*index, Entry { term: *term, origin: *origin });
            self.places.entry(*origin).or_default().push(*index);
        }
    }

    /// Whether all entries to `index` are durable, and nothing unsynced replaces one of them.
    fn is_durable_to(&self, index: Index) -> bool {
        let last = self.entries.last_key_value().map_or(Index(0), |(last, _)| *last);
        index <= last && self.unsynced.iter().all(|(_, change)| change.first() > index)
    }

    fn durable_entries(&self, origin: Origin) -> impl Iterator<Item = (Index, Term)> {
        let places = self.places.get(&origin).into_iter().flatten();
        let standing = places.filter_map(move |index| {
            let entry = self.entries.get(index).filter(|entry| entry.origin == origin)?;
            Some((*index, entry.term))
        });
        standing.filter(|(index, _)| self.is_durable_to(*index))
    }
}

impl Change {
    /// The first index that it changes.
    fn first(&self) -> Index {
        match self {
            Self::Append { index, .. } | Self::TruncateFrom(index) => *index,
        }
    }
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let last = self.entries.last_key_value();
        let Self { unsynced, votes, unsynced_votes, .. } = self;
        write!(f, "durable to {last:?}, behind it {unsynced:?}, {votes:?}, {unsynced_votes:?}")
    }
}
