//! Who leads, as far as open links say: the leader of the highest term that somebody names.
//!
//! What a node says of itself counts always. What others say of a node that failed us, or denied it, does not count for
//! a while, so that a leader that cannot be reached hides none that can. Where nobody else leads it is dialed all the
//! same. No argument of safety rests on any of it.

use crate::base::{NodeId, Sample, Term};
use crate::wire::LeaderHint;
use std::collections::BTreeMap;
use std::time::Duration;

/// Leaders that failed us, and what was heard of last.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaders {
    /// Hints of others of these terms do not count until then.
    distrusted: BTreeMap<NodeId, (Term, u64)>,
    /// The highest term of which a leader was named.
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

/// Who names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Itself,
    Another,
}

/// Whether a leader that is named may be home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// It is worth a dial.
    Distrusted,
    /// It is.
    Trusted,
}

impl<'a> Named<'a> {
    /// What the node `speaker` says, if it names anybody.
    pub(super) fn by(speaker: NodeId, hint: &'a LeaderHint) -> Option<Self> {
        let (node, address) = hint.leader.as_ref()?;
        let by = if *node == speaker { By::Itself } else { By::Another };
        Some(Self { term: hint.term, node: *node, address, by })
    }
}

impl Leaders {
    /// A leader of `term` failed us, or denies it.
    pub(super) fn distrust(&mut self, now: &Sample, node: NodeId, term: Term) {
        self.distrusted.insert(node, (term, now.hint(DISTRUST)));
    }

    /// A node says that it leads: others may say so too.
    pub(super) fn trust(&mut self, node: NodeId) {
        self.distrusted.remove(&node);
    }

    pub(super) fn handle_deadline(&mut self, now: &Sample) {
        self.distrusted.retain(|_, (_, until)| now.boot() < *until);
    }

    /// When somebody is trusted again.
    pub(super) fn next_deadline(&self) -> u64 {
        self.distrusted.values().map(|(_, until)| *until).min().unwrap_or(u64::MAX)
    }

    /// The one of the highest term that may be home; if there is none, the one of the highest term.
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

    /// Whether a leader of `term` is news: none of so late a term was named before. Once for each term.
    pub(super) fn take_news(&mut self, term: Term) -> bool {
        let is_news = self.newest < term;
        self.newest = self.newest.max(term);
        is_news
    }
}

/// How long others are not believed that name a leader that failed us, unless it rises in term.
const DISTRUST: Duration = Duration::from_secs(1);
