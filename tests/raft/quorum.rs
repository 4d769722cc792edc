//! Scenarios of the section *Quorum arithmetic*: majorities, and memberships of two halves.

use crate::harness::founding;
use crate::network::{demote, join, promote};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tenure::base::limits::MEMBERS_MAX;
use tenure::base::{Index, NodeId};
use tenure::raft::quorum::{Ballot, Election, election, election_in, reached, reached_in};
use tenure::raft::{Change, Membership};

/// The value of a majority, by the definition: the largest that more than half reach.
fn reached_naively(values: &[u64]) -> Option<u64> {
    let holders = |value: u64| values.iter().filter(|held| **held >= value).count();
    values.iter().copied().filter(|value| 2 * holders(*value) > values.len()).max()
}

fn election_naively(answers: &[Option<Ballot>]) -> Election {
    let count = |ballot| answers.iter().filter(|answer| **answer == ballot).count();
    let (granted, open) = (count(Some(Ballot::Granted)), count(None));
    if answers.is_empty() || 2 * granted > answers.len() {
        Election::Won
    } else if 2 * (granted + open) > answers.len() {
        Election::Pending
    } else {
        Election::Lost
    }
}

#[test]
fn committed_index_of_majorities() {
    // A voter that acknowledged nothing counts as 0; no voters constrain nothing.
    let table: &[(&[u64], Option<u64>)] = &[
        (&[], None),
        (&[0], Some(0)),
        (&[12], Some(12)),
        (&[0, 0], Some(0)),
        (&[0, 12], Some(0)),
        (&[12, 5], Some(5)),
        (&[100, 100], Some(100)),
        (&[0, 0, 0], Some(0)),
        (&[12, 0, 0], Some(0)),
        (&[12, 5, 0], Some(5)),
        (&[12, 5, 6], Some(6)),
        (&[6, 5, 12], Some(6)),
        (&[100, 101, 101], Some(101)),
        (&[100, 101, 103], Some(101)),
        (&[0, 0, 0, 0], Some(0)),
        (&[0, 101, 0, 0], Some(0)),
        (&[0, 101, 101, 0], Some(0)),
        (&[0, 101, 103, 104], Some(101)),
        (&[101, 102, 103, 104], Some(102)),
        (&[101, 101, 103, 0, 0], Some(101)),
        (&[101, 104, 103, 103, 0], Some(103)),
        (&[5, 5, 5, 10, 10], Some(5)),
        (&[1, 2, 3, 4, 5, 6, 7], Some(4)),
        (&[9, 8, 7, 6, 5, 4, 3, 2, 1], Some(5)),
    ];
    for (held, expected) in table {
        let values = held.iter().map(|value| Index(*value));
        assert_eq!(reached(values), expected.map(Index), "{held:?}");
    }
}

#[test]
fn votes_of_majorities() {
    let (yes, no, open) = (Some(Ballot::Granted), Some(Ballot::Refused), None);
    let table: &[(&[Option<Ballot>], Election)] = &[
        (&[], Election::Won),
        (&[yes], Election::Won),
        (&[no], Election::Lost),
        (&[open], Election::Pending),
        (&[yes, open], Election::Pending),
        (&[yes, no], Election::Lost),
        (&[no, open], Election::Lost),
        (&[yes, yes], Election::Won),
        (&[no, no, open], Election::Lost),
        (&[yes, no, open], Election::Pending),
        (&[yes, yes, open], Election::Won),
        (&[yes, no, no], Election::Lost),
        (&[yes, yes, no], Election::Won),
        (&[yes, yes, no, no], Election::Lost),
        (&[yes, yes, open, no], Election::Pending),
        (&[yes, yes, yes, no, no, open, open], Election::Pending),
        (&[yes, yes, yes, yes, no, no, no], Election::Won),
        (&[yes, no, no, no, no, open, open], Election::Lost),
    ];
    for (answers, expected) in table {
        assert_eq!(election(answers.iter().copied()), *expected, "{answers:?}");
    }
}

/// 50,000 inputs from a fixed seed, so that every run sees the same.
fn runner() -> TestRunner {
    let config = Config { cases: 50_000, failure_persistence: None, ..Config::default() };
    let rng = proptest::test_runner::TestRng::deterministic_rng(
        proptest::test_runner::RngAlgorithm::ChaCha,
    );
    TestRunner::new_with_rng(config, rng)
}

#[test]
fn sorted_commit_index_equals_the_counted_one() {
    let inputs = prop::collection::vec(prop_oneof![0u64..12, any::<u64>()], 0..=MEMBERS_MAX);
    let compare = |values: Vec<u64>| {
        prop_assert_eq!(reached(values.iter().copied()), reached_naively(&values));
        Ok(())
    };
    runner().run(&inputs, compare).unwrap();
}

#[test]
fn election_result_equals_the_counted_one() {
    let answer = prop_oneof![Just(None), Just(Some(Ballot::Granted)), Just(Some(Ballot::Refused))];
    let inputs = prop::collection::vec(answer, 0..=MEMBERS_MAX);
    let compare = |answers: Vec<Option<Ballot>>| {
        prop_assert_eq!(election(answers.iter().copied()), election_naively(&answers));
        Ok(())
    };
    runner().run(&inputs, compare).unwrap();
}

/// A membership whose voters were `outgoing` and are to be `incoming`, subsets of 1 to 9 that both have some.
/// It is joint if they differ by more than one.
fn between(outgoing: &[u64], incoming: &[u64]) -> Membership {
    let learners: Vec<Change> =
        incoming.iter().filter(|id| !outgoing.contains(id)).flat_map(|id| join(*id)).collect();
    let before = founding(outgoing.iter().copied());
    let before = before.changed(&learners).unwrap_or(before);
    let come = incoming.iter().filter(|id| !outgoing.contains(id)).map(|id| promote(*id));
    let go = outgoing.iter().filter(|id| !incoming.contains(id)).map(|id| demote(*id));
    let changes: Vec<Change> = come.chain(go).collect();
    before.changed(&changes).unwrap_or(before)
}

#[test]
fn committed_index_of_joint_memberships_is_the_smaller_of_both_halves() {
    // Values of nodes 1, 2, …
    type Row = (&'static [u64], &'static [u64], &'static [u64], u64);
    let table: [Row; 12] = [
        (&[1, 2, 3], &[4, 5, 6], &[5, 5, 5, 10, 10, 10], 5),
        (&[1, 2, 3], &[4, 5, 6], &[10, 10, 10, 5, 5, 5], 5),
        (&[1, 2, 3], &[4, 5, 6], &[5, 5, 0, 10, 0, 0], 0),
        (&[1, 2, 3], &[4, 5, 6], &[0, 0, 12, 10, 10, 10], 0),
        (&[1, 2, 3], &[3, 4, 5], &[1, 2, 9, 8, 7], 2),
        (&[1, 2, 3], &[3, 4, 5], &[9, 9, 9, 1, 2], 2),
        (&[1, 2, 3], &[1, 4, 5], &[9, 9, 1, 3, 4], 4),
        (&[1], &[2, 3], &[12, 5, 6], 5),
        (&[1, 2], &[3], &[12, 5, 100], 5),
        (&[1, 2], &[3, 4], &[12, 13, 14, 11], 11),
        (&[1, 2, 3, 4], &[1, 5, 6], &[4, 4, 4, 1, 9, 9], 4),
        (&[1, 2, 3, 4, 5], &[1, 2, 3], &[9, 9, 0, 8, 1], 8),
    ];
    for (outgoing, incoming, held, expected) in table {
        let membership = between(outgoing, incoming);
        assert!(membership.is_joint());
        let reached = reached_in(&membership, |id| held[id.0 as usize - 1]);
        assert_eq!(reached, Some(expected), "{outgoing:?} to {incoming:?}, {held:?}");
    }
}

#[test]
fn joint_election_is_won_in_both_halves_and_lost_in_one() {
    let (yes, no, open) = (Some(Ballot::Granted), Some(Ballot::Refused), None);
    type Row = ([Option<Ballot>; 5], Election);
    // {1, 2, 3} to {3, 4, 5}.
    let table: [Row; 8] = [
        ([yes, open, yes, yes, open], Election::Won),
        ([yes, yes, open, open, open], Election::Pending),
        ([yes, yes, no, yes, open], Election::Pending),
        ([yes, yes, no, yes, yes], Election::Won),
        ([yes, yes, open, no, no], Election::Lost),
        ([no, no, yes, yes, yes], Election::Lost),
        ([open, open, no, no, yes], Election::Lost),
        ([open; 5], Election::Pending),
    ];
    let membership = between(&[1, 2, 3], &[3, 4, 5]);
    for (answers, expected) in table {
        let election = election_in(&membership, |id| answers[id.0 as usize - 1]);
        assert_eq!(election, expected, "{answers:?}");
    }
}

/// Two subsets of 1 to 9, neither empty, that differ by more than one: and nine values.
fn halves() -> impl Strategy<Value = (u16, u16, Vec<u64>)> {
    let values = prop::collection::vec(prop_oneof![0u64..12, any::<u64>()], MEMBERS_MAX);
    let set = 1u16..512;
    (set.clone(), set, values).prop_filter("joint", |(one, two, _)| (one ^ two).count_ones() > 1)
}

fn members(set: u16) -> Vec<u64> {
    (1..=9).filter(|id| set & (1 << (id - 1)) != 0).collect()
}

#[test]
fn joint_arithmetic_equals_the_counted_one() {
    let compare = |(one, two, values): (u16, u16, Vec<u64>)| {
        let (outgoing, incoming) = (members(one), members(two));
        let membership = between(&outgoing, &incoming);
        prop_assert!(membership.is_joint());
        let of = |half: &[u64]| half.iter().map(|id| values[*id as usize - 1]).collect::<Vec<_>>();
        let counted = reached_naively(&of(&outgoing)).min(reached_naively(&of(&incoming)));
        let value = |id: NodeId| values[id.0 as usize - 1];
        prop_assert_eq!(reached_in(&membership, value), counted);

        let ballot = |value: u64| match value % 3 {
            0 => None,
            1 => Some(Ballot::Granted),
            _ => Some(Ballot::Refused),
        };
        let ballots = |half: &[u64]| of(half).into_iter().map(ballot).collect::<Vec<_>>();
        let counted = [outgoing, incoming].map(|half| election_naively(&ballots(&half)));
        let counted = match counted {
            [Election::Lost, _] | [_, Election::Lost] => Election::Lost,
            [Election::Won, Election::Won] => Election::Won,
            _ => Election::Pending,
        };
        prop_assert_eq!(election_in(&membership, |id| ballot(value(id))), counted);
        Ok(())
    };
    runner().run(&halves(), compare).unwrap();
}
