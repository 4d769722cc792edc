//! What it costs to ask a lease how long it may be believed in: beside the clocks that it must read.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::net::TcpListener;
use tenure::base::NodeId;
use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};
use tenure::node::{Node, NodeOptions};
use tenure::sys::clock;

fn remaining(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let members = vec![(NodeId(1), listener.local_addr().unwrap().to_string())];
    let options = NodeOptions::new(NodeId(1), directory.path(), members);
    let node = Node::start(options.listener(listener)).unwrap();
    let client = Client::open(&node.endpoints(), ClientOptions::default()).unwrap();
    let lease = client.acquire("bench", Wait::Forever, AcquireOptions::default()).unwrap();
    let mut group = criterion.benchmark_group("remaining");
    group.bench_function("clocks alone", |bencher| bencher.iter(clock::sample_end));
    group.bench_function("lease", |bencher| bencher.iter(|| black_box(&lease).remaining()));
    group.bench_function("lease, nanoseconds", |bencher| {
        bencher.iter(|| black_box(&lease).remaining_ns());
    });
    group.finish();
    lease.release(Wait::Forever).unwrap();
}

criterion_group!(benches, remaining);
criterion_main!(benches);
