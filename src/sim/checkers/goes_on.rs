//! O23: a leader that answers, and whose state has work that entries left to later ones, has the entry that continues
//! it in its log; so has the next leader, and so has a leader after a restart (L5, L22).

use super::Violation;
use crate::base::Index;

/// Since when each node is idle though something is left: the end of a step.
#[derive(Debug, Default)]
pub struct GoesOn {
    idle_since: Vec<Option<u64>>,
    /// The index that each node had applied at the last look.
    applied: Vec<Index>,
}

impl GoesOn {
    /// For so many nodes.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self { idle_since: vec![None; nodes], applied: vec![Index(0); nodes] }
    }

    /// The index that `slot` had applied at the last look; at most `now`, since it may have started again.
    pub fn applied(&mut self, slot: usize, now: Index) -> Index {
        std::mem::replace(&mut self.applied[slot], now).min(now)
    }

    /// After a step of `slot`, from when to when: whether something is left, and no entry goes on.
    ///
    /// # Errors
    /// It was so for longer than it takes to ask a full log once more.
    pub fn follow(
        &mut self,
        slot: usize,
        (began, ended): (u64, u64),
        is_idle: bool,
    ) -> Result<(), Violation> {
        if !is_idle {
            self.idle_since[slot] = None;
            return Ok(());
        }
        let since = *self.idle_since[slot].get_or_insert(ended);
        if began.saturating_sub(since) <= PATIENCE {
            return Ok(());
        }
        let node = slot + 1;
        let what = format!(
            "node {node} leads, and goes on with nothing since {since} ns, at {began} ns, though entries have left something"
        );
        Err(Violation::new("O23", what))
    }
}

/// Twice as long as a leader waits for room in its log, by the slowest clock.
const PATIENCE: u64 = 25_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o23_a_leader_that_does_not_go_on_is_found() {
        let mut goes_on = GoesOn::new(2);
        assert!(goes_on.follow(1, (0, 5), true).is_ok());
        assert!(goes_on.follow(1, (5 + PATIENCE, 9 + PATIENCE), true).is_ok());
        assert!(goes_on.follow(0, (6 + PATIENCE, 9 + PATIENCE), true).is_ok(), "another one");
        assert_eq!(
            goes_on.follow(1, (6 + PATIENCE, 9 + PATIENCE), true).unwrap_err().checker,
            "O23"
        );
        assert!(goes_on.follow(1, (7 + PATIENCE, 9 + PATIENCE), false).is_ok());
        assert!(goes_on.follow(1, (8 + PATIENCE, 9 + PATIENCE), true).is_ok());
    }
}
