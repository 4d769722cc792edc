//! Which side dials, how soon again, and that an older connection has no effect any more.

use super::*;

const MILLISECOND: u64 = 1_000_000;
const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);
const THREE: NodeId = NodeId(3);
const DIRECTORY: DirectoryId = DirectoryId([7; 16]);

fn peers(own: NodeId) -> Peers {
    let cluster = [(ONE, "a.example:1"), (TWO, "127.0.0.1:2"), (THREE, "127.0.0.1:3")];
    Peers::new(own, &cluster.map(|(node, address)| (node, address.to_owned())), 1, 0)
}

fn stand(peers: &mut Peers, key: u64, now: u64) {
    peers.handle_standing(THREE, Key(key), DIRECTORY, now);
}

#[test]
fn the_lower_id_dials() {
    let peers = peers(TWO);
    assert_eq!(peers.due(0), Some(THREE));
    assert!(!peers.is_dialed_by_us(ONE));
    assert_eq!(Peers::new(THREE, &[(THREE, "a:1".to_owned())], 1, 0).next_deadline(), u64::MAX);
}

#[test]
fn one_that_does_not_dial_is_dialed_after_a_while() {
    let peers = peers(THREE);
    assert_eq!(peers.due(1_999 * MILLISECOND), None);
    assert_eq!(peers.due(2_000 * MILLISECOND), Some(ONE));
}

#[test]
fn members_that_are_none_any_more_lose_their_connections() {
    let mut peers = peers(TWO);
    stand(&mut peers, 9, 0);
    let moved = [(ONE, "c.example:1".to_owned()), (NodeId(4), "d.example:1".to_owned())];
    assert_eq!(peers.set_members(&moved, |_| false, 0), [Key(9)]);
    assert_eq!((peers.standing(THREE), peers.due(0)), (None, Some(NodeId(4))));
}

#[test]
fn a_member_that_is_reached_elsewhere_stays_connected_and_is_dialed_there_the_next_time() {
    let mut peers = peers(TWO);
    stand(&mut peers, 9, 0);
    let moved = [(ONE, "a.example:1".to_owned()), (THREE, "127.0.0.1:9".to_owned())];
    assert_eq!(peers.set_members(&moved, |_| false, 0), []);
    assert_eq!(peers.standing(THREE), Some(Key(9)));
    let later = 1000 * MILLISECOND;
    peers.handle_ended(THREE, Key(9), later, Pace::Quick, &"closed");
    assert_eq!(peers.due(later), Some(THREE));
    assert_eq!(peers.target(THREE, later), Target::Address("127.0.0.1:9".parse().unwrap()));
}

#[test]
fn one_that_may_be_at_several_places_is_dialed_at_one_after_the_other() {
    let places = ["127.0.0.1:3", "127.0.0.1:4", "127.0.0.1:5"];
    let cluster = places.map(|place| (THREE, place.to_owned()));
    let mut peers = Peers::new(TWO, &cluster, 1, 0);
    let (mut now, mut dialed) = (0, Vec::new());
    for _ in 0..4 {
        assert_eq!(peers.due(now), Some(THREE));
        dialed.push(peers.target(THREE, now));
        peers.handle_dialing(THREE, Key(9), now);
        peers.handle_ended(THREE, Key(9), now, Pace::Quick, &"refused");
        now = peers.next_deadline();
    }
    let expected = [0, 1, 2, 0].map(|at| Target::Address(places[at].parse().unwrap()));
    assert_eq!(dialed, expected);
}

#[test]
fn the_places_of_a_name_are_looked_up_each_by_itself() {
    let cluster = ["a.example:1", "b.example:1"].map(|place| (TWO, place.to_owned()));
    let mut peers = Peers::new(ONE, &cluster, 1, 0);
    assert_eq!(peers.target(TWO, 0), Target::Name("a.example:1".to_owned()));
    let found = vec!["127.0.0.1:1".parse().unwrap()];
    peers.handle_resolved(TWO, "a.example:1", Ok(found), 0);
    assert_eq!(peers.target(TWO, 0), Target::Address("127.0.0.1:1".parse().unwrap()));
    peers.handle_failed(TWO, 0, Pace::Quick, &"refused");
    assert_eq!(peers.target(TWO, 0), Target::Name("b.example:1".to_owned()));
}

#[test]
fn one_that_may_stay_keeps_its_connection_and_is_not_dialed_when_that_ends() {
    let mut peers = peers(TWO);
    stand(&mut peers, 9, 0);
    let others = [(ONE, "a.example:1".to_owned())];
    assert_eq!(peers.set_members(&others, |peer| peer == THREE, 0), []);
    assert_eq!((peers.standing(THREE), peers.is_member(THREE)), (Some(Key(9)), false));
    let later = 1000 * MILLISECOND;
    peers.handle_ended(THREE, Key(9), later, Pace::Quick, &"closed");
    assert_eq!((peers.standing(THREE), peers.due(later)), (None, None));
}

#[test]
fn a_dial_of_an_address_that_is_no_members_any_more_is_closed() {
    let mut peers = peers(TWO);
    peers.handle_dialing(THREE, Key(9), 0);
    let moved = [(THREE, "127.0.0.1:9".to_owned())];
    assert_eq!(peers.set_members(&moved, |_| false, 0), [Key(9)]);
    assert_eq!(peers.due(0), Some(THREE));
}

#[test]
fn pauses_grow_to_their_bound_with_jitter() {
    let mut peers = peers(TWO);
    let mut now = 0;
    for bound_ms in [5, 10, 20, 40, 80, 100, 100] {
        assert_eq!(peers.due(now), Some(THREE));
        peers.handle_dialing(THREE, Key(9), now);
        assert_eq!(peers.due(now), None);
        peers.handle_ended(THREE, Key(9), now, Pace::Quick, &"refused");
        let wait = peers.next_deadline() - now;
        let bound = bound_ms * MILLISECOND;
        assert!((bound / 2..=bound).contains(&wait), "{wait} of {bound}");
        now += wait;
    }
}

#[test]
fn after_a_connection_that_stood_the_dial_is_at_once_and_else_after_a_pause() {
    let mut peers = peers(TWO);
    stand(&mut peers, 9, 0);
    let lost = 100 * MILLISECOND;
    peers.handle_ended(THREE, Key(9), lost, Pace::Quick, &"closed");
    assert_eq!(peers.due(lost), Some(THREE));
    stand(&mut peers, 10, lost);
    peers.handle_ended(THREE, Key(10), lost + 1, Pace::Quick, &"closed");
    assert_eq!(peers.due(lost + 1), None);
}

#[test]
fn a_dial_that_takes_too_long_is_overdue() {
    let mut peers = peers(TWO);
    peers.handle_dialing(THREE, Key(9), 0);
    assert_eq!(peers.overdue(999 * MILLISECOND), None);
    assert_eq!(peers.next_deadline(), 1000 * MILLISECOND);
    assert_eq!(peers.overdue(1000 * MILLISECOND), Some(Key(9)));
}

#[test]
fn a_refusal_is_retried_slowly() {
    let mut peers = peers(TWO);
    peers.handle_dialing(THREE, Key(9), 0);
    peers.handle_ended(THREE, Key(9), 0, Pace::Slow, &"another cluster");
    assert!(peers.next_deadline() >= 500 * MILLISECOND);
}

#[test]
fn the_newest_connection_counts_and_the_end_of_an_older_one_changes_nothing() {
    let mut peers = peers(TWO);
    stand(&mut peers, 9, 0);
    assert_eq!(peers.handle_standing(THREE, Key(10), DIRECTORY, 1), Some(Key(9)));
    peers.handle_ended(THREE, Key(9), 2, Pace::Quick, &"closed");
    assert_eq!(peers.standing(THREE), Some(Key(10)));
}

#[test]
fn names_are_looked_up_and_their_addresses_tried_in_turn() {
    let mut peers = Peers::new(ONE, &[(TWO, "b.example:2".to_owned())], 1, 0);
    assert_eq!(peers.target(TWO, 0), Target::Name("b.example:2".to_owned()));
    assert_eq!(peers.due(u64::MAX), None, "one lookup at a time");
    let found: Vec<SocketAddr> = ["10.0.0.1:2", "10.0.0.2:2"].map(|a| a.parse().unwrap()).to_vec();
    peers.handle_resolved(TWO, "b.example:2", Ok(found.clone()), 5);
    assert_eq!(peers.due(5), Some(TWO));
    assert_eq!(peers.target(TWO, 5), Target::Address(found[0]));
    peers.handle_failed(TWO, 5, Pace::Quick, &"refused");
    assert_eq!(peers.target(TWO, 6), Target::Address(found[1]));
    assert_eq!(peers.target(TWO, 6_000 * MILLISECOND), Target::Name("b.example:2".to_owned()));
    // While no name server knows it, it is dialed where it was.
    peers.handle_resolved(TWO, "b.example:2", Err("no such host".to_owned()), 7_000 * MILLISECOND);
    assert_eq!(peers.target(TWO, 7_000 * MILLISECOND), Target::Address(found[1]));
}

#[test]
fn a_name_that_nobody_knows_is_looked_up_again_after_a_pause() {
    let mut peers = Peers::new(ONE, &[(TWO, "b.example:2".to_owned())], 1, 0);
    assert_eq!(peers.target(TWO, 0), Target::Name("b.example:2".to_owned()));
    peers.handle_resolved(TWO, "b.example:2", Err("no such host".to_owned()), 5);
    let again = peers.next_deadline();
    assert!(again > 5 && peers.due(again) == Some(TWO));
    assert_eq!(peers.target(TWO, again), Target::Name("b.example:2".to_owned()));
}

#[test]
fn while_a_lookup_hangs_there_is_no_second_one_and_a_peer_is_dialed_where_it_was() {
    let mut peers = Peers::new(ONE, &[(TWO, "b.example:2".to_owned())], 1, 0);
    peers.target(TWO, 0);
    let found: Vec<SocketAddr> = vec!["10.0.0.1:2".parse().unwrap()];
    peers.handle_resolved(TWO, "b.example:2", Ok(found.clone()), 0);
    let late = 10_000 * MILLISECOND;
    assert_eq!(peers.target(TWO, late), Target::Name("b.example:2".to_owned()));
    let dialed = peers.next_deadline();
    assert_eq!(dialed, late + 1_000 * MILLISECOND);
    for pass in 0..3 {
        assert_eq!(peers.due(dialed), Some(TWO));
        assert_eq!(peers.target(TWO, dialed), Target::Address(found[0]), "pass {pass}");
    }
}

#[test]
fn what_was_found_for_an_address_that_a_peer_had_before_is_not_taken() {
    let mut peers = Peers::new(ONE, &[(TWO, "b.example:2".to_owned())], 1, 0);
    peers.target(TWO, 0);
    peers.set_members(&[(TWO, "c.example:2".to_owned())], |_| false, 5);
    let found: Vec<SocketAddr> = vec!["10.0.0.1:2".parse().unwrap()];
    peers.handle_resolved(TWO, "b.example:2", Ok(found), 6);
    assert_eq!(peers.target(TWO, 6), Target::Name("c.example:2".to_owned()));
}
