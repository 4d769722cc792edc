//! O3: one leader per term; matching logs; leaders with all committed entries; commits that last (Raft §5, figure 3;
//! safety R1–R5, R8).
//!
//! The checker follows each node's log from step to step and keeps a ledger of committed entries, by index, term and
//! contents. A snapshot at a node must stand for committed entries. From the entries the checker knows which members
//! each node has in force (R12).

use super::Violation;
use super::begun::check_begun;
use super::members::Members;
use crate::base::{Index, NodeId, Term, checksum};
use crate::raft::{Entry, EntryKind, Raft, Role};
use std::collections::BTreeMap;

/// Logs, terms and votes as seen at all nodes.
#[derive(Debug)]
pub struct Consensus {
    leaders: BTreeMap<Term, NodeId>,
    /// Entry seen at (index, term) at any node: its contents, and the term of the entry before.
    seen: BTreeMap<(Index, Term), Print>,
    committed: Vec<Print>,
    founding: Members,
    /// The members that entries put in force.
    members: BTreeMap<(Index, Term), Members>,
    nodes: BTreeMap<NodeId, Shadow>,
    /// The last entry with members in the log of each node that is down.
    left: BTreeMap<NodeId, (Index, Term)>,
}

/// Identity of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print {
    term: Term,
    contents: u32,
    previous: Term,
    /// The last entry up to here that puts members in force; 0 for the founding.
    members: Index,
}

/// One node as it was last seen.
#[derive(Debug, Default)]
struct Shadow {
    log: Vec<Print>,
    term: Term,
    commit: Index,
    leads: Option<Term>,
    /// Number of committed entries found in its log since it leads.
    complete_to: usize,
    /// The entry that its newest snapshot stands for.
    snapshot: Index,
    /// The entries whose members were in force at some time of its last step.
    acting: Vec<Option<(Index, Term)>>,
}

impl Shadow {
    /// Whether the node is as it was last seen: most steps change nothing of what is looked at here. Logs that end with
    /// the same index and term are the same, or a look before has failed. A leader must have all `committed`.
    fn is_up_to_date(&self, raft: &Raft, committed: usize) -> bool {
        let end = to_position(raft.last_index());
        let leads = (raft.role() == Role::Leader).then_some(raft.term());
        (self.term, self.commit, self.leads) == (raft.term(), raft.commit(), leads)
            && self.snapshot == raft.snapshot_index()
            && self.log.len() == end
            && self.log.last().map(|last| last.term) == term_at(raft, end)
            && (leads.is_none() || self.complete_to == committed)
    }
}

/// Findings of one look at a node.
#[derive(Debug, Default)]
pub struct News {
    /// The node leads since this look.
    pub elected: bool,
    /// Entries that nobody had before.
    pub entries: Vec<Entry>,
    /// A snapshot took the place of its log since this look, and what that had become.
    pub installed: Option<Installed>,
    /// A membership was cut off with the end of its log.
    pub members_truncated: bool,
}

/// How a node went on from a leader's snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installed {
    /// Its log behind the snapshot was kept.
    SuffixKept,
    /// The log started over.
    LogReset,
}

impl Consensus {
    /// For nodes 1 to `nodes`, all of them empty.
    #[must_use]
    pub fn new(nodes: u64) -> Self {
        Self {
            leaders: BTreeMap::new(),
            seen: BTreeMap::new(),
            committed: Vec::new(),
            founding: Members::founding(nodes),
            members: BTreeMap::new(),
            nodes: BTreeMap::new(),
            left: BTreeMap::new(),
        }
    }

    /// The log of a restored cluster begins behind the entry at `index`.
    pub fn begin_behind(&mut self, index: Index, term: Term) {
        let print = Print { term, contents: 0, previous: term, members: Index(0) };
        self.committed = vec![print; to_position(index)];
    }

    /// Looks at a node after one of its steps.
    ///
    /// # Errors
    /// A contradiction to something seen before.
    pub fn observe(&mut self, node: NodeId, raft: &Raft) -> Result<News, Violation> {
        let (shadow, committed) = (self.nodes.get_mut(&node), self.committed.len());
        if let Some(shadow) = shadow.filter(|shadow| shadow.is_up_to_date(raft, committed)) {
            shadow.acting.clear();
            shadow.acting.push(entry_of_members(&shadow.log));
            return Ok(News::default());
        }
        self.left.remove(&node);
        let installed = self.follow_snapshot(node, raft)?;
        let before = self.nodes.get(&node).and_then(|shadow| entry_of_members(&shadow.log));
        let mut news = News { entries: self.follow_log(node, raft)?, installed, ..News::default() };
        news.members_truncated = before.is_some_and(|entry| {
            let print = self.nodes[&node].log.get(to_position(entry.0) - 1);
            print.is_none_or(|print| (print.members, print.term) != entry)
        });
        let led_before = self.nodes[&node].leads == Some(raft.term());
        if raft.role() == Role::Leader {
            self.check_leader(node, raft.term(), led_before)?;
            news.elected = !led_before;
        }
        self.check_commit(node, raft, led_before)?;
        for entry in &news.entries {
            let first = self.nodes[&node].log.partition_point(|print| print.term < entry.term);
            check_begun(entry, first, self.committed.get(first).map(|known| known.term))?;
        }
        let shadow = self.nodes.entry(node).or_default();
        if raft.term() < shadow.term {
            let what =
                format!("node {node} went from term {} back to {}", shadow.term, raft.term());
            return violation(what);
        }
        shadow.term = raft.term();
        shadow.leads = (raft.role() == Role::Leader).then_some(raft.term());
        Ok(news)
    }

    /// The node's process has ended: knowledge that was only in memory may be gone.
    pub fn forget(&mut self, node: NodeId) {
        let shadow = self.nodes.remove(&node);
        if let Some(entry) = shadow.and_then(|shadow| entry_of_members(&shadow.log)) {
            self.left.insert(node, entry);
        }
    }

    /// How many entries are known to be committed.
    #[must_use]
    pub fn committed(&self) -> Index {
        Index(self.committed.len() as u64)
    }

    /// The term of the committed entry at `index`.
    #[must_use]
    pub fn committed_term(&self, index: Index) -> Option<Term> {
        let position = usize::try_from(index.0.checked_sub(1)?).ok()?;
        self.committed.get(position).map(|print| print.term)
    }

    /// The memberships in force at the node at some time of its last step, committed or not: it may have counted a
    /// commit before or after a change.
    pub fn acting_members(&self, node: NodeId) -> impl Iterator<Item = &Members> {
        let acting = self.nodes.get(&node).into_iter().flat_map(|shadow| &shadow.acting);
        acting.map(|entry| entry.map_or(&self.founding, |entry| &self.members[&entry]))
    }

    /// The members in force for good.
    #[must_use]
    pub fn committed_members(&self) -> &Members {
        self.members_at(&self.committed)
    }

    /// The entry that put them there.
    #[must_use]
    pub fn committed_members_index(&self) -> Index {
        self.committed.last().map_or(Index(0), |last| last.members)
    }

    /// The members that the committed entry at `index` put in force; 0 is the founding.
    #[must_use]
    pub fn members_by(&self, index: Index) -> &Members {
        self.members_at(&self.committed[..to_position(index)])
    }

    /// All members that may yet come to be in force: the committed ones, and those behind them in any log, of
    /// nodes that are down too.
    pub fn possible_members(&self) -> impl Iterator<Item = &Members> {
        let newest = self.committed_members_index();
        let ends = self.nodes.values().filter_map(|shadow| entry_of_members(&shadow.log));
        let ends = ends.chain(self.left.values().copied());
        let behind = ends.filter(move |(index, _)| *index > newest);
        behind.map(|entry| &self.members[&entry]).chain([self.committed_members()])
    }

    /// The last entry before `index` in the node's log that puts members in force; 0 is the founding.
    #[must_use]
    pub fn members_before(&self, node: NodeId, index: Index) -> Index {
        let log = self.nodes.get(&node).map(|shadow| &shadow.log[..to_position(index) - 1]);
        log.and_then(|log| log.last()).map_or(Index(0), |print| print.members)
    }

    fn members_at(&self, log: &[Print]) -> &Members {
        entry_of_members(log).map_or(&self.founding, |entry| &self.members[&entry])
    }

    /// Checks that a snapshot stands for committed entries. A snapshot that the node's log does not go through has
    /// replaced the log.
    fn follow_snapshot(
        &mut self,
        node: NodeId,
        raft: &Raft,
    ) -> Result<Option<Installed>, Violation> {
        let Some(snapshot) = raft.snapshot() else { return Ok(None) };
        let (index, term) = (snapshot.meta.index, snapshot.meta.term);
        let fresh = !self.nodes.contains_key(&node);
        let shadow = self.nodes.entry(node).or_default();
        let end = to_position(index);
        if shadow.snapshot == index {
            return Ok(None);
        }
        if index < shadow.snapshot {
            let what = format!(
                "node {node} went from the snapshot of {} back to that of {index}",
                shadow.snapshot
            );
            return violation(what);
        }
        shadow.snapshot = index;
        let known = self.committed.get(end.wrapping_sub(1));
        if known.map(|print| print.term) != Some(term) {
            let what = format!(
                "node {node} has a snapshot of {index} in term {term}, committed is {known:?} there"
            );
            return violation(what);
        }
        if shadow.commit >= index {
            return Ok(None);
        }
        let agrees = shadow.log.get(end - 1) == known;
        if !agrees {
            shadow.log = self.committed[..end].to_vec();
        }
        let how = if agrees { Installed::SuffixKept } else { Installed::LogReset };
        Ok((!fresh).then_some(how))
    }

    /// Brings the node's shadow up to date and returns the entries that are new to all.
    fn follow_log(&mut self, node: NodeId, raft: &Raft) -> Result<Vec<Entry>, Violation> {
        let shadow = self.nodes.entry(node).or_default();
        let last = raft.last_index();
        let mut kept = shadow.log.len().min(to_position(last));
        // Same index and term: the same entry, and all before it too, or the check below has failed before.
        let base = to_position(shadow.snapshot);
        while kept > base && term_at(raft, kept) != Some(shadow.log[kept - 1].term) {
            kept -= 1;
        }
        if kept < shadow.log.len() && shadow.leads == Some(raft.term()) {
            let what = format!("the leader {node} of {} shortened its log to {kept}", raft.term());
            return violation(what);
        }
        shadow.acting.clear();
        shadow.acting.push(entry_of_members(&shadow.log));
        shadow.log.truncate(kept);
        let mut new = Vec::new();
        for position in kept + 1..=to_position(last) {
            let entry = raft.entry(Index(position as u64)).expect("a log without gaps");
            let previous = shadow.log.last().map_or(Term(0), |print| print.term);
            let before = shadow.log.last().map_or(Index(0), |print| print.members);
            let changes = entry.header.kind == EntryKind::Membership;
            let members = if changes { entry.index } else { before };
            let print = Print { term: entry.term, contents: contents(entry), previous, members };
            let known = *self.seen.entry((entry.index, entry.term)).or_insert_with(|| {
                new.push(entry.clone());
                print
            });
            if let Some(members) = Members::of_entry(entry) {
                self.members.entry((entry.index, entry.term)).or_insert(members);
            }
            if known != print {
                let what = format!(
                    "node {node} has {print:?} at {}, another node had {known:?}",
                    entry.index
                );
                return violation(what);
            }
            shadow.log.push(print);
            if changes {
                shadow.acting.push(Some((entry.index, entry.term)));
            }
        }
        Ok(new)
    }

    fn check_leader(
        &mut self,
        node: NodeId,
        term: Term,
        led_before: bool,
    ) -> Result<(), Violation> {
        let leader = *self.leaders.entry(term).or_insert(node);
        if leader != node {
            return violation(format!("nodes {leader} and {node} both lead term {term}"));
        }
        let shadow = self.nodes.get_mut(&node).expect("followed");
        // A leader never shortens its log, so what was found once needs no second look.
        let from = if led_before { shadow.complete_to } else { 0 };
        let log = &shadow.log;
        let missing =
            (from..self.committed.len()).rev().find(|at| log.get(*at) != self.committed.get(*at));
        shadow.complete_to = self.committed.len();
        // Entries committed by later leaders are not for this one to have.
        match missing {
            Some(at) if self.committed[at].term <= term => violation(format!(
                "leader {node} of term {term} lacks the committed entry {} of term {}",
                at + 1,
                self.committed[at].term
            )),
            _ => Ok(()),
        }
    }

    fn check_commit(
        &mut self,
        node: NodeId,
        raft: &Raft,
        led_before: bool,
    ) -> Result<(), Violation> {
        let commit = raft.commit();
        let shadow = self.nodes.get_mut(&node).expect("followed");
        let before = std::mem::replace(&mut shadow.commit, commit);
        if commit < before {
            return violation(format!(
                "node {node} took its commit back from {before} to {commit}"
            ));
        }
        for position in to_position(before)..to_position(commit) {
            let Some(own) = shadow.log.get(position) else {
                return violation(format!("node {node} commits {} and lacks it", position + 1));
            };
            match self.committed.get(position) {
                None => self.committed.push(*own),
                Some(known) if known == own => {}
                Some(known) => {
                    let what = format!(
                        "node {node} commits {own:?} at {}, committed was {known:?}",
                        position + 1
                    );
                    return violation(what);
                }
            }
        }
        let leads = raft.role() == Role::Leader && led_before && commit > before;
        if leads && term_at(raft, to_position(commit)) != Some(raft.term()) {
            let what = format!(
                "leader {node} of term {} commits {commit} of an earlier term by counting (R8)",
                raft.term()
            );
            return violation(what);
        }
        Ok(())
    }
}

/// The last entry in `log` that puts members in force.
fn entry_of_members(log: &[Print]) -> Option<(Index, Term)> {
    let index = log.last()?.members;
    Some((index, log[to_position(index).checked_sub(1)?].term))
}

fn violation<T>(what: String) -> Result<T, Violation> {
    Err(Violation::new("O3", what))
}

fn contents(entry: &Entry) -> u32 {
    let kind = [entry.header.format, entry.header.kind as u8];
    checksum::extend(checksum::crc32c(&kind), entry.payload.bytes())
}

fn term_at(raft: &Raft, position: usize) -> Option<Term> {
    raft.entry(Index(position as u64)).map(|entry| entry.term)
}

fn to_position(index: Index) -> usize {
    usize::try_from(index.0).expect("a log in memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::DirectoryId;
    use crate::base::Sample;
    use crate::raft::Membership;
    use crate::raft::{Action, Config, EntryHeader, Event, HardState, Payload, Recovered};
    use std::time::Duration;

    /// A cluster of one that has recovered `payload` as its only entry and leads.
    fn leader(id: u64, term: u64, payload: &[u8]) -> Raft {
        let config = Config {
            id: NodeId(id),
            membership: Membership::founding([(NodeId(id), DirectoryId([1; 16]), String::new())]),
            retained_bytes: 0,
            part_bytes: 64 << 10,
            heartbeat: Duration::from_millis(30),
            election: Duration::from_millis(150),
            peer_down_wait: Duration::from_millis(10),
            log_bytes_max: 1 << 20,
            log_reserve_bytes: 1 << 10,
            seed: 1,
        };
        let header = EntryHeader { format: 1, kind: EntryKind::Command, proposer_unix_ms: 0 };
        let payload = Payload::from(payload.to_vec());
        let entry = Entry { term: Term(1), index: Index(1), header, payload };
        let hard_state = HardState { term: Term(term), vote: None };
        let recovered = Recovered { hard_state, snapshot: None, entries: vec![entry] };
        let mut raft = Raft::new(config, recovered, &Sample::at(0));
        let now = Sample::at(1_000_000_000);
        raft.handle(&now, Event::Deadline);
        for _ in 0..4 {
            for action in raft.take_actions(&now) {
                if let Action::Write(write) = action {
                    raft.handle(&now, Event::Persisted(write.seq));
                }
            }
        }
        assert_eq!((raft.role(), raft.commit()), (Role::Leader, Index(2)));
        raft
    }

    #[test]
    fn one_leader_is_news_once() {
        let mut consensus = Consensus::new(3);
        let raft = leader(1, 1, b"a");
        let news = consensus.observe(NodeId(1), &raft).unwrap();
        assert!(news.elected && news.entries.len() == 2);
        assert_eq!(
            (consensus.committed(), consensus.committed_term(Index(1))),
            (Index(2), Some(Term(1)))
        );
        let news = consensus.observe(NodeId(1), &raft).unwrap();
        assert!(!news.elected && news.entries.is_empty());
    }

    #[test]
    fn two_leaders_of_one_term_are_found() {
        let mut consensus = Consensus::new(3);
        consensus.observe(NodeId(1), &leader(1, 1, b"a")).unwrap();
        let found = consensus.observe(NodeId(2), &leader(2, 1, b"a")).unwrap_err();
        assert!(found.checker == "O3" && found.what.contains("both lead"), "{found}");
    }

    #[test]
    fn logs_that_differ_at_one_index_and_term_are_found() {
        let mut consensus = Consensus::new(3);
        consensus.observe(NodeId(1), &leader(1, 1, b"a")).unwrap();
        let found = consensus.observe(NodeId(2), &leader(2, 5, b"b")).unwrap_err();
        assert!(found.checker == "O3" && found.what.contains("another node had"), "{found}");
    }

    #[test]
    fn a_leader_that_lacks_a_committed_entry_is_found() {
        let mut consensus = Consensus::new(3);
        consensus.observe(NodeId(1), &leader(1, 1, b"a")).unwrap();
        // Same first entry; but at 2, where term 2 committed its no-op, it has one of its own.
        let found = consensus.observe(NodeId(2), &leader(2, 5, b"a")).unwrap_err();
        assert!(found.checker == "O3" && found.what.contains("lacks the committed"), "{found}");
    }

    #[test]
    fn a_leader_that_stands_still_is_looked_at_again_when_others_commit() {
        let mut consensus = Consensus::new(3);
        let raft = leader(1, 1, b"a");
        consensus.observe(NodeId(1), &raft).unwrap();
        let next = *consensus.committed.last().unwrap();
        consensus.committed.push(next);
        let found = consensus.observe(NodeId(1), &raft).unwrap_err();
        assert!(found.what.contains("lacks the committed entry 3"), "{found}");
    }

    #[test]
    fn a_node_that_stands_still_has_only_the_members_of_now() {
        let mut consensus = Consensus::new(3);
        let raft = leader(1, 1, b"a");
        consensus.observe(NodeId(1), &raft).unwrap();
        consensus.nodes.get_mut(&NodeId(1)).unwrap().acting.push(None);
        consensus.observe(NodeId(1), &raft).unwrap();
        assert_eq!(consensus.acting_members(NodeId(1)).count(), 1);
    }
}
