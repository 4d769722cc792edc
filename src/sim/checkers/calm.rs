//! O25: where nothing but clients is there, no leader is replaced, and no turn of a node lasts as long as an election timeout:
//! nobody would hear a heartbeat meanwhile.

use super::Violation;
use std::fmt;
use std::time::Duration;

/// The turns of all nodes, while only clients are there.
#[derive(Debug, Default)]
pub struct Calm {
    longest: Turn,
}

/// How long a node was busy in one turn, apart from its disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Which node, from 0 on.
    pub slot: usize,
    /// How long, in nanoseconds.
    pub took: u64,
    /// When it was over.
    pub until: u64,
}

impl Calm {
    /// A turn is over.
    pub fn note(&mut self, turn: Turn) {
        if turn.took > self.longest.took {
            self.longest = turn;
        }
    }

    /// The node in `slot` is elected.
    ///
    /// # Errors
    /// Always: there was a leader, and nothing happened to it.
    pub fn refuse_elected(&self, slot: usize, now: u64) -> Result<(), Violation> {
        let (node, longest) = (slot + 1, self.longest);
        let what = format!(
            "node {node} is elected at {now} ns, though nothing but clients is there; the longest turn: {longest}"
        );
        Err(Violation::new("O25", what))
    }

    /// All turns are over.
    ///
    /// # Errors
    /// One was as long as `election`.
    pub fn check(&self, election: Duration) -> Result<(), Violation> {
        if Duration::from_nanos(self.longest.took) < election {
            return Ok(());
        }
        let what = format!("{}; the election timeout is {election:?}", self.longest);
        Err(Violation::new("O25", what))
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, took, until } = self;
        write!(f, "node {} was busy for {took} ns until {until} ns", slot + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o25_a_turn_as_long_as_an_election_timeout_is_found() {
        let election = Duration::from_millis(150);
        let mut calm = Calm::default();
        let mut note = |slot, took| {
            calm.note(Turn { slot, took, until: 900_000_000 });
            calm.check(election)
        };
        assert_eq!(note(1, 149_999_999), Ok(()));
        let found = note(2, 150_000_000).unwrap_err();
        assert_eq!(found.checker, "O25");
        assert!(found.what.starts_with("node 3 was busy for 150000000 ns"), "{}", found.what);
        assert!(note(1, 5).is_err(), "the longest counts");
    }

    #[test]
    fn o25_an_election_is_found_and_tells_of_the_longest_turn() {
        let mut calm = Calm::default();
        calm.note(Turn { slot: 0, took: 70, until: 90 });
        let found = calm.refuse_elected(1, 95).unwrap_err();
        assert_eq!(found.checker, "O25");
        assert!(found.what.ends_with("node 1 was busy for 70 ns until 90 ns"), "{}", found.what);
    }
}
