//! Restarts and moves of leadership that nobody notices, and a kill at a bad moment.

use crate::cluster::{Cluster, Setup, StallShim, scratch};
use crate::load::Load;
use crate::operating::move_leader;
use crate::patience::until;
use crate::program::compile_shim;
use std::fs;
use tenure::base::Index;

#[test]
fn a_rolling_restart_costs_no_session_and_fails_no_acquire() {
    let mut cluster = Cluster::start();
    let mut loads = [Load::start(&cluster, "jobs/rolling"), Load::start(&cluster, "jobs/beside")];
    for _ in 0..2 {
        for node in cluster.nodes() {
            loads.iter_mut().for_each(|load| load.wait_for_grants(GRANTS));
            cluster.terminate(node);
            cluster.start_node(node);
            cluster.wait_caught_up(node);
        }
    }
    for load in loads {
        load.finish();
    }
}

#[test]
fn leadership_moves_round_under_load_without_a_session_lost() {
    let cluster = Cluster::start();
    let mut loads = [Load::start(&cluster, "jobs/moved"), Load::start(&cluster, "jobs/beside")];
    for node in cluster.nodes().into_iter().cycle().take(6) {
        loads.iter_mut().for_each(|load| load.wait_for_grants(GRANTS));
        // The one that leads would be refused.
        if cluster.leader() != node {
            move_leader(&cluster, node);
        }
    }
    for load in loads {
        load.finish();
    }
}

#[test]
fn a_node_killed_while_it_stores_a_snapshot_starts_again() {
    let directory = scratch();
    let library = compile_shim("stall_shim", directory.path());
    let mut cluster = Cluster::start_with(Setup {
        arguments: vec!["--snapshot-every", "4KiB"],
        stall_shim: Some(StallShim { library, prefix: "snapshot.new" }),
        ..Setup::new()
    });
    let mut load = Load::start(&cluster, "jobs/stored");
    for node in cluster.nodes() {
        cluster.stall(node);
        let half_made = cluster.data(node).join("snapshot.new");
        until("a snapshot is being stored", || {
            load.wait_for_grants(1);
            fs::metadata(&half_made).ok().filter(|file| file.len() > 0).map(drop)
        });
        cluster.kill(node);
        cluster.end_stall(node);
        cluster.start_node(node);
        cluster.wait_caught_up(node);
        until("it stores one to the end", || {
            load.wait_for_grants(GRANTS);
            cluster.status(node).filter(|status| status.snapshot > Index(0)).map(drop)
        });
    }
    load.finish();
}

const GRANTS: usize = 50;
