//! Whatever becomes of the cluster or of `tenure lock`: when somebody else is granted the lock, nothing of the command
//! lives. Each run has a second client in the queue, which looks in the instant of its grant.

use crate::program::{Cluster, Running, eventually, living, signal};
use std::os::fd::RawFd;
use tenure::client::{AcquireOptions, Client, ClientOptions, Pending, Wait};
use tenure::sys::poll::{self, Interest, Ready};

/// What happens while the command runs.
#[derive(Clone, Copy, Debug)]
enum Fault {
    ClusterStopped,
    WrapperStopped,
    WrapperKilled,
    /// The wrapper is killed or stopped in turns, and the command is several processes: in its group, in a group of
    /// its own, and in a session of its own.
    Family,
}

const FAULTS: [Fault; 4] =
    [Fault::ClusterStopped, Fault::WrapperStopped, Fault::WrapperKilled, Fault::Family];
/// Runs that go on side by side.
const BATCH: usize = 10;
const TTL: &str = "1s";
/// Ends by SIGKILL alone.
const ONE: &str = "trap '' TERM HUP INT; echo ready; while :; do sleep 1000; done";
/// `a & b`, and what gets away from a signal to the group.
const SEVERAL: &str = "trap '' TERM HUP INT; sleep 1001 & setsid sh -c 'sleep 1002 & sleep 1003' & \
                       sh -c 'sleep 1004 & sleep 1005' & echo ready; sleep 1006";

/// A command under a lock, and the client that waits for its lock.
struct Run {
    name: String,
    holder: Running,
    next: Pending,
}

impl Run {
    fn start(cluster: &Cluster, client: &Client, name: String, fault: Fault) -> Self {
        let (script, processes) = match fault {
            Fault::Family => (SEVERAL, 8),
            _ => (ONE, 2),
        };
        let holder = cluster.begin("lock", &["--ttl", TTL, &name, "--", "sh", "-c", script]);
        assert_eq!(holder.line, "ready", "{name}");
        let next = client.acquire_start(&name, Wait::Forever, AcquireOptions::default()).unwrap();
        // Else the look at the end would see nothing because there was never anything.
        eventually("all its processes run", || (living(&name).len() >= processes).then_some(()));
        eventually("the next client waits", || {
            let lock = client.lock_shown(&name).unwrap();
            lock.first().filter(|(lock, _)| lock.waiting == 1).map(|_| ())
        });
        Self { name, holder, next }
    }

    fn strike(&self, number: usize, fault: Fault) {
        match fault {
            Fault::ClusterStopped => {}
            Fault::WrapperStopped => signal(&self.holder.child, "STOP"),
            Fault::WrapperKilled => signal(&self.holder.child, "KILL"),
            Fault::Family if number.is_multiple_of(2) => signal(&self.holder.child, "KILL"),
            Fault::Family => signal(&self.holder.child, "STOP"),
        }
    }

    /// Waits for the grant. Who lives then?
    fn survivors(&mut self) -> Vec<u32> {
        let lease = self.next.take(Wait::Forever).expect("the next client is granted the lock");
        let survivors = living(&self.name);
        drop(lease);
        // A stopped wrapper would stay for ever.
        self.holder.child.kill().unwrap();
        self.holder.child.wait().unwrap();
        survivors
    }
}

/// `count` runs with `fault`, side by side. In how many did anything survive?
fn survivals(cluster: &Cluster, count: usize, fault: Fault) -> usize {
    let client = cluster.client("next");
    let start = |number: usize| {
        // Sessions have the same numbers in each cluster: what another run of this test left must not be seen here.
        let (process, session) = (std::process::id(), client.session().session.unwrap().0);
        let name = format!("{fault:?}-{process}-{session}-{number}");
        Run::start(cluster, &client, name, fault)
    };
    let mut runs: Vec<Run> = (0..count).map(start).collect();
    if matches!(fault, Fault::ClusterStopped) {
        stop_for_a_lease(cluster);
    }
    runs.iter().enumerate().for_each(|(number, run)| run.strike(number, fault));
    runs.iter_mut().filter_map(|run| Some(run.survivors()).filter(|left| !left.is_empty())).count()
}

/// Stops all nodes until a lease of the same length, renewed as late as the others, has ended.
fn stop_for_a_lease(cluster: &Cluster) {
    let options = ClientOptions::new().ttl(std::time::Duration::from_secs(1)).name("probe");
    let probe = Client::open(&cluster.endpoints(), options).unwrap();
    let lease = probe.acquire("probe", Wait::Forever, AcquireOptions::default()).unwrap();
    cluster.signal_all("STOP");
    let fd: RawFd = lease.fd().unwrap();
    let mut set = [(fd, Interest::Read, Ready::default())];
    while !set[0].2.readable {
        poll::wait(&mut set, None).unwrap();
    }
    cluster.signal_all("CONT");
}

fn check(runs_each: usize) {
    let cluster = Cluster::start();
    for fault in FAULTS {
        let mut survived = 0;
        for done in (0..runs_each).step_by(BATCH) {
            survived += survivals(&cluster, BATCH.min(runs_each - done), fault);
        }
        println!("{fault:?}: the command was gone in {} of {runs_each}", runs_each - survived);
        assert_eq!(survived, 0, "{fault:?}");
    }
}

#[test]
fn nothing_of_a_command_lives_when_the_next_is_granted_its_lock() {
    check(3);
}

/// Takes some minutes: `cargo test --release --test cli in_100 -- --ignored --nocapture`.
#[test]
#[ignore = "takes some minutes"]
fn nothing_of_a_command_lives_in_100_of_100_runs() {
    check(100);
}
