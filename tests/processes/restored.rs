//! A snapshot of a loaded cluster, and new clusters that begin with it (safety L15).

use crate::cluster::{Cluster, Restored, Setup, scratch};
use crate::load::Load;
use crate::operating::done;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tenure::base::Token;
use tenure::client::{AcquireOptions, Wait};

/// The shortest that there is: no restored cluster waits less.
const SHORT: [&str; 2] = ["--ttl-max", "10s"];
/// The same, as a restore is told.
const STATED: [&str; 4] = ["--largest-ttl-max", "10s", "--largest-lease-duration", "150ms"];

/// Saves the state of a cluster at work; the largest token that it granted before it was stopped, long after that.
fn save(directory: &Path) -> (PathBuf, Token) {
    let file = directory.join("backup");
    let cluster = Cluster::start_with(Setup { arguments: SHORT.to_vec(), ..Setup::new() });
    let mut loads = [Load::start(&cluster, "jobs/saved"), Load::start(&cluster, "jobs/beside")];
    loads.iter_mut().for_each(|load| load.wait_for_grants(GRANTS));
    let held = cluster.admin().acquire("jobs/held", Wait::Forever, AcquireOptions::default());
    let held = held.expect("nobody else wants it");
    let said = done(&cluster, &["snapshot", "save", file.to_str().expect("a plain path")]);
    assert!(said.contains(": entry "), "{said}");
    loads.iter_mut().for_each(|load| load.wait_for_grants(GRANTS));
    let tokens = loads.into_iter().flat_map(Load::finish).chain([held.token()]);
    (file, tokens.max().expect("there are many"))
}

/// How a cluster is begun with `file` everywhere.
fn setup(file: &Path, arguments: &[&'static str]) -> Setup {
    let arguments = [arguments; 3].map(<[_]>::to_vec);
    let restored = Some(Restored { file: file.to_owned(), arguments });
    Setup { arguments: SHORT.to_vec(), restored, ..Setup::new() }
}

/// The token of a lock that was held when the snapshot was made.
fn next_token(cluster: &Cluster) -> Token {
    let lease = cluster.admin().acquire("jobs/held", Wait::Forever, AcquireOptions::default());
    lease.expect("nobody holds what was held before").token()
}

#[test]
fn l15_a_restored_cluster_waits_and_then_grants_larger_tokens() {
    let directory = scratch();
    let (file, largest) = save(directory.path());
    let begun = Instant::now();
    let cluster = Cluster::start_with(setup(&file, &STATED));
    let holder = cluster.admin().holder_of("jobs/held").expect("a quorum serves");
    assert_eq!(holder, None, "no session of before is alive");
    let token = next_token(&cluster);
    // The wait began later than this, and clocks differ by less than that.
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(9_900), "granted after {waited:?}");
    assert!(token > largest && token.0 >> 48 == 1, "{token} after {largest}");
    let mut load = Load::start(&cluster, "jobs/saved");
    load.wait_for_grants(GRANTS);
    assert!(load.finish()[0] > token);
}

#[test]
fn l15_a_waived_wait_grants_larger_tokens_also_after_a_second_restore() {
    let directory = scratch();
    let (file, largest) = save(directory.path());
    let mut cluster = Cluster::start_with(setup(&file, &["--waive-wait"]));
    let first = next_token(&cluster);
    assert!(first > largest && first.0 >> 48 == 1, "{first} after {largest}");
    cluster.kill_all();
    drop(cluster);
    // The same file again: the operator names the epoch.
    let cluster = Cluster::start_with(setup(&file, &["--waive-wait", "--epoch", "2"]));
    let second = next_token(&cluster);
    assert!(second > first && second.0 >> 48 == 2, "{second} after {first}");
}

#[test]
fn l15_members_that_were_restored_differently_do_not_serve_together() {
    let directory = scratch();
    let (file, _) = save(directory.path());
    let same = vec!["--waive-wait"];
    let arguments = [same.clone(), same, vec!["--waive-wait", "--epoch", "5"]];
    let restored = Some(Restored { file, arguments });
    let mut cluster = Cluster::found(Setup { restored, ..Setup::new() });
    // All members found a cluster, or none: whoever learns it first ends it.
    let (status, log) = cluster.wait_for_an_end();
    let last = log.lines().last().unwrap_or_default();
    assert_eq!(status.code(), Some(2), "{last}");
    assert!(last.contains("restore the same snapshot, with the same epoch"), "{last}");
}

const GRANTS: usize = 100;
