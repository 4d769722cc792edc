//! What a service manager hears of `tenure serve`, on a socket such as systemd gives it.

use crate::cluster::{scratch, tenure};
use crate::common::free_ports::free_port;
use crate::patience;
use crate::program::compile_shim;
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};
use tenure::sys::process;

/// One service, and the manager's end of its socket. Dropped it is killed.
struct Service {
    child: Child,
    socket: UnixDatagram,
    /// With its data and its socket.
    _directory: TempDir,
}

impl Service {
    /// `tenure serve` as node 1 of `cluster`.
    fn start(cluster: &str) -> Self {
        Self::start_in(scratch(), cluster, |_| {})
    }

    fn start_in(directory: TempDir, cluster: &str, dress: impl Fn(&mut Command)) -> Self {
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(patience::PATIENCE)).unwrap();
        let mut command = tenure();
        command.args(["serve", "--id", "1", "--cluster", cluster, "--insecure", "--data"]);
        command.arg(directory.path().join("data")).env("NOTIFY_SOCKET", &path);
        command.stderr(Stdio::null());
        dress(&mut command);
        Self { child: command.spawn().unwrap(), socket, _directory: directory }
    }

    /// The next datagram.
    #[track_caller]
    fn hear(&self) -> String {
        self.hear_soon().expect("the service tells nothing")
    }

    /// The next datagram; `None`: there was none for as long as the socket waits.
    fn hear_soon(&self) -> Option<String> {
        let mut bytes = [0; 4096];
        match self.socket.recv(&mut bytes) {
            Ok(count) => Some(String::from_utf8(bytes[..count].to_vec()).unwrap()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// The datagrams up to the first that has `part`.
    #[track_caller]
    fn hear_until(&self, part: &str) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            heard.push(self.hear());
            if heard.last().expect("one at least").contains(part) {
                return heard;
            }
            assert!(heard.len() < 1000, "never {part:?}: {heard:?}");
        }
    }

    fn signal(&self, signal: i32) {
        process::signal_child(&self.child, signal);
    }

    fn code(&mut self) -> Option<i32> {
        patience::until("service", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // One that has ended already needs neither.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn alone() -> String {
    format!("1=127.0.0.1:{}", free_port())
}

#[test]
fn a_node_is_ready_once_it_listens_and_tells_who_leads_and_that_it_stops() {
    let mut service = Service::start(&alone());
    let first = service.hear();
    assert!(first.starts_with("READY=1\nSTATUS="), "{first}");
    let heard = service.hear_until("STATUS=this node leads term ");
    assert!(heard.iter().all(|text| !text.contains("READY")), "{heard:?}");
    service.signal(libc::SIGTERM);
    assert_eq!(service.hear_until("STOPPING=1").last().unwrap(), "STOPPING=1\nSTATUS=stopping\n");
    assert_eq!(service.code(), Some(0));
}

#[test]
fn a_node_whose_members_are_not_up_is_ready_all_the_same_and_says_what_it_waits_for() {
    let others = [free_port(), free_port()];
    let cluster = format!("{},2=127.0.0.1:{},3=127.0.0.1:{}", alone(), others[0], others[1]);
    let service = Service::start(&cluster);
    let first = service.hear();
    assert!(
        first.starts_with("READY=1\nSTATUS=belongs to no cluster yet: waits for the other"),
        "{first}"
    );
}

#[test]
fn a_node_that_cannot_listen_yet_is_not_ready_and_says_why() {
    let service = Service::start("1=nosuchhost.invalid:7401");
    let first = service.hear();
    assert!(
        first.starts_with("STATUS=waiting to start: ") && first.contains("nosuchhost"),
        "{first}"
    );
    service.signal(libc::SIGTERM);
    let heard = service.hear_until("STOPPING=1");
    assert!(heard.iter().all(|text| !text.contains("READY")), "{heard:?}");
}

#[test]
fn why_a_node_does_not_start_is_its_last_status() {
    let mut service = Service::start("2=127.0.0.1:7401");
    let heard = service.hear_until("STOPPING=1");
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].contains("\nSTATUS=node 1 is not in the cluster"), "{heard:?}");
    assert_eq!(service.code(), Some(2));
}

#[test]
fn sighup_of_a_manager_reads_the_configuration_anew_and_ends_nothing() {
    let directory = scratch();
    let config = directory.path().join("tenure.toml");
    std::fs::write(&config, "heartbeat = \"30ms\"\n").unwrap();
    let mut service = Service::start_in(directory, &alone(), |command| {
        command.arg("--config").arg(&config).stderr(Stdio::piped());
    });
    let mut lines = BufReader::new(service.child.stderr.take().unwrap()).lines();
    let mut line_with = |part: &str| {
        lines.by_ref().map(Result::unwrap).find(|line| line.contains(part)).expect("that line")
    };
    service.hear_until("STATUS=this node leads");
    for (text, said) in [
        ("heartbeat = \"40ms\"\n", "the configuration is right"),
        ("hartbeat = \"40ms\"\n", "would not start again: the configuration"),
    ] {
        std::fs::write(&config, text).unwrap();
        service.signal(libc::SIGHUP);
        service.hear_until("RELOADING=1\nMONOTONIC_USEC=");
        service.hear_until("READY=1");
        line_with(said);
    }
    service.signal(libc::SIGTERM);
    service.hear_until("STOPPING=1");
    assert_eq!(service.code(), Some(0));
}

#[test]
fn the_watchdog_hears_nothing_while_the_loop_hangs() {
    let directory = scratch();
    let shim = compile_shim("stall_shim", directory.path());
    let stall = directory.path().join("stall");
    let (port, look) = (free_port(), Duration::from_millis(10));
    let service = Service::start_in(directory, &format!("1=127.0.0.1:{port}"), |command| {
        command.env("WATCHDOG_USEC", (8 * look).as_micros().to_string());
        command.env("LD_PRELOAD", &shim).env("STALL_FILE", &stall).env("STALL_PREFIX", "log-");
    });
    service.hear_until("STATUS=this node leads");
    service.hear_until("WATCHDOG=1");

    std::fs::write(&stall, "").unwrap();
    let client = std::thread::spawn(move || {
        let client = Client::open(&format!("127.0.0.1:{port}"), ClientOptions::new()).unwrap();
        client.acquire("jobs/a", Wait::Forever, AcquireOptions::default()).map(drop)
    });
    // What was under way comes, then nothing for as long as twenty looks take. A watchdog that asked another thread than the
    // loop would hear for ever.
    service.socket.set_read_timeout(Some(20 * look)).unwrap();
    let most = usize::try_from(patience::PATIENCE.as_millis() / look.as_millis()).unwrap();
    let heard = std::iter::from_fn(|| service.hear_soon()).take(most).count();
    assert!(heard < most, "the loop hangs, and the watchdog is told that it turns");

    std::fs::remove_file(&stall).unwrap();
    service.socket.set_read_timeout(Some(patience::PATIENCE)).unwrap();
    service.hear_until("WATCHDOG=1");
    client.join().unwrap().expect("the disk answers again");
}
