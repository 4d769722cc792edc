//! A data directory of a new cluster that begins with a snapshot (safety L15).

use crate::base::error::{Error, Status};
use crate::base::founding::{FoundingRecord, origin_of};
use crate::base::{Ancestors, Blob, ClusterId, DirectoryId, Index, NodeId, Token, setters};
use crate::lock::{Largest, LockMachine, Settings, WaitRule};
use crate::node::event_loop::{disk_error, error_of, panic_error};
use crate::node::snapshot_content::SnapshotContent;
use crate::node::{FileDisk, Node, NodeOptions};
use crate::raft::{Membership, Snapshot, SnapshotMeta};
use crate::server::ServerError;
use crate::sys::{random, thread};
use crate::wal::{Wal, WalOptions};
use std::path::PathBuf;
use std::time::Duration;

/// Options of a restore: makes the data directory of one node of a new cluster from a snapshot's
/// file.
///
/// Restore each node of the new cluster, with the same file and options; then start them. No node
/// of the old cluster may run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RestoreOptions {
    /// The file that `Client::save_snapshot`, or `tenure snapshot save` or `extract`, made.
    pub file: PathBuf,
    /// The node whose directory it is.
    pub id: NodeId,
    /// Its data directory: empty, or not there.
    pub data_dir: PathBuf,
    /// All nodes of the new cluster with their addresses ("host:port").
    pub cluster: Vec<(NodeId, String)>,
    /// The new epoch; give one larger than all before, if this snapshot or an older one was
    /// restored already. `None`: the snapshot's epoch plus one.
    pub epoch: Option<u64>,
    /// The largest [`NodeOptions::ttl_max`] that any node ever ran with, of the old cluster and of
    /// all that it was restored from: the new cluster grants nothing for so long. `None`: 1 h, the
    /// maximum.
    pub largest_ttl_max: Option<Duration>,
    /// The longest [`NodeOptions::lease`] of all these nodes, in the same way. `None`: a minute,
    /// the maximum.
    pub largest_lease: Option<Duration>,
    /// Clusters whose clients come over to the new one by themselves. The one that the file names,
    /// and those that it was restored from, need not be listed.
    pub ancestors: Vec<ClusterId>,
    /// Grant locks at once, although programs may still believe in earlier leases: across this
    /// restore only tokens protect.
    pub waive_wait: bool,
}

impl RestoreOptions {
    /// The defaults: the longest wait.
    pub fn new(
        file: impl Into<PathBuf>,
        id: NodeId,
        data_dir: impl Into<PathBuf>,
        cluster: Vec<(NodeId, String)>,
    ) -> Self {
        Self {
            file: file.into(),
            id,
            data_dir: data_dir.into(),
            cluster,
            epoch: None,
            largest_ttl_max: None,
            largest_lease: None,
            ancestors: Vec::new(),
            waive_wait: false,
        }
    }
}

setters!(RestoreOptions:
    epoch(u64) = Some(epoch);
    largest_ttl_max(Duration) = Some(largest_ttl_max);
    largest_lease(Duration) = Some(largest_lease);
    ancestors(Vec<ClusterId>) = ancestors;
    waive_wait(bool) = waive_wait;
);

/// The result of a restore: the beginning of the new cluster.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Restored {
    /// Its epoch.
    pub epoch: u64,
    /// All its tokens are larger than this one.
    pub tokens_above: Token,
    /// The time with a leader in which no lock is granted and no leadership claimed; `None`: the
    /// wait is waived.
    pub wait: Option<Duration>,
    /// The new cluster, if this node alone founds it; else it has an id once all its nodes have met.
    pub cluster: Option<ClusterId>,
    /// The node from whose directory the file was extracted (`tenure snapshot extract`), if no
    /// leader gave it: no majority vouches for that state.
    pub extracted_from: Option<NodeId>,
    /// The clusters that it goes on from, the newest first.
    pub ancestors: Vec<ClusterId>,
    /// The largest TTL of a session, and the leader lease, in the snapshot, if known: both may have
    /// been raised after it.
    pub named: Option<(Duration, Duration)>,
    /// The number of access rules in the snapshot, which are those of the new cluster, and whether
    /// rights are on there.
    pub rules: (usize, bool),
}

impl Restored {
    /// A reminder for the operator, if no majority vouches for the state.
    #[doc(hidden)]
    #[must_use]
    pub fn never_return(&self) -> Option<String> {
        let node = self.extracted_from?;
        Some(format!(
            "the file was extracted from the directory of node {node} alone: no other node of the old cluster may ever run again, \
             for it would go on granting"
        ))
    }
}

/// Why a directory is not restored. Nothing was written, unless the disk failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CannotRestore {
    /// The operator stated more than any node can have run with.
    #[error("{} is at most {most:?}: no node can have run with more", bound.name())]
    TooMuch {
        /// The bound.
        bound: Bound,
        /// Its maximum.
        most: Duration,
    },
    /// The options do not fit each other, or the snapshot.
    #[error("{0}")]
    Options(Error),
    /// The file cannot be read, or is damaged.
    #[error("{0}")]
    File(Error),
    /// The data directory cannot be used, or is not empty.
    #[error("{0}")]
    Directory(Error),
}

/// A bound that is stated of all nodes that ever ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// [`RestoreOptions::largest_ttl_max`].
    TtlMax,
    /// [`RestoreOptions::largest_lease`].
    Lease,
}

impl Bound {
    fn name(self) -> &'static str {
        match self {
            Self::TtlMax => "largest_ttl_max",
            Self::Lease => "largest_lease",
        }
    }
}

impl From<CannotRestore> for Error {
    fn from(why: CannotRestore) -> Self {
        match why {
            CannotRestore::TooMuch { .. } => Self::new(Status::Invalid, why.to_string()),
            CannotRestore::Options(error)
            | CannotRestore::File(error)
            | CannotRestore::Directory(error) => error,
        }
    }
}

impl Node {
    /// Makes the data directory of one node of a new cluster, which begins with the state in a
    /// snapshot's file. All tokens of the new cluster are larger than all that were granted up to
    /// the snapshot and after it; former sessions and locks are gone. Then start the nodes with the
    /// same members.
    ///
    /// ```no_run
    /// use tenure::NodeId;
    /// use tenure::node::{Node, NodeOptions, RestoreOptions};
    ///
    /// let members = vec![(NodeId(1), "127.0.0.1:7401".to_owned())];
    /// Node::restore(&RestoreOptions::new("backup", NodeId(1), "data", members.clone()))?;
    /// let node = Node::start(NodeOptions::new(NodeId(1), "data", members))?;
    /// # Ok::<(), tenure::Error>(())
    /// ```
    ///
    /// # Errors
    /// INVALID (options that do not fit each other or the snapshot, a directory that is not empty), IO (file or disk),
    /// CORRUPT (the file), DENIED (the directory may not be used), UNSUPPORTED (a later version made the file).
    pub fn restore(options: &RestoreOptions) -> Result<Restored, Error> {
        let restored = restore(options)?;
        if let Some(said) = restored.never_return() {
            log::warn!("{said}");
        }
        Ok(restored)
    }
}

/// As [`Node::restore`], with the reason as a type.
///
/// # Errors
/// [`CannotRestore`].
pub fn restore(options: &RestoreOptions) -> Result<Restored, CannotRestore> {
    let own = options.clone();
    // On a thread of ours, as for a node: a write beyond RLIMIT_FSIZE is an error there, and no
    // signal that kills the host.
    let restoring =
        thread::spawn("tenure-restore", move || restore_here(&own)).map_err(|error| {
            let text = format!("no thread can be had to restore on: {error}");
            CannotRestore::Directory(Error::new(Status::Limit, text).because_of(error))
        })?;
    let restored = restoring.join();
    restored.unwrap_or_else(|panic| Err(CannotRestore::Directory(panic_error(panic.as_ref()))))
}

fn restore_here(options: &RestoreOptions) -> Result<Restored, CannotRestore> {
    let node = options.id;
    let bounds = options.largest_ttl_max.or(options.largest_lease);
    if options.waive_wait && bounds.is_some() {
        let text = "a wait that is waived has no length: state no largest TTL and lease, or do not waive it";
        return Err(CannotRestore::Options(Error::new(Status::Invalid, text)));
    }
    let members = NodeOptions::new(node, &options.data_dir, options.cluster.clone());
    members.own_address().map_err(CannotRestore::Options)?;
    let content = SnapshotContent::read(&options.file).map_err(CannotRestore::File)?;
    let SnapshotContent { snapshot, machine, cluster, node: extracted_from } = content;
    let wait = match options.waive_wait {
        true => WaitRule::Waived,
        false => WaitRule::Full(options.largest(&machine)?),
    };
    let named = machine.settings().map(named);
    let stated = cluster.into_iter().chain(options.ancestors.iter().copied());
    let ancestors = Ancestors::new(stated.chain(machine.ancestors().iter()));
    let restored = machine
        .restored(options.epoch, wait)
        .map_err(|error| CannotRestore::Options(Error::new(Status::Invalid, error.to_string())))?;
    let restored = restored.with_ancestors(ancestors.clone());
    let meta = SnapshotMeta {
        // The founding says who the members are.
        membership: Membership::default(),
        membership_index: Index(0),
        ..snapshot.meta
    };
    let snapshot = Snapshot { meta, data: Blob::from(restored.encode()) };
    // Below level 2 the state does not have them.
    let beside = if restored.ancestors().is_empty() { &ancestors } else { &Ancestors::NONE };
    let directory = make_directory(options, (&snapshot, beside))?;
    let is_alone = options.cluster.len() == 1;
    Ok(Restored {
        epoch: restored.epoch(),
        tokens_above: restored.newest_token(),
        wait: restored.restoring().map(|wait| Duration::from_millis(wait.ms)),
        cluster: is_alone.then(|| founded_alone(node, directory, &snapshot)),
        extracted_from,
        ancestors: ancestors.iter().collect(),
        named,
        rules: (restored.rules(None, usize::MAX).len(), restored.has_rights_on()),
    })
}

impl RestoreOptions {
    /// The bounds that the operator states, or else the maxima that no node can have exceeded.
    fn largest(&self, machine: &LockMachine) -> Result<Largest, CannotRestore> {
        let Largest { ttl_ms_max, lease_ms } = machine.largest_possible();
        Ok(Largest {
            ttl_ms_max: stated(Bound::TtlMax, self.largest_ttl_max, ttl_ms_max)?,
            lease_ms: stated(Bound::Lease, self.largest_lease, lease_ms)?,
        })
    }
}

/// A stated bound in whole milliseconds, rounded up.
fn stated(bound: Bound, stated: Option<Duration>, otherwise: u32) -> Result<u32, CannotRestore> {
    let Some(stated) = stated else { return Ok(otherwise) };
    let ms = stated.as_nanos().div_ceil(1_000_000);
    let most = Duration::from_millis(u64::from(otherwise));
    let fits = u32::try_from(ms).ok().filter(|ms| *ms <= otherwise);
    fits.ok_or(CannotRestore::TooMuch { bound, most })
}

fn named(settings: &Settings) -> (Duration, Duration) {
    let span = |ms: u32| Duration::from_millis(u64::from(ms));
    (span(settings.ttl_ms_max), span(settings.lease_ms))
}

/// The id of the cluster that a single node founds when it starts.
fn founded_alone(node: NodeId, directory: DirectoryId, snapshot: &Snapshot) -> ClusterId {
    let state = snapshot.data.to_vec().expect("it was made in memory");
    let origin = Some(origin_of(&state));
    FoundingRecord::new([(node, directory)]).with_origin(origin).cluster()
}

fn make_directory(
    options: &RestoreOptions,
    begun_with: (&Snapshot, &Ancestors),
) -> Result<DirectoryId, CannotRestore> {
    let failed = |error: Error| {
        let text = format!("cannot restore into {}: {error}", options.data_dir.display());
        CannotRestore::Directory(error.reworded(text))
    };
    let disk = FileDisk::open(&options.data_dir).map_err(|error| failed(disk_error(error)))?;
    let directory = DirectoryId(random::bytes16());
    Wal::restore(disk, options.id, directory, begun_with, &WalOptions::default())
        .map_err(|error| failed(error_of(ServerError::Wal(error))))
}
