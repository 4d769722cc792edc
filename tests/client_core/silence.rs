//! Dials that nobody answers: the kernel sends its packet again only after a second, so others are made beside them.

use super::*;
use std::collections::BTreeSet;

/// The sockets that one address has.
fn standing(rig: &Rig, endpoint: &str) -> BTreeSet<LinkId> {
    let dialed = rig.dialed.iter().filter(|(_, to)| *to == endpoint).map(|(link, _)| *link);
    dialed.filter(|link| !rig.hung_up.contains(link)).collect()
}

#[test]
fn a_client_that_was_cut_off_is_back_soon_after_the_cut_heals() {
    let mut rig = Rig::new();
    // Nothing arrives until then, and then whatever is sent does.
    let healed = 1_234 * MS;
    rig.pass(healed);
    let before = rig.link(1);
    rig.pass(healed + 200 * MS);
    assert_ne!(rig.link(1), before, "a packet that left after the cut");
    rig.welcome(1, hint(1, Some(1)));
    assert_eq!(rig.core.home(), Some(rig.link(1)));
}

#[test]
fn dials_beside_each_other_are_few_and_the_first_has_its_whole_time() {
    let mut rig = Rig::new();
    let first = rig.link(1);
    for _ in 0..24 {
        rig.pass(rig.now + 200 * MS);
        let standing = standing(&rig, "n1:1");
        assert!(standing.len() <= 4 && standing.contains(&first), "{standing:?}");
    }
    // A network that takes seconds for an answer.
    rig.core.handle_connected(first);
    rig.drain();
    assert_eq!(standing(&rig, "n1:1"), BTreeSet::from([first]));
    rig.core.handle_welcome(&rig.now(), first, welcome(1, hint(1, Some(1))));
    rig.drain();
    assert_eq!(rig.core.home(), Some(first));
}

#[test]
fn a_connection_that_the_other_side_took_is_waited_for() {
    let mut rig = Rig::new();
    let link = rig.link(1);
    rig.core.handle_connected(link);
    rig.drain();
    rig.pass(5 * SECOND - 1);
    assert_eq!(standing(&rig, "n1:1"), BTreeSet::from([link]), "its process may be stopped");
    assert_eq!(standing(&rig, "n2:1").len(), 4);
    rig.pass(5 * SECOND);
    assert!(!standing(&rig, "n1:1").contains(&link));
}

#[test]
fn a_refusal_answers_all_dials_of_its_address() {
    let mut rig = Rig::new();
    rig.pass(500 * MS);
    assert_eq!(standing(&rig, "n1:1").len(), 3);
    let refused = rig.link(1);
    rig.close_link(1);
    assert_eq!(standing(&rig, "n1:1"), BTreeSet::from([refused]), "the others are hung up");
    rig.pass(rig.now + 5 * MS);
    assert_eq!(standing(&rig, "n1:1"), BTreeSet::from([refused, rig.link(1)]), "a new one");
}

#[test]
fn nobody_waits_for_a_spare_connection() {
    let mut rig = Rig::new();
    rig.welcome(1, hint(1, Some(1)));
    rig.compare();
    let number = rig.creation();
    rig.open(number);
    rig.pass_renewed(4 * SECOND);
    assert_eq!(standing(&rig, "n3:1").len(), 1);
    rig.say(1, leader(2, Some(3)));
    assert_eq!(standing(&rig, "n3:1").len(), 2, "until it leads");
}

#[test]
fn an_address_that_was_just_dialed_is_not_dialed_again_for_news() {
    let mut rig = Rig::new();
    rig.welcome(1, hint(1, Some(3)));
    assert_eq!(standing(&rig, "n3:1").len(), 1);
    rig.pass(50 * MS);
    assert_eq!(standing(&rig, "n3:1").len(), 2);
}
