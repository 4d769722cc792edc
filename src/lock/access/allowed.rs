//! The rights of one subject by all rules together, as an index: a look-up costs a search among the patterns
//! for the subject, and then at most the depth of the name, however many rules there are.

use super::rules::Rules;
use crate::base::locks::{Name, Who};
use crate::base::{Right, Rights};
use std::collections::BTreeMap;

/// The rights that some patterns of subjects give together.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowed {
    /// The rights to every name.
    every: Rights,
    /// The rights to parts of all names, in the order of the parts.
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    part: Part<Box<str>>,
    /// Its own, and those of all parts that cover it.
    rights: Rights,
    /// The place of the smallest part that covers it; [`NONE`] without one.
    parent: u32,
}

/// A part of all names. In order, a part stands behind all that cover it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::lock) enum Part<T> {
    /// All names that begin so; the text ends with "/".
    Below(T),
    /// One name.
    One(T),
}

impl Part<Box<str>> {
    fn text(&self) -> &str {
        match self {
            Self::Below(text) | Self::One(text) => text,
        }
    }

    fn as_ref(&self) -> Part<&str> {
        match self {
            Self::Below(text) => Part::Below(text),
            Self::One(text) => Part::One(text),
        }
    }

    fn covers(&self, name: &str) -> bool {
        match self {
            Self::Below(prefix) => name.starts_with(&**prefix),
            Self::One(one) => **one == *name,
        }
    }
}

impl Allowed {
    /// The index over all rules of these patterns.
    pub(super) fn of(rules: &Rules, covering: &[&Who]) -> Self {
        let mut every = Rights::NONE;
        // By text; for one text the prefix first.
        let mut all: BTreeMap<(&str, bool), Rights> = BTreeMap::new();
        let mut add = |text, is_one, rights| {
            let before: &mut Rights = all.entry((text, is_one)).or_default();
            *before = before.with(rights);
        };
        for (names, rights) in covering.iter().flat_map(|who| rules.of(who)) {
            if names.is_every() {
                every = every.with(rights);
            } else if let Some(root) = names.as_str().strip_suffix('/') {
                add(names.as_str(), false, rights);
                add(root, true, rights);
            } else if !names.is_of_cluster() {
                add(names.as_str(), true, rights);
            }
        }
        let mut allowed = Self { every, patterns: Vec::with_capacity(all.len()) };
        for ((text, is_one), rights) in all {
            let part = if is_one { Part::One(text.into()) } else { Part::Below(text.into()) };
            allowed.push(part, rights);
        }
        allowed
    }

    /// Appends the next pattern in order: all that cover it are there already.
    fn push(&mut self, part: Part<Box<str>>, rights: Rights) {
        let above = self.covering(self.patterns.len(), part.text());
        let inherited = above.map_or(Rights::NONE, |above| self.patterns[above].rights);
        let parent = above.map_or(NONE, |above| u32::try_from(above).expect("rules are bounded"));
        self.patterns.push(Pattern { part, rights: rights.with(inherited), parent });
    }

    /// The last of the first `count` patterns, or the nearest of its parents, that covers `name`.
    fn covering(&self, count: usize, name: &str) -> Option<usize> {
        let mut at = count.checked_sub(1)?;
        while !self.patterns[at].part.covers(name) {
            let parent = self.patterns[at].parent;
            if parent == NONE {
                return None;
            }
            at = parent as usize;
        }
        Some(at)
    }

    pub(super) fn has(&self, right: Right, name: &Name) -> bool {
        if self.every.has(right) {
            return true;
        }
        self.find(name.as_str()).is_some_and(|at| self.patterns[at].rights.has(right))
    }

    /// [`Allowed::has`], with a first look at the pattern of the last success: most questions of a session
    /// are about names of one kind.
    pub(super) fn has_near(&self, last: &mut u32, right: Right, name: &Name) -> bool {
        let allows = |at: usize| {
            let pattern = self.patterns.get(at);
            pattern.is_some_and(|it| it.rights.has(right) && it.part.covers(name.as_str()))
        };
        if self.every.has(right) || allows(*last as usize) {
            return true;
        }
        let found = self.find(name.as_str()).filter(|at| self.patterns[*at].rights.has(right));
        if let Some(at) = found {
            *last = u32::try_from(at).expect("rules are bounded");
        }
        found.is_some()
    }

    /// The smallest pattern that covers `name`. Every covering pattern is not greater than `name`, and covers
    /// all patterns between.
    fn find(&self, name: &str) -> Option<usize> {
        let count = self.patterns.partition_point(|pattern| *pattern.part.text() <= *name);
        self.covering(count, name)
    }

    /// The parts of all names, in byte order and disjoint, for which `right` is allowed; `None`: all
    /// names.
    pub(super) fn parts(&self, right: Right) -> Option<Vec<Part<&str>>> {
        if self.every.has(right) {
            return None;
        }
        let mut parts: Vec<Part<&str>> = Vec::new();
        for pattern in self.patterns.iter().filter(|pattern| pattern.rights.has(right)) {
            let is_in = match parts.last() {
                Some(Part::Below(prefix)) => pattern.part.text().starts_with(prefix),
                _ => false,
            };
            if !is_in {
                parts.push(pattern.part.as_ref());
            }
        }
        Some(parts)
    }
}

/// The parent of a pattern that no other covers.
const NONE: u32 = u32::MAX;
