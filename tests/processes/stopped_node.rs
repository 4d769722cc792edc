//! Nodes that are stopped (SIGSTOP) and wake in a cluster that went on without them.

use crate::cluster::{Cluster, Setup};
use crate::load::Load;
use crate::raw_client::RawClient;
use tenure::base::{NodeId, RequestId, SessionId, SessionKey, Term};
use tenure::client::{AcquireOptions, Wait};
use tenure::lock::{Acquire, Mode, Name, Operation};
use tenure::wire::{FixedStatus, LeaderHint, Query, Request, ServerMessage};

#[test]
fn a_stopped_leader_is_replaced_and_neither_answers_nor_claims_when_it_wakes() {
    let cluster = Cluster::start();
    let old = cluster.leader_among(&cluster.nodes());
    let mut client = RawClient::connect(cluster.address(old.node));
    let session = open_session(&mut client);

    cluster.stop(old.node);
    let others: Vec<NodeId> =
        cluster.nodes().into_iter().filter(|node| *node != old.node).collect();
    let new = cluster.leader_among(&others);
    assert!(new.term > old.term, "{} after {}", new.term, old.term);
    // Now a read at the old leader would be stale.
    let lease = cluster.admin().acquire(NAME, Wait::Forever, AcquireOptions::default());
    let lease = lease.expect("nobody else wants it");
    // All of this waits in its sockets when it wakes.
    ask_everything(&mut client, session);
    let mut stranger = RawClient::connect(cluster.address(old.node));
    stranger.say_hello();
    stranger.request(&Request::Status { read: LAST });
    cluster.wake(old.node);

    check_silent(&mut client, old.node, new.term);
    check_hint(&stranger.welcome().leader, old.node, new.term);
    check_silent(&mut stranger, old.node, new.term);
    cluster.wait_caught_up(old.node);
    lease.release(Wait::Forever).expect("it is held");
}

#[test]
fn a_stopped_follower_has_no_effect_neither_asleep_nor_awake() {
    // Long enough for a busy machine not to change its leader by itself.
    let setup = Setup { arguments: vec!["--election", "1s"], ..Setup::new() };
    let cluster = Cluster::start_with(setup);
    let before = cluster.leader_among(&cluster.nodes());
    let mut load = Load::start(&cluster, "jobs/beside-stopped");
    let follower = cluster.nodes().into_iter().find(|node| *node != before.node);
    let follower = follower.expect("there are three");

    cluster.stop(follower);
    load.wait_for_grants(GRANTS_WHILE_STOPPED);
    cluster.wake(follower);
    cluster.wait_caught_up(follower);
    load.wait_for_grants(10);

    let after = cluster.leader_among(&cluster.nodes());
    assert_eq!((after.node, after.term), (before.node, before.term));
    load.finish();
}

/// A session of a client that renews by hand, and holds a lock.
pub fn open_session(client: &mut RawClient) -> SessionId {
    client.say_hello();
    client.welcome();
    let key = SessionKey([7; 16]);
    client.request(&Request::OpenSession {
        number: 1,
        ttl_ms: 60_000,
        key,
        client: "raw".to_owned(),
    });
    loop {
        match client.message() {
            ServerMessage::SessionOpened { session, .. } => return session,
            ServerMessage::Leader(_) => {}
            other => panic!("asked for a session, got {other:?}"),
        }
    }
}

/// What only a leader may answer, and a status at the end.
pub fn ask_everything(client: &mut RawClient, session: SessionId) {
    let name = Name::try_from(NAME).expect("a name");
    let acquire = Acquire {
        name: name.clone(),
        value: Vec::new(),
        mode: Mode::Exclusive,
        limit: 0,
        permits: 1,
        owner: tenure::base::Owner(0),
        delay_ms: 0,
        try_only: false,
    };
    client.request(&Request::Renew { session, number: 2 });
    client.request(&Request::Read { read: 1, query: Query::Lock { name } });
    client.request(&Request::Submit {
        session,
        request: RequestId(1),
        floor: RequestId(1),
        operation: Operation::Acquire(acquire),
    });
    client.request(&Request::Status { read: LAST });
}

/// Up to the status that was asked for last it says nothing but who leads, and never that itself does.
pub fn check_silent(client: &mut RawClient, old: NodeId, new_term: Term) {
    loop {
        match client.message() {
            ServerMessage::Leader(hint) => check_hint(&hint, old, new_term),
            ServerMessage::Status { read: LAST, status } => {
                return check_status(&status, new_term);
            }
            other => panic!("a replaced leader answered with {other:?}"),
        }
    }
}

fn check_hint(hint: &LeaderHint, old: NodeId, new_term: Term) {
    let leader = hint.leader.as_ref().map(|(node, _)| *node);
    assert!(leader != Some(old) || hint.term > new_term, "a replaced leader claims: {hint:?}");
}

fn check_status(status: &FixedStatus, new_term: Term) {
    let claims = status.role == "leader" || status.leader == Some(status.node);
    assert!(!claims || status.term > new_term, "a replaced leader claims: {status:?}");
}

/// The lock that [`ask_everything`] asks for.
pub const NAME: &str = "jobs/new";
/// The number of the request that is answered last.
const LAST: u64 = 99;
const GRANTS_WHILE_STOPPED: usize = 1000;
