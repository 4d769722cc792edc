//! What counting costs: the words that one cycle of a lock and one turn of a loop write, and which share that is of what a cycle
//! costs three nodes and their clients.
//!
//! The share of two runs, with meters and without, is below the noise of any machine that does something else. So the words
//! alone are measured, of many batches the quickest, since others only ever make one slower; the processor time of a cycle and
//! the turns in it are read from the metrics of a cluster in this process. `cargo bench --bench meters`

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tenure::base::NodeId;
use tenure::base::meters::{EndReason, LinkKind, Meters, RequestKind, RequestResult};
use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};
use tenure::node::{Node, NodeOptions};

/// What the leader counts of an acquire and a release.
fn count_cycle(meters: &Meters) {
    for kind in [RequestKind::Acquire, RequestKind::Release] {
        meters.count_timed(black_box(kind), RequestResult::Ok, black_box(300_000));
    }
    meters.grants.add(1);
    meters.ends[EndReason::Released as usize].add(1);
    meters.holds.record(black_box(400_000));
}

/// What each node counts of a turn, with a sync in it: at its begin, its end, and what it publishes of the replica and its
/// connections behind it.
fn count_turn(meters: &Meters) {
    let value = black_box(1_000_000);
    meters.now.begin_turn(value);
    meters.now.begin_sync(value);
    meters.now.end_sync();
    meters.syncs.record(value);
    meters.now.end_turn();
    meters.turns.record(value);
    for gauge in [
        &meters.has_leader,
        &meters.is_leader,
        &meters.term,
        &meters.commit,
        &meters.applied,
        &meters.level,
        &meters.log_bytes,
        &meters.snapshot_bytes,
        &meters.state_bytes,
        &meters.sessions,
        &meters.locks,
        &meters.waiters,
        &meters.observers,
    ] {
        gauge.set(value);
    }
    for counter in [&meters.refused_messages, &meters.lease_gaps, &meters.refused_connections] {
        counter.reach(value);
    }
    meters.leader_changes.iter().for_each(|counter| counter.reach(value));
    for (place, node) in meters.peers.iter().zip([Some(NodeId(1)), Some(NodeId(2))]) {
        place.take(node, value, value);
    }
    meters.peers[2..].iter().for_each(|place| place.take(None, 0, 0));
    for kind in LinkKind::ALL {
        meters.connections[*kind as usize].set(value);
    }
}

/// Three nodes in this process, with their data below `directory`.
fn start(directory: &std::path::Path) -> Vec<Node> {
    let listeners: Vec<TcpListener> =
        (0..3).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    let address = |listener: &TcpListener| listener.local_addr().expect("bound").to_string();
    let members: Vec<(NodeId, String)> =
        listeners.iter().zip(1..).map(|(it, id)| (NodeId(id), address(it))).collect();
    let node = |(listener, id): (TcpListener, u64)| {
        let data = directory.join(format!("node-{id}"));
        let options = NodeOptions::new(NodeId(id), data, members.clone()).listener(listener);
        Node::start(options).expect("a node starts")
    };
    listeners.into_iter().zip(1..).map(node).collect()
}

/// A sample of a text of metrics.
fn sample(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).expect("a number")
}

/// Turns of all three, and seconds of this process on processors.
fn spent(nodes: &[Node]) -> (f64, f64) {
    let metrics: Vec<String> = nodes.iter().map(|node| node.metrics().expect("it runs")).collect();
    let turns = metrics.iter().map(|it| sample(it, "tenure_turn_seconds_count")).sum();
    (turns, sample(&metrics[0], "process_cpu_seconds_total"))
}

/// Nanoseconds of one call, of many batches the quickest.
fn quickest(call: impl Fn()) -> f64 {
    let batch = || {
        let began = Instant::now();
        (0..BATCH).for_each(|_| call());
        began.elapsed().as_nanos() as f64 / f64::from(BATCH)
    };
    (0..BATCHES).map(|_| batch()).fold(f64::INFINITY, f64::min)
}

fn counting(criterion: &mut Criterion) {
    let meters: Arc<Meters> = Meters::new();
    let mut group = criterion.benchmark_group("counting");
    group.measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(500));
    group.bench_function("a cycle, by the leader", |bencher| bencher.iter(|| count_cycle(&meters)));
    group.bench_function("a turn, by each node", |bencher| bencher.iter(|| count_turn(&meters)));
    group.finish();
    let (cycle, turn) = (quickest(|| count_cycle(&meters)), quickest(|| count_turn(&meters)));

    // Not in /tmp, which may be memory.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let nodes = start(directory.path());
    for clients in [1, 16] {
        let open = |_| Client::open(&nodes[0].endpoints(), ClientOptions::default());
        let opened: Vec<Client> =
            (0..clients).map(|at| open(at).expect("a cluster that serves")).collect();
        let (turns_before, processor_before) = spent(&nodes);
        std::thread::scope(|scope| {
            for (at, client) in opened.iter().enumerate() {
                let _ =
                    scope.spawn(move || cycles(client, &format!("bench/{at}"), CYCLES / clients));
            }
        });
        let (turns, processor) = spent(&nodes);
        let per_cycle = 1.0 / (CYCLES / clients * clients) as f64;
        let turns = (turns - turns_before) * per_cycle;
        let nanos = (processor - processor_before) * per_cycle * 1e9;
        let counted = cycle + turns * turn;
        println!(
            "{clients} clients: a cycle takes {:.0} us of processors, and {turns:.1} turns of all nodes; of that counting is {cycle:.0} \
             ns + {turns:.1} x {turn:.0} ns = {:.2} us: {:.2} %",
            nanos / 1e3,
            counted / 1e3,
            100.0 * counted / nanos
        );
    }
}

fn cycles(client: &Client, name: &str, count: usize) {
    for _ in 0..count {
        let lease = client.acquire(name, Wait::Forever, AcquireOptions::default());
        lease.expect("nobody else wants it").release(Wait::Forever).expect("it is held");
    }
}

const BATCH: u32 = 10_000;
const BATCHES: u32 = 200;
const CYCLES: usize = 4_000;

criterion_group!(benches, counting);
criterion_main!(benches);
