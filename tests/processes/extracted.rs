//! A majority is lost for good, and there is no backup: what one directory holds becomes a new cluster (safety L15).

use crate::cluster::{Cluster, Restored, Setup, scratch, tenure};
use crate::load::Load;
use crate::patience::until;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use tenure::base::NodeId;
use tenure::client::{AcquireOptions, LeaseState, Wait};

/// The shortest that there is: no restored cluster waits less.
const SHORT: [&str; 2] = ["--ttl-max", "10s"];
/// The same, as a restore is told.
const STATED: [&str; 4] = ["--largest-ttl-max", "10s", "--largest-lease-duration", "150ms"];

fn extract(data: &Path, out: &Path) -> Output {
    let mut command = tenure();
    command.args(["snapshot", "extract", "--others-never-return", "--data"]);
    command.arg(data).arg(out).output().expect("tenure can be run")
}

fn files(data: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(data).expect("it is there").map(|entry| entry.expect("a name").path());
    paths.map(|path| (path.clone(), fs::read(&path).expect("a file"))).collect()
}

#[test]
fn l15_one_directory_of_three_begins_a_new_cluster_with_larger_tokens_after_its_wait() {
    let directory = scratch();
    let file = directory.path().join("extracted");
    let mut old = Cluster::start_with(Setup { arguments: SHORT.to_vec(), ..Setup::new() });
    let mut loads = [Load::start(&old, "jobs/one"), Load::start(&old, "jobs/two")];
    let holder = old.client("holder");
    let lease = holder.acquire("jobs/held", Wait::Forever, AcquireOptions::default());
    let lease = lease.expect("nobody else wants it");
    loads.iter_mut().for_each(|load| load.wait_for_grants(GRANTS));
    let tokens = loads.into_iter().flat_map(Load::finish).chain([lease.token()]);
    let largest = tokens.max().expect("there are many");

    let running = extract(&old.data(NodeId(3)), &file);
    assert_eq!(running.status.code(), Some(3), "{running:?}");
    old.kill_all();
    for lost in [1, 2].map(NodeId) {
        fs::remove_dir_all(old.data(lost)).expect("it is stopped");
    }
    let left = old.data(NodeId(3));
    let before = files(&left);
    let output = extract(&left, &file);
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success() && said.contains("something may be missing"), "{said}");
    assert_eq!(files(&left), before, "it is left as it was");
    drop(old);

    let restored = Some(Restored { file, arguments: [STATED; 3].map(|flags| flags.to_vec()) });
    let new = Cluster::start_with(Setup { arguments: SHORT.to_vec(), restored, ..Setup::new() });
    let holder_there = new.admin().holder_of("jobs/held").expect("a quorum serves");
    assert_eq!(holder_there, None, "no session of before is alive");
    let next = new.admin().acquire("jobs/held", Wait::Forever, AcquireOptions::default());
    let next = next.expect("nobody holds what was held before");
    // Granted only once the holder of before has lost it, by its own clock.
    assert!(lease.remaining().is_zero(), "two believe: {:?}", lease.remaining());
    assert!(next.token() > largest && next.token().0 >> 48 == 1, "{} {largest}", next.token());
    until("the holder of before is told", || (lease.state() != LeaseState::Held).then_some(()));
    let mut load = Load::start(&new, "jobs/one");
    load.wait_for_grants(GRANTS);
    assert!(load.finish()[0] > next.token());
}

const GRANTS: usize = 100;
