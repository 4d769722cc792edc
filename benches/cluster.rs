//! Acquire and release through three nodes on loopback, with their data on disk: one client, uncontended.
//!
//! Compare within one run only; `tenure bench` measures real processes and tails.

#[path = "../tests/common/founders.rs"]
mod founders;

use criterion::{Criterion, criterion_group, criterion_main};
use founders::Founders;
use std::time::Duration;
use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};

fn acquire_and_release(criterion: &mut Criterion) {
    // Not in /tmp, which may be memory.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let mut founders = Founders::new(3, directory);
    let _nodes = founders.start_all();
    let client = Client::open(&founders.endpoints(), ClientOptions::default())
        .expect("a cluster that serves");
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
