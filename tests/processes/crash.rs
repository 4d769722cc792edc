//! `kill -9`: of each node under load, and of all at once.

use crate::cluster::Cluster;
use crate::load::Load;
use std::time::Duration;
use tenure::client::{AcquireOptions, LeaseState, Wait};

#[test]
fn tokens_rise_through_the_kill_of_each_node_and_each_catches_up() {
    let mut cluster = Cluster::start();
    let mut load = Load::start(&cluster, "jobs/killed");

    // Whoever leads, one of the three kills at the latest hits the leader.
    for node in cluster.nodes() {
        load.wait_for_grants(GRANTS_BETWEEN);
        cluster.kill(node);
        load.wait_for_grants(GRANTS_BETWEEN);
        cluster.start_node(node);
        cluster.wait_caught_up(node);
    }
    load.wait_for_grants(GRANTS_BETWEEN);

    let tokens = load.finish();
    assert!(tokens.len() >= 7 * GRANTS_BETWEEN, "{} grants", tokens.len());
}

#[test]
fn a_standing_grant_survives_the_kill_of_all_nodes_at_once() {
    let mut cluster = Cluster::start();
    let holder = cluster.client_with_ttl("holder", Duration::from_secs(300));
    let standing = holder.acquire("jobs/standing", Wait::Forever, AcquireOptions::default());
    let standing = standing.expect("nobody else wants it");

    cluster.kill_all();
    cluster.start_all();

    let other = cluster.client("other");
    let view = other.holder_of("jobs/standing").expect("a quorum serves").expect("it is held");
    assert_eq!((view.token, view.client.as_str()), (standing.token(), "holder"));
    assert!(other.validate("jobs/standing", standing.token()).expect("a quorum serves"));
    assert_eq!(standing.state(), LeaseState::Held);
    assert!(standing.remaining() > Duration::ZERO);
    let next = other.acquire("jobs/next", Wait::Forever, AcquireOptions::default());
    let next = next.expect("nobody else wants it");
    assert!(next.token() > standing.token(), "{} after {}", next.token(), standing.token());
    standing.release(Wait::Forever).expect("it is still held");
}

const GRANTS_BETWEEN: usize = 20;
