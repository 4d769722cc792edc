//! Disks that have room for a few files of the log (W2).

use crate::server::cluster::{Cluster, MS};
use crate::server::{
    CLIENT, acquire_of, answer_of, attach, cluster_with_session, name, open_session, submit,
    token_of,
};
use tenure::base::limits::VALUE_BYTES_MAX;
use tenure::base::{ConnectionId, NodeId, SessionId, Term, Token};
use tenure::lock::{Acquire, Answer, Operation, Refusal};
use tenure::raft::{LeaseTold, Role};
use tenure::wire::{Order, OrderAnswer, Request, ServerMessage, ServiceState};

/// Takes the lock with a large value and gives it back; what the acquire was answered.
fn cycle(cluster: &mut Cluster, leader: NodeId, session: SessionId, turn: u64) -> Option<Answer> {
    let value = vec![7; VALUE_BYTES_MAX];
    let acquire = Operation::Acquire(Acquire { value, ..acquire_of(&turn.to_string()) });
    cluster.request(leader, CLIENT, submit(session, 2 * turn + 1, acquire));
    let replies = cluster.settle_and_take(CLIENT);
    if let Some(token) = token_of(&replies, 2 * turn + 1) {
        cluster.request(leader, CLIENT, submit(session, 2 * turn + 2, release(turn, token)));
        cluster.settle_and_take(CLIENT);
    }
    answer_of(&replies, 2 * turn + 1)
}

fn release(turn: u64, token: Token) -> Operation {
    Operation::Release { name: name(&turn.to_string()), token }
}

fn log_files(cluster: &Cluster, node: NodeId) -> usize {
    let names = std::fs::read_dir(cluster.path(node)).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("log-")).count()
}

#[test]
fn w2_a_log_that_fills_its_disk_alone_is_cut_before_anything_is_refused() {
    let (mut cluster, leader, session) = cluster_with_session(600_000);
    for node in cluster.nodes() {
        cluster.limit_log_files(node, 2);
    }
    // Segments of 1 MiB, and no snapshot is due before 64 MiB.
    for turn in 0..1000 {
        let answer = cycle(&mut cluster, leader, session, turn);
        assert!(matches!(answer, Some(Answer::Granted { .. })), "turn {turn}: {answer:?}");
        wait_for_space(&mut cluster);
    }
    for node in cluster.nodes() {
        let snapshot = cluster.server(node).replica().unwrap().raft().snapshot_index();
        assert!(snapshot.0 > 500 && log_files(&cluster, node) <= 2, "node {node}: {snapshot}");
    }
}

/// Lets time go on until no disk lacks space: snapshots and files are made on threads of their own.
fn wait_for_space(cluster: &mut Cluster) {
    let lacks = |cluster: &Cluster, node: NodeId| cluster.server(node).wal().lacks_space();
    for _ in 0..100_000 {
        if !cluster.nodes().any(|node| lacks(cluster, node)) {
            return;
        }
        cluster.advance(MS);
        std::thread::yield_now();
    }
    panic!("a disk lacks space for good");
}

#[test]
fn w2_no_snapshot_is_made_that_makes_no_room() {
    let (mut cluster, leader, session) = cluster_with_session(600_000);
    for node in cluster.nodes() {
        cluster.limit_log_files(node, 1);
    }
    let mut turns = 0..400;
    let refused = turns.any(|turn| {
        let answer = cycle(&mut cluster, leader, session, turn);
        answer != Some(Answer::Granted { token: Token(turn + 1) })
    });
    assert!(refused, "one file of the log has room for all");
    cluster.advance_in_steps(3_000 * MS, 10 * MS);
    for node in cluster.nodes() {
        let replica = cluster.server(node).replica().unwrap();
        assert_eq!(replica.raft().snapshot_index().0, 0, "node {node}");
    }
}

/// Takes and gives back locks at whoever leads, until `is_over` or everything was refused for long.
fn work_until(
    cluster: &mut Cluster,
    session: SessionId,
    turns: std::ops::Range<u64>,
    mut is_over: impl FnMut(&Cluster) -> bool,
) -> bool {
    let mut at = None;
    for turn in turns {
        if is_over(cluster) {
            return true;
        }
        let leader = leader_of(cluster);
        if at.replace(leader) != Some(leader) {
            attach(cluster, leader, CLIENT, session);
            cluster.settle_and_take(CLIENT);
        }
        cycle(cluster, leader, session, turn);
        cluster.advance(5 * MS);
        std::thread::yield_now();
    }
    is_over(cluster)
}

/// The one that leads, once it has applied its own no-op.
fn leader_of(cluster: &mut Cluster) -> NodeId {
    cluster.elect()
}

fn term(cluster: &Cluster, node: NodeId) -> Term {
    cluster.server(node).leader_hint().term
}

fn lacks(cluster: &Cluster, node: NodeId) -> Option<String> {
    cluster.status(node).disk_lacks
}

fn others(cluster: &Cluster, node: NodeId) -> [NodeId; 2] {
    let others: Vec<NodeId> = cluster.nodes().filter(|other| *other != node).collect();
    others.try_into().expect("three nodes")
}

#[test]
fn w2_a_full_leader_hands_over_once_and_to_the_one_that_has_room() {
    // Both followers are tried as the one that has none: which of two has most of the log decides nothing.
    for full_one in [0, 1] {
        let (mut cluster, leader, session) = cluster_with_session(600_000);
        cluster.advance_in_steps(300 * MS, 10 * MS);
        let followers = others(&cluster, leader);
        let (full, roomy) = (followers[full_one], followers[1 - full_one]);
        cluster.limit_log_files(leader, 1);
        cluster.limit_log_files(full, 1);
        let before = term(&cluster, leader);
        let handed = work_until(&mut cluster, session, 0..400, |cluster| {
            cluster.role(leader) != Role::Leader
        });
        assert!(handed, "node {leader} leads on");
        assert_eq!(leader_of(&mut cluster), roomy);
        assert_eq!(term(&cluster, roomy).0, before.0 + 1);
        assert!(lacks(&cluster, leader).is_some() && lacks(&cluster, full).is_some());
        assert_eq!(lacks(&cluster, roomy), None);
    }
}

#[test]
fn w2_a_full_follower_stays_acknowledges_what_fits_and_catches_up_once_there_is_room() {
    let (mut cluster, leader, session) = cluster_with_session(600_000);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    let [full, _] = others(&cluster, leader);
    cluster.limit_log_files(full, 1);
    let (from, last) = (0, 600);
    let is_behind = |cluster: &Cluster| {
        let replica = cluster.server(full).replica().unwrap();
        replica.raft().is_short_of_room()
    };
    assert!(work_until(&mut cluster, session, from..last, is_behind), "all of it fits");
    // Others go on for more than a segment.
    work_until(&mut cluster, session, last..last + 300, |_| false);
    assert!(lacks(&cluster, full).is_some());
    let durable = cluster.server(full).replica().unwrap().raft().durable_index();
    let status = cluster.status(leader);
    let matched = status.members.iter().find(|member| member.node == full).unwrap().matched;
    assert!(matched.unwrap() <= durable, "it acknowledged {matched:?} and holds {durable}");
    assert!(durable < status.commit, "the others went on without it");
    // Its log begins where it was when it starts again, too, room or not.
    cluster.crash(full);
    cluster.restart(full);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    cluster.limit_log_files(full, usize::MAX);
    wait_for(&mut cluster, |cluster| {
        let commit = cluster.status(leader).commit;
        cluster.status(full).applied >= commit && lacks(cluster, full).is_none()
    });
    assert_eq!(cluster.machine(full).encode(), cluster.machine(leader).encode());
}

#[test]
fn w2_three_full_disks_change_no_leader_and_say_whose_they_are() {
    let (mut cluster, leader, session) = cluster_with_session(600_000);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    for node in cluster.nodes() {
        cluster.limit_log_files(node, 1);
    }
    let before = term(&cluster, leader);
    let tight = work_until(&mut cluster, session, 0..400, |cluster| {
        cluster.nodes().all(|node| cluster.server(node).wal().lacking().is_some())
    });
    assert!(tight, "one file of the log has room for all");
    cluster.advance_in_steps(2_000 * MS, 5 * MS);
    assert_eq!((cluster.role(leader), term(&cluster, leader)), (Role::Leader, before));
    for node in cluster.nodes() {
        let lacks = lacks(&cluster, node).expect("it says so");
        assert!(lacks.contains("spare.new"), "{lacks}");
    }
    let answer = cycle(&mut cluster, leader, session, 1000);
    assert_eq!(answer, Some(Answer::Refused(Refusal::Limit)), "it says what it lacks");
    let condition = cluster.status(leader).condition.unwrap();
    assert_eq!(condition.state, ServiceState::DiskFull);
    assert!(
        condition.text.starts_with(&format!("node {leader}, which leads,")),
        "{}",
        condition.text
    );
    // One of them finds room, and leads from then on.
    let [healed, _] = others(&cluster, leader);
    cluster.limit_log_files(healed, usize::MAX);
    wait_for(&mut cluster, |cluster| cluster.role(healed) == Role::Leader);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    attach(&mut cluster, healed, CLIENT, session);
    cluster.settle_and_take(CLIENT);
    let answer = cycle(&mut cluster, healed, session, 1001);
    assert!(matches!(answer, Some(Answer::Granted { .. })), "{answer:?}");
}

#[test]
fn w2_a_leader_with_room_whose_followers_have_none_says_whose_disks_are_full() {
    let (mut cluster, leader, session) = cluster_with_session(600_000);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    let followers = others(&cluster, leader);
    for node in followers {
        cluster.limit_log_files(node, 1);
    }
    let is_told = |cluster: &Cluster| {
        let condition = cluster.status(leader).condition.unwrap();
        condition.state == ServiceState::DiskFull
    };
    assert!(work_until(&mut cluster, session, 0..600, is_told), "both followers take all of it");
    let text = cluster.status(leader).condition.unwrap().text;
    for node in followers {
        assert!(text.contains(&format!("node {node} (")), "{text}");
        cluster.limit_log_files(node, usize::MAX);
    }
    wait_for(&mut cluster, |cluster| !is_told(cluster));
    assert_eq!(cluster.status(leader).condition.unwrap().state, ServiceState::Serving);
}

#[test]
fn a_client_is_told_once_which_disk_has_no_room_and_once_that_it_has() {
    let (mut cluster, leader, session) = cluster_with_session(600_000);
    for node in cluster.nodes() {
        cluster.limit_log_files(node, 1);
    }
    work_until(&mut cluster, session, 0..400, |cluster| {
        cluster.server(leader).wal().lacking().is_some()
    });
    let newcomer = ConnectionId(2);
    cluster.connect_client(leader, newcomer);
    for number in 1..4 {
        cluster.request(leader, newcomer, open_session(number, 10_000));
    }
    let replies = cluster.settle_and_take(newcomer);
    let first = replies.iter().position(|reply| {
        matches!(reply, ServerMessage::SessionRefused { refusal: Refusal::Limit, .. })
    });
    let told = replies.iter().position(|reply| matches!(reply, ServerMessage::Described { .. }));
    assert!(told.is_some() && told < first, "it hears why before it is refused: {replies:?}");
    let told: Vec<_> = replies.into_iter().filter_map(lacks_of).collect();
    assert_eq!(told, [(leader, lacks(&cluster, leader))]);
    for node in cluster.nodes() {
        cluster.limit_log_files(node, usize::MAX);
    }
    wait_for(&mut cluster, |cluster| cluster.nodes().all(|node| lacks(cluster, node).is_none()));
    let told = cluster.settle_and_take(newcomer).into_iter().filter_map(lacks_of);
    assert_eq!(told.collect::<Vec<_>>(), [(leader, None)]);
}

/// Which node's disk lacks what, if the message says so.
fn lacks_of(message: ServerMessage) -> Option<(NodeId, Option<String>)> {
    match message {
        ServerMessage::Described { read: 0, values } => {
            let node = NodeId(values.number("id").expect("it names the node"));
            Some((node, values.text("disk_lacks").map(str::to_owned)))
        }
        _ => None,
    }
}

/// Lets time go on until it is so: files are made on threads of their own.
fn wait_for(cluster: &mut Cluster, is_so: impl Fn(&Cluster) -> bool) {
    for _ in 0..100_000 {
        if is_so(cluster) {
            return;
        }
        cluster.advance(5 * MS);
        std::thread::yield_now();
    }
    panic!("it does not come to that");
}

#[test]
fn w2_an_operator_cannot_move_leadership_to_a_node_whose_disk_has_no_room() {
    let (mut cluster, leader, session) = cluster_with_session(600_000);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    let [full, _] = others(&cluster, leader);
    cluster.limit_log_files(full, 1);
    work_until(&mut cluster, session, 0..400, |cluster| lacks(cluster, full).is_some());
    cluster.advance(5 * MS);
    let order = Order::MoveLeader { to: Some(full) };
    cluster.request(leader, CLIENT, Request::Order { read: 9, order });
    let answers = cluster.settle_and_take(CLIENT);
    let refused = answers.iter().any(|answer| match answer {
        ServerMessage::Ordered { read: 9, answer: OrderAnswer::Refused { text } } => {
            text.contains("make room there")
        }
        _ => false,
    });
    assert!(refused, "{answers:?}");
    // Nobody named: it goes to the other one.
    cluster.hand_over(leader, None, LeaseTold::Ended);
    cluster.settle();
    let next = leader_of(&mut cluster);
    assert!(next != full && next != leader, "node {next} leads");
}
