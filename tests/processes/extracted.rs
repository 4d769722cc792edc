//! A majority is lost for good, and there is no backup: what one directory holds becomes a new cluster (safety L15).

use crate::cluster::{Cluster, Restored, Setup, scratch, tenure};
use crate::load::Load;
use crate::patience::{self, until};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::mpsc::{self, Receiver};
use tenure::base::{NodeId, Token};
use tenure::client::{AcquireOptions, Client, LeaseState, Wait};

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

/// A client that takes a lock and gives it back until it is closed, and tells each token.
fn work(cluster: &Cluster) -> (Client, Receiver<Token>) {
    let (client, (tell, told)) = (cluster.client("busy"), mpsc::channel());
    let busy = client.clone();
    std::thread::spawn(move || {
        while let Ok(lease) = busy.acquire("jobs/one", Wait::Forever, AcquireOptions::default()) {
            // Whoever is told may be gone, and the cluster too.
            let _ = tell.send(lease.token());
            let _ = lease.release(Wait::Forever);
        }
    });
    (client, told)
}

#[test]
fn l15_one_directory_of_three_begins_a_new_cluster_with_larger_tokens_after_its_wait() {
    let directory = scratch();
    let file = directory.path().join("extracted");
    let mut old = Cluster::start_with(Setup { arguments: SHORT.to_vec(), ..Setup::new() });
    let told = work(&old);
    let holder = old.client("holder");
    let lease = holder.acquire("jobs/held", Wait::Forever, AcquireOptions::default());
    let lease = lease.expect("nobody else wants it");
    for _ in 0..GRANTS {
        patience::next("a client at work gets its next grant", &told.1);
    }

    let running = extract(&old.data(NodeId(3)), &file);
    assert_eq!(running.status.code(), Some(3), "{running:?}");
    // In the midst of it: what is under way is perhaps committed, and perhaps was acknowledged.
    old.kill_all();
    // Its calls end by that.
    let _ = told.0.close(Wait::Try);
    let acknowledged = told.1.iter().chain([lease.token()]);
    let largest = acknowledged.max().expect("there are many");
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
