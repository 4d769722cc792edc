//! What a stopped node's directory can give to a new cluster (safety L15).

use crate::server::cluster::{Cluster, MS};
use crate::server::{
    CLIENT, acquire, cluster_with_session, connect_with_session, name, submit, token_of,
};
use tenure::base::{Blob, ConnectionId, Index, NodeId, SessionId, Token};
use tenure::lock::{Keyless, LEVEL_MAX, Largest, LockMachine, Operation, WaitRule};
use tenure::node::FileDisk;
use tenure::server::{Bootstrap, DirectoryContent, ServerError, extract};

const OTHER: ConnectionId = ConnectionId(9);

/// What the directory of a node holds that does not run.
fn extracted(cluster: &Cluster, node: NodeId) -> Result<DirectoryContent, ServerError> {
    extract(&mut FileDisk::open_to_read(cluster.path(node)).expect("nobody uses it"))
}

fn state(extract: &DirectoryContent) -> LockMachine {
    LockMachine::decode_blob(&extract.snapshot.data, LEVEL_MAX).expect("a state")
}

/// Takes the lock and gives it back, again and again; the newest token.
fn work(
    cluster: &mut Cluster,
    (leader, connection, session): (NodeId, ConnectionId, SessionId),
    rounds: u64,
) -> Token {
    let mut newest = Token(0);
    for request in (0..rounds).map(|round| 2 * round + 1) {
        cluster.request(leader, connection, acquire(session, request, "a"));
        let replies = cluster.settle_and_take(connection);
        newest = token_of(&replies, request).expect("it is free");
        let release = Operation::Release { name: name("a"), token: newest };
        cluster.request(leader, connection, submit(session, request + 1, release));
        cluster.settle();
    }
    newest
}

#[test]
fn l15_an_extract_is_the_state_after_all_of_the_log_without_the_key() {
    let (mut cluster, leader, session) = cluster_with_session(60_000);
    let newest = work(&mut cluster, (leader, CLIENT, session), 5);
    // Heartbeats tell the followers what is committed.
    cluster.advance_in_steps(100 * MS, 10 * MS);
    let (commit, bytes) = (cluster.status(leader).commit, cluster.machine(leader).encode());
    let blob = Blob::from(bytes);
    let keyless = Keyless::of(&blob).unwrap().part(&blob, 0..blob.len());
    for node in (1..=3).map(NodeId) {
        assert_eq!(cluster.machine_index(node), commit, "nothing is under way");
        cluster.crash(node);
        let extract = extracted(&cluster, node).expect("it is sound");
        assert_eq!((extract.node, extract.snapshot.meta.index), (node, commit));
        assert_eq!(extract.snapshot.data.to_vec(), keyless);
        let bytes = keyless.as_ref().unwrap();
        assert!(!bytes.windows(16).any(|window| window == crate::server::KEY.0), "a session's key");
        assert!((Index(1)..=commit).contains(&extract.committed), "{}", extract.committed);
        assert_eq!(extract.snapshot.meta.membership.members().len(), 3);
        assert_eq!((state(&extract).newest_token(), extract.torn_bytes), (newest, 0));
        assert_eq!(extracted(&cluster, node).expect("still sound"), extract);
    }
}

#[test]
fn l15_tokens_rise_above_those_that_the_directory_never_heard_of() {
    let (mut cluster, old, session) = cluster_with_session(60_000);
    work(&mut cluster, (old, CLIENT, session), 2);
    cluster.advance_in_steps(100 * MS, 10 * MS);
    let common = cluster.status(old).commit;
    let others: Vec<NodeId> = cluster.nodes().filter(|node| *node != old).collect();
    others.iter().for_each(|other| cluster.cut(old, *other));
    // The old leader appends what is never committed, and the others commit something else in its place.
    cluster.request(old, CLIENT, acquire(session, 99, "never"));
    cluster.settle();
    cluster.advance_in_steps(2000 * MS, 10 * MS);
    let leads = |node: &&NodeId| cluster.role(**node) == tenure::raft::Role::Leader;
    let new = *others.iter().find(leads).expect("two of three elect a leader");
    let session = connect_with_session(&mut cluster, new, OTHER, 60_000);
    let acknowledged = work(&mut cluster, (new, OTHER, session), 20);

    cluster.crash(old);
    let extract = extracted(&cluster, old).expect("it is sound");
    let (index, machine) = (extract.snapshot.meta.index, state(&extract));
    assert!(extract.committed <= common && index > common, "{extract:?}");
    assert!(machine.lock(&name("never")).is_some(), "all of the log counts");
    assert!(
        machine.newest_token() < acknowledged,
        "it does not know of the grants that came after"
    );
    let restored = machine.restored(None, WaitRule::Full(Largest::OF_ALL)).unwrap();
    assert!(restored.newest_token() > acknowledged, "{}", restored.newest_token());
    assert_eq!((restored.session_count(), restored.held_count()), (0, 0));
    assert_eq!(restored.restoring().map(|wait| wait.ms), Some(3_600_000));
}

#[test]
fn w5_a_directory_that_does_not_start_gives_nothing() {
    let (mut cluster, leader, session) = cluster_with_session(60_000);
    work(&mut cluster, (leader, CLIENT, session), 3);
    cluster.crash(leader);
    let log = cluster.path(leader).join("log-00000000000000000001");
    let intact = std::fs::read(&log).unwrap();
    let mut damaged = intact.clone();
    damaged[600] ^= 1;
    std::fs::write(&log, &damaged).unwrap();
    let error = extracted(&cluster, leader).unwrap_err().to_string();
    assert!(error.contains("log-00000000000000000001 is damaged at byte"), "{error}");
    assert_eq!(std::fs::read(&log).unwrap(), damaged, "it is left as it was");
    std::fs::write(&log, intact).unwrap();
    assert!(extracted(&cluster, leader).is_ok());
}

#[test]
fn a_directory_of_no_cluster_has_nothing_to_give() {
    let mut cluster = Cluster::new(3);
    let joiner = NodeId(4);
    cluster.add_directory(joiner, Bootstrap::Joiner);
    cluster.restart(joiner);
    cluster.crash(joiner);
    let error = extracted(&cluster, joiner).unwrap_err().to_string();
    assert!(error.starts_with("node 4 has taken part in no cluster yet"), "{error}");
}

#[test]
fn a_directory_is_not_read_while_a_node_uses_it_and_no_node_begins_while_it_is_read() {
    let cluster = Cluster::new(3);
    let path = cluster.path(NodeId(1));
    let refused = |result: Result<FileDisk, tenure::wal::DiskError>| {
        result.expect_err("it must be refused").to_string()
    };
    assert!(refused(FileDisk::open_to_read(&path)).contains("is in use by another process"));
    drop(cluster);
    let directory = tempfile::tempdir().unwrap();
    drop(FileDisk::open(directory.path()).unwrap());
    let readers = [(); 2].map(|()| FileDisk::open_to_read(directory.path()).expect("both read"));
    assert!(refused(FileDisk::open(directory.path())).contains("is in use"));
    drop(readers);
    assert!(FileDisk::open(directory.path()).is_ok());
}

#[test]
fn a_copy_without_the_file_that_locks_is_read_unless_a_node_began_on_it_meanwhile() {
    use tenure::wal::Disk;
    let directory = tempfile::tempdir().unwrap();
    let mut reader = FileDisk::open_to_read(directory.path()).unwrap();
    assert_eq!(reader.check(), Ok(()));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "no file is made");
    let _node = FileDisk::open(directory.path()).unwrap();
    assert!(reader.check().unwrap_err().to_string().contains("is in use"));
}
