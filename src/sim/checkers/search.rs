//! O9: is there any order of these operations, each at one instant between its call and its return, that one
//! lock could have gone through? Knows nothing of logs and indexes.
//!
//! After Wing and Gong (1993) and Lowe (2017): try each operation that nobody unordered precedes, remember
//! which (set of ordered ones, state) failed. The lock as clients see it: somebody's grant stands, or none
//! does; grants have rising tokens; a grant may end by itself at any time, since sessions expire.

use std::collections::BTreeSet;

/// One operation on one lock, with its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op {
    /// When it was called.
    pub called: u64,
    /// When it returned.
    pub returned: u64,
    /// The result.
    pub seen: Seen,
}

/// Result of an operation, as far as it tells of the lock; tokens are larger than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The lock was granted under this token.
    Acquired(u64),
    /// The grant under this token is ended.
    Released(u64),
    /// The lock is held under this token; 0 if vacant.
    Holder(u64),
    /// The lock is held under this token.
    Valid(u64),
    /// The lock is not held under this token.
    Invalid(u64),
}

/// Whether one grant of the lock ends those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holders {
    /// It does: the lock has one holder.
    One,
    /// It may not: the lock has readers, or permits.
    Several,
}

/// Knowledge of one lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    /// Which grants have ended, by the position of their tokens. Any other may still stand: before the first
    /// operation all may.
    ended: u32,
    /// The largest token so far.
    largest: u64,
}

/// Whether the operations, at most [`OPS_MAX`], can be put in an order, from some state before them.
#[must_use]
pub fn is_linearizable(ops: &[Op], holders: Holders) -> bool {
    assert!(ops.len() <= OPS_MAX, "a search over {} operations", ops.len());
    let tokens: BTreeSet<u64> = ops.iter().map(|op| op.seen.token()).collect();
    let lock = Lock { tokens: tokens.into_iter().collect(), holders };
    goes_on(ops, &lock)
}

/// Whether all can be ordered: depth first, with the way back on a stack.
fn goes_on(ops: &[Op], lock: &Lock) -> bool {
    let all = (1u32 << ops.len()) - 1;
    let mut failed = BTreeSet::new();
    let mut open = vec![(0u32, State::default())];
    while let Some((done, state)) = open.pop() {
        if done == all {
            return true;
        }
        // Whatever follows from here was pushed once; a second time it can only fail again.
        if !failed.insert((done, state)) {
            continue;
        }
        let unordered = || (0..ops.len()).filter(|at| done & (1 << at) == 0);
        let first_return = unordered().map(|at| ops[at].returned).min().unwrap_or(u64::MAX);
        for at in unordered().filter(|at| ops[*at].called <= first_return) {
            if let Some(next) = lock.after(state, ops[at].seen) {
                open.push((done | 1 << at, next));
            }
        }
    }
    false
}

impl Seen {
    fn token(self) -> u64 {
        match self {
            Self::Acquired(token)
            | Self::Released(token)
            | Self::Holder(token)
            | Self::Valid(token)
            | Self::Invalid(token) => token,
        }
    }
}

/// The lock that is searched.
#[derive(Debug)]
struct Lock {
    /// All tokens that the operations name.
    tokens: Vec<u64>,
    holders: Holders,
}

impl Lock {
    /// The state behind an operation that returned this; none if it cannot have. Grants end unseen at any
    /// time: sessions expire, and not all releases return.
    fn after(&self, state: State, seen: Seen) -> Option<State> {
        let token = seen.token();
        let is_over = state.ended & self.those(|other| other == token) != 0;
        let larger = state.largest.max(token);
        let alone = match self.holders {
            Holders::One => self.those(|other| other < token),
            Holders::Several => 0,
        };
        match seen {
            Seen::Holder(0) => {
                let ended = state.ended | self.those(|other| other <= state.largest);
                Some(State { ended, ..state })
            }
            // A grant is decided once, and later ones have larger tokens.
            Seen::Acquired(_) if is_over || token <= state.largest => None,
            Seen::Acquired(_) => Some(State { ended: state.ended | alone, largest: larger }),
            // Perhaps granted to somebody whose acquire never returned.
            Seen::Holder(_) | Seen::Valid(_) if is_over => None,
            // The oldest: all before it have ended.
            Seen::Holder(_) => {
                let ended = state.ended | self.those(|other| other < token);
                Some(State { ended, largest: larger })
            }
            Seen::Valid(_) => Some(State { ended: state.ended | alone, largest: larger }),
            // A client that asks knows the grant, which has ended for good.
            Seen::Released(_) | Seen::Invalid(_) => {
                Some(State { ended: state.ended | self.those(|other| other == token), ..state })
            }
        }
    }

    fn those(&self, are: impl Fn(u64) -> bool) -> u32 {
        let positions = self.tokens.iter().enumerate().filter(|(_, token)| are(**token));
        positions.fold(0, |set, (position, _)| set | 1 << position)
    }
}

/// Operations in one search: the set of those that are ordered is a word.
pub const OPS_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn op(called: u64, returned: u64, seen: Seen) -> Op {
        Op { called, returned, seen }
    }

    #[test]
    fn one_after_the_other_is_an_order() {
        let ops = [
            op(0, 1, Seen::Acquired(1)),
            op(2, 3, Seen::Holder(1)),
            op(4, 5, Seen::Released(1)),
            op(6, 7, Seen::Holder(0)),
            op(8, 9, Seen::Acquired(2)),
            op(10, 11, Seen::Invalid(1)),
        ];
        assert!(is_linearizable(&ops, Holders::One));
    }

    #[test]
    fn a_read_of_what_was_ended_before_it_was_called_is_found() {
        let ops =
            [op(0, 1, Seen::Acquired(1)), op(2, 3, Seen::Released(1)), op(4, 5, Seen::Holder(1))];
        assert!(!is_linearizable(&ops, Holders::One));
        let overlapping = [ops[0], op(2, 6, Seen::Released(1)), ops[2]];
        assert!(is_linearizable(&overlapping, Holders::One));
    }

    #[test]
    fn a_read_that_goes_back_is_found() {
        let ops =
            [op(0, 10, Seen::Acquired(2)), op(1, 2, Seen::Holder(2)), op(3, 4, Seen::Holder(1))];
        assert!(!is_linearizable(&ops, Holders::One));
    }

    #[test]
    fn a_token_that_is_valid_after_a_later_grant_is_found() {
        let ops =
            [op(0, 1, Seen::Acquired(1)), op(2, 3, Seen::Acquired(2)), op(4, 5, Seen::Valid(1))];
        assert!(!is_linearizable(&ops, Holders::One));
    }

    #[test]
    fn grants_out_of_order_are_found() {
        assert!(!is_linearizable(
            &[op(0, 1, Seen::Acquired(2)), op(2, 3, Seen::Acquired(1))],
            Holders::One
        ));
        assert!(is_linearizable(
            &[op(0, 4, Seen::Acquired(2)), op(2, 3, Seen::Acquired(1))],
            Holders::One
        ));
    }

    #[test]
    fn readers_are_seen_together_and_the_oldest_ends_those_before_it() {
        let ops = [
            op(0, 1, Seen::Acquired(1)),
            op(2, 3, Seen::Acquired(2)),
            op(4, 5, Seen::Valid(1)),
            op(6, 7, Seen::Holder(2)),
            op(8, 9, Seen::Valid(1)),
        ];
        assert!(!is_linearizable(&ops[..4], Holders::One));
        assert!(is_linearizable(&ops[..4], Holders::Several));
        assert!(!is_linearizable(&ops, Holders::Several));
    }
}
