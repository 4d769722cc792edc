//! Majorities: what a quorum has reached, and how an election stands.

use crate::base::limits::MEMBERS_MAX;

/// How an election stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    /// A quorum granted.
    Won,
    /// So many refused that no quorum can grant any more.
    Lost,
    /// Still open.
    Pending,
}

/// A voter's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ballot {
    /// The vote is given.
    Granted,
    /// It is not.
    Refused,
}

/// The smallest number of `voters` that is more than half of them.
#[must_use]
pub fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// The largest value that a quorum has reached, one value for each voter; `None` for no voters at all,
/// which constrain nothing. A voter that has reached nothing counts with the smallest value.
///
/// # Panics
/// If there are more than [`MEMBERS_MAX`] values.
pub fn reached<T: Copy + Ord + Default>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut sorted = [T::default(); MEMBERS_MAX];
    let mut count = 0;
    for value in values {
        assert!(count < MEMBERS_MAX, "more than {MEMBERS_MAX} voters");
        sorted[count] = value;
        count += 1;
    }
    let sorted = &mut sorted[..count];
    sorted.sort_unstable();
    // Of n values in rising order the one at n − majority(n) has majority(n) values at or above it.
    sorted.get(count.wrapping_sub(majority(count))).copied()
}

/// How an election stands, one answer (or none yet) for each voter. No voters at all: won.
pub fn election(answers: impl IntoIterator<Item = Option<Ballot>>) -> Election {
    let (mut voters, mut granted, mut refused) = (0, 0, 0);
    for answer in answers {
        voters += 1;
        match answer {
            Some(Ballot::Granted) => granted += 1,
            Some(Ballot::Refused) => refused += 1,
            None => {}
        }
    }
    if voters == 0 || granted >= majority(voters) {
        Election::Won
    } else if voters - refused < majority(voters) {
        Election::Lost
    } else {
        Election::Pending
    }
}
