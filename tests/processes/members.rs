//! Members that come and go under load.

use crate::cluster::{Cluster, Setup};
use crate::load::Load;
use crate::operating::{add, done, move_leader, move_to, promote, remove};
use crate::patience::until;
use serde_json::Value;
use tenure::base::{Index, NodeId, Token};
use tenure::client::{AcquireOptions, Wait};

#[test]
fn a_member_is_added_and_promoted_and_the_leader_removed_under_load() {
    let mut cluster = Cluster::start();
    let mut loads = [Load::start(&cluster, "jobs/members"), Load::start(&cluster, "jobs/beside")];
    loads.iter_mut().for_each(|load| load.wait_for_grants(GRANTS));

    let four = add(&mut cluster);
    promote(&cluster, four);
    loads.iter_mut().for_each(|load| load.wait_for_grants(GRANTS));
    let removed = cluster.leader();
    remove(&cluster, removed);
    let (status, log) = cluster.wait_ended(removed);
    loads.iter_mut().for_each(|load| load.wait_for_grants(GRANTS));

    let last = log.lines().last().unwrap_or_default();
    assert_eq!(status.code(), Some(2), "{last}");
    assert!(last.contains(&format!("node {removed} was removed from this cluster")), "{last}");
    // The one that joined is started first: nobody is there to tell it who the members are.
    cluster.kill_all();
    let others = cluster.nodes().into_iter().filter(|node| ![four, removed].contains(node));
    for node in [four].into_iter().chain(others) {
        cluster.start_node(node);
    }
    loads.iter_mut().for_each(|load| load.wait_for_grants(GRANTS));
    cluster.wait_caught_up(four);
    for load in loads {
        assert!(load.finish().len() >= 4 * GRANTS);
    }
}

#[test]
fn a_node_is_rebuilt_from_an_empty_directory_by_a_snapshot() {
    // The new one makes none of its own: the one that it has, it was sent.
    let arguments = vec!["--snapshot-every", "4KiB"];
    let mut cluster = Cluster::start_with(Setup { arguments, ..Setup::new() });
    let held = cluster.admin().acquire("jobs/held", Wait::Forever, AcquireOptions::default());
    let held = held.expect("nobody else wants it");
    let mut load = Load::start(&cluster, "jobs/rebuilt");
    until("every node has made a snapshot", || {
        load.wait_for_grants(GRANTS);
        let mut statuses = cluster.nodes().into_iter().map(|node| cluster.status(node));
        statuses.all(|status| status.is_some_and(|now| now.snapshot > Index(0))).then_some(())
    });
    let lost = cluster.nodes()[0];
    cluster.kill_all();
    std::fs::remove_dir_all(cluster.data(lost)).expect("its directory is there");
    // What they held in memory of the log behind the snapshots is gone with their processes.
    for node in cluster.nodes().into_iter().filter(|node| *node != lost) {
        cluster.start_node(node);
    }
    load.wait_for_grants(GRANTS);

    remove(&cluster, lost);
    let new = add(&mut cluster);
    promote(&cluster, new);
    cluster.wait_caught_up(new);

    let status = cluster.status(new).expect("it runs");
    assert!(status.snapshot > Index(0), "it has got the log from its beginning: {status:?}");
    // Its own state is what all are told now.
    move_leader(&cluster, new);
    assert_eq!(shown(&cluster, "jobs/held"), (held.token(), "admin".to_owned()));
    load.wait_for_grants(GRANTS);
    load.finish();
    held.release(Wait::Forever).expect("it is held");
}

#[test]
fn a_node_is_called_otherwise_while_it_runs_and_then_moves_under_load() {
    let mut cluster = Cluster::start();
    let mut load = Load::start(&cluster, "jobs/moving");
    // The third stays where the client knows it.
    for node in cluster.nodes().into_iter().take(2) {
        // Another name for the same address: nothing is closed, and it is found by it the next time.
        let name = format!("localhost:{}", cluster.address(node).port());
        move_to(&cluster, node, &name);
        cluster.terminate(node);
        cluster.start_node(node);
        cluster.wait_caught_up(node);
        load.wait_for_grants(GRANTS);

        cluster.terminate(node);
        let address = cluster.relocate(node).to_string();
        move_to(&cluster, node, &address);
        cluster.start_node(node);
        cluster.wait_caught_up(node);
        load.wait_for_grants(GRANTS);
    }
    load.finish();
}

#[test]
fn an_emptied_node_that_was_not_removed_ends_with_what_to_do() {
    let mut cluster = Cluster::start();
    let emptied = NodeId(2);
    cluster.kill(emptied);
    std::fs::remove_dir_all(cluster.data(emptied)).expect("its directory is there");
    cluster.start_node(emptied);
    let (status, log) = cluster.wait_ended(emptied);
    let last = log.lines().last().unwrap_or_default();
    assert_eq!(status.code(), Some(2), "{last}");
    assert!(last.contains("add it again under a new id"), "{last}");
}

/// Token and holder, as `tenure show` has them.
fn shown(cluster: &Cluster, name: &str) -> (Token, String) {
    let text = done(cluster, &["show", name, "--json"]);
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let lock = &value["locks"][0];
    let token = lock["token"].as_u64().expect("a token");
    (Token(token), lock["holder"].as_str().expect("a holder").to_owned())
}

const GRANTS: usize = 100;
