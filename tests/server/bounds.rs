//! What one connection may ask at once: over it is a typed answer, and others notice nothing.

use crate::server::cluster::{Cluster, MS};
use crate::server::{
    CLIENT, KEY, acquire, acquire_of, answer_of, cluster_with_session, connect_with_session, name,
    open_session, submit, token_of,
};
use tenure::base::limits::{
    CLIENT_NAME_BYTES_MAX, REQUEST_BYTES_IN_FLIGHT_MAX, REQUESTS_IN_FLIGHT_MAX, SESSIONS_MAX,
    VALUE_BYTES_MAX,
};
use tenure::base::{ClientSource, ConnectionId, NodeId, RequestId, SessionId};
use tenure::lock::{Acquire, Answer, Operation, Refusal};
use tenure::wire::{Query, ReadAnswer, Request, ServerMessage};

const OTHER: ConnectionId = ConnectionId(2);
const BUSY: Option<Answer> = Some(Answer::Refused(Refusal::Busy));

/// A leader that can commit and confirm nothing for now, and two clients.
fn cut_cluster() -> (Cluster, NodeId, SessionId, SessionId) {
    let (mut cluster, leader, session) = cluster_with_session(60_000);
    let other = connect_with_session(&mut cluster, leader, OTHER, 60_000);
    for follower in cluster.nodes().filter(|node| *node != leader) {
        cluster.cut(leader, follower);
    }
    (cluster, leader, session, other)
}

fn heal(cluster: &mut Cluster) {
    cluster.heal();
    cluster.advance(40 * MS);
}

fn acquire_valued(session: SessionId, request: u64) -> Request {
    let value = vec![0; VALUE_BYTES_MAX];
    submit(session, request, Operation::Acquire(Acquire { value, ..acquire_of("other") }))
}

#[test]
fn logged_requests_of_one_connection_are_bounded_and_others_are_served() {
    let (mut cluster, leader, session, other) = cut_cluster();
    let max = REQUESTS_IN_FLIGHT_MAX as u64;
    (1..=max + 1).for_each(|id| cluster.request(leader, CLIENT, acquire(session, id, "a")));
    cluster.request(leader, OTHER, acquire(other, 1, "b"));
    let replies = cluster.settle_and_take(CLIENT);
    assert_eq!((replies.len(), answer_of(&replies, max + 1)), (1, BUSY));
    heal(&mut cluster);
    assert!(token_of(&wait_for_reply(&mut cluster, OTHER), 1).is_some());
    let replies = cluster.settle_and_take(CLIENT);
    assert!((1..=max).all(|id| answer_of(&replies, id).is_some()));
    // Answered, they make room.
    cluster.request(leader, CLIENT, acquire(session, max + 1, "c"));
    assert!(token_of(&cluster.settle_and_take(CLIENT), max + 1).is_some());
}

#[test]
fn large_requests_of_one_connection_leave_room_for_those_of_others() {
    let (mut cluster, leader, session, other) = cut_cluster();
    let count = (2 * REQUEST_BYTES_IN_FLIGHT_MAX / VALUE_BYTES_MAX) as u64;
    (1..=count).for_each(|id| cluster.request(leader, CLIENT, acquire_valued(session, id)));
    let busy = cluster.settle_and_take(CLIENT).len() as u64;
    assert!((count / 2..count).contains(&busy), "{busy} of {count}");
    cluster.request(leader, OTHER, acquire_valued(other, 1));
    assert!(cluster.settle_and_take(OTHER).is_empty());
    heal(&mut cluster);
    assert!(answer_of(&wait_for_reply(&mut cluster, OTHER), 1).is_some());
    assert_eq!(cluster.take(CLIENT).len() as u64, count - busy);
}

/// Lets time go on until a client is told something: what fills a file of the log waits for the next, which is made on a thread
/// of its own.
fn wait_for_reply(cluster: &mut Cluster, client: ConnectionId) -> Vec<ServerMessage> {
    for _ in 0..10_000 {
        let replies = cluster.settle_and_take(client);
        if !replies.is_empty() {
            return replies;
        }
        cluster.advance(MS);
        std::thread::yield_now();
    }
    panic!("{client:?} is not answered");
}

#[test]
fn reads_of_one_connection_that_wait_for_a_round_are_bounded() {
    let (mut cluster, leader, _, _) = cut_cluster();
    let query = || Query::Lock { name: name("a") };
    let max = REQUESTS_IN_FLIGHT_MAX as u64;
    (1..=max + 1).for_each(|read| {
        cluster.request(leader, CLIENT, Request::Read { read, query: query() });
    });
    cluster.request(leader, OTHER, Request::Read { read: 1, query: query() });
    let replies = cluster.settle_and_take(CLIENT);
    let [ServerMessage::Read { read, answer: ReadAnswer::Refused(Refusal::Busy), .. }] =
        replies[..]
    else {
        panic!("{} replies", replies.len());
    };
    assert_eq!(read, max + 1);
    heal(&mut cluster);
    assert_eq!(cluster.settle_and_take(CLIENT).len() as u64, max);
    assert_eq!(cluster.take(OTHER).len(), 1);
    // Answered, they make room.
    cluster.request(leader, CLIENT, Request::Read { read: 1, query: query() });
    let replies = cluster.settle_and_take(CLIENT);
    assert!(
        matches!(replies[..], [ServerMessage::Read { answer: ReadAnswer::Lock { .. }, .. }]),
        "{replies:?}"
    );
}

#[test]
fn creations_of_sessions_by_one_connection_are_bounded() {
    let (mut cluster, leader, _, _) = cut_cluster();
    let max = REQUESTS_IN_FLIGHT_MAX as u64;
    (1..=max + 1).for_each(|number| cluster.request(leader, CLIENT, open_session(number, 60_000)));
    let refused = ServerMessage::SessionRefused { number: max + 1, refusal: Refusal::Busy };
    assert_eq!(cluster.settle_and_take(CLIENT), [refused]);
    heal(&mut cluster);
    assert_eq!(cluster.settle_and_take(CLIENT).len() as u64, max);
}

#[test]
fn what_one_connection_asks_of_a_leader_that_is_not_ready_is_bounded() {
    let (mut cluster, leader, session) = cluster_with_session(60_000);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    let next = cluster.nodes().find(|node| *node != leader).unwrap();
    cluster.cut(leader, next);
    cluster.hand_over(leader, Some(next), tenure::raft::LeaseTold::Ended);
    cluster.settle();
    let max = REQUESTS_IN_FLIGHT_MAX as u64;
    (1..=max + 1).for_each(|id| cluster.request(leader, CLIENT, acquire(session, id, "a")));
    let replies = cluster.settle_and_take(CLIENT);
    assert_eq!((replies.len(), answer_of(&replies, max + 1)), (1, BUSY));
    // Nobody takes over: it leads on, and takes up what it held back.
    cluster.advance_in_steps(300 * MS, 10 * MS);
    assert_eq!(cluster.settle_and_take(CLIENT).len() as u64, max);
}

#[test]
fn a_client_name_over_its_bound_is_refused() {
    let (mut cluster, leader, _) = cluster_with_session(60_000);
    let open = |number: u64, bytes: usize| Request::OpenSession {
        number,
        ttl_ms: 1000,
        key: KEY,
        client: "c".repeat(bytes),
    };
    cluster.request(leader, CLIENT, open(2, CLIENT_NAME_BYTES_MAX + 1));
    let refused = ServerMessage::SessionRefused { number: 2, refusal: Refusal::Invalid };
    assert_eq!(cluster.settle_and_take(CLIENT), [refused]);
    cluster.request(leader, CLIENT, open(3, CLIENT_NAME_BYTES_MAX));
    let replies = cluster.settle_and_take(CLIENT);
    assert!(matches!(replies[..], [ServerMessage::SessionOpened { .. }]), "{replies:?}");
}

#[test]
fn nt29_sessions_that_hold_much_expire_in_short_turns() {
    let mut cluster = Cluster::new(1);
    let node = cluster.elect();
    let holder = |cluster: &mut Cluster, number: u64| {
        let connection = ConnectionId(number);
        let session = connect_with_session(cluster, node, connection, 60_000);
        let name = |id: u64| format!("{number}/{id}");
        (1..=3000)
            .for_each(|id| cluster.request(node, connection, acquire(session, id, &name(id))));
        cluster.settle();
        assert_eq!(cluster.machine(node).session(session).unwrap().grants, 3000);
    };
    (1..=4).for_each(|number| holder(&mut cluster, number));
    cluster.advance_without_turns(60_000 * MS);
    // The leader was stalled: it gives nobody up before it knows that it leads.
    let mut alive = vec![cluster.machine(node).session_count()];
    while *alive.last().unwrap() > 0 {
        cluster.step(node);
        alive.push(cluster.machine(node).session_count());
    }
    alive.dedup();
    assert_eq!(alive, [4, 3, 2, 1, 0], "one fills a turn");
    // What is too much for their entries is left to later ones (L22).
    while cluster.machine(node).is_unfinished() {
        cluster.step(node);
    }
    assert_eq!(cluster.machine(node).held_count(), 0);
}

#[test]
fn l17_ids_and_floors_from_the_far_end_are_refused_and_leave_a_session_its_releases() {
    let (mut cluster, leader, session) = cluster_with_session(60_000);
    cluster.request(leader, CLIENT, acquire(session, 1, "a"));
    let token = token_of(&cluster.settle_and_take(CLIENT), 1).expect("granted");
    let far = |request: u64, floor: u64, operation: Operation| {
        let (request, floor) = (RequestId(request), RequestId(floor));
        Request::Submit { session, request, floor, operation }
    };
    let last = u64::MAX;
    let take = || Operation::Acquire(acquire_of("b"));
    let withdraw = Operation::Withdraw { acquire: RequestId(last) };
    for (request, floor, operation) in
        [(2, last, take()), (last, 2, take()), (2, 2, withdraw), (1 << 40, 1, take())]
    {
        cluster.request(leader, CLIENT, far(request, floor, operation));
        let answer = answer_of(&cluster.settle_and_take(CLIENT), request);
        assert_eq!(answer, Some(Answer::Refused(Refusal::Invalid)), "id {request}, floor {floor}");
    }
    // What a client can have come to while nobody answered it is not far.
    cluster.request(leader, CLIENT, far(60_000, 3, take()));
    assert!(token_of(&cluster.settle_and_take(CLIENT), 60_000).is_some());
    let release = Operation::Release { name: name("a"), token };
    cluster.request(leader, CLIENT, far(3, 3, release));
    assert_eq!(answer_of(&cluster.settle_and_take(CLIENT), 3), Some(Answer::Done));
}

/// Asks for `count` sessions on `connection`, and takes the answers; how many were opened, and what the others were told.
fn open_sessions(
    cluster: &mut Cluster,
    leader: NodeId,
    connection: ConnectionId,
    count: u64,
) -> (usize, Vec<Refusal>) {
    (1..=count).for_each(|number| {
        cluster.request(leader, connection, open_session(number, 3_600_000));
    });
    let replies = cluster.settle_and_take(connection);
    let refused = replies.iter().filter_map(|reply| match reply {
        ServerMessage::SessionRefused { refusal, .. } => Some(*refusal),
        _ => None,
    });
    let refused: Vec<Refusal> = refused.collect();
    (count as usize - refused.len(), refused)
}

#[test]
fn one_connection_and_one_address_cannot_open_all_sessions_that_there_may_be() {
    let (mut cluster, leader, _) = cluster_with_session(60_000);
    let address = |number| ClientSource::v4(number);
    let [first, second, third] = [11, 12, 13].map(ConnectionId);
    cluster.connect_client_from(leader, first, address(1));
    let batches = (0..4).map(|_| open_sessions(&mut cluster, leader, first, 4000));
    let (opened, refused): (Vec<usize>, Vec<Vec<Refusal>>) = batches.unzip();
    let opened: usize = opened.into_iter().sum();
    assert!((10_000..SESSIONS_MAX / 16).contains(&opened), "{opened}");
    assert!(refused.concat().iter().all(|refusal| *refusal == Refusal::Limit), "{refused:?}");
    // It closes the connection and comes again: its address has its share, too, which others do not share.
    cluster.disconnect_client(leader, first);
    cluster.connect_client_from(leader, second, address(1));
    assert_eq!(open_sessions(&mut cluster, leader, second, 100).0, 100);
    cluster.connect_client_from(leader, third, address(2));
    assert_eq!(open_sessions(&mut cluster, leader, third, 100).0, 100);
    let sessions = cluster.machine(leader).session_count();
    assert_eq!(sessions, 1 + opened + 200);
}
