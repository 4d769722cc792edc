//! O21: a follower that gets a snapshot gets the log behind it next, however fast others write: between parts of two
//! snapshots, of one leader in one term to one follower, there is an append. Otherwise it could get one snapshot after
//! another for ever.

use super::Violation;
use crate::base::{Index, NodeId, Term};
use crate::raft::Message;
use std::collections::BTreeMap;

/// Snapshots and appends that each leader sends to each follower.
#[derive(Debug, Default)]
pub struct CatchingUp {
    given: BTreeMap<(usize, NodeId), Given>,
}

/// The newest snapshot of which a part has left.
#[derive(Clone, Copy, Debug)]
struct Given {
    term: Term,
    index: Index,
    /// When its first part left.
    since: u64,
    /// Whether an append has left since.
    has_log: bool,
}

impl CatchingUp {
    /// `message` left the node of `slot` for `to` at `at`.
    ///
    /// # Errors
    /// It is a part of a second snapshot, and nothing of the log went out behind the first.
    pub fn follow(
        &mut self,
        (slot, to): (usize, NodeId),
        message: &Message,
        at: u64,
    ) -> Result<(), Violation> {
        let given = self.given.get_mut(&(slot, to));
        match (message, given) {
            (Message::Append(append), Some(given)) if append.term == given.term => {
                given.has_log = true;
            }
            (Message::SnapshotChunk(chunk), given) => {
                let (term, index) = (chunk.term, chunk.meta.index);
                let before = given.filter(|given| given.term == term);
                if before.as_ref().is_some_and(|before| before.index == index) {
                    return Ok(());
                }
                if let Some(before) = before
                    && !before.has_log
                    && at - before.since < PATIENCE_NANOS
                {
                    let what = format!(
                        "node {} gives node {to} the snapshot of {index}, right behind that of {}: nothing of the log between",
                        slot + 1,
                        before.index
                    );
                    return Err(Violation::new("O21", what));
                }
                let given = Given { term, index, since: at, has_log: false };
                self.given.insert((slot, to), given);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Nobody keeps the log for a follower that stands still for a minute, on a clock that may run a twelfth too fast.
const PATIENCE_NANOS: u64 = 50_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Round;
    use crate::raft::{Append, Membership, Payload, SnapshotChunk, SnapshotMeta};

    fn part(term: u64, index: u64) -> Message {
        let (term, index, membership) = (Term(term), Index(index), Membership::default());
        let meta = SnapshotMeta { index, term, membership, membership_index: Index(0) };
        let (round, bytes) = (Round(0), Payload::empty());
        Message::SnapshotChunk(SnapshotChunk {
            term,
            round,
            meta,
            total: 0,
            crc: 0,
            offset: 0,
            bytes,
        })
    }

    fn append(term: u64) -> Message {
        let (prev_index, prev_term, commit) = (Index(1), Term(1), Index(1));
        let (term, round, entries) = (Term(term), Round(0), Vec::new());
        Message::Append(Append { term, round, prev_index, prev_term, commit, entries })
    }

    fn follow(said: &[(Message, u64)]) -> Result<(), Violation> {
        let mut checker = CatchingUp::default();
        said.iter().try_for_each(|(message, at)| checker.follow((0, NodeId(2)), message, *at))
    }

    #[test]
    fn a_snapshot_right_behind_another_is_found() {
        let found = follow(&[(part(1, 5), 0), (part(1, 5), 1), (part(1, 9), 2)]);
        assert_eq!(found.unwrap_err().checker, "O21");
        let stale = follow(&[(part(2, 5), 0), (append(1), 1), (part(2, 9), 2)]);
        assert_eq!(stale.unwrap_err().checker, "O21");
    }

    #[test]
    fn the_log_between_another_term_and_a_long_time_are_reasons() {
        follow(&[(part(1, 5), 0), (append(1), 1), (part(1, 9), 2)]).unwrap();
        follow(&[(part(1, 5), 0), (part(2, 9), 2)]).unwrap();
        follow(&[(part(1, 5), 0), (part(1, 9), PATIENCE_NANOS)]).unwrap();
    }
}
