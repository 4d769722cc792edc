//! O12 from the leader's side: no session is expired before its whole TTL has passed since the latest of the leader's
//! own no-op, its apply of the session's creation, and the last renewal that it acknowledged (L8); no lock delay is
//! over before its whole length has passed since its apply of the expiry that left it (L16).
//!
//! Measured in real time from outside, so with ρ once: the decision compares elapsed_lo ≥ D on the leader's clocks,
//! hence real time ≥ D/(1+ρ). Of a step only the beginning and the end are seen: starts count from the beginning and
//! decisions at the end, which is the lenient side. `sim::watch` tests that a client which lives and renews is not
//! expired in a calm world.

use super::Violation;
use crate::base::time::RHO_PPM;
use crate::base::{SessionId, Term, Token};
use std::collections::BTreeMap;

/// Decisions and acknowledgements of each node as a leader.
#[derive(Debug, Default)]
pub struct Expiry {
    leaders: Vec<Option<Leading>>,
    /// Decisions that were checked.
    pub checked: u64,
    /// Ends of delays that were checked.
    pub delays_checked: u64,
}

#[derive(Debug)]
struct Leading {
    term: Term,
    /// When its own no-op was applied.
    since: u64,
    /// When a session was created or renewed here.
    sessions: BTreeMap<SessionId, u64>,
    /// When an expiry was applied here that left a delay.
    delays: BTreeMap<Token, u64>,
}

impl Expiry {
    /// For so many nodes.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self { leaders: (0..nodes).map(|_| None).collect(), checked: 0, delays_checked: 0 }
    }

    /// After a step of `slot` that began at `began`: the term in which it leads, its own no-op applied, or
    /// none.
    pub fn follow(&mut self, slot: usize, began: u64, leads: Option<Term>) {
        let leader = &mut self.leaders[slot];
        if leader.as_ref().map(|leading| leading.term) != leads {
            let new = |term| Leading {
                term,
                since: began,
                sessions: BTreeMap::new(),
                delays: BTreeMap::new(),
            };
            *leader = leads.map(new);
        }
    }

    /// Whether `slot` leads with its own no-op applied.
    #[must_use]
    pub fn leads(&self, slot: usize) -> bool {
        self.leaders[slot].is_some()
    }

    /// In a step that began at `began`, `slot` created `session` or acknowledged a renewal of it.
    pub fn extend(&mut self, slot: usize, began: u64, session: SessionId) {
        if let Some(leading) = &mut self.leaders[slot] {
            leading.sessions.insert(session, began);
        }
    }

    /// In a step that began at `began`, `slot` applied the expiry of the grant under `token`, with a delay.
    pub fn begin_delay(&mut self, slot: usize, began: u64, token: Token) {
        if let Some(leading) = &mut self.leaders[slot] {
            leading.delays.insert(token, began);
        }
    }

    /// In a step that ended at `ended`, the leader `slot` decided that the delay of `token`, of `nanos`, is over.
    ///
    /// # Errors
    /// Too early.
    pub fn check_delay(
        &mut self,
        slot: usize,
        ended: u64,
        (token, nanos): (Token, u64),
    ) -> Result<(), Violation> {
        self.delays_checked += 1;
        let leading = self.leaders[slot].as_ref();
        let since = leading.map_or(ended, |leading| {
            let begun = leading.delays.get(&token).copied().unwrap_or(0);
            begun.max(leading.since)
        });
        if is_over(ended.saturating_sub(since), nanos) {
            return Ok(());
        }
        let what = format!(
            "node {} ends the delay of {token}, of {nanos} ns, at {ended} ns, {since} ns being the start of its wait (L16)",
            slot + 1
        );
        Err(Violation::new("O12", what))
    }

    /// In a step that ended at `ended`, the leader `slot` of `term` decided to expire `session`, of a TTL of
    /// `ttl_nanos`.
    ///
    /// # Errors
    /// Too early.
    pub fn check(
        &mut self,
        slot: usize,
        ended: u64,
        term: Term,
        session: SessionId,
        ttl_nanos: u64,
    ) -> Result<(), Violation> {
        self.checked += 1;
        let Some(leading) = self.leaders[slot].as_ref().filter(|leading| leading.term == term)
        else {
            let what = format!(
                "node {} expires session {session} in term {term} before its own no-op is applied",
                slot + 1
            );
            return Err(Violation::new("O12", what));
        };
        let since = leading.sessions.get(&session).copied().unwrap_or(0).max(leading.since);
        let passed = ended.saturating_sub(since);
        if is_over(passed, ttl_nanos) {
            return Ok(());
        }
        let what = format!(
            "node {} expires session {session} {passed} ns after {since} ns, its TTL is {ttl_nanos} ns (L8)",
            slot + 1
        );
        Err(Violation::new("O12", what))
    }
}

/// Whether a wait of `length` on any clock of the model may be over after `passed` of real time.
pub(super) fn is_over(passed: u64, length: u64) -> bool {
    let least = u128::from(length) * 1_000_000 / u128::from(1_000_000 + RHO_PPM);
    u128::from(passed) + 1_000 >= least
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: SessionId = SessionId(7);
    const TERM: Term = Term(2);

    #[test]
    fn an_expiry_before_a_whole_ttl_is_found_whatever_came_last() {
        let mut expiry = Expiry::new(1);
        assert!(expiry.check(0, 5_000_000, TERM, SESSION, 1_000_000).is_err());
        expiry.follow(0, 1_000_000, Some(TERM));
        assert!(expiry.check(0, 1_980_000, TERM, SESSION, 1_000_000).is_err());
        assert!(expiry.check(0, 2_000_000, TERM, SESSION, 1_000_000).is_ok());
        expiry.extend(0, 1_500_000, SESSION);
        assert!(expiry.check(0, 2_000_000, TERM, SESSION, 1_000_000).is_err());
        assert!(expiry.check(0, 2_500_000, TERM, SESSION, 1_000_000).is_ok());
    }

    #[test]
    fn a_delay_that_ends_before_its_length_is_found() {
        let (mut expiry, length) = (Expiry::new(1), (Token(3), 1_000_000));
        assert!(expiry.check_delay(0, 9_000_000, length).is_err());
        expiry.follow(0, 1_000_000, Some(TERM));
        assert!(expiry.check_delay(0, 1_980_000, length).is_err());
        assert!(expiry.check_delay(0, 2_000_000, length).is_ok());
        expiry.begin_delay(0, 1_500_000, Token(3));
        assert!(expiry.check_delay(0, 2_000_000, length).is_err());
        assert!(expiry.check_delay(0, 2_500_000, length).is_ok());
    }
}
