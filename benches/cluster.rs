//! Acquire and release through three nodes on loopback, with their data on disk: one client, uncontended.
//!
//! Compare within one run only; `tenure bench` measures real processes and tails.

use criterion::{Criterion, criterion_group, criterion_main};
use std::net::TcpListener;
use std::time::Duration;
use tenure::base::NodeId;
use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};
use tenure::node::{Node, NodeOptions};

/// Three nodes with data directories below `directory`.
fn start(directory: &std::path::Path) -> Vec<Node> {
    let listeners: Vec<TcpListener> =
        (0..3).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    let members: Vec<(NodeId, String)> = listeners
        .iter()
        .zip(1..)
        .map(|(listener, id)| (NodeId(id), listener.local_addr().expect("bound").to_string()))
        .collect();
    listeners
        .into_iter()
        .zip(1..)
        .map(|(listener, id)| {
            let data = directory.join(format!("node-{id}"));
            let mut options = NodeOptions::new(NodeId(id), data, members.clone());
            options.listener = Some(listener);
            Node::start(options).expect("a node starts")
        })
        .collect()
}

fn acquire_and_release(criterion: &mut Criterion) {
    // Not in /tmp, which may be memory.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let nodes = start(directory.path());
    let client =
        Client::open(&nodes[0].endpoints(), ClientOptions::default()).expect("a cluster that serves");
    let mut group = criterion.benchmark_group("cluster");
    group.sample_size(50).measurement_time(Duration::from_secs(5));
    group.bench_function("acquire and release", |bencher| {
        bencher.iter(|| {
            let lease = client
                .acquire("bench", Wait::Forever, AcquireOptions::default())
                .expect("nobody else wants it");
            lease.release(Wait::Forever).expect("it is held");
        });
    });
    group.bench_function("holder_of, a confirmed read", |bencher| {
        bencher.iter(|| client.holder_of("bench").expect("a leader"));
    });
    group.finish();
    client.close(Wait::For(Duration::from_secs(5))).expect("a leader");
}

criterion_group!(benches, acquire_and_release);
criterion_main!(benches);
