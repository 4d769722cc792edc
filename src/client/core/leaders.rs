//! The leader by the hints of open links: that of the highest term named.
//!
//! A node's hint about itself always counts. Hints of others about a node that failed us, or denied
//! leading, do not count for a while, so that an unreachable leader does not hide a reachable one.
//! If no other node leads, it is dialed all the same. No argument of safety rests on hints.

use crate::base::{NodeId, Sample, Term};
use crate::wire::LeaderHint;
use std::collections::BTreeMap;
use std::time::Duration;

/// Leaders that failed us, and the newest term heard of.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaders {
    /// Hints of others about these terms do not count until then.
    distrusted: BTreeMap<NodeId, (Term, u64)>,
    /// The highest term with a named leader.
    newest: Term,
}

/// The leader that one node names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    pub(super) term: Term,
    pub(super) node: NodeId,
    pub(super) address: &'a str,
    by: By,
}

/// The source of a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Itself,
    Another,
}

/// Whether a named leader may be home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// No: it may only be dialed.
    Distrusted,
    /// Yes.
    Trusted,
}

impl<'a> Named<'a> {
    /// The leader that the node `speaker` names, if any.
    pub(super) fn by(speaker: NodeId, hint: &'a LeaderHint) -> Option<Self> {
        let (node, address) = hint.leader.as_ref()?;
        let by = if *node == speaker { By::Itself } else { By::Another };
        Some(Self { term: hint.term, node: *node, address, by })
    }
}

impl Leaders {
    /// Distrusts a leader of `term` that failed us, or denies leading.
    pub(super) fn distrust(&mut self, now: &Sample, node: NodeId, term: Term) {
        self.distrusted.insert(node, (term, now.hint(DISTRUST)));
    }

    /// Trusts hints about a node that says it leads.
    pub(super) fn trust(&mut self, node: NodeId) {
        self.distrusted.remove(&node);
    }

    pub(super) fn handle_deadline(&mut self, now: &Sample) {
        self.distrusted.retain(|_, (_, until)| now.boot() < *until);
    }

    /// When the next distrust ends.
    pub(super) fn next_deadline(&self) -> u64 {
        self.distrusted.values().map(|(_, until)| *until).min().unwrap_or(u64::MAX)
    }

    /// The trusted leader of the highest term; if there is none, the leader of the highest term.
    pub(super) fn best<'a>(
        &self,
        now: &Sample,
        named: impl Iterator<Item = Named<'a>>,
    ) -> Option<(Trust, Named<'a>)> {
        named
            .map(|one| (self.trust_in(now, &one), one))
            .max_by_key(|(trust, one)| (*trust, one.term))
    }

    fn trust_in(&self, now: &Sample, named: &Named<'_>) -> Trust {
        let distrusted = self.distrusted.get(&named.node);
        let is_of = |(at_most, until): &(Term, u64)| named.term <= *at_most && now.boot() < *until;
        if named.by == By::Another && distrusted.is_some_and(is_of) {
            Trust::Distrusted
        } else {
            Trust::Trusted
        }
    }

    /// Whether a leader of `term` is news: no leader of so high a term was named before. Once for
    /// each term.
    pub(super) fn take_news(&mut self, term: Term) -> bool {
        let is_news = self.newest < term;
        self.newest = self.newest.max(term);
        is_news
    }
}

/// How long hints of others about a failed leader do not count, unless its term rises.
const DISTRUST: Duration = Duration::from_secs(1);
