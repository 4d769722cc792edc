//! The set of rules, and the rights that all of them together allow.
//!
//! No rule forbids, and all that no rule allows is denied, so the order of rules means nothing.

use crate::base::locks::{Name, Names, Rule, Who};
use crate::base::{Right, Rights};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

impl Rule {
    /// Its bytes in a snapshot.
    pub(super) fn bytes(&self) -> u64 {
        (RULE_BYTES + self.who.as_str().len() + self.names.as_str().len()) as u64
    }
}

/// As typed: "client/a* acquire,read jobs/"; the names are left out for the cluster.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.who, self.rights)?;
        match self.names.is_of_cluster() {
            true => Ok(()),
            false => write!(f, " {}", self.names),
        }
    }
}

/// All rules, at most one for each pair of patterns.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    rules: BTreeMap<Who, BTreeMap<Names, Rights>>,
    /// The prefixes of the patterns that cover more than one subject.
    prefixes: BTreeMap<Arc<str>, Who>,
    count: usize,
    bytes: u64,
}

impl Rules {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The bytes of all rules in a snapshot.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All rules, in the order of subjects, then of names.
    pub(super) fn iter(&self) -> impl Iterator<Item = Rule> + '_ {
        self.behind(None)
    }

    /// The rules behind `after` in that order.
    pub(super) fn behind<'a>(
        &'a self,
        after: Option<&'a (Who, Names)>,
    ) -> impl Iterator<Item = Rule> + 'a {
        let start = after.map_or(Bound::Unbounded, |(who, _)| Bound::Included(who));
        let of_whom = self.rules.range::<Who, _>((start, Bound::Unbounded));
        of_whom.flat_map(move |(who, rules)| {
            let start = match after {
                Some((of, names)) if of == who => Bound::Excluded(names),
                _ => Bound::Unbounded,
            };
            let rest = rules.range::<Names, _>((start, Bound::Unbounded));
            rest.map(|(names, rights)| Rule {
                who: who.clone(),
                names: names.clone(),
                rights: *rights,
            })
        })
    }

    /// The rights that the rule of just these patterns allows.
    pub(super) fn rights(&self, who: &Who, names: &Names) -> Rights {
        let rules = self.rules.get(who);
        rules.and_then(|rules| rules.get(names)).copied().unwrap_or_default()
    }

    /// Replaces the rule of these patterns; without rights it is removed.
    pub(super) fn set(&mut self, rule: Rule) {
        let bytes = rule.bytes();
        let Rule { who, names, rights } = rule;
        if rights.is_empty() {
            let Some(rules) = self.rules.get_mut(&who) else { return };
            if rules.remove(&names).is_some() {
                (self.count, self.bytes) = (self.count - 1, self.bytes - bytes);
            }
            if rules.is_empty() {
                self.rules.remove(&who);
                who.prefix().map(|prefix| self.prefixes.remove(prefix));
            }
            return;
        }
        if let Some(prefix) = who.prefix() {
            self.prefixes.insert(prefix.into(), who.clone());
        }
        if self.rules.entry(who).or_default().insert(names, rights).is_none() {
            (self.count, self.bytes) = (self.count + 1, self.bytes + bytes);
        }
    }

    /// The patterns that cover `subject`; the steps grow with its length, not with the rules.
    pub(super) fn covering(&self, subject: &str) -> Vec<&Who> {
        let one = self.rules.get_key_value(subject).map(|(who, _)| who);
        let mut found: Vec<&Who> = one.into_iter().collect();
        let mut bound = Bound::Included(subject);
        // A covering prefix is a beginning of `subject`: the greatest prefix not above it is one, or shows
        // how long the next may be.
        while let Some((prefix, who)) =
            self.prefixes.range::<str, _>((Bound::Unbounded, bound)).next_back()
        {
            let alike = common_bytes(prefix, subject);
            if alike == prefix.len() {
                found.push(who);
                bound = Bound::Excluded(prefix);
            } else {
                bound = Bound::Included(&subject[..floor_boundary(subject, alike)]);
            }
        }
        found
    }

    /// Whether the patterns that cover `subject` allow `right` to `name`, rule by rule, without an
    /// index.
    pub(super) fn allow(&self, subject: &str, right: Right, name: &Name) -> bool {
        self.covering(subject).into_iter().any(|who| {
            let rules = &self.rules[who];
            let allows = |names: &str| rules.get(names).is_some_and(|rights| rights.has(right));
            allows("*") || allows(name.as_str()) || roots(name.as_str()).any(|root| allows(&root))
        })
    }

    /// Whether they allow `right` to the cluster.
    pub(super) fn allow_of_cluster(&self, subject: &str, right: Right) -> bool {
        let covering = self.covering(subject).into_iter();
        covering.map(|who| self.rights(who, &Names::of_cluster())).any(|rights| rights.has(right))
    }

    /// A rule that still allows one of `rights` to `who` for `names`: to all of both, else to a part.
    pub(super) fn still_allows(&self, who: &Who, names: &Names, rights: Rights) -> Option<Rule> {
        let alike = |rule: &Rule| !rule.rights.common(rights).is_empty();
        let whole = |rule: &Rule| rule.who.includes(who) && rule.names.includes(names);
        let touches = |rule: &Rule| {
            (rule.who.includes(who) || who.includes(&rule.who))
                && (rule.names.includes(names) || names.includes(&rule.names))
        };
        let found = self.iter().filter(alike).find(whole);
        found.or_else(|| self.iter().filter(alike).find(touches))
    }

    /// The rules of one pattern of subjects.
    pub(super) fn of(&self, who: &Who) -> impl Iterator<Item = (&Names, Rights)> {
        self.rules.get(who).into_iter().flatten().map(|(names, rights)| (names, *rights))
    }
}

/// The prefixes that cover `name`, the longest first: "a/b/", "a/".
fn roots(name: &str) -> impl Iterator<Item = String> + '_ {
    let own = std::iter::once(name.len());
    let slashes = name.rmatch_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
    own.chain(slashes).map(|end| format!("{}/", &name[..end]))
}

fn common_bytes(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()
}

/// The nearest boundary of a character at or below `at`; subjects are ASCII, other texts may be
/// cut.
fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Bytes of a rule without its patterns.
const RULE_BYTES: usize = 48;
