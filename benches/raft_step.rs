//! One turn of a leader of three with a batch of proposals, from the proposals to the commit: the cost of
//! consensus without disk and network.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use tenure::base::{DirectoryId, NodeId, Sample, limits};
use tenure::raft::{
    Action, Config, EntryHeader, EntryKind, Event, Membership, Payload, Raft, Recovered, Role,
    Urgency,
};

/// After so many entries a cluster is made anew, so that its log stays small.
const ENTRIES_MAX: u64 = 1 << 18;

/// Three cores whose messages and writes are obeyed at once.
struct Cluster {
    nodes: Vec<Raft>,
    nanos: u64,
}

impl Cluster {
    fn new() -> Self {
        let config = |id| Config {
            id: NodeId(id),
            membership: Membership::founding(
                (1..=3).map(|id| (NodeId(id), DirectoryId([id as u8; 16]), String::new())),
            ),
            retained_bytes: 0,
            part_bytes: 64 << 10,
            heartbeat: Duration::from_millis(30),
            election: Duration::from_millis(150),
            peer_down_wait: Duration::from_millis(10),
            log_bytes_max: limits::LOG_BYTES_MAX,
            log_reserve_bytes: limits::LOG_RESERVE_BYTES,
            seed: id,
        };
        let start = Sample::at(0);
        let node = |id| Raft::new(config(id), Recovered::default(), &start);
        let mut cluster = Self { nodes: (1..=3).map(node).collect(), nanos: 1_000_000_000 };
        let now = cluster.now();
        cluster.nodes[0].handle(&now, Event::Deadline);
        cluster.run();
        assert_eq!(cluster.nodes[0].role(), Role::Leader);
        cluster
    }

    fn now(&mut self) -> Sample {
        self.nanos += 1000;
        Sample::at(self.nanos)
    }

    fn propose(&mut self, entries: u64) {
        let header = EntryHeader { format: 1, kind: EntryKind::Command, proposer_unix_ms: 0 };
        for _ in 0..entries {
            let payload = Payload::from(vec![0; 100]);
            self.nodes[0].propose(header, payload, Urgency::Normal).expect("it leads");
        }
        self.run();
        assert_eq!(self.nodes[0].commit(), self.nodes[0].last_index());
    }

    fn run(&mut self) {
        let mut active = true;
        while active {
            active = false;
            for from in 0..3 {
                let now = self.now();
                for action in self.nodes[from].take_actions(&now) {
                    active = true;
                    self.obey(&now, from, action);
                }
            }
        }
    }

    fn obey(&mut self, now: &Sample, from: usize, action: Action) {
        match action {
            Action::Write(write) => self.nodes[from].handle(now, Event::Persisted(write.seq)),
            Action::Apply { to, .. } => self.nodes[from].handle(now, Event::Applied(to)),
            Action::Send { to, message, .. } => {
                let event = Event::Message { from: NodeId(from as u64 + 1), message };
                self.nodes[to.0 as usize - 1].handle(now, event);
            }
            other => {
                black_box(other);
            }
        }
    }
}

fn raft_step(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("raft_step");
    for batch in [1, 64] {
        group.throughput(Throughput::Elements(batch));
        group.bench_function(BenchmarkId::new("propose_to_commit", batch), |bencher| {
            let mut cluster = Cluster::new();
            bencher.iter(|| {
                if cluster.nodes[0].last_index().0 > ENTRIES_MAX {
                    cluster = Cluster::new();
                }
                cluster.propose(batch);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, raft_step);
criterion_main!(benches);
