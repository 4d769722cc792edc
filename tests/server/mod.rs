//! Servers on real files, with messages carried by hand: the one order of a step, founding, sessions, and what
//! a client is told when.

mod access;
mod asked;
mod bounds;
mod cluster;
mod conditions;
mod delays;
mod disk;
mod elections;
mod extracted;
mod fixtures;
mod hostile;
mod levels;
mod members;
mod observers;
mod parts;
mod restored;
mod rounds;
mod short_of_space;
mod strangers;
mod turns;
mod versions;

use cluster::{Cluster, MS};
use tenure::base::{ConnectionId, NodeId, Owner, RequestId, SessionId, SessionKey, Token};
use tenure::lock::{Acquire, Answer, Mode, Name, Operation};
use tenure::raft::Role;
use tenure::wire::{Query, ReadAnswer, Request, ServerMessage, Speech};

const CLIENT: ConnectionId = ConnectionId(1);
const KEY: SessionKey = SessionKey([7; 16]);

fn open_session(number: u64, ttl_ms: u32) -> Request {
    Request::OpenSession { number, ttl_ms, key: KEY, client: "test".into() }
}

fn acquire(session: SessionId, request: u64, name: &str) -> Request {
    submit(session, request, Operation::Acquire(acquire_of(name)))
}

fn acquire_of(name: &str) -> Acquire {
    Acquire {
        name: Name::try_from(name).unwrap(),
        value: Vec::new(),
        mode: Mode::Exclusive,
        limit: 0,
        permits: 1,
        owner: Owner(0),
        delay_ms: 0,
        try_only: false,
    }
}

fn submit(session: SessionId, request: u64, operation: Operation) -> Request {
    let (request, floor) = (RequestId(request), RequestId(1));
    Request::Submit { session, request, floor, operation }
}

/// A cluster with a leader, a client connected to it, and that client's session.
fn cluster_with_session(ttl_ms: u32) -> (Cluster, NodeId, SessionId) {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    let session = connect_with_session(&mut cluster, leader, CLIENT, ttl_ms);
    (cluster, leader, session)
}

/// A new client with a session.
fn connect_with_session(
    cluster: &mut Cluster,
    leader: NodeId,
    connection: ConnectionId,
    ttl_ms: u32,
) -> SessionId {
    cluster.connect_client(leader, connection);
    cluster.request(leader, connection, open_session(1, ttl_ms));
    let replies = cluster.settle_and_take(connection);
    let opened = replies.iter().find_map(|reply| match reply {
        ServerMessage::SessionOpened { number: 1, session, .. } => Some(*session),
        _ => None,
    });
    opened.unwrap_or_else(|| panic!("no session in {replies:?}"))
}

/// The client goes on at another node.
fn attach(cluster: &mut Cluster, leader: NodeId, connection: ConnectionId, session: SessionId) {
    cluster.connect_client(leader, connection);
    cluster.request(leader, connection, Request::Attach { session, key: KEY });
}

fn name(text: &str) -> Name {
    Name::try_from(text).unwrap()
}

fn answer_of(replies: &[ServerMessage], wanted: u64) -> Option<Answer> {
    replies.iter().find_map(|reply| match reply {
        ServerMessage::Answered { request, answer, .. } if request.0 == wanted => {
            Some(answer.clone())
        }
        _ => None,
    })
}

fn token_of(replies: &[ServerMessage], wanted: u64) -> Option<Token> {
    replies.iter().find_map(|reply| match reply {
        ServerMessage::Answered { request, answer: Answer::Granted { token }, .. }
            if request.0 == wanted =>
        {
            Some(*token)
        }
        _ => None,
    })
}

#[test]
fn an_empty_cluster_founds_itself_and_elects_one_leader() {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    let leaders = cluster.nodes().filter(|node| cluster.role(*node) == Role::Leader).count();
    assert_eq!(leaders, 1);
    cluster.settle();
    let hint = cluster.server(leader).leader_hint();
    for node in cluster.nodes().collect::<Vec<_>>() {
        assert_eq!(cluster.server(node).leader_hint(), hint);
    }
}

#[test]
fn a_node_of_one_leads_after_its_own_vote_is_durable() {
    let mut cluster = Cluster::new(1);
    let leader = cluster.elect();
    cluster.connect_client(leader, CLIENT);
    cluster.request(leader, CLIENT, open_session(1, 1000));
    let replies = cluster.settle_and_take(CLIENT);
    assert!(matches!(replies[..], [.., ServerMessage::SessionOpened { .. }]), "{replies:?}");
}

#[test]
fn a_node_of_one_starts_again_with_what_it_knew() {
    let mut cluster = Cluster::new(1);
    let node = cluster.elect();
    let cluster_id = cluster.server(node).hello(node).cluster;
    cluster.crash(node);
    cluster.restart(node);
    assert_eq!(cluster.elect(), node);
    assert_eq!(cluster.server(node).hello(node).cluster, cluster_id);
}

#[test]
fn a_lock_is_granted_released_and_granted_again_under_a_larger_token() {
    let (mut cluster, leader, session) = cluster_with_session(10_000);
    cluster.request(leader, CLIENT, acquire(session, 1, "a"));
    let first = token_of(&cluster.settle_and_take(CLIENT), 1).unwrap();
    let name = Name::try_from("a").unwrap();
    cluster.request(leader, CLIENT, submit(session, 2, Operation::Release { name, token: first }));
    cluster.request(leader, CLIENT, acquire(session, 3, "a"));
    let second = token_of(&cluster.settle_and_take(CLIENT), 3).unwrap();
    assert!(second > first);
}

#[test]
fn a_grant_is_answered_only_once_a_quorum_is_durable() {
    let (mut cluster, leader, session) = cluster_with_session(10_000);
    let followers: Vec<NodeId> = cluster.nodes().filter(|node| *node != leader).collect();
    for follower in &followers {
        cluster.cut(leader, *follower);
    }
    cluster.request(leader, CLIENT, acquire(session, 1, "a"));
    assert_eq!(token_of(&cluster.settle_and_take(CLIENT), 1), None);
    cluster.heal();
    cluster.advance(40 * MS);
    assert!(token_of(&cluster.settle_and_take(CLIENT), 1).is_some());
}

#[test]
fn an_append_leaves_for_the_followers_before_the_disk_is_waited_for() {
    let (mut cluster, leader, session) = cluster_with_session(10_000);
    let before = cluster.server(leader).wal().sync_count();
    cluster.request(leader, CLIENT, acquire(session, 1, "a"));
    cluster.step(leader);
    let syncs_at_flush = cluster.syncs_at_first_flush(leader);
    assert_eq!(cluster.server(leader).wal().sync_count(), before + 1);
    assert_eq!(syncs_at_flush, Some((before, 2)), "two appends must be queued before the sync");
}

#[test]
fn a_renewal_is_acknowledged_only_by_a_leader_that_a_quorum_confirms() {
    let (mut cluster, leader, session) = cluster_with_session(10_000);
    for follower in cluster.nodes().filter(|node| *node != leader).collect::<Vec<_>>() {
        cluster.cut(leader, follower);
    }
    cluster.request(leader, CLIENT, Request::Renew { session, number: 9 });
    cluster.advance(40 * MS);
    let replies = cluster.settle_and_take(CLIENT);
    assert!(
        !replies.iter().any(|reply| matches!(reply, ServerMessage::Renewed { .. })),
        "{replies:?}"
    );
    cluster.heal();
    cluster.advance(40 * MS);
    let replies = cluster.settle_and_take(CLIENT);
    assert!(replies.contains(&ServerMessage::Renewed { session, number: 9 }), "{replies:?}");
}

#[test]
fn a_session_that_is_not_renewed_expires_through_the_log_and_its_lock_passes_on() {
    let (mut cluster, leader, session) = cluster_with_session(1000);
    cluster.request(leader, CLIENT, acquire(session, 1, "a"));
    let first = token_of(&cluster.settle_and_take(CLIENT), 1).unwrap();
    let other = ConnectionId(2);
    cluster.connect_client(leader, other);
    cluster.request(leader, other, open_session(1, 60_000));
    let replies = cluster.settle_and_take(other);
    let Some(ServerMessage::SessionOpened { session: waiter, .. }) = replies.last() else {
        panic!("no session in {replies:?}");
    };
    cluster.request(leader, other, acquire(*waiter, 1, "a"));
    let replies = cluster.settle_and_take(other);
    assert!(
        matches!(
            replies[..],
            [ServerMessage::Answered { answer: Answer::Queued { ahead: 0 }, .. }]
        ),
        "{replies:?}"
    );
    // No sooner than the whole TTL after the apply of the creation (L8) …
    cluster.advance_in_steps(900 * MS, 20 * MS);
    assert_eq!(token_of(&cluster.take(other), 1), None);
    // … and then through the log.
    cluster.advance_in_steps(200 * MS, 20 * MS);
    assert!(cluster.take(CLIENT).contains(&ServerMessage::SessionEnded { session }));
    assert!(token_of(&cluster.take(other), 1).unwrap() > first);
}

#[test]
fn a_new_leader_gives_each_session_its_whole_ttl_again() {
    let (mut cluster, leader, session) = cluster_with_session(1000);
    cluster.advance_in_steps(900 * MS, 20 * MS);
    cluster.crash(leader);
    let next = cluster.elect();
    assert_ne!(next, leader);
    cluster.advance_in_steps(800 * MS, 20 * MS);
    assert!(cluster.machine(next).session(session).is_some(), "expired before a full TTL (L12)");
    cluster.advance_in_steps(400 * MS, 20 * MS);
    assert!(cluster.machine(next).session(session).is_none());
}

#[test]
fn a_client_that_attaches_at_the_next_leader_hears_its_standing_grant_again() {
    let (mut cluster, leader, session) = cluster_with_session(10_000);
    cluster.request(leader, CLIENT, acquire(session, 1, "a"));
    let token = token_of(&cluster.settle_and_take(CLIENT), 1).unwrap();
    cluster.crash(leader);
    let next = cluster.elect();
    cluster.connect_client(next, CLIENT);
    cluster.request(next, CLIENT, Request::Attach { session, key: KEY });
    // The same request again: the same answer, no second grant (L4, L17).
    cluster.request(next, CLIENT, acquire(session, 1, "a"));
    let replies = cluster.settle_and_take(CLIENT);
    assert!(replies.contains(&ServerMessage::Attached { session }), "{replies:?}");
    let granted = ServerMessage::Answered {
        session,
        request: RequestId(1),
        answer: Answer::Granted { token },
    };
    assert_eq!(replies.iter().filter(|reply| **reply == granted).count(), 2, "{replies:?}");
}

#[test]
fn a_guessed_session_id_opens_nothing() {
    let (mut cluster, leader, session) = cluster_with_session(10_000);
    let thief = ConnectionId(9);
    cluster.connect_client(leader, thief);
    cluster.request(leader, thief, Request::Attach { session, key: SessionKey([8; 16]) });
    cluster.request(leader, thief, acquire(session, 1, "a"));
    let replies = cluster.settle_and_take(thief);
    assert!(replies.contains(&ServerMessage::AttachDenied { session }), "{replies:?}");
    assert_eq!(token_of(&replies, 1), None);
}

#[test]
fn a_follower_points_to_the_leader_and_changes_are_pushed() {
    let (mut cluster, leader, _) = cluster_with_session(10_000);
    let follower = cluster.nodes().find(|node| *node != leader).unwrap();
    let other = ConnectionId(3);
    cluster.connect_client(follower, other);
    cluster.request(follower, other, open_session(1, 1000));
    let replies = cluster.settle_and_take(other);
    assert!(
        matches!(&replies[..], [ServerMessage::Leader(hint)] if hint.leader.as_ref().is_some_and(|(node, _)| *node == leader)),
        "{replies:?}"
    );
    cluster.crash(leader);
    let next = cluster.elect();
    cluster.settle();
    let pushed = cluster.take(other);
    assert!(
        pushed.iter().any(|message| matches!(message, ServerMessage::Leader(hint) if hint.leader.as_ref().is_some_and(|(node, _)| *node == next))),
        "{pushed:?}"
    );
}

#[test]
fn reads_wait_for_a_round_and_name_their_index() {
    let (mut cluster, leader, session) = cluster_with_session(10_000);
    cluster.request(leader, CLIENT, acquire(session, 1, "a"));
    let token = token_of(&cluster.settle_and_take(CLIENT), 1).unwrap();
    let name = Name::try_from("a").unwrap();
    cluster.request(leader, CLIENT, Request::Read { read: 4, query: Query::Lock { name } });
    let replies = cluster.settle_and_take(CLIENT);
    let [ServerMessage::Read { read: 4, index, answer: ReadAnswer::Lock { lock: Some(lock), .. } }] =
        &replies[..]
    else {
        panic!("{replies:?}");
    };
    assert_eq!((lock.token, lock.client.as_str()), (token, "test"));
    assert!(index.0 >= cluster.machine_index(leader).0);
}

#[test]
fn everything_acknowledged_is_there_after_all_nodes_crash_at_once() {
    let (mut cluster, leader, session) = cluster_with_session(10_000);
    cluster.request(leader, CLIENT, acquire(session, 1, "a"));
    let token = token_of(&cluster.settle_and_take(CLIENT), 1).unwrap();
    for node in cluster.nodes().collect::<Vec<_>>() {
        cluster.crash(node);
    }
    for node in cluster.nodes().collect::<Vec<_>>() {
        cluster.restart(node);
    }
    let next = cluster.elect();
    cluster.settle();
    assert!(cluster.machine(next).is_held_by(&Name::try_from("a").unwrap(), token));
}

#[test]
fn an_emptied_directory_is_refused_under_its_old_id() {
    let (mut cluster, leader, _) = cluster_with_session(10_000);
    let victim = cluster.nodes().find(|node| *node != leader).unwrap();
    cluster.crash(victim);
    cluster.empty_directory(victim);
    cluster.restart(victim);
    let hello = cluster.server(victim).hello(leader);
    let refused = cluster.server(leader).check_hello(&hello, &Speech::own());
    assert!(refused.unwrap_err().text.contains(&format!("node {victim} is empty")));
}

#[test]
fn a_full_log_admits_only_what_frees() {
    let mut cluster = Cluster::with_log_bytes(3, 64 << 10, 8 << 10);
    let leader = cluster.elect();
    cluster.connect_client(leader, CLIENT);
    cluster.request(leader, CLIENT, open_session(1, 60_000));
    let replies = cluster.settle_and_take(CLIENT);
    let Some(ServerMessage::SessionOpened { session, .. }) = replies.last() else {
        panic!("{replies:?}");
    };
    let mut granted = Vec::new();
    let refused = (1..2000).find(|request| {
        cluster.request(leader, CLIENT, acquire(*session, *request, &format!("lock-{request}")));
        let replies = cluster.settle_and_take(CLIENT);
        granted.extend(token_of(&replies, *request).map(|token| (*request, token)));
        token_of(&replies, *request).is_none()
    });
    let refused = refused.expect("the log is bounded");
    let (held, token) = granted[0];
    let name = Name::try_from(format!("lock-{held}")).unwrap();
    cluster.request(
        leader,
        CLIENT,
        submit(*session, refused + 1, Operation::Release { name: name.clone(), token }),
    );
    cluster.settle();
    assert!(!cluster.machine(leader).is_held_by(&name, token), "a release must be admitted");
}
