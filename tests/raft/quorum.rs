//! Scenarios of the section *Quorum arithmetic*: majorities (the configuration has no joint ones yet).

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tenure::base::Index;
use tenure::base::limits::MEMBERS_MAX;
use tenure::raft::quorum::{Ballot, Election, election, reached};

/// What a majority holds, by the definition: the largest value that more than half reach.
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
