//! Violations in words: the first of each rule with their lines, and how many there are.

use std::collections::BTreeMap;

/// A promise, by the word that begins a violation's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Beliefs at one time exceed the lock's capacity (safety §1, belief).
    Overlap,
    /// A later grant has a token that is not larger (L3).
    TokenOrder,
    /// One token, two grants (L4).
    TokenReused,
    /// A resource took a lower token after a higher one (safety §1, fencing).
    StaleWrite,
    /// A write undid others although tokens were checked.
    LostWrite,
    /// An observer saw an older holder after a newer one (L18).
    ObserverBack,
    /// An observer missed a holder without being told so.
    ObserverGap,
    /// An observer saw a holder other than the granted one.
    ObserverHolder,
    /// A server said that a token does not hold a lock, while the grant was believed in.
    HeldInPart,
    /// A lock was granted although its killed holder had not expired, or its delay was not over
    /// (L8, L16).
    TooEarly,
    /// A handover to a named waiter went to another (L23).
    PassedOver,
    /// A holder believed on for longer than its TTL after its grant was broken at once (L23).
    Outlived,
    /// A principal without the right was granted a lock (L27).
    GrantedDenied,
    /// A principal with the right was denied a lock (L27).
    DeniedAllowed,
    /// An observer saw a lock that it had no right to read (L27).
    ToldDenied,
    /// A client waited on in calm.
    Starved,
}

/// All violations.
#[derive(Debug, Default)]
pub struct Violations {
    told: Vec<(Rule, String)>,
    counts: BTreeMap<Rule, u64>,
}

impl Rule {
    fn words(self) -> &'static str {
        match self {
            Self::Overlap => "beliefs overlap",
            Self::TokenOrder => "token not larger",
            Self::TokenReused => "token used twice",
            Self::StaleWrite => "stale write accepted",
            Self::LostWrite => "write lost",
            Self::ObserverBack => "observer went back",
            Self::ObserverGap => "observer missed a holder",
            Self::ObserverHolder => "observer saw another holder",
            Self::HeldInPart => "held in part",
            Self::TooEarly => "granted too early",
            Self::PassedOver => "named waiter passed over",
            Self::Outlived => "believed on after a break",
            Self::GrantedDenied => "granted without the right",
            Self::DeniedAllowed => "denied without cause",
            Self::ToldDenied => "told without the right",
            Self::Starved => "starved",
        }
    }
}

impl Violations {
    /// Adds a violation. `what` is called only for the first few of a rule.
    pub fn add(&mut self, rule: Rule, what: impl FnOnce() -> String) {
        let count = self.counts.entry(rule).or_default();
        *count += 1;
        if *count <= TOLD_MAX {
            self.told.push((rule, what()));
        }
    }

    /// Whether there are no violations.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.counts.is_empty()
    }

    /// A line for each, and how many are not shown.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (rule, what) in &self.told {
            text.push_str(&format!("VIOLATION: {}: {what}\n", rule.words()));
        }
        for (rule, count) in self.counts.iter().filter(|(_, count)| **count > TOLD_MAX) {
            text.push_str(&format!("… {}: {} more\n", rule.words(), count - TOLD_MAX));
        }
        text
    }
}

/// Violations shown of each rule: one that is broken often is mostly broken always.
const TOLD_MAX: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_are_told_and_the_rest_counted() {
        let mut found = Violations::default();
        assert!(found.are_none());
        (0..7).for_each(|n| found.add(Rule::Starved, || format!("number {n}")));
        let text = found.to_text();
        assert!(text.contains("VIOLATION: starved: number 4\n… starved: 2 more\n"), "{text}");
        assert!(!found.are_none());
    }
}
