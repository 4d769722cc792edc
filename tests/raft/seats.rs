//! Scenarios of the section *Membership*: how one membership follows from another.

use crate::harness::founding;
use crate::network::{demote, join, promote, remove};
use proptest::prelude::*;
use tenure::base::limits::{ENTRY_BYTES_MAX, MEMBERS_MAX};
use tenure::base::{DirectoryId, NodeId};
use tenure::raft::{Change, ChangeError, Membership, Seat};

/// Each member's id and seat: `V`oter, `L`earner, `J`oining, `D`emoting, `R` for leaving.
fn seats(membership: &Membership) -> String {
    let seat = |seat| match seat {
        Seat::Voter => 'V',
        Seat::Learner => 'L',
        Seat::Joining => 'J',
        Seat::Demoting => 'D',
        Seat::Leaving => 'R',
    };
    let seats = membership.members().iter();
    seats.map(|member| format!("{}{} ", member.node, seat(member.seat))).collect()
}

/// Voters 1 to 3, learners 4 and 5.
fn five() -> Membership {
    let changes: Vec<Change> = [join(4), join(5)].concat();
    founding(1..=3).changed(&changes).expect("two learners")
}

fn add(id: u64, address: &str) -> Change {
    Change::AddLearner { node: NodeId(id), address: address.to_owned() }
}

#[test]
fn change_of_one_voter_is_one_step_and_a_larger_one_is_joint() {
    // (changes, at once, when left)
    type Row = (Vec<Change>, &'static str, &'static str);
    let table: Vec<Row> = vec![
        (vec![promote(4)], "1V 2V 3V 4V 5L ", "1V 2V 3V 4V 5L "),
        (vec![demote(1)], "1L 2V 3V 4L 5L ", "1L 2V 3V 4L 5L "),
        (vec![remove(2)], "1V 3V 4L 5L ", "1V 3V 4L 5L "),
        (vec![remove(4), remove(5)], "1V 2V 3V ", "1V 2V 3V "),
        (vec![remove(2), remove(5)], "1V 3V 4L ", "1V 3V 4L "),
        (vec![promote(4), promote(5)], "1V 2V 3V 4J 5J ", "1V 2V 3V 4V 5V "),
        (vec![promote(4), remove(3)], "1V 2V 3R 4J 5L ", "1V 2V 4V 5L "),
        (vec![promote(4), demote(3)], "1V 2V 3D 4J 5L ", "1V 2V 3L 4V 5L "),
        (vec![demote(2), remove(2)], "1V 3V 4L 5L ", "1V 3V 4L 5L "),
        (vec![remove(1), remove(2)], "1R 2R 3V 4L 5L ", "3V 4L 5L "),
        (vec![remove(1), demote(2), remove(4), remove(5)], "1R 2D 3V ", "2L 3V "),
    ];
    for (changes, at_once, left) in table {
        let changed = five().changed(&changes).expect("possible");
        assert_eq!(seats(&changed), at_once, "{changes:?}");
        assert_eq!(changed.is_joint(), at_once != left);
        assert_eq!(seats(&changed.left()), left, "{changes:?}");
        assert_eq!(Membership::decode(&changed.encode()), Ok(changed));
    }
}

#[test]
fn halves_of_a_joint_membership_are_the_voters_before_and_after() {
    let joint = five().changed(&[promote(4), promote(5), demote(1), remove(2)]).expect("possible");
    let ids = |ids: &[u64]| ids.iter().copied().map(NodeId).collect::<Vec<_>>();
    assert_eq!(joint.outgoing().collect::<Vec<_>>(), ids(&[1, 2, 3]));
    assert_eq!(joint.incoming().collect::<Vec<_>>(), ids(&[3, 4, 5]));
    assert!((1..=5).all(|id| joint.is_voter(NodeId(id))));
    assert!(joint.only_voter().is_none());
    let left = joint.left();
    assert_eq!(left.incoming().collect::<Vec<_>>(), ids(&[3, 4, 5]));
    assert_eq!(left.outgoing().collect::<Vec<_>>(), ids(&[3, 4, 5]));
    assert!(left.is_removed(NodeId(2)) && !left.is_removed(NodeId(1)));
}

#[test]
fn change_that_changes_nothing_is_refused_as_such() {
    let directory = DirectoryId([4; 16]);
    let unchanged = [
        vec![],
        vec![promote(1)],
        vec![demote(4)],
        vec![promote(4), demote(4)],
        vec![demote(1), promote(1)],
        vec![Change::Bind { node: NodeId(4), directory }],
        vec![Change::Readdress { node: NodeId(4), address: "host4:1".into() }],
    ];
    for changes in unchanged {
        assert_eq!(five().changed(&changes), Err(ChangeError::Nothing), "{changes:?}");
    }
}

#[test]
fn impossible_changes_are_refused_whole() {
    let other = DirectoryId([9; 16]);
    let table = [
        ((100..40_100).map(|id| add(id, "a:1")).collect(), ChangeError::TooMany(40_000)),
        (vec![add(0, "a:1")], ChangeError::Zero),
        (vec![add(3, "a:1")], ChangeError::Present(NodeId(3))),
        (vec![promote(9)], ChangeError::Absent(NodeId(9))),
        (vec![demote(0)], ChangeError::Absent(NodeId(0))),
        (vec![remove(9)], ChangeError::Absent(NodeId(9))),
        (vec![add(9, "")], ChangeError::Address(NodeId(9))),
        (vec![add(9, &"a".repeat(260))], ChangeError::Address(NodeId(9))),
        (vec![add(9, "a:1"), promote(9)], ChangeError::Unbound(NodeId(9))),
        (vec![Change::Bind { node: NodeId(4), directory: other }], ChangeError::Bound(NodeId(4))),
        (vec![remove(1), remove(2), remove(3)], ChangeError::NoVoters),
        (vec![demote(1), demote(2), demote(3)], ChangeError::NoVoters),
        (vec![promote(4), promote(9)], ChangeError::Absent(NodeId(9))),
    ];
    for (changes, error) in table {
        assert_eq!(five().changed(&changes), Err(error), "{changes:?}");
    }
}

#[test]
fn ids_are_never_used_again() {
    let without = five().changed(&[remove(4)]).expect("possible");
    assert_eq!(without.changed(&join(4)), Err(ChangeError::Removed(NodeId(4))));
    let later = without.changed(&[remove(1)]).expect("possible");
    assert_eq!(later.changed(&join(1)), Err(ChangeError::Removed(NodeId(1))));
}

#[test]
fn joint_membership_is_not_changed_before_it_is_left() {
    let joint = five().changed(&[promote(4), promote(5)]).expect("possible");
    assert_eq!(joint.changed(&[remove(1)]), Err(ChangeError::Joint));
    assert!(joint.left().changed(&[remove(1)]).is_ok());
}

#[test]
fn members_are_bounded() {
    let mut membership = founding(1..=1);
    for id in 2..=MEMBERS_MAX as u64 {
        membership = membership.changed(&join(id)).expect("room");
    }
    assert_eq!(membership.changed(&join(99)), Err(ChangeError::Full));
    let replaced = membership.changed(&[&[remove(2)], &join(99)[..]].concat());
    assert!(replaced.is_ok());
}

#[test]
fn former_members_are_bounded_so_that_a_membership_fits_an_entry() {
    let mut membership = founding(1..=3);
    let address = "a".repeat(259);
    for id in 4..=9 {
        let directory = DirectoryId([id as u8; 16]);
        let bind = Change::Bind { node: NodeId(id), directory };
        membership = membership.changed(&[add(id, &address), bind]).expect("room");
    }
    membership = membership.changed(&[remove(9)]).expect("it is there");
    let last = u64::MAX;
    for id in last - 1022..=last {
        membership = membership.changed(&[add(id, &address)]).expect("room");
        membership = membership.changed(&[remove(id)]).expect("it is there");
    }
    assert!(membership.encode().len() < ENTRY_BYTES_MAX);
    assert_eq!(membership.changed(&[remove(8)]), Err(ChangeError::Exhausted));
    assert!(membership.changed(&[promote(8)]).is_ok());
}

#[test]
fn bytes_that_are_no_membership_in_force_are_refused() {
    let malformed = founding([1, 2, 2]);
    assert_eq!(Membership::decode(&malformed.encode()), Err(ChangeError::Malformed));
    assert_eq!(Membership::decode(&founding([0, 1]).encode()), Err(ChangeError::Zero));
    assert_eq!(Membership::decode(&founding([]).encode()), Err(ChangeError::NoVoters));
    assert_eq!(Membership::decode(&founding(1..=10).encode()), Err(ChangeError::Full));
    assert!(Membership::decode(&[]).is_err());
    let bytes = five().encode();
    for length in 0..bytes.len() {
        assert!(Membership::decode(&bytes[..length]).is_err(), "cut to {length} bytes");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(Membership::decode(&longer).is_err());
}

/// The seat that each of six nodes is to have: voter, learner, or none.
fn goals() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0u8..3, 6)
}

/// The changes that bring `from` to these goals.
fn changes(from: &Membership, goals: &[u8]) -> Vec<Change> {
    let change = |(id, goal): (u64, &u8)| {
        let votes = from.member(NodeId(id))?.seat == Seat::Voter;
        match (goal, votes) {
            (0, false) => Some(promote(id)),
            (1, true) => Some(demote(id)),
            (2, _) => Some(remove(id)),
            _ => None,
        }
    };
    (1..).zip(goals).filter_map(change).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn steps_one_by_one_end_where_a_joint_change_ends(first in goals(), second in goals()) {
        let founded = founding(1..=3).changed(&[join(4), join(5), join(6)].concat()).unwrap();
        let mut joint = founded.clone();
        let mut stepped = founded;
        for goals in [first, second] {
            let changes = changes(&joint, &goals);
            let Ok(changed) = joint.changed(&changes) else { continue };
            joint = changed.left();
            // In an order in which somebody always votes: voters come before others go.
            let (come, go): (Vec<_>, Vec<_>) =
                changes.into_iter().partition(|change| matches!(change, Change::Promote { .. }));
            for change in come.into_iter().chain(go) {
                let changed = stepped.changed(&[change]).unwrap();
                prop_assert!(!changed.is_joint(), "one voter at a time");
                stepped = changed;
            }
            prop_assert_eq!(&joint, &stepped);
        }
    }
}
