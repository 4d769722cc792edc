//! What was found, in words: the first of each rule with their lines, and how many there are.

use std::collections::BTreeMap;

/// A promise, by the word that stands before what breaks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// More was believed at once than the lock has (safety §1, belief).
    Overlap,
    /// A later grant has a token that is not larger (L3).
    TokenOrder,
    /// One token, two grants (L4).
    TokenReused,
    /// A resource took a lower token after a higher one (safety §1, fencing).
    StaleWrite,
    /// A write undid others although tokens were looked at.
    LostWrite,
    /// An observer was told an older holder after a newer one (L18).
    ObserverBack,
    /// An observer was not told of a holder, and not told that it was not.
    ObserverGap,
    /// An observer was told another holder than the one that was granted.
    ObserverHolder,
    /// A server said that a token does not hold a lock which was believed to be held under it.
    HeldInPart,
    /// A lock was granted although its holder, who was killed, had not expired, or its delay was not over (L8, L16).
    TooEarly,
    /// A handover to a named waiter went to another (L23).
    PassedOver,
    /// A holder believed on for longer than its TTL after its grant was taken at once (L23).
    Outlived,
    /// Somebody was granted what he had no right to (L27).
    GrantedDenied,
    /// Somebody was denied what nobody had taken away (L27).
    DeniedAllowed,
    /// An observer was told what it had no right to read (L27).
    ToldDenied,
    /// A client waited on although nothing was done to the cluster.
    Starved,
}

/// All that was found.
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
    /// Adds one. `what` is only asked for the first few of a rule.
    pub fn add(&mut self, rule: Rule, what: impl FnOnce() -> String) {
        let count = self.counts.entry(rule).or_default();
        *count += 1;
        if *count <= TOLD_MAX {
            self.told.push((rule, what()));
        }
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.counts.is_empty()
    }

    /// One line each, and how many were not told.
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

/// Who breaks a rule often breaks it always.
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
