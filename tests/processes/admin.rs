//! The admin endpoint of real nodes: what it tells of a cluster that works, of one that does not, and of a loop that hangs;
//! and whatever else may come to its port.

use crate::cluster::{Cluster, Setup, StallShim, scratch};
use crate::load::Load;
use crate::patience::until;
use crate::program::compile_shim;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use tenure::base::NodeId;
use tenure::client::{AcquireOptions, ClusterStatus, Wait};

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// Asks for one page on a connection of its own.
fn get(address: SocketAddr, path: &str) -> Answer {
    say(address, format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes())
}

/// Says `bytes` and nothing more, and hears what comes until the end.
fn say(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(bytes).expect("a few bytes fit");
    answer_of(&hear(stream))
}

fn hear(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        // What was sent and not read resets the connection.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    String::from_utf8(bytes).expect("text")
}

fn answer_of(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// The sample of that name, labels included.
fn sample(metrics: &str, name: &str) -> Option<f64> {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    Some(line.parse().expect("a number"))
}

fn metric(cluster: &Cluster, node: NodeId, name: &str) -> f64 {
    let metrics = get(cluster.admin_address(node), "/metrics");
    assert_eq!(metrics.status, 200);
    sample(&metrics.body, name).unwrap_or_else(|| panic!("{name} in\n{}", metrics.body))
}

#[test]
fn a_cluster_that_works_is_live_and_ready_and_counts_what_it_does() {
    let cluster = Cluster::start_with(Setup::with_admin());
    let leader = cluster.leader();
    for node in cluster.nodes() {
        let address = cluster.admin_address(node);
        until("a node follows", || (get(address, "/readyz").status == 200).then_some(()));
        assert_eq!(
            (get(address, "/livez").status, get(address, "/livez").body.as_str()),
            (200, "ok\n")
        );
        assert_eq!(metric(&cluster, node, "tenure_has_leader"), 1.0);
        assert_eq!(metric(&cluster, node, "tenure_is_leader"), f64::from(u8::from(node == leader)));
    }
    let grants = metric(&cluster, leader, "tenure_grants_total");
    let (one, other) = (cluster.client("one"), cluster.client("other"));
    let held = one.acquire("jobs/x", Wait::Forever, AcquireOptions::default()).expect("free");
    let pending =
        other.acquire_start("jobs/x", Wait::Forever, AcquireOptions::default()).expect("it waits");
    until("one waits", || (metric(&cluster, leader, "tenure_waiters") == 1.0).then_some(()));
    assert_eq!(metric(&cluster, leader, "tenure_locks"), 1.0);
    held.release(Wait::Forever).expect("it is held");
    let handed = pending.take(Wait::Forever).expect("it is its turn");
    until("nobody waits", || (metric(&cluster, leader, "tenure_waiters") == 0.0).then_some(()));
    assert_eq!(metric(&cluster, leader, "tenure_grants_total"), grants + 2.0);
    assert_eq!(metric(&cluster, leader, "tenure_wait_seconds_count"), 1.0);
    assert!(metric(&cluster, leader, "tenure_hold_seconds_count") >= 1.0);
    let ends = "tenure_lease_ends_total{reason=\"released\"}";
    assert!(metric(&cluster, leader, ends) >= 1.0);
    let queued = "tenure_requests_total{kind=\"acquire\",result=\"queued\"}";
    assert_eq!(metric(&cluster, leader, queued), 1.0);
    for peer in cluster.nodes().into_iter().filter(|node| *node != leader) {
        let lag = format!("tenure_peer_lag_entries{{peer=\"{peer}\"}}");
        until("a follower has all", || (metric(&cluster, leader, &lag) == 0.0).then_some(()));
        // Who leads counts; who follows does not count the same once more.
        assert_eq!(metric(&cluster, peer, "tenure_grants_total"), 0.0);
    }
    handed.release(Wait::Forever).expect("it is held");
}

#[test]
fn the_status_of_a_node_is_the_row_that_clients_are_told() {
    let cluster = Cluster::start_with(Setup::with_admin());
    let node = cluster.leader();
    let page = get(cluster.admin_address(node), "/status");
    assert!(page.head.contains("Content-Type: application/json"), "{}", page.head);
    let page: serde_json::Value = serde_json::from_str(&page.body).expect("JSON");
    let told = ClusterStatus::ask(cluster.endpoints().as_str(), crate::patience::PATIENCE);
    let told: serde_json::Value = serde_json::from_str(&told.json_line()).expect("JSON");
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    let place = usize::try_from(node.0).expect("small") - 1;
    assert_eq!(keys(&page["nodes"][0]), keys(&told["nodes"][place]));
    for key in ["id", "address", "role", "term", "version", "cluster_id"] {
        assert_eq!(page["nodes"][0][key], told["nodes"][place][key], "{key}");
    }
    assert_eq!((&page["leader"], &page["state"]), (&told["leader"], &told["state"]));
    let mut head = keys(&page);
    head.retain(|key| key != "age_ms");
    assert_eq!(head, keys(&told));
}

#[test]
fn a_node_without_a_majority_is_live_and_not_ready_and_says_why() {
    let mut cluster = Cluster::start_with(Setup::with_admin());
    let [one, two, three] = cluster.nodes()[..] else { panic!("three nodes") };
    cluster.kill(one);
    cluster.kill(two);
    let ready = until("it misses its leader", || {
        Some(get(cluster.admin_address(three), "/readyz")).filter(|ready| ready.status == 503)
    });
    assert!(ready.body.starts_with("no_quorum: no leader: grants nothing until"), "{}", ready.body);
    assert_eq!(get(cluster.admin_address(three), "/livez").status, 200);
    cluster.start_all();
    until("it follows again", || {
        (get(cluster.admin_address(three), "/readyz").status == 200).then_some(())
    });
}

#[test]
fn a_node_that_waits_for_others_says_for_whom() {
    let mut cluster = Cluster::found(Setup::with_admin());
    let [one, two, three] = cluster.nodes()[..] else { panic!("three nodes") };
    // Whether they were founded meanwhile or not: from empty directories they are not.
    cluster.kill_all();
    for node in [one, two, three] {
        fs::remove_dir_all(cluster.data(node)).ok();
    }
    cluster.start_node(one);
    let ready = until("it has read its directory", || {
        TcpStream::connect(cluster.admin_address(one)).ok()?;
        let ready = get(cluster.admin_address(one), "/readyz");
        (!ready.body.starts_with("starting: this node starts")).then_some(ready)
    });
    assert_eq!(ready.status, 503);
    let waits = "waits_for_members: not founded yet: node 1 waits to meet node 2 at";
    assert!(ready.body.starts_with(waits), "{}", ready.body);
    assert_eq!(get(cluster.admin_address(one), "/livez").body, "ok\n");
    assert_eq!(metric(&cluster, one, "tenure_has_leader"), 0.0);
}

#[test]
fn a_scrape_of_a_node_whose_disk_hangs_is_answered_and_its_probes_say_so() {
    let directory = scratch();
    let library = compile_shim("stall_shim", directory.path());
    let stall_shim = Some(StallShim { library, prefix: "" });
    let cluster = Cluster::start_with(Setup { stall_shim, ..Setup::with_admin() });
    let mut load = Load::start(&cluster, "jobs/stalled");
    load.wait_for_grants(10);
    let old = cluster.leader();
    let address = cluster.admin_address(old);
    let grants = metric(&cluster, old, "tenure_grants_total");
    cluster.stall(old);
    let others: Vec<NodeId> = cluster.nodes().into_iter().filter(|node| *node != old).collect();
    cluster.leader_among(&others);

    let live =
        until("the loop hangs", || Some(get(address, "/livez")).filter(|live| live.status == 503));
    assert!(
        live.body.starts_with("disk_stalled: the disk of this node has not answered for"),
        "{}",
        live.body
    );
    let ready = get(address, "/readyz");
    assert_eq!((ready.status, ready.body.starts_with("disk_stalled: ")), (503, true));
    // Nothing waits for the loop here: all that it counted until now is there.
    assert!(metric(&cluster, old, "tenure_grants_total") >= grants);
    let status: serde_json::Value =
        serde_json::from_str(&get(address, "/status").body).expect("JSON");
    assert_eq!(
        (&status["state"], &status["nodes"][0]["id"]),
        (&"disk_stalled".into(), &old.0.into())
    );
    assert_eq!(status["nodes"][0]["state"], "disk_stalled");
    assert!(status["age_ms"].as_u64().is_some_and(|age| age > 0), "{status}");

    cluster.end_stall(old);
    until("the loop turns again", || (get(address, "/readyz").status == 200).then_some(()));
    let stalls = metric(&cluster, old, "tenure_sync_seconds_bucket{le=\"1\"}");
    assert!(metric(&cluster, old, "tenure_sync_seconds_count") > stalls);
    load.wait_for_grants(10);
    load.finish();
}

#[test]
fn whatever_comes_to_the_admin_port_disturbs_nobody() {
    let cluster = Cluster::start_with(Setup::with_admin());
    let leader = cluster.leader();
    let address = cluster.admin_address(leader);
    let mut load = Load::start(&cluster, "jobs/beside");
    load.wait_for_grants(10);
    let cases: [(&str, Vec<u8>, u16); 9] = [
        ("a hello of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), 400),
        ("zeros", vec![0; 4096], 400),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), 400),
        ("no Host", b"GET /metrics HTTP/1.1\r\n\r\n".to_vec(), 400),
        (
            "a body",
            b"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc".to_vec(),
            400,
        ),
        ("POST", b"POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".to_vec(), 405),
        ("DELETE", b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), 405),
        ("no such page", b"GET /admin HTTP/1.0\r\n\r\n".to_vec(), 404),
        ("many fields", [b"GET / HTTP/1.1\r\n".to_vec(), b"a: b\r\n".repeat(200)].concat(), 431),
    ];
    for (what, bytes, status) in cases {
        let answer = say(address, &bytes);
        assert_eq!(answer.status, status, "{what}: {answer:?}");
    }
    // Endless: it is let go of long before, and what it still sends is nobody's.
    let mut endless = TcpStream::connect(address).expect("it listens");
    let piece = vec![b'a'; 64 << 10];
    endless.write_all(b"GET /").expect("a few bytes fit");
    until("an endless request is cut off", || endless.write_all(&piece).is_err().then_some(()));
    assert_eq!(get(address, "/livez").status, 200);
    load.wait_for_grants(10);
    load.finish();
}

#[test]
fn a_slow_request_waits_alone() {
    let cluster = Cluster::start_with(Setup::with_admin());
    let address = cluster.admin_address(cluster.leader());
    let mut slow = TcpStream::connect(address).expect("it listens");
    slow.write_all(b"GET /metrics HT").expect("a few bytes fit");
    assert_eq!(get(address, "/livez").status, 200);
    // It is told that it was too slow, and that is the end.
    let answer = answer_of(&hear(slow));
    assert_eq!(answer.status, 408);
    assert!(answer.head.contains("Connection: close"), "{}", answer.head);
}

#[test]
fn requests_of_one_connection_are_answered_in_order() {
    let cluster = Cluster::start_with(Setup::with_admin());
    let address = cluster.admin_address(cluster.leader());
    let mut stream = TcpStream::connect(address).expect("it listens");
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let last = "HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let all = [ask("/livez"), ask("/nothing"), ask("/readyz"), ask("/"), last.to_owned()].concat();
    stream.write_all(all.as_bytes()).expect("a few bytes fit");
    // Whoever has asked all may say so.
    stream.shutdown(Shutdown::Write).expect("it stands");
    let text = hear(stream);
    let answers: Vec<&str> =
        text.match_indices("HTTP/1.1 ").map(|(at, _)| &text[at + 9..at + 12]).collect();
    assert_eq!(answers, ["200", "404", "200", "200", "200"]);
    assert!(text.ends_with("\r\n\r\n"), "a HEAD has no body: {text}");
}

#[test]
fn a_thousand_connections_keep_nobody_out_and_leave_nothing_behind() {
    let cluster = Cluster::start_with(Setup::with_admin());
    let leader = cluster.leader();
    let address = cluster.admin_address(leader);
    let mut load = Load::start(&cluster, "jobs/beside");
    load.wait_for_grants(10);
    let open = || {
        let path = format!("/proc/{}/fd", cluster.process(leader).id());
        fs::read_dir(path).expect("it lives").count()
    };
    let before = open();
    let mut crowd = Vec::new();
    for _ in 0..1000 {
        crowd.push(TcpStream::connect(address).expect("the kernel takes the connection"));
    }
    assert_eq!(get(address, "/readyz").status, 200);
    assert!(open() <= before + 100, "{} descriptors, of {before}", open());
    load.wait_for_grants(10);
    drop(crowd);
    // Some of the load's own come and go.
    until("nothing is left of them", || (open() <= before + 2).then_some(()));
    load.finish();
}
