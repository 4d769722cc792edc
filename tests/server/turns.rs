//! What a turn does is bounded in work, whatever clients may ask for, and the rest is done in the turns that follow.

use super::*;
use std::collections::BTreeMap;
use tenure::base::Index;
use tenure::lock::Holding;
use tenure::replica::{WorkKind, budget};
use tenure::wire::Order;

const OTHER: ConnectionId = ConnectionId(2);
const WAITS: u64 = 1200;
const NAMES: usize = 32;

/// One turn of `node`; it did no more than a turn may, but for what the last step exceeded that by.
fn turn(cluster: &mut Cluster, node: NodeId) {
    cluster.step(node);
    let work = cluster.server(node).replica().unwrap().work();
    for kind in [WorkKind::Apply, WorkKind::Answer, WorkKind::List, WorkKind::Begin, WorkKind::Tell]
    {
        let (spent, most) = (work.spent(kind), budget(kind) + LARGEST_STEP);
        assert!(spent <= most, "{spent} units of {kind:?} in one turn");
    }
}

/// The largest single step in these tests: a part of a list, or a part of the timers.
const LARGEST_STEP: u64 = 600;

fn goes_on(cluster: &Cluster, node: NodeId) -> bool {
    cluster.server(node).next_deadline() == 0
}

/// A leader, and a session with [`WAITS`] waits of [`NAMES`] names each, all of which another session holds.
fn with_many_waits() -> (Cluster, NodeId, SessionId) {
    let (mut cluster, leader, session) = cluster_with_session(60_000);
    let holder = connect_with_session(&mut cluster, leader, OTHER, 60_000);
    let also: Vec<Name> = (1..NAMES).map(|at| name(&format!("lock/{at:02}"))).collect();
    let all = |also: Vec<Name>| Operation::AcquireAll { acquire: acquire_of("lock/00"), also };
    cluster.request(leader, OTHER, submit(holder, 1, all(also.clone())));
    cluster.settle();
    for request in 1..=WAITS {
        cluster.request(leader, CLIENT, submit(session, request, all(also.clone())));
    }
    cluster.settle();
    assert_eq!(cluster.machine(leader).session(session).unwrap().waiting as u64, WAITS);
    (cluster, leader, session)
}

/// The requests that a list names, in order; and whether it is complete.
fn listed(replies: &[ServerMessage]) -> (Vec<u64>, bool) {
    let named = replies.iter().filter_map(|reply| match reply {
        ServerMessage::Answered { request, .. } => Some(request.0),
        _ => None,
    });
    let complete = |reply: &ServerMessage| matches!(reply, ServerMessage::Standing { .. });
    (named.collect(), replies.iter().any(complete))
}

#[test]
fn what_stands_for_who_attaches_is_said_in_parts_and_heartbeats_go_between() {
    let (mut cluster, leader, session) = with_many_waits();
    let again = ConnectionId(3);
    attach(&mut cluster, leader, again, session);
    let round = |cluster: &Cluster| cluster.server(leader).replica().unwrap().raft().round();
    let (mut rounds, mut turns, mut replies) = (Vec::new(), 0, Vec::new());
    loop {
        turn(&mut cluster, leader);
        rounds.push(round(&cluster));
        replies.extend(cluster.take(again));
        if listed(&replies).0.len() as u64 == WAITS {
            break;
        }
        assert!(goes_on(&cluster, leader), "it waits for nobody");
        turns += 1;
        cluster.advance_without_turns(3 * MS);
    }
    assert!(turns > 10, "{turns}");
    rounds.dedup();
    assert!(rounds.len() > 2, "a heartbeat whenever one is due: {rounds:?}");
    let (named, is_complete) = listed(&replies);
    assert_eq!(named, (1..=WAITS).collect::<Vec<_>>(), "each once, in order");
    assert!(!is_complete, "no follower has answered since");
    replies.extend(cluster.settle_and_take(again));
    assert_eq!(replies.last(), Some(&ServerMessage::Standing { session }));
}

#[test]
fn what_changes_while_a_list_is_said_is_said_too_and_the_list_says_it_no_other_way() {
    let (mut cluster, leader, session) = with_many_waits();
    let again = ConnectionId(3);
    attach(&mut cluster, leader, again, session);
    turn(&mut cluster, leader);
    let mut replies = cluster.take(again);
    assert!(listed(&replies).0.len() < WAITS as usize / 2);
    // The list has not come to the last, which is withdrawn.
    let withdrawal = Operation::Withdraw { acquire: RequestId(WAITS) };
    cluster.request(leader, again, submit(session, WAITS + 1, withdrawal));
    // It has come past the first, which is granted.
    cluster.disconnect_client(leader, OTHER);
    let holder = cluster.machine(leader).lock(&name("lock/00")).unwrap().session;
    attach(&mut cluster, leader, OTHER, holder);
    cluster.request(leader, OTHER, submit(holder, 2, Operation::Close));
    replies.extend(cluster.settle_and_take(again));
    let token = token_of(&replies, 1).expect("granted and said");
    assert_eq!(cluster.machine(leader).lock(&name("lock/00")).unwrap().token, token);
    let said: Vec<Answer> = (replies.iter())
        .filter_map(|reply| match reply {
            ServerMessage::Answered { request, answer, .. } if request.0 == WAITS => {
                Some(answer.clone())
            }
            _ => None,
        })
        .collect();
    assert!(said.is_empty() || said == [Answer::Queued { ahead: WAITS as u32 - 1 }], "{said:?}");
    assert_eq!(answer_of(&replies, WAITS + 1), Some(Answer::Withdrawn));
    assert_eq!(replies.last(), Some(&ServerMessage::Standing { session }));
}

#[test]
fn who_reads_much_waits_for_himself_and_not_others_for_him() {
    let (mut cluster, leader, session) = cluster_with_session(60_000);
    connect_with_session(&mut cluster, leader, OTHER, 60_000);
    (1..=1000)
        .for_each(|id| cluster.request(leader, CLIENT, acquire(session, id, &format!("{id}"))));
    cluster.settle();
    cluster.take(CLIENT);
    let query = || Query::Locks { prefix: String::new(), after: None, limit: 32 };
    (1..=1000).for_each(|read| {
        cluster.request(leader, CLIENT, Request::Read { read, query: query() });
    });
    let query = Query::Lock { name: name("1") };
    cluster.request(leader, OTHER, Request::Read { read: 1, query });
    let followers: Vec<NodeId> = cluster.nodes().filter(|node| *node != leader).collect();
    cluster.step(leader);
    followers.into_iter().for_each(|node| cluster.step(node));
    turn(&mut cluster, leader);
    assert_eq!(cluster.take(OTHER).len(), 1);
    let mut answered = vec![cluster.take(CLIENT).len()];
    while goes_on(&cluster, leader) {
        turn(&mut cluster, leader);
        answered.push(cluster.take(CLIENT).len());
    }
    assert!(answered.len() > 20, "{answered:?}");
    assert_eq!(answered.iter().sum::<usize>(), 1000);
}

/// A node alone, with a log of so many acquires; the index of the last.
fn node_with_log(count: u64) -> (Cluster, NodeId, Index) {
    let mut cluster = Cluster::new(1);
    let node = cluster.elect();
    let session = connect_with_session(&mut cluster, node, CLIENT, 60_000);
    for id in 1..=count {
        cluster.request(node, CLIENT, acquire(session, id, &format!("{id}")));
    }
    cluster.settle();
    let last = cluster.machine_index(node);
    (cluster, node, last)
}

/// Starts the node anew; up to where it has applied its log after each turn that applied something, until that is `last`.
fn apply_log(cluster: &mut Cluster, node: NodeId, last: Index) -> Vec<Index> {
    cluster.crash(node);
    cluster.restart(node);
    let mut applied = vec![cluster.machine_index(node)];
    while *applied.last().unwrap() < last {
        cluster.advance_without_turns(MS);
        turn(cluster, node);
        applied.push(cluster.machine_index(node));
        // Nothing is answered before it has applied its own no-op (L11).
        let is_ready = *applied.last().unwrap() > last;
        assert!(is_ready || applied.last() == Some(&Index(0)) || goes_on(cluster, node));
    }
    applied.dedup();
    applied
}

#[test]
fn a_log_is_applied_in_parts_behind_the_no_op_of_a_new_leader() {
    let (mut cluster, node, last) = node_with_log(4000);
    let hash = cluster.machine(node).state_hash();
    let applied = apply_log(&mut cluster, node, last);
    assert!(applied.len() > 3, "{applied:?}");
    cluster.settle();
    assert!(cluster.machine_index(node) > last);
    assert_eq!(cluster.machine(node).state_hash(), hash);
}

#[test]
fn a_turn_that_becomes_late_while_it_applies_a_log_leaves_the_rest_to_the_next() {
    let (mut cluster, node, last) = node_with_log(2000);
    let hash = cluster.machine(node).state_hash();
    let in_time = apply_log(&mut cluster, node, last).len();
    // The first look is before the parts of other work.
    cluster.delay_turns(1);
    let late = apply_log(&mut cluster, node, last).len();
    assert!(late > 4 * in_time, "{late} turns where {in_time} were enough");
    cluster.settle();
    assert_eq!(cluster.machine(node).state_hash(), hash);
}

#[test]
fn a_turn_that_is_late_before_a_list_says_little_of_it_and_the_list_is_whole_in_the_end() {
    let said_in_first_turn = |looks_in_time: u32| {
        let (mut cluster, leader, session) = with_many_waits();
        cluster.delay_turns(looks_in_time);
        let again = ConnectionId(3);
        attach(&mut cluster, leader, again, session);
        turn(&mut cluster, leader);
        let mut replies = cluster.take(again);
        let first = listed(&replies).0.len();
        replies.extend(cluster.settle_and_take(again));
        assert_eq!(listed(&replies), ((1..=WAITS).collect(), true), "each once, in order");
        first
    };
    let (late, in_time) = (said_in_first_turn(0), said_in_first_turn(u32::MAX));
    assert!(0 < late && late < in_time, "{late} where a turn in time says {in_time}");
}

#[test]
fn what_a_leader_had_is_freed_off_the_loop_once_another_leads() {
    let (mut cluster, leader, _) = cluster_with_session(60_000);
    let before = cluster.discards(leader);
    cluster.hand_over(leader, None, tenure::raft::LeaseTold::Ended);
    cluster.settle();
    let next = cluster.elect();
    assert_ne!(next, leader);
    assert_eq!(cluster.discards(leader), before + 1, "once, and with the turn that ended it");
    cluster.settle();
    assert_eq!(cluster.discards(leader), before + 1);
}

#[test]
fn each_of_many_observers_is_told_every_change_in_order() {
    let (mut cluster, leader, session) = cluster_with_session(60_000);
    let connections: Vec<ConnectionId> = (10..14).map(ConnectionId).collect();
    for connection in &connections {
        cluster.connect_client(leader, *connection);
        for read in 1..=600 {
            let request = Request::Observe { read, name: name("a"), since: None };
            cluster.request(leader, *connection, request);
        }
    }
    cluster.settle();
    for connection in &connections {
        assert_eq!(cluster.take(*connection).len(), 600, "what is so now");
    }
    let mut tokens = Vec::new();
    for id in 1..=3 {
        cluster.request(leader, CLIENT, acquire(session, 2 * id, "a"));
        let mut replies = Vec::new();
        let token = loop {
            cluster.nodes().for_each(|node| {
                if node != leader {
                    cluster.step(node)
                }
            });
            turn(&mut cluster, leader);
            replies.extend(cluster.take(CLIENT));
            if let Some(token) = token_of(&replies, 2 * id) {
                break token;
            }
        };
        assert!(goes_on(&cluster, leader), "not all are told");
        let release = Operation::Release { name: name("a"), token };
        cluster.request(leader, CLIENT, submit(session, 2 * id + 1, release));
        tokens.extend([token, Token(0)]);
    }
    cluster.settle();
    for connection in connections {
        let mut told: BTreeMap<u64, Vec<Token>> = BTreeMap::new();
        for reply in cluster.take(connection) {
            let ServerMessage::Changed { read, holder, gap: false, .. } = reply else {
                panic!("{reply:?}");
            };
            told.entry(read).or_default().push(holder.map_or(Token(0), |holder| holder.token));
        }
        assert_eq!(told.len(), 600);
        assert!(told.values().all(|told| *told == tokens), "{told:?}");
    }
}

#[test]
fn who_begins_to_observe_while_others_are_told_of_a_change_is_told_it_once() {
    let (mut cluster, leader, session) = cluster_with_session(60_000);
    cluster.connect_client(leader, OTHER);
    let observe = |read| Request::Observe { read, name: name("a"), since: None };
    (1..=1000).for_each(|read| cluster.request(leader, OTHER, observe(read)));
    let late = ConnectionId(9);
    cluster.connect_client(leader, late);
    cluster.settle();
    cluster.take(OTHER);
    // Both in the same turn: the change is applied, and the observer begins, before all were told.
    cluster.request(leader, CLIENT, acquire(session, 1, "a"));
    cluster.request(leader, late, observe(1));
    let replies = cluster.settle_and_take(late);
    let tokens: Vec<Option<Token>> = (replies.iter())
        .map(|reply| match reply {
            ServerMessage::Changed { holder, .. } => holder.as_ref().map(|holder| holder.token),
            other => panic!("{other:?}"),
        })
        .collect();
    let Holding { token, .. } = cluster.machine(leader).holding(&name("a")).unwrap();
    assert!(tokens == [Some(token)] || tokens == [None, Some(token)], "{tokens:?}");
}

#[test]
fn l12_the_timers_of_a_new_leader_begin_in_parts_and_none_early() {
    let mut cluster = Cluster::new(1);
    let node = cluster.elect();
    for number in 1..=6000 {
        let connection = ConnectionId(100 + number / 50);
        if number % 50 == 0 || number == 1 {
            cluster.connect_client(node, connection);
        }
        cluster.request(node, connection, open_session(number, 1000));
    }
    cluster.settle();
    let count = cluster.machine(node).session_count();
    assert!(count > 5000, "{count}");
    cluster.crash(node);
    cluster.restart(node);
    let (ready, mut turns) = loop {
        cluster.advance_without_turns(MS);
        turn(&mut cluster, node);
        let replica = cluster.server(node).replica().unwrap();
        if replica.raft().own_noop().is_some_and(|noop| replica.applied() >= noop) {
            break (cluster.now(), 1);
        }
    };
    while goes_on(&cluster, node) {
        turn(&mut cluster, node);
        turns += 1;
    }
    assert!(turns > 2, "{turns}");
    while cluster.now() < ready + 999 * MS {
        cluster.advance(MS);
    }
    assert_eq!(
        cluster.machine(node).session_count(),
        count,
        "each has its whole TTL from there on"
    );
    cluster.advance_in_steps(100 * MS, MS);
    assert_eq!(cluster.machine(node).session_count(), 0);
}

#[test]
fn many_clients_are_told_of_a_new_leader_in_parts_each_once() {
    let (mut cluster, leader, _) = cluster_with_session(60_000);
    let follower = cluster.nodes().find(|node| *node != leader).unwrap();
    let clients: Vec<ConnectionId> = (1000..4000).map(ConnectionId).collect();
    clients.iter().for_each(|client| cluster.connect_client(follower, *client));
    cluster.settle();
    cluster.crash(leader);
    let told = |cluster: &mut Cluster, with: bool| {
        let mut counts = Vec::new();
        for client in &clients {
            let replies = cluster.take(*client);
            let hints = replies.iter().filter(
                |reply| matches!(reply, ServerMessage::Leader(hint) if hint.leader.is_some() == with),
            );
            counts.push(hints.count());
        }
        counts
    };
    turn(&mut cluster, follower);
    let first: usize = told(&mut cluster, false).iter().sum();
    assert!(first < clients.len(), "{first} in one turn");
    while goes_on(&cluster, follower) {
        turn(&mut cluster, follower);
    }
    cluster.elect();
    cluster.settle();
    let counts = told(&mut cluster, true);
    assert!(counts.iter().all(|count| *count == 1), "{:?}", &counts[..9]);
}

#[test]
fn a_change_of_members_of_very_many_rows_is_refused_before_it_is_looked_at() {
    let (mut cluster, leader, _) = cluster_with_session(60_000);
    let remove = |node: u64| tenure::raft::Change::Remove { node: NodeId(100 + node) };
    let order = Order::ChangeMembers { changes: (0..40_000).map(remove).collect() };
    cluster.request(leader, CLIENT, Request::Order { read: 1, order });
    let replies = cluster.settle_and_take(CLIENT);
    assert!(
        matches!(
            &replies[..],
            [ServerMessage::Ordered { answer: tenure::wire::OrderAnswer::Refused { .. }, .. }]
        ),
        "{replies:?}"
    );
}

#[test]
fn a_leader_that_takes_nothing_more_for_load_says_so_before_it_reads_what_is_asked() {
    let (mut cluster, leader, _) = cluster_with_session(60_000);
    let sessions: Vec<(ConnectionId, SessionId)> = (10..40)
        .map(|at| {
            (ConnectionId(at), connect_with_session(&mut cluster, leader, ConnectionId(at), 60_000))
        })
        .collect();
    let followers: Vec<NodeId> = cluster.nodes().filter(|node| *node != leader).collect();
    followers.iter().for_each(|node| cluster.cut(leader, *node));
    let value = || vec![0; 4096];
    let valued = |session, id| {
        submit(session, id, Operation::Acquire(Acquire { value: value(), ..acquire_of("a") }))
    };
    let is_saturated = |cluster: &Cluster| cluster.server(leader).is_saturated();
    const BUSY: Option<Answer> = Some(Answer::Refused(tenure::lock::Refusal::Busy));
    let (mut id, mut refused) = (0, 0);
    while refused < sessions.len() {
        id += 1;
        for (connection, session) in &sessions {
            cluster.request(leader, *connection, valued(*session, id));
        }
        cluster.step(leader);
        let replies = sessions.iter().map(|(connection, _)| cluster.take(*connection));
        refused = replies.filter(|replies| answer_of(replies, id) == BUSY).count();
    }
    // For something large there is no room; what is small is looked at, and taken, as long as anything can be.
    let (connection, session) = sessions[0];
    let mut take = |cluster: &mut Cluster| {
        id += 1;
        cluster.request(leader, connection, acquire(session, id, "b"));
        cluster.step(leader);
        answer_of(&cluster.take(connection), id)
    };
    let mut taken = 0;
    while !is_saturated(&cluster) && take(&mut cluster) != BUSY {
        taken += 1;
    }
    assert!(taken > 0 && take(&mut cluster) == BUSY, "{taken}");
    cluster.heal();
    cluster.advance(40 * MS);
    assert!(!is_saturated(&cluster));
}

/// Owners that hold a lock each and wait for the next one's, and the last of which asks for the first one's again and again.
#[test]
fn searches_for_deadlocks_count_as_what_they_look_at() {
    const OWNERS: u64 = 60;
    const ASKED: u64 = 100;
    // For each owner it looks through all waits of its session.
    const LOOKED_AT: u64 = OWNERS * (OWNERS - 1);
    let mut cluster = Cluster::new(1);
    let leader = cluster.elect();
    let session = connect_with_session(&mut cluster, leader, CLIENT, 60_000);
    let of = |owner: u64, lock: u64| {
        let acquire = acquire_of(&format!("lock/{lock:03}"));
        Operation::Acquire(Acquire { owner: Owner(owner), ..acquire })
    };
    let held = (1..=OWNERS).map(|owner| of(owner, owner));
    let waits = (1..OWNERS).map(|owner| of(owner, owner + 1));
    let mut request = 0;
    for operation in held.chain(waits) {
        request += 1;
        cluster.request(leader, CLIENT, submit(session, request, operation));
    }
    cluster.settle();
    cluster.take(CLIENT);
    for asked in 1..=ASKED {
        let closes = of(OWNERS, 1);
        cluster.request(leader, CLIENT, submit(session, request + asked, closes));
    }
    let mut found = 0;
    while found < ASKED {
        cluster.step(leader);
        let replies = cluster.take(CLIENT);
        let circles = replies.iter().filter(|reply| {
            matches!(reply, ServerMessage::Answered { answer: Answer::Deadlock { .. }, .. })
        });
        let circles = circles.count() as u64;
        let most = budget(WorkKind::Apply) / LOOKED_AT + 1;
        assert!(circles <= most, "{circles} searches in one turn");
        assert!(circles > 0 || found == 0 || goes_on(&cluster, leader), "{found} are answered");
        found += circles;
    }
}
