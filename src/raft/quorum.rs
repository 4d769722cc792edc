//! Majorities: the value that a quorum has reached, and the state of an election.

use crate::base::NodeId;
use crate::base::limits::MEMBERS_MAX;
use crate::raft::Membership;

/// State of an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    /// A quorum granted.
    Won,
    /// Too many refusals: no quorum can grant any more.
    Lost,
    /// Undecided.
    Pending,
}

/// A voter's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ballot {
    /// The vote is given.
    Granted,
    /// Refused.
    Refused,
}

/// The smallest number that is more than half of `voters`.
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
    // Asked several times a turn, of a few voters: put in their places as they come.
    for value in values {
        assert!(count < MEMBERS_MAX, "more than {MEMBERS_MAX} voters");
        let mut place = count;
        while place > 0 && sorted[place - 1] > value {
            sorted[place] = sorted[place - 1];
            place -= 1;
        }
        sorted[place] = value;
        count += 1;
    }
    let sorted = &sorted[..count];
    // Of n values in rising order, the one at n − majority(n) has majority(n) values at or above it.
    sorted.get(count.wrapping_sub(majority(count))).copied()
}

/// State of an election, given each voter's answer, if there is one. Without voters it is won.
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

/// The largest value that a quorum of `membership` has reached: the smaller one of its halves, if it is
/// joint; `None` if nobody votes in it.
pub fn reached_in<T: Copy + Ord + Default>(
    membership: &Membership,
    value: impl Fn(NodeId) -> T,
) -> Option<T> {
    let incoming = reached(membership.incoming().map(&value));
    if !membership.is_joint() {
        return incoming;
    }
    let outgoing = reached(membership.outgoing().map(&value));
    // A half without voters constrains nothing.
    incoming.zip(outgoing).map(|(one, two)| one.min(two)).or(incoming).or(outgoing)
}

/// State of an election among the voters of `membership`: in a joint one both halves must be won.
pub fn election_in(membership: &Membership, answer: impl Fn(NodeId) -> Option<Ballot>) -> Election {
    let incoming = election(membership.incoming().map(&answer));
    let outgoing = election(membership.outgoing().map(&answer));
    match (incoming, outgoing) {
        (Election::Lost, _) | (_, Election::Lost) => Election::Lost,
        (Election::Won, Election::Won) => Election::Won,
        _ => Election::Pending,
    }
}
