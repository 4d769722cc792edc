//! The verdict on the logged beliefs, by the checker that judges the simulator's runs.

use std::fmt;
use tenure::sim::checkers::belief::{self, Held, Summary, Violation};

/// The outcome of act two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The remaining time that the stale holder read when it woke, in nanoseconds.
    pub remaining: u64,
    pub stale: u64,
    /// The token of its successor.
    pub fresh: u64,
    /// Whether the store that checks refused the stale write, because of the successor's token.
    pub refused: bool,
}

/// Whether Tenure's promises were kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No two beliefs at once, rising tokens, a stale write refused.
    Kept(Summary),
    /// Two beliefs that must not both be.
    Broken(Violation),
    /// The stale holder was believed.
    StaleBelieved(Outcome),
}

/// Judges all beliefs of both acts, and the outcome of the second.
#[must_use]
pub fn judge(beliefs: &[Held], outcome: Outcome) -> Verdict {
    match belief::check(beliefs) {
        Err(violation) => Verdict::Broken(violation),
        Ok(_) if outcome.remaining > 0 || !outcome.refused => Verdict::StaleBelieved(outcome),
        Ok(summary) => Verdict::Kept(summary),
    }
}

impl Verdict {
    /// Of the program.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Kept(_) => 0,
            Self::Broken(_) | Self::StaleBelieved(_) => 1,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(Summary { beliefs, locks }) => write!(
                f,
                "OK: {beliefs} beliefs in {locks} locks, no two at once, tokens rising; the stale write was refused."
            ),
            Self::Broken(violation) => write!(f, "VIOLATION: {violation}"),
            Self::StaleBelieved(outcome) => write!(
                f,
                "VIOLATION: token {} was believed after {} was granted (remaining {}, refused: {})",
                outcome.stale, outcome.fresh, outcome.remaining, outcome.refused
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Outcome = Outcome { remaining: 0, stale: 17, fresh: 18, refused: true };

    fn held(client: &str, token: u64, from: u64, until: u64) -> Held {
        Held { client: client.into(), name: "orders".into(), token, from, until }
    }

    #[test]
    fn disjoint_beliefs_and_a_refused_write_are_ok() {
        let verdict = judge(&[held("A", 1, 0, 10), held("B", 2, 10, 20)], GOOD);
        assert_eq!(verdict.exit_code(), 0);
        assert!(verdict.to_string().starts_with("OK: 2 beliefs in 1 locks"), "{verdict}");
    }

    #[test]
    fn an_overlap_in_the_logs_fails_the_demo() {
        let verdict = judge(&[held("A", 1, 0, 11), held("B", 2, 10, 20)], GOOD);
        assert_eq!(verdict.exit_code(), 1);
        assert!(verdict.to_string().starts_with("VIOLATION: A held orders"), "{verdict}");
    }

    #[test]
    fn a_stale_holder_that_is_believed_fails_the_demo() {
        for outcome in [Outcome { remaining: 1, ..GOOD }, Outcome { refused: false, ..GOOD }] {
            assert_eq!(judge(&[], outcome), Verdict::StaleBelieved(outcome));
            assert_eq!(judge(&[], outcome).exit_code(), 1);
        }
    }
}
