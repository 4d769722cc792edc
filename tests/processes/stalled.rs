//! A leader whose disk stalls: fdatasync does not return, the process runs on.

use crate::cluster::{Cluster, Setup, StallShim, scratch};
use crate::load::Load;
use crate::program::compile_shim;
use crate::raw_client::RawClient;
use crate::stopped_node::{NAME, ask_everything, check_silent, open_session};
use tenure::base::NodeId;
use tenure::client::{AcquireOptions, LeaseState, Wait};

#[test]
fn c7_a_leader_whose_disk_stalls_is_replaced_without_a_session_lost() {
    let directory = scratch();
    let library = compile_shim("stall_shim", directory.path());
    let stall_shim = Some(StallShim { library, prefix: "" });
    let cluster = Cluster::start_with(Setup { stall_shim, ..Setup::new() });
    let mut loads = [Load::start(&cluster, "jobs/stalled"), Load::start(&cluster, "jobs/beside")];
    loads.iter_mut().for_each(|load| load.wait_for_grants(GRANTS));
    let old = cluster.leader_among(&cluster.nodes());
    let mut client = RawClient::connect(cluster.address(old.node));
    let session = open_session(&mut client);

    cluster.stall(old.node);
    let others: Vec<NodeId> =
        cluster.nodes().into_iter().filter(|node| *node != old.node).collect();
    let new = cluster.leader_among(&others);
    assert!(new.term > old.term, "{} after {}", new.term, old.term);
    loads.iter_mut().for_each(|load| load.wait_for_grants(GRANTS));
    let lease = cluster.admin().acquire(NAME, Wait::Forever, AcquireOptions::default());
    let lease = lease.expect("nobody else wants it");
    // This waits at the stalled leader, and what it had under way besides.
    ask_everything(&mut client, session);
    cluster.end_stall(old.node);

    // Nothing of it is answered late, as if this one still led, and what others were granted stands.
    check_silent(&mut client, old.node, new.term);
    cluster.wait_caught_up(old.node);
    assert_eq!(lease.state(), LeaseState::Held);
    assert!(cluster.admin().validate(NAME, lease.token()).expect("a quorum serves"));
    lease.release(Wait::Forever).expect("it is held");
    for mut load in loads {
        load.wait_for_grants(GRANTS);
        load.finish();
    }
}

const GRANTS: usize = 100;
