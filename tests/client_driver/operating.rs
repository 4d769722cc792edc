//! What operators order, by programs that embed nodes: members, leadership, hand-overs, snapshots.

use crate::client_driver::cluster::{Cluster, options};
use crate::common::free_ports::free_port;
use std::path::Path;
use std::thread;
use std::time::Duration;
use tenure::base::NodeId;
use tenure::client::{
    Client, ClientOptions, HandoverOptions, LeaseState, Member, Members, Wait, members_told,
};
use tenure::node::{Node, NodeOptions, RestoreOptions};
use tenure::{Error, Status};

fn status<T>(result: Result<T, Error>) -> Option<Status> {
    result.err().map(|error| error.status)
}

fn member(members: &Members, id: u64) -> Option<Member> {
    members.list().unwrap().into_iter().find(|member| member.id == NodeId(id))
}

fn join(endpoints: &str, id: u64, data: &Path) -> Node {
    let options = NodeOptions::new(NodeId(id), data, Vec::new());
    Node::start(options.joining(members_told(endpoints)).unwrap()).unwrap()
}

/// Has `to` lead; elections may come between.
fn lead(client: &Client, to: u64) {
    let is_busy = |status| matches!(status, Status::Unavailable | Status::Unknown);
    while let Err(error) = client.move_leader(Some(NodeId(to)), Wait::Forever) {
        assert!(is_busy(error.status), "{error}");
    }
}

#[test]
fn a_fourth_node_is_added_promoted_leads_and_is_removed() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let members = client.members();
    let (data, address) = (tempfile::tempdir().unwrap(), format!("127.0.0.1:{}", free_port()));
    assert_eq!(status(members.promote(NodeId(4))), Some(Status::NotFound));
    members.add(NodeId(4), &address).unwrap();
    assert_eq!(status(members.add(NodeId(4), &address)), Some(Status::Invalid));
    let added = member(&members, 4).unwrap();
    assert_eq!((added.address.as_str(), added.votes()), (address.as_str(), false));

    let fourth = join(&cluster.endpoints, 4, data.path());
    members.promote(NodeId(4)).unwrap();
    assert!(member(&members, 4).unwrap().votes());
    lead(&client, 4);
    let lease = client.acquire("operating/held", Wait::Forever, options()).unwrap();
    // It leads, so it hands over before it goes; no lease is lost.
    members.remove(NodeId(4)).unwrap();
    assert_eq!(member(&members, 4), None);
    assert_eq!(status(members.remove(NodeId(4))), Some(Status::NotFound));
    let ended = loop {
        if let Err(error) = fourth.next(None) {
            break error;
        }
    };
    assert_eq!(ended.status, Status::Denied, "{ended}");
    assert_eq!(lease.state(), LeaseState::Held);
    let again = members.add(NodeId(4), &address).unwrap_err();
    assert_eq!(again.status, Status::Invalid);
    assert!(again.message.contains("never used again"), "{again}");
}

#[test]
fn what_is_so_already_is_done_and_what_cannot_be_is_refused() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let members = Members::at(&cluster.endpoints, Duration::from_secs(60));
    members.promote(NodeId(1)).unwrap();
    members.demote(NodeId(3)).unwrap();
    members.demote(NodeId(3)).unwrap();
    members.promote(NodeId(3)).unwrap();
    members.add(NodeId(6), "127.0.0.1:1").unwrap();
    members.move_to(NodeId(6), "127.0.0.1:2").unwrap();
    members.move_to(NodeId(6), "127.0.0.1:2").unwrap();
    assert_eq!(member(&members, 6).unwrap().address, "127.0.0.1:2");
    assert_eq!(status(members.add(NodeId(7), "db")), Some(Status::Invalid));
    assert_eq!(status(members.move_to(NodeId(9), "db:1")), Some(Status::NotFound));
    assert_eq!(status(client.move_leader(Some(NodeId(6)), Wait::Try)), Some(Status::Invalid));
    let leader = client.move_leader(None, Wait::Forever).unwrap();
    assert!((1..=3).contains(&leader.0), "{leader}");
    client.close(Wait::Forever).unwrap();
    assert_eq!(status(client.members().remove(NodeId(6))), Some(Status::Closed));
    assert_eq!(status(client.members().list()), Some(Status::Closed));
}

#[test]
fn one_that_is_not_started_is_waited_for_as_long_as_a_request_may_take() {
    let cluster = Cluster::start();
    let members = Members::at(&cluster.endpoints, Duration::from_secs(60));
    members.add(NodeId(4), "127.0.0.1:1").unwrap();
    let hasty = Members::at(&cluster.endpoints, Duration::from_secs(1));
    // On a machine that is slow the answer itself may be late.
    let refused = std::iter::repeat_with(|| hasty.promote(NodeId(4)).unwrap_err());
    let error = refused.into_iter().find(|error| error.status != Status::Unknown).unwrap();
    assert_eq!(error.status, Status::Unavailable, "{error}");
}

#[test]
fn a_lock_is_handed_to_the_one_that_is_named_and_to_nobody_between() {
    let cluster = Cluster::start();
    let [holder, first, named] =
        ["holder", "first", "named"].map(|name| cluster.client_called(name));
    let hand_over = |to: &str| first.hand_over("x", HandoverOptions::new().to(to));
    assert_eq!(status(hand_over("named")), Some(Status::NotFound));
    let lease = holder.acquire("x", Wait::Forever, options()).unwrap();
    let nobody = hand_over("named").unwrap_err();
    assert!(nobody.message.contains("no client called \"named\" waits for \"x\""), "{nobody}");
    assert_eq!(lease.state(), LeaseState::Held, "it was not asked");
    let before = first.acquire_start("x", Wait::Forever, options()).unwrap();
    let pending = named.acquire_start("x", Wait::Forever, options()).unwrap();
    let token = lease.token();
    let order = HandoverOptions::new().to("named").reason("maintenance").wait(Duration::ZERO);
    // Until the server has it in its queue; then it is asked, and not waited for.
    let asked = loop {
        let error = first.hand_over("x", order.clone()).unwrap_err();
        if error.status != Status::NotFound {
            break error;
        }
    };
    assert_eq!(asked.status, Status::Timeout, "{asked}");
    assert!(asked.message.starts_with("\"holder\" is asked to hand \"x\" over"), "{asked}");
    let ends = thread::spawn(move || {
        while lease.asked().is_none() {
            thread::yield_now();
        }
        assert_eq!(lease.asked().unwrap().reason, "maintenance");
        lease.release(Wait::Forever)
    });
    // Also if the order of before has brought it there already.
    let handed = hand_over("named").unwrap();
    ends.join().unwrap().unwrap();
    assert_eq!((handed.client.as_str(), handed.has_ended), ("named", false));
    let got = pending.take(Wait::Forever).unwrap();
    assert!(got.token() == handed.token && got.token() > token);
    assert_eq!(hand_over("named"), Ok(handed), "it has it already");
    got.release(Wait::Forever).unwrap();
    before.take(Wait::Forever).unwrap();
}

#[test]
fn what_was_saved_begins_a_new_cluster_in_new_directories() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("backup");
    let cluster = Cluster::start();
    let client = cluster.client();
    let token = client.acquire("operating/saved", Wait::Forever, options()).unwrap().token();
    let saved = client.save_snapshot(&file).unwrap();
    assert_eq!(saved.bytes, std::fs::metadata(&file).unwrap().len());
    assert_eq!(saved.cluster, client.cluster());
    let nowhere = client.save_snapshot(directory.path().join("none/backup")).unwrap_err();
    assert_eq!(nowhere.status, Status::Io, "{nowhere}");
    drop(cluster);

    let members: Vec<_> =
        (1..=3).map(|id| (NodeId(id), format!("127.0.0.1:{}", free_port()))).collect();
    let restored_to = |id: NodeId| directory.path().join(id.to_string());
    let restore = |id: NodeId, data: &Path| {
        let order = RestoreOptions::new(&file, id, data, members.clone());
        Node::restore(&order.waive_wait(true))
    };
    let mut nodes = Vec::new();
    for (id, _) in &members {
        let restored = restore(*id, &restored_to(*id)).unwrap();
        assert!(restored.wait.is_none() && restored.tokens_above > token, "{restored:?}");
        assert_eq!(restored.ancestors.first().copied(), saved.cluster);
        nodes.push(Node::start(NodeOptions::new(*id, restored_to(*id), members.clone())).unwrap());
    }
    let full = restore(NodeId(1), &restored_to(NodeId(1))).unwrap_err();
    assert!(full.status == Status::Invalid || full.status == Status::Io, "{full:?}");
    let endpoints: Vec<&str> = members.iter().map(|(_, address)| address.as_str()).collect();
    let timeout = Duration::from_secs(60);
    let after = ClientOptions::new().connect_timeout(timeout).request_timeout(timeout);
    let after = Client::open(&endpoints.join(","), after).unwrap();
    // Sessions of before are gone.
    let lease = after.acquire("operating/saved", Wait::Forever, options()).unwrap();
    assert!(lease.token() > token);

    let waits = RestoreOptions::new(&file, NodeId(1), directory.path().join("waits"), members)
        .largest_ttl_max(Duration::from_secs(3600));
    assert_eq!(Node::restore(&waits).unwrap().wait, Some(Duration::from_secs(3600)));
    let contradicts = waits.clone().waive_wait(true);
    assert_eq!(status(Node::restore(&contradicts)), Some(Status::Invalid));
    let too_much = waits.largest_ttl_max(Duration::from_secs(3601));
    let too_much = Node::restore(&too_much).unwrap_err();
    assert_eq!(
        too_much.message,
        "largest_ttl_max is at most 3600s: no node can have run with more"
    );
}

#[test]
fn a_program_grows_its_cluster_from_one_node_to_three_and_lets_the_first_go() {
    let directory = tempfile::tempdir().unwrap();
    let data = |id: u64| directory.path().join(id.to_string());
    let address = || format!("127.0.0.1:{}", free_port());
    let founder = vec![(NodeId(1), address())];
    let first = Node::start(NodeOptions::new(NodeId(1), data(1), founder)).unwrap();
    let timeout = Duration::from_secs(60);
    let patient = || ClientOptions::new().connect_timeout(timeout).request_timeout(timeout);
    // It knows of the first node alone.
    let client = Client::open(&first.endpoints(), patient()).unwrap();
    let lease = client.acquire("operating/grown", Wait::Forever, options()).unwrap();
    let mut others = Vec::new();
    for id in [2, 3] {
        client.members().add(NodeId(id), &address()).unwrap();
        others.push(join(&first.endpoints(), id, &data(id)));
        client.members().promote(NodeId(id)).unwrap();
    }
    client.members().remove(NodeId(1)).unwrap();
    drop(first);
    assert!(client.validate("operating/grown", lease.token()).unwrap());
    // Orders find the leader, though nobody is left where the program said that nodes are.
    let left = client.members().list().unwrap();
    assert_eq!(left.iter().map(|member| member.id.0).collect::<Vec<_>>(), [2, 3]);
    lease.release(Wait::Forever).unwrap();
}
