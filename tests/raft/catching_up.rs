//! A follower that is given a snapshot while writes go on gets it, and then the log behind it; what is kept for it is bounded.

use crate::harness::*;
use crate::network::Network;
use tenure::base::Index;
use tenure::base::limits::SNAPSHOT_CHUNK_BYTES_MAX;
use tenure::raft::Config;

const CHUNK: usize = SNAPSHOT_CHUNK_BYTES_MAX;

#[test]
fn follower_catches_up_though_each_write_makes_a_snapshot() {
    let mut network = Network::new(3);
    network.elect(1);
    network.isolate(3);
    for _ in 0..10 {
        network.node(1).propose();
        network.deliver();
    }
    network.node(1).take_snapshot(8 * CHUNK);
    network.heal();
    network.reconnect();
    // Two messages between all nodes for each write: far fewer than a part and its answer need.
    let mut writes = 0;
    while network.node(3).applied.len() < 20 {
        writes += 1;
        assert!(writes < 400, "restored {:?}", network.node(3).restored);
        network.node(1).propose();
        network.deliver_some(2);
        let (state, stored) = (network.node(1).state.0, network.node(1).raft.snapshot_index());
        if state > stored {
            network.node(1).take_snapshot(8 * CHUNK);
        }
    }
    assert_eq!(network.node(3).restored.len(), 1, "one snapshot, and then entries");
    network.deliver();
    network.run(2 * HEARTBEAT);
    assert_eq!(network.nodes[2].state, network.nodes[0].state);
}

/// A leader of term 2 that has begun to send follower 3 the snapshot of 4, and goes on with follower 2.
fn leader(log_bytes_max: u64) -> Node {
    let config = Config { log_bytes_max, log_reserve_bytes: 0, ..config(1, 3) };
    let mut leader = Node::leader_of(config, 2, &[1, 1, 1]);
    leader.receive(2, accepted(2, 0, 4));
    leader.settle();
    leader.take_snapshot(CHUNK);
    leader.receive(3, rejected(2, 3, (0, 0)));
    leader.settle();
    leader
}

/// One more entry, committed with follower 2, and a snapshot of it.
fn write(leader: &mut Node) {
    let index = leader.propose();
    leader.settle();
    leader.receive(2, accepted(2, 0, index.0));
    leader.settle();
    leader.take_snapshot(CHUNK);
    leader.settle();
}

/// Heartbeats of so much time, which both followers answer.
fn pass(leader: &mut Node, millis: u64) {
    for _ in 0..millis / HEARTBEAT {
        leader.beat();
        let round = leader.raft.round().expect("it leads").0;
        leader.receive(2, echo(2, round));
        leader.receive(3, echo(2, round));
        leader.settle();
        leader.sent();
    }
}

#[test]
fn entries_behind_a_snapshot_on_its_way_are_kept_until_the_follower_has_them() {
    let mut leader = leader(1 << 20);
    (0..5).for_each(|_| write(&mut leader));
    assert_eq!(leader.terms(), [2; 5]);
    leader.receive(3, stored(2, 0, 4));
    leader.settle();
    write(&mut leader);
    assert_eq!(leader.terms(), [2; 6], "it has the snapshot, and not yet what follows");
    leader.receive(3, accepted(2, 0, 10));
    leader.settle();
    assert_eq!(leader.terms(), [0; 0], "nobody needs them any more");
}

#[test]
fn what_is_kept_for_a_follower_is_bounded_in_bytes() {
    // A quarter of the log: four entries of 64 bytes.
    let mut leader = leader(16 * 64);
    (0..4).for_each(|_| write(&mut leader));
    assert_eq!(leader.terms(), [2; 4]);
    write(&mut leader);
    assert_eq!(leader.terms(), [0; 0]);
    assert_eq!(leader.raft.log_bytes(), 0);
    // The follower gets the next snapshot, for which entries are kept again.
    leader.receive(3, stored(2, 0, 4));
    leader.settle();
    write(&mut leader);
    assert_eq!(leader.terms(), [2]);
}

#[test]
fn what_is_kept_for_a_follower_is_bounded_in_time() {
    let mut leader = leader(1 << 20);
    write(&mut leader);
    pass(&mut leader, 50_000);
    assert_eq!(leader.terms(), [2]);
    // The follower moves by one part.
    leader.receive(3, received(2, 0, 4, CHUNK as u64));
    pass(&mut leader, 50_000);
    assert_eq!(leader.terms(), [2]);
    pass(&mut leader, 15_000);
    assert_eq!(leader.terms(), [0; 0], "it stood still for a minute");
    write(&mut leader);
    assert_eq!(leader.terms(), [0; 0], "nor is anything kept for it later");
    assert_eq!(leader.raft.last_index(), Index(6));
}

#[test]
fn follower_that_moves_and_never_ends_is_not_waited_for_for_ever() {
    let mut leader = leader(1 << 20);
    write(&mut leader);
    for minute in 0..15 {
        assert_eq!(leader.terms(), [2], "minute {minute}");
        for next in [10, 20] {
            leader.receive(3, received(2, 0, 4, 100 * minute + next));
            pass(&mut leader, 30_000);
        }
    }
    pass(&mut leader, 1000);
    assert_eq!(leader.terms(), [0; 0]);
}
