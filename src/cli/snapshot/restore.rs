//! `tenure snapshot restore`: a data directory of a new cluster that begins with a snapshot (safety L15).

use crate::cli::failure::Failure;
use crate::cli::snapshot::content::Content;
use crate::cli::{duration, output, typed};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tenure::base::{DirectoryId, Index, NodeId};
use tenure::lock::{LockMachine, Wait};
use tenure::node::{FileDisk, parse_cluster};
use tenure::raft::{Membership, Payload, Snapshot, SnapshotMeta};
use tenure::sys::random;
use tenure::wal::{Wal, WalOptions};

/// Make the data directory of one node of a new cluster, which begins with the state in FILE.
///
/// Do the same, with the same file and flags, for each node of the new cluster; then start them. All tokens of the
/// new cluster are larger than all that were granted up to the snapshot and after it. Sessions and locks of before are
/// gone. No node of the old cluster may run.
#[derive(Args, Debug)]
pub struct Options {
    /// A file that `tenure snapshot save` made
    file: PathBuf,
    /// This node's id, as in --cluster
    #[arg(long, value_name = "ID")]
    id: u64,
    /// Its data directory: empty, or not there
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// All nodes of the new cluster: 1=host:port,2=host:port,3=host:port
    #[arg(long, value_name = "ID=HOST:PORT,…", value_parser = crate::cli::connect::parse_members)]
    cluster: String,
    /// The new epoch; name one, larger than all before, if this snapshot or an older one was restored already
    /// [default: the snapshot's and one]
    #[arg(long, value_name = "NUMBER")]
    epoch: Option<u64>,
    /// Grant locks at once, although programs may still believe in leases of before (no variable stands for this flag)
    #[arg(long)]
    waive_wait: bool,
}

/// Runs it.
pub fn run(options: &Options) -> Result<(), Failure> {
    let members = parse_cluster(&options.cluster)?;
    let node = NodeId(options.id);
    let Some((_, address)) = members.iter().find(|(member, _)| *member == node) else {
        let text = format!("node {node} is not in the cluster: add \"{node}=host:port\" to it");
        return Err(Failure::usage(text));
    };
    let Content { snapshot, machine } = Content::read(&options.file)?;
    let wait = if options.waive_wait { Wait::Waived } else { Wait::Full };
    let restored =
        machine.restored(options.epoch, wait).map_err(|error| Failure::usage(error.to_string()))?;
    let meta = SnapshotMeta {
        // The founding says who the members are.
        membership: Membership::default(),
        membership_index: Index(0),
        ..snapshot.meta
    };
    let snapshot = Snapshot { meta, data: Payload::from(restored.encode()) };
    make_directory(&options.data, node, &snapshot)?;
    let ids: Vec<String> = members.iter().map(|(member, _)| member.to_string()).collect();
    output::conclude(&format!("{}{}", said(&restored), next_step(options, &ids, address)))
}

fn make_directory(path: &Path, node: NodeId, snapshot: &Snapshot) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::unavailable(format!("cannot restore into {}: {error}", path.display()))
    };
    let disk = FileDisk::open(path).map_err(|error| failed(&error))?;
    let directory = DirectoryId(random::bytes16());
    Wal::restore(disk, node, directory, snapshot, &WalOptions::default())
        .map_err(|error| failed(&error))?;
    Ok(())
}

/// What is so now.
fn said(restored: &LockMachine) -> String {
    let (epoch, floor) = (restored.epoch(), restored.newest_token());
    let wait = match restored.restoring() {
        Some(wait) => format!(
            "for the first {} with a leader no lock is granted and no leadership claimed: until then programs \
             may still believe in leases of before",
            duration::show(Duration::from_millis(wait.ms))
        ),
        None => "THE WAIT IS WAIVED: locks are granted at once, while programs may still believe in leases of \
                 before, so that two may believe in the same lock; across this restore only tokens protect"
            .to_owned(),
    };
    format!(
        "restored as epoch {epoch}: all sessions have ended, and all tokens are larger than {floor}\n{wait}\n"
    )
}

/// `address` is this node's own in the new cluster, at which it listens.
fn next_step(options: &Options, ids: &[String], address: &str) -> String {
    let epoch = options.epoch.map_or(String::new(), |epoch| format!(" --epoch {epoch}"));
    let waive = if options.waive_wait { " --waive-wait" } else { "" };
    let path = |path: &Path| typed::word(&path.to_string_lossy());
    let (id, data, file) = (options.id, path(&options.data), path(&options.file));
    let cluster = typed::word(&options.cluster);
    let insecure = typed::insecure(address);
    let others: Vec<&str> =
        ids.iter().map(String::as_str).filter(|other| *other != id.to_string()).collect();
    let also = match others[..] {
        [] => String::new(),
        _ => format!(
            "do the same for node {}, with the same file and flags ({file}{epoch}{waive}); then start all of \
             them, this one by\n",
            others.join(", node ")
        ),
    };
    format!("{also}  tenure serve --id {id} --data {data} --cluster {cluster}{insecure}\n")
}
