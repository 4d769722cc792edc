//! O11: at no instant do two nodes claim the leader lease, as programs on them would read it.
//!
//! A node's process publishes its claim after each turn; a program compares it with a fresh reading of the
//! clocks, whenever it likes, also while the process stands still (C4). A claim ends by itself. So an
//! overlap begins where a claim begins: there all other published ones are tested on their own clocks.

use super::Violation;
use crate::base::Term;
use crate::raft::LeaderLease;
use std::time::Duration;

/// The claim that each node has published last.
#[derive(Debug, Default)]
pub struct Claims {
    published: Vec<Option<LeaderLease>>,
    newest: Term,
    /// Claims that began, in a term of their own.
    pub begun: u64,
    /// Claims that were renewed after they had run out, in one term.
    pub lapsed: u64,
}

impl Claims {
    /// For so many nodes.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self { published: vec![None; nodes], newest: Term(0), begun: 0, lapsed: 0 }
    }

    /// The process of `slot` is gone, and its claim with it.
    pub fn forget(&mut self, slot: usize) {
        self.published[slot] = None;
    }

    /// `slot` publishes; `remaining` reads a node's clocks now.
    ///
    /// # Errors
    /// Another node claims too, or one of a later term did before.
    pub fn publish(
        &mut self,
        slot: usize,
        claim: Option<LeaderLease>,
        remaining: impl Fn(usize, &LeaderLease) -> Duration,
    ) -> Result<(), Violation> {
        let before = std::mem::replace(&mut self.published[slot], claim);
        let ran_out = before.is_some_and(|before| remaining(slot, &before).is_zero());
        let Some(own) = claim.filter(|claim| !remaining(slot, claim).is_zero()) else {
            return Ok(());
        };
        for (other, theirs) in self.published.iter().enumerate() {
            let Some(theirs) = theirs.filter(|_| other != slot) else { continue };
            let left = remaining(other, &theirs);
            if !left.is_zero() {
                let what = format!(
                    "node {} claims to lead in term {}, while node {} does in term {} for {left:?} more",
                    slot + 1,
                    own.term,
                    other + 1,
                    theirs.term
                );
                return Err(Violation::new("O11", what));
            }
        }
        if own.term < self.newest {
            let (own, newest) = (own.term, self.newest);
            let what = format!("node {} claims term {own} after a claim of {newest}", slot + 1);
            return Err(Violation::new("O11", what));
        }
        self.begun += u64::from(own.term > self.newest);
        self.lapsed += u64::from(own.term == self.newest && ran_out);
        self.newest = own.term;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Sample;

    fn claim(term: u64, millis: u64) -> Option<LeaderLease> {
        let length = Duration::from_millis(millis);
        Some(LeaderLease { term: Term(term), start: Sample::at(0), length })
    }

    fn at(now: u64) -> impl Fn(usize, &LeaderLease) -> Duration {
        move |_, claim| claim.length.saturating_sub(Duration::from_millis(now))
    }

    #[test]
    fn two_claims_at_once_are_found() {
        let mut claims = Claims::new(2);
        claims.publish(0, claim(1, 100), at(0)).unwrap();
        assert_eq!(claims.publish(1, claim(2, 100), at(99)).unwrap_err().checker, "O11");
    }

    #[test]
    fn one_behind_the_other_passes_and_one_of_an_older_term_does_not() {
        let mut claims = Claims::new(2);
        claims.publish(0, claim(1, 100), at(0)).unwrap();
        claims.publish(1, claim(2, 200), at(100)).unwrap();
        claims.forget(1);
        assert!(claims.publish(0, claim(1, 300), at(150)).is_err());
        assert_eq!(claims.begun, 2);
    }
}
