//! A cluster that begins with a restored snapshot (safety L15).

use crate::server::cluster::{Cluster, MS};
use crate::server::{CLIENT, acquire, cluster_with_session, open_session, token_of};
use tenure::base::{Ancestors, Blob, DirectoryId, Index, NodeId, Sample, Term, Token};
use tenure::lock::{Largest, LockMachine, WaitRule};
use tenure::node::FileDisk;
use tenure::raft::{Membership, Snapshot, SnapshotMeta};
use tenure::server::{Bootstrap, ServerOptions};
use tenure::wal::{Wal, WalOptions};
use tenure::wire::ServerMessage;

/// Nothing outlasts the default TTL: all nodes run with less.
pub const SHORT: WaitRule = WaitRule::Full(Largest { ttl_ms_max: 1000, lease_ms: 150 });

/// A state with a lock held under some token, as its new incarnation.
pub fn restored(wait: WaitRule) -> (Snapshot, Token) {
    let base = ServerOptions::new(NodeId(1), Vec::new());
    let mut old = Cluster::with_options(1, ServerOptions { ttl_ms_max: 1000, ..base });
    let leader = old.elect();
    old.connect_client(leader, CLIENT);
    old.request(leader, CLIENT, open_session(1, 1000));
    let opened = old.settle_and_take(CLIENT);
    let session = opened.iter().find_map(|reply| match reply {
        ServerMessage::SessionOpened { session, .. } => Some(*session),
        _ => None,
    });
    old.request(leader, CLIENT, acquire(session.expect("opened"), 1, "a"));
    let token = token_of(&old.settle_and_take(CLIENT), 1).expect("granted");
    let bytes = old.machine(leader).encode();
    let machine = LockMachine::decode(&bytes).unwrap().restored(None, wait).unwrap();
    let meta = SnapshotMeta {
        index: old.machine_index(leader),
        term: Term(1),
        membership: Membership::default(),
        membership_index: Index(0),
    };
    (Snapshot { meta, data: Blob::from(machine.encode()) }, token)
}

/// Three nodes that begin with this snapshot.
pub fn cluster_of(snapshot: &Snapshot) -> Cluster {
    let base = ServerOptions::new(NodeId(1), Vec::new());
    let mut cluster = Cluster::with_options(0, ServerOptions { ttl_ms_max: 1000, ..base });
    for id in 1..=3u64 {
        cluster.add_directory(NodeId(id), Bootstrap::Founder);
        let disk = FileDisk::open(cluster.path(NodeId(id))).unwrap();
        let directory = DirectoryId([id as u8; 16]);
        Wal::restore(
            disk,
            NodeId(id),
            directory,
            (snapshot, &Ancestors::NONE),
            &WalOptions::default(),
        )
        .unwrap();
    }
    (1..=3).for_each(|id| cluster.restart(NodeId(id)));
    cluster
}

#[test]
fn l15_a_restored_cluster_grants_larger_tokens_and_only_after_its_wait() {
    let (snapshot, old_token) = restored(SHORT);
    let mut cluster = cluster_of(&snapshot);
    let leader = cluster.elect();
    assert!(cluster.machine(leader).restoring().is_some());
    cluster.connect_client(leader, CLIENT);
    cluster.request(leader, CLIENT, open_session(1, 900));
    let replies = cluster.settle_and_take(CLIENT);
    let session = replies.iter().find_map(|reply| match reply {
        ServerMessage::SessionOpened { session, .. } => Some(*session),
        _ => None,
    });
    let session = session.expect("sessions open at once");
    cluster.request(leader, CLIENT, acquire(session, 1, "a"));
    let renew = |cluster: &mut Cluster, number: u64| {
        let renewal = tenure::wire::Request::Renew { session, number };
        cluster.request(leader, CLIENT, renewal);
    };
    let mut waited = 0;
    let token = loop {
        renew(&mut cluster, waited);
        cluster.advance(20 * MS);
        waited += 20;
        if let Some(token) = token_of(&cluster.settle_and_take(CLIENT), 1) {
            break token;
        }
        let now = Sample::at(cluster.now());
        assert_eq!(cluster.server(leader).leader_lease(&now), None, "no claim after {waited} ms");
        assert!(waited < 20_000, "never granted");
    };
    // The largest TTL that a cluster agrees on is never below the default one.
    assert!(waited >= 9_990, "granted after {waited} ms");
    assert!(token > old_token && token.0 >> 48 == 1, "{token} after {old_token}");
    assert_eq!(cluster.server(leader).leader_token().0 >> 48, 1);
}

#[test]
fn l15_a_waived_wait_grants_at_once() {
    let (snapshot, old_token) = restored(WaitRule::Waived);
    let mut cluster = cluster_of(&snapshot);
    let leader = cluster.elect();
    cluster.connect_client(leader, CLIENT);
    cluster.request(leader, CLIENT, open_session(1, 900));
    let replies = cluster.settle_and_take(CLIENT);
    let session = replies.iter().find_map(|reply| match reply {
        ServerMessage::SessionOpened { session, .. } => Some(*session),
        _ => None,
    });
    cluster.request(leader, CLIENT, acquire(session.expect("opened"), 1, "a"));
    let token = token_of(&cluster.settle_and_take(CLIENT), 1).expect("granted at once");
    assert!(token > old_token);
}

#[test]
fn l15_no_session_of_before_is_alive() {
    let (mut cluster, leader, session) = cluster_with_session(60_000);
    cluster.settle();
    let machine = LockMachine::decode(&cluster.machine(leader).encode()).unwrap();
    assert!(machine.session(session).is_some());
    let restored = machine.restored(None, WaitRule::Full(Largest::OF_ALL)).unwrap();
    assert!(restored.session(session).is_none());
}

#[test]
fn l15_no_session_outlasts_what_any_node_may_promise() {
    let base = ServerOptions::new(NodeId(1), Vec::new());
    let mut cluster = Cluster::with_options(1, ServerOptions { ttl_ms_max: 7_200_000, ..base });
    let leader = cluster.elect();
    cluster.connect_client(leader, CLIENT);
    cluster.request(leader, CLIENT, open_session(1, u32::MAX));
    let opened = cluster.settle_and_take(CLIENT).into_iter().find_map(|reply| match reply {
        ServerMessage::SessionOpened { ttl_ms, .. } => Some(ttl_ms),
        _ => None,
    });
    assert_eq!(opened, Some(Largest::OF_ALL.ttl_ms_max));
    let in_force = cluster.machine(leader).settings().expect("proposed first").ttl_ms_max;
    assert_eq!(in_force, Largest::OF_ALL.ttl_ms_max);
}
