//! O11 and O12, from the leader's side: acts that need a wait first. A leader claims the leader lease once Δ has
//! passed since it won, unless the entry before its no-op is a `Relinquish` (C2). It ends the wait of a restored
//! cluster once that has passed since its apply of its own no-op, and claims nothing before (L15). It acknowledges no
//! renewal of a session whose expiry it has decided (L10).
//!
//! Measured in real time from outside, as in [`super::expiry`]: starts count from the beginning of their step,
//! decisions from its end.

use super::Violation;
use super::expiry::is_over;
use crate::base::{SessionId, Term};
use std::collections::BTreeSet;

/// Begins of each node's waits as a leader.
#[derive(Debug, Default)]
pub struct Waits {
    leaders: Vec<Option<Leading>>,
    /// First claims that were checked.
    pub claims_checked: u64,
    /// Ends of restores that were checked.
    pub restores_checked: u64,
}

#[derive(Debug)]
struct Leading {
    term: Term,
    /// When it was elected.
    elected: u64,
    /// When its own no-op was applied.
    ready: Option<u64>,
    /// Nobody else can claim.
    behind_relinquish: bool,
    has_claimed: bool,
    /// Sessions whose expiry it has decided.
    expired: BTreeSet<SessionId>,
}

impl Waits {
    /// For so many nodes.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        let leaders = (0..nodes).map(|_| None).collect();
        Self { leaders, claims_checked: 0, restores_checked: 0 }
    }

    /// In a step that began at `began`, `slot` came to lead `term`.
    pub fn handle_elected(&mut self, slot: usize, began: u64, term: Term, behind_relinquish: bool) {
        self.leaders[slot] = Some(Leading {
            term,
            elected: began,
            ready: None,
            behind_relinquish,
            has_claimed: false,
            expired: BTreeSet::new(),
        });
    }

    /// After a step of `slot` that began at `began`: whether it leads with its own no-op applied.
    pub fn follow(&mut self, slot: usize, began: u64, is_ready: bool) {
        if let Some(leading) = self.leaders[slot].as_mut().filter(|_| is_ready) {
            leading.ready.get_or_insert(began);
        }
    }

    /// The node's process has ended.
    pub fn forget(&mut self, slot: usize) {
        self.leaders[slot] = None;
    }

    /// `slot` has decided to expire `session`.
    pub fn handle_expired(&mut self, slot: usize, session: SessionId) {
        if let Some(leading) = &mut self.leaders[slot] {
            leading.expired.insert(session);
        }
    }

    /// `slot` acknowledges a renewal of `session`.
    ///
    /// # Errors
    /// It has decided to expire it.
    pub fn check_renewed(
        &self,
        slot: usize,
        term: Term,
        session: SessionId,
    ) -> Result<(), Violation> {
        let leading = self.leaders[slot].as_ref().filter(|leading| leading.term == term);
        if !leading.is_some_and(|leading| leading.expired.contains(&session)) {
            return Ok(());
        }
        let what = format!(
            "node {} acknowledges a renewal of {session}, whose expiry it has appended in {term} (L10)",
            slot + 1
        );
        Err(Violation::new("O12", what))
    }

    /// In a step that ended at `ended`, `slot` may claim the leader lease in `term`; Δ is of `delta` ns.
    ///
    /// # Errors
    /// Too early.
    pub fn check_claim(
        &mut self,
        slot: usize,
        ended: u64,
        term: Term,
        delta: u64,
    ) -> Result<(), Violation> {
        let leading = self.leaders[slot].as_mut().filter(|leading| leading.term == term);
        let Some(leading) = leading.filter(|leading| !leading.has_claimed) else { return Ok(()) };
        leading.has_claimed = true;
        if leading.behind_relinquish {
            return Ok(());
        }
        self.claims_checked += 1;
        let since = leading.elected;
        if is_over(ended.saturating_sub(since), delta) {
            return Ok(());
        }
        let what = format!(
            "node {} claims term {term} at {ended} ns, elected at {since} ns, where earlier claims may last {delta} ns \
             (C2)",
            slot + 1
        );
        Err(Violation::new("O11", what))
    }

    /// In a step that ended at `ended`, the leader `slot` of `term` decided that a restore's wait of `length` ns is
    /// over.
    ///
    /// # Errors
    /// Too early.
    pub fn check_restored(
        &mut self,
        slot: usize,
        ended: u64,
        term: Term,
        length: u64,
    ) -> Result<(), Violation> {
        self.restores_checked += 1;
        let leading = self.leaders[slot].as_ref().filter(|leading| leading.term == term);
        let since = leading.and_then(|leading| leading.ready);
        if since.is_some_and(|since| is_over(ended.saturating_sub(since), length)) {
            return Ok(());
        }
        let what = format!(
            "node {} ends the restore's wait of {length} ns at {ended} ns, its no-op was applied at {since:?} ns (L15)",
            slot + 1
        );
        Err(Violation::new("O12", what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: Term = Term(2);
    const SESSION: SessionId = SessionId(7);

    fn elected(behind_relinquish: bool) -> Waits {
        let mut waits = Waits::new(1);
        waits.handle_elected(0, 1_000_000, TERM, behind_relinquish);
        waits
    }

    #[test]
    fn c2_a_claim_before_delta_has_passed_is_found_unless_it_is_behind_a_relinquish() {
        let mut waits = elected(false);
        assert_eq!(waits.check_claim(0, 1_980_000, TERM, 1_000_000).unwrap_err().checker, "O11");
        assert!(elected(false).check_claim(0, 2_000_000, TERM, 1_000_000).is_ok());
        assert!(elected(true).check_claim(0, 1_000_001, TERM, 1_000_000).is_ok());
    }

    #[test]
    fn l15_a_restore_that_is_over_too_soon_after_the_leaders_noop_is_found() {
        let mut waits = elected(false);
        assert!(waits.check_restored(0, 9_000_000, TERM, 1_000_000).is_err(), "not applied");
        waits.follow(0, 3_000_000, false);
        waits.follow(0, 4_000_000, true);
        waits.follow(0, 5_000_000, true);
        assert!(waits.check_restored(0, 4_980_000, TERM, 1_000_000).is_err());
        assert!(waits.check_restored(0, 5_000_000, TERM, 1_000_000).is_ok());
    }

    #[test]
    fn l10_a_renewal_behind_an_expiry_of_the_same_term_is_found() {
        let mut waits = elected(false);
        assert!(waits.check_renewed(0, TERM, SESSION).is_ok());
        waits.handle_expired(0, SESSION);
        assert_eq!(waits.check_renewed(0, TERM, SESSION).unwrap_err().checker, "O12");
        assert!(waits.check_renewed(0, TERM, SessionId(8)).is_ok());
        waits.handle_elected(0, 5_000_000, Term(3), false);
        assert!(waits.check_renewed(0, Term(3), SESSION).is_ok());
    }
}
