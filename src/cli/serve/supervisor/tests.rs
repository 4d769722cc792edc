//! The datagrams to systemd, byte by byte.

use super::*;

/// A supervisor whose socket is `name`, without an environment.
fn supervisor(name: &OsStr) -> Supervisor {
    let socket = Some(Socket::open(name).expect("a name of a socket"));
    Supervisor { socket, watchdog: None, is_deaf: AtomicBool::new(false) }
}

fn received(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let count = socket.recv(&mut bytes).expect("a datagram");
    String::from_utf8(bytes[..count].to_vec()).expect("text")
}

#[test]
fn a_socket_may_be_a_file_or_a_name_without_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let listener = UnixDatagram::bind(&path).unwrap();
    supervisor(path.as_os_str()).tell_stopping();
    assert_eq!(received(&listener), "STOPPING=1\nSTATUS=stopping\n");

    let name = format!("tenure-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let listener = UnixDatagram::bind_addr(&address).unwrap();
    supervisor(OsStr::new(&format!("@{name}"))).tell_reloaded();
    assert_eq!(received(&listener), "READY=1\n");
}

#[test]
fn a_name_that_is_none_is_refused_with_what_it_must_look_like() {
    let error = Socket::open(OsStr::new("vsock:2:1234")).unwrap_err();
    assert!(error.to_string().contains("begins neither with \"/\""), "{error}");
    assert!(Socket::open(OsStr::new(&format!("/{}", "x".repeat(200)))).is_err());
}

#[test]
fn what_others_wrote_cannot_add_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let listener = UnixDatagram::bind(&path).unwrap();
    supervisor(path.as_os_str()).tell_waiting("no host \"a\nREADY=1\"");
    assert_eq!(received(&listener), "STATUS=waiting to start: no host \"a\\nREADY=1\"\n");
}

#[test]
fn a_manager_that_is_gone_ends_nothing_and_is_complained_of_once() {
    let directory = tempfile::tempdir().unwrap();
    let supervisor = supervisor(directory.path().join("nobody").as_os_str());
    assert!(!supervisor.is_deaf.load(Ordering::Relaxed));
    supervisor.tell_stopping();
    assert!(supervisor.is_deaf.load(Ordering::Relaxed));
    supervisor.tell_stopping();
}

#[test]
fn reloading_has_the_time_that_systemd_compares() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let listener = UnixDatagram::bind(&path).unwrap();
    let before = clock::sample_end().monotonic / 1000;
    supervisor(path.as_os_str()).tell_reloading();
    let text = received(&listener);
    let at = text.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("its lines").trim_end();
    assert!(
        (before..=clock::sample_end().monotonic / 1000).contains(&at.parse().unwrap()),
        "{text}"
    );
}

fn asked_for(usec: &str, pid: Option<u32>) -> Option<Watchdog> {
    Watchdog::asked_for(Some(usec.into()), pid.map(|pid| pid.to_string().into()))
}

#[test]
fn a_watchdog_is_for_the_process_that_it_names() {
    let own = std::process::id();
    assert_eq!(asked_for("8000000", None).unwrap().every, Duration::from_secs(1));
    assert!(asked_for("8000000", Some(own)).is_some());
    assert!(asked_for("8000000", Some(own + 1)).is_none());
    for wrong in ["", "0", "-1", "soon"] {
        assert!(asked_for(wrong, None).is_none(), "{wrong}");
    }
    assert!(Watchdog::asked_for(None, None).is_none());
}

#[test]
fn a_watchdog_hears_of_turns_alone() {
    let mut watchdog = asked_for("8000000", None).unwrap();
    let start = Instant::now();
    watchdog.begin(start, 5);
    assert!(!watchdog.is_due(start));
    let at = |seconds| start + Duration::from_secs(seconds);
    assert!(watchdog.is_due(at(1)) && !watchdog.is_due(at(1)));
    assert!(watchdog.has_turned(6));
    assert!(!watchdog.has_turned(6), "a loop that hangs");
    assert!(watchdog.has_turned(7));
}

#[test]
fn a_status_says_what_a_node_does_or_lacks() {
    let mut leadership = Leadership::default();
    let said = status_of(NodeId(1), &leadership);
    assert!(said.starts_with("belongs to no cluster yet: waits for the other members"), "{said}");
    leadership.term = Term(4);
    assert!(status_of(NodeId(1), &leadership).starts_with("no leader is known in term 4"));
    leadership.leader = Some(NodeId(2));
    assert_eq!(status_of(NodeId(1), &leadership), "follows node 2, which leads term 4");
    assert_eq!(status_of(NodeId(2), &leadership), "this node leads term 4");
}
