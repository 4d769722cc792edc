//! What is said of rights as named values: what came of a change, and which rules there are.

use crate::base::locks::{AccessDone, Names, Rule, Who};
use crate::base::{Index, Rights, Subject};
use crate::wire::{Cell, Row, Values, row_text};
use std::fmt;

/// What came of a change of who may what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessSaid {
    /// As of this entry.
    pub index: Index,
    /// Whether something is otherwise now.
    pub is_changed: bool,
    /// Rights that were taken away.
    pub taken: Rights,
    /// Rights that were to be taken away, and that no rule of just these patterns gave; or a credential that was not there.
    pub absent: Rights,
    /// There was no such credential.
    pub is_absent: bool,
    /// Another rule that still allows some of what was to be taken away.
    pub still: Option<Rule>,
}

impl AccessSaid {
    /// Of a change that was made by the entry at `index`, or found made.
    #[must_use]
    pub fn of(index: Index, done: &AccessDone) -> Self {
        let said = Self { index, ..Self::default() };
        match done {
            AccessDone::Changed => Self { is_changed: true, ..said },
            AccessDone::Already => said,
            AccessDone::Absent => Self { is_absent: true, ..said },
            AccessDone::Denied { taken, absent, still } => {
                let (taken, absent, still) = (*taken, *absent, still.clone());
                Self { is_changed: !taken.is_empty(), taken, absent, still, ..said }
            }
        }
    }

    #[must_use]
    pub fn to_values(&self) -> Values {
        let rights = |rights: Rights| (!rights.is_empty()).then(|| rights.to_string());
        Values::new()
            .with("index", Some(self.index.0))
            .with("changed", Some(self.is_changed))
            .with("taken", rights(self.taken))
            .with("absent", rights(self.absent))
            .with("no_credential", self.is_absent.then_some(true))
            .with("still", self.still.as_ref().map(|rule| vec![row_of(rule)]))
    }

    #[must_use]
    pub fn from_values(values: &Values) -> Self {
        let rights =
            |name: &str| values.text(name).and_then(|text| text.parse().ok()).unwrap_or_default();
        Self {
            index: Index(values.number("index").unwrap_or_default()),
            is_changed: values.flag("changed").unwrap_or_default(),
            taken: rights("taken"),
            absent: rights("absent"),
            is_absent: values.flag("no_credential").unwrap_or_default(),
            still: values.rows("still").iter().find_map(|row| rule_of(row)),
        }
    }
}

/// For the audit trail.
impl fmt::Display for AccessSaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_changed, self.is_absent) {
            (true, _) => write!(f, "done, as of entry {}", self.index)?,
            (false, true) => f.write_str("there is no such credential")?,
            (false, false) if !self.absent.is_empty() => f.write_str("there is no such rule")?,
            (false, false) => f.write_str("it is so already")?,
        }
        if let Some(Rule { who, names, rights }) = &self.still {
            write!(f, "; still allowed by: {who} {rights} {names}")?;
        }
        Ok(())
    }
}

/// Which rules there are, or a part of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulesShown {
    pub is_on: bool,
    pub rules: Vec<Rule>,
    /// Whether others follow.
    pub more: bool,
    /// Who has a credential; said behind the last rule.
    pub credentials: Vec<Subject>,
}

impl RulesShown {
    #[must_use]
    pub fn to_values(&self) -> Values {
        let rows: Vec<Row> = self.rules.iter().map(row_of).collect();
        let text =
            |subject: &Subject| vec![("principal".to_owned(), Cell::Text(subject.to_string()))];
        let credentials: Vec<Row> = self.credentials.iter().map(text).collect();
        Values::new()
            .with("on", Some(self.is_on))
            .with("more", Some(self.more))
            .with("rules", Some(rows))
            .with("credentials", Some(credentials))
    }

    /// What cannot be read is passed over: a right of a later version.
    #[must_use]
    pub fn from_values(values: &Values) -> Self {
        let principal = |row: &Row| row_text(row, "principal")?.parse().ok();
        Self {
            is_on: values.flag("on").unwrap_or_default(),
            rules: values.rows("rules").iter().filter_map(|row| rule_of(row)).collect(),
            more: values.flag("more").unwrap_or_default(),
            credentials: values.rows("credentials").iter().filter_map(principal).collect(),
        }
    }
}

fn row_of(rule: &Rule) -> Row {
    let Rule { who, names, rights } = rule;
    let texts =
        [("who", who.to_string()), ("names", names.to_string()), ("rights", rights.to_string())];
    texts.into_iter().map(|(name, text)| (name.to_owned(), Cell::Text(text))).collect()
}

fn rule_of(row: &[(String, Cell)]) -> Option<Rule> {
    let who: Who = row_text(row, "who")?.parse().ok()?;
    let names = match row_text(row, "names")? {
        "" => Names::of_cluster(),
        text => text.parse().ok()?,
    };
    Some(Rule { who, names, rights: row_text(row, "rights")?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(who: &str, names: &str, rights: &str) -> Rule {
        let names = if names.is_empty() { Names::of_cluster() } else { names.parse().unwrap() };
        Rule { who: who.parse().unwrap(), names, rights: rights.parse().unwrap() }
    }

    #[test]
    fn what_is_said_of_rights_comes_back() {
        let still = Some(rule("client/*", "jobs/", "acquire,read"));
        let (taken, absent) = ("acquire".parse().unwrap(), "read".parse().unwrap());
        let done = AccessDone::Denied { taken, absent, still };
        for done in [AccessDone::Changed, AccessDone::Already, AccessDone::Absent, done] {
            let said = AccessSaid::of(Index(7), &done);
            assert_eq!(AccessSaid::from_values(&said.to_values()), said);
        }
        let shown = RulesShown {
            is_on: true,
            rules: vec![rule("*", "*", "read"), rule("operator/alice", "", "operate,admin")],
            more: true,
            credentials: vec!["client/a".parse().unwrap()],
        };
        assert_eq!(RulesShown::from_values(&shown.to_values()), shown);
    }
}
