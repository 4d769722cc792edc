//! Directories that another version of the program wrote.

use crate::server::cluster::{Cluster, MS};
use tenure::base::founding::FoundingRecord;
use tenure::base::{DirectoryId, Index, NodeId, Sample, Term, WriteSeq, codec};
use tenure::lock::{Command, Settings};
use tenure::node::FileDisk;
use tenure::raft::{Entry, EntryHeader, EntryKind, HardState, Payload, Write};
use tenure::server::{self, Server, ServerError, ServerOptions};
use tenure::wal::Wal;

const NODE: NodeId = NodeId(1);

/// A cluster of one, not started, whose log holds one entry.
fn cluster_with(format: u8, kind: EntryKind, payload: Vec<u8>) -> Cluster {
    let mut cluster = Cluster::new(0);
    cluster.add_directory(NODE, server::Bootstrap::Founder);
    let disk = FileDisk::open(cluster.path(NODE)).unwrap();
    let directory = DirectoryId([1; 16]);
    let (mut wal, _) = Wal::open(disk, NODE, directory).unwrap();
    wal.found(&FoundingRecord::new([(NODE, directory)])).unwrap();
    let header = EntryHeader { format, kind, proposer_unix_ms: 0 };
    let payload = Payload::from(payload);
    let entry = Entry { term: Term(1), index: Index(1), header, payload };
    let hard_state = Some(HardState { term: Term(1), vote: Some(NODE) });
    let (seq, entries) = (WriteSeq(1), vec![entry]);
    wal.append(&Write { seq, hard_state, start: None, truncate_from: None, entries }).unwrap();
    wal.sync().unwrap();
    cluster
}

#[test]
fn a_level_of_a_newer_version_is_no_bug_of_this_one() {
    let settings = Settings { lease_ms: 150, ttl_ms_max: 60_000, level: 9 };
    let payload = codec::encode(&Command::Settings(settings)).unwrap();
    let mut cluster = cluster_with(9, EntryKind::Command, payload);
    cluster.restart(NODE);
    let why = cluster.run_into_error(NODE, 200);
    assert!(why.contains("entry 1") && why.contains("level 9"), "{why}");
    assert!(why.contains("run a version of tenure that can read it"), "{why}");
    cluster.advance(MS);
}

#[test]
fn members_that_this_version_cannot_read_are_refused_at_the_start() {
    let cluster = cluster_with(1, EntryKind::Membership, vec![0xff; 9]);
    let disk = FileDisk::open(cluster.path(NODE)).unwrap();
    let options = ServerOptions::new(NODE, vec![(NODE, "node-1:7400".to_owned())]);
    let opened = Server::open(options, disk, [7; 16], &Sample::at(1));
    let Err(ServerError::Fatal(why)) = opened else { panic!("it starts") };
    assert!(why.contains("entry 1") && why.contains("run a version that can read it"), "{why}");
}
