//! Rights are turned on: the level and the members that this takes.

use super::*;

/// `node` goes on with `leader` after a restart with which it asks clients for no certificate.
#[track_caller]
fn restarts_without_asking_for_certificates(cluster: &mut Cluster, leader: NodeId, node: NodeId) {
    cluster.advance_in_steps(300 * MS, 10 * MS);
    cluster.crash(node);
    cluster.set_speech(node, tls(Some(false)));
    cluster.restart(node);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    assert_eq!(cluster.machine_index(node), cluster.machine_index(leader), "it goes on");
}

#[test]
fn a_change_below_the_level_is_refused_with_what_the_level_waits_for() {
    let (mut cluster, leader, old) = cluster_with_old_follower();
    connect(&mut cluster, leader, ADMIN, ROOT);
    let off = Order::Access { change: AccessChange::Off };
    let says =
        |cluster: &mut Cluster, part: String| match order(cluster, leader, ADMIN, off.clone()) {
            OrderAnswer::Refused { text } => assert!(text.ends_with(&part), "{text}"),
            other => panic!("{other:?}"),
        };
    says(&mut cluster, format!("a version that has rights: node {old} runs tenure 0.1"));
    cluster.crash(old);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    says(&mut cluster, format!("a version that has rights: node {old} is not connected"));
    cluster.set_speech(old, tls(Some(true)));
    cluster.restart(old);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    assert_eq!(cluster.machine(leader).level(), 3);
    assert!(!change(&mut cluster, leader, AccessChange::Off).is_changed);
}

#[test]
fn rights_stay_off_while_a_member_takes_connections_without_tls_or_nobody_knows_whether_it_does() {
    for (speech, why) in [
        ([Some(true), Some(false), Some(true)], "node 2 still takes connections without TLS"),
        ([Some(true), Some(true), None], "node 3 does not require TLS"),
    ] {
        let (mut cluster, leader) = cluster_saying(speech);
        connect(&mut cluster, leader, ADMIN, ROOT);
        allow(&mut cluster, leader, ROOT, "admin", "");
        let answer = order(&mut cluster, leader, ADMIN, Order::Access { change: AccessChange::On });
        let OrderAnswer::Refused { text } = answer else { panic!("{answer:?}") };
        assert!(text.contains(why), "{text}");
        assert!(!cluster.machine(leader).has_rights_on());
    }
    let (mut cluster, leader) = cluster_saying([Some(true); 3]);
    connect(&mut cluster, leader, ADMIN, ROOT);
    let on = || Order::Access { change: AccessChange::On };
    let OrderAnswer::Refused { text } = order(&mut cluster, leader, ADMIN, on()) else { panic!() };
    assert!(text.contains("nobody could change rights any more"), "{text}");
    allow(&mut cluster, leader, ROOT, "admin", "");
    let away = cluster.nodes().find(|node| *node != leader).unwrap();
    cluster.crash(away);
    let OrderAnswer::Refused { text } = order(&mut cluster, leader, ADMIN, on()) else { panic!() };
    assert!(text.contains(&format!("node {away} is not connected")), "{text}");
}

#[test]
fn a_node_that_takes_connections_without_tls_does_not_start_where_its_log_turns_rights_on() {
    let (mut cluster, leader) = cluster_with_rights();
    let node = cluster.nodes().find(|node| *node != leader).unwrap();
    cluster.crash(node);
    cluster.set_speech(node, tls(Some(false)));
    let why = cluster.try_restart(node).unwrap_err().to_string();
    assert!(
        why.contains("rights are on in this cluster") && why.contains("--tls optional"),
        "{why}"
    );
    cluster.set_speech(node, tls(Some(true)));
    cluster.restart(node);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    assert!(change(&mut cluster, leader, AccessChange::Off).is_changed);
    restarts_without_asking_for_certificates(&mut cluster, leader, node);
}

#[test]
fn an_order_that_was_refused_keeps_no_node_out() {
    let (mut cluster, leader) = cluster_saying([Some(true); 3]);
    connect(&mut cluster, leader, ADMIN, ROOT);
    let answer = order(&mut cluster, leader, ADMIN, Order::Access { change: AccessChange::On });
    assert!(matches!(answer, OrderAnswer::Refused { .. }), "nobody has admin: {answer:?}");
    let node = cluster.nodes().find(|node| *node != leader).unwrap();
    restarts_without_asking_for_certificates(&mut cluster, leader, node);
}
