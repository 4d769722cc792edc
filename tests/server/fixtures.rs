//! What 0.1.0 wrote is opened, understood and carried on (tests/fixtures/0.1.0/make.sh says how it was made).

use crate::common::root::root;
use crate::server::cluster::{Cluster, MS};
use crate::server::{CLIENT, connect_with_session, name, token_of};
use std::path::{Path, PathBuf};
use tenure::base::{NodeId, Token};
use tenure::lock::{LEVEL_MAX, LockMachine, Mode};
use tenure::server::{Bootstrap, ServerOptions};
use tenure::wal::snapshot_file;
use tenure::wire::Speech;

fn fixture(path: &str) -> PathBuf {
    root("tests/fixtures/0.1.0").join(path)
}

/// A copy of the data directory of `node`, each file as long as it was.
fn lay_out(node: NodeId, to: &Path) {
    let from = fixture(&format!("data/node-{node}"));
    std::fs::create_dir_all(to).unwrap();
    let lengths = std::fs::read_to_string(from.join("lengths")).unwrap();
    for line in lengths.lines() {
        let (file, length) = line.split_once(' ').unwrap();
        std::fs::copy(from.join(file), to.join(file)).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(to.join(file)).unwrap();
        file.set_len(length.parse().unwrap()).unwrap();
    }
}

/// The three nodes of the fixture, each running the build that speaks this.
fn cluster(speech: [Speech; 3]) -> Cluster {
    let base = ServerOptions::new(NodeId(1), Vec::new());
    let mut cluster = Cluster::with_options(0, base);
    for (id, speech) in (1..=3).map(NodeId).zip(speech) {
        cluster.add_directory(id, Bootstrap::Founder);
        cluster.set_speech(id, speech);
        lay_out(id, &cluster.path(id));
    }
    (1..=3).for_each(|id| cluster.restart(NodeId(id)));
    cluster
}

/// What stood when the cluster of 0.1.0 was stopped.
fn check_state(machine: &LockMachine) {
    let lock = |text: &str| machine.lock(&name(text)).unwrap_or_else(|| panic!("no {text}"));
    let pair = lock("two a");
    assert_eq!((pair.client.as_str(), pair.value.as_slice()), ("pair", b"both".as_slice()));
    assert_eq!(lock("two b").token, pair.token, "two names under one token");
    let readers = lock("readers");
    assert_eq!((readers.mode, readers.holding), (Mode::Shared, 2));
    let permits = lock("permits");
    assert_eq!((permits.limit, permits.taken), (3, 2));
    let chief = lock("chief");
    assert_eq!(
        (chief.client.as_str(), chief.value.as_slice()),
        ("chief", b"10.0.0.1:80".as_slice())
    );
    assert_eq!((chief.waiting, chief.waiters[0].client.as_str()), (1, "waiter"));
    assert_eq!(machine.newest_token(), Token(45));
    assert_eq!(machine.session_count(), 6);
    assert_eq!(machine.held_count(), 5, "each of the forty locks was given back");
}

#[test]
fn directories_of_0_1_are_opened_and_their_state_stands() {
    for speech in [[(); 3].map(|()| Speech::own()), [(); 3].map(|()| Speech::of_0_1())] {
        let mut cluster = cluster(speech);
        let leader = cluster.elect();
        check_state(cluster.machine(leader));
        cluster.advance_in_steps(300 * MS, 10 * MS);
        let hashes: Vec<u64> =
            cluster.nodes().map(|node| cluster.machine(node).state_hash()).collect();
        assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
    }
}

#[test]
fn a_cluster_of_0_1_goes_on_and_rises_node_by_node() {
    let mut cluster = cluster([Speech::of_0_1(), Speech::of_0_1(), Speech::of_0_1()]);
    cluster.elect();
    for node in (1..=3).map(NodeId) {
        cluster.crash(node);
        cluster.set_speech(node, Speech::own());
        cluster.restart(node);
        cluster.elect();
        cluster.advance_in_steps(400 * MS, 10 * MS);
        let level = if node == NodeId(3) { 3 } else { 1 };
        let leader = cluster.elect();
        assert_eq!(cluster.machine(leader).level(), level, "after node {node}");
        check_state(cluster.machine(leader));
    }
    let leader = cluster.elect();
    let session = connect_with_session(&mut cluster, leader, CLIENT, 10_000);
    cluster.request(leader, CLIENT, crate::server::acquire(session, 1, "new"));
    let token = token_of(&cluster.settle_and_take(CLIENT), 1).expect("granted");
    assert!(token > Token(45), "tokens go on rising: {token}");
}

#[test]
fn a_snapshot_that_0_1_saved_is_read_and_written_again_to_the_byte() {
    let saved = std::fs::read(fixture("saved")).unwrap();
    let (snapshot, cluster) = snapshot_file::decode(&saved).expect("the file of 0.1.0");
    assert_eq!(cluster, None, "it does not say of which cluster it is");
    let machine = LockMachine::decode_blob(&snapshot.data, LEVEL_MAX).expect("its state");
    check_state(&machine);
    assert_eq!(machine.level(), 1);
    assert_eq!(
        Ok(machine.encode()),
        snapshot.data.to_vec(),
        "at level 1 it is written as 0.1.0 does"
    );
    assert_eq!(snapshot_file::encode(&snapshot, None), saved);
}
