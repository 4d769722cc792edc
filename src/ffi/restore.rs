//! A new cluster that begins with a snapshot.

use super::guard::{check_unset, guard};
use super::log::install;
use super::sized::{self, Sized32};
use super::status::tenure_status;
use super::strings::{ANCESTORS, CLUSTER, PATH, SNAPSHOT, optional_out, optional_text, text};
use crate::base::{ClusterId, NodeId};
use crate::node::{Node, RestoreOptions, parse_cluster};
use crate::{Error, Status};
use std::ffi::c_char;
use std::mem::offset_of;
use std::time::Duration;

/// Grant locks at once, although programs may still believe in earlier leases: across the restore
/// only tokens protect.
pub const TENURE_RESTORE_WAIVE_WAIT: u32 = 1;

/// How the data directory of one node of a new cluster is made. Begin with TENURE_RESTORE_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct tenure_restore_options {
    pub struct_size: u32,
    /// TENURE_RESTORE_WAIVE_WAIT.
    pub flags: u32,
    /// The node whose directory it is; 1 or larger.
    pub id: u64,
    /// The node's data directory: empty, or not there.
    pub data_dir: *const c_char,
    /// All nodes of the new cluster: "1=host:port,2=host:port,3=host:port".
    pub cluster: *const c_char,
    /// The new epoch; give one larger than all before, if this snapshot or an older one was
    /// restored already. 0 = the snapshot's epoch plus one.
    pub epoch: u64,
    /// The largest ttl_max_ms that any node ever ran with, of the old cluster and of all that it
    /// was restored from: the new cluster grants nothing for so long. 0 = 3600000 (1 h), the
    /// maximum.
    pub largest_ttl_max_ms: u64,
    /// The longest lease_ms of all these nodes, in the same way. 0 = 60000, the maximum.
    pub largest_lease_ms: u64,
    /// NULL, or the whole ids, with commas between, of clusters whose clients come over to the new
    /// one by themselves. The cluster that the file names, and those that it was restored from,
    /// need not be listed.
    pub ancestors: *const c_char,
}

/// Makes the data directory of one node of a new cluster, which begins with the state in the file `path` that
/// tenure_snapshot_save or `tenure snapshot save` made. Do the same, with the same file and options, for each node of the new
/// cluster; then start them, with the same `cluster`. All tokens of the new cluster are larger than
/// all that the old one granted, before the snapshot and after it. The old sessions and locks are
/// gone. No node of the old cluster may run.
///
/// On success *wait_ms (`wait_ms` may be NULL) is how long, with a leader, the new cluster grants
/// no lock: until then programs may still believe in earlier leases. largest_ttl_max_ms and
/// largest_lease_ms make it shorter.
///
/// ```c
/// tenure_restore_options options = TENURE_RESTORE_OPTIONS_INIT;
/// options.id = 1;
/// options.data_dir = "/var/lib/app/restored";
/// options.cluster = "1=127.0.0.1:7401,2=127.0.0.1:7402,3=127.0.0.1:7403";
/// options.largest_ttl_max_ms = 30000;
/// if (tenure_snapshot_restore("/var/backups/app", &options, NULL) != TENURE_OK)
///     fprintf(stderr, "%s\n", tenure_last_error());
/// ```
///
/// Statuses: TENURE_INVALID (also: the options do not fit the snapshot, or the directory is not empty), TENURE_IO (the file, the
/// disk), TENURE_CORRUPT (the file), TENURE_DENIED (the directory may not be used), TENURE_UNSUPPORTED (a later version made
/// the file). Any thread; blocks as long as the disk takes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_snapshot_restore(
    path: *const c_char,
    options: *const tenure_restore_options,
    wait_ms: *mut u64,
) -> tenure_status {
    guard(|| {
        install();
        // SAFETY: the caller passes NULL or a place for a number.
        let wait_ms = unsafe { optional_out(wait_ms, "wait_ms") }?;
        // SAFETY: the caller passes a string, and options that begin with their size.
        let options = unsafe { restore_options(text(path, SNAPSHOT)?, options) }?;
        let restored = Node::restore(&options)?;
        if let Some(wait_ms) = wait_ms {
            let wait = restored.wait.unwrap_or_default();
            *wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        }
        Ok(())
    })
}

/// # Safety
/// `options` is NULL or begins with its size.
unsafe fn restore_options(
    file: &str,
    options: *const tenure_restore_options,
) -> Result<RestoreOptions, Error> {
    // SAFETY: the caller's promise.
    let given = unsafe { sized::read(options) }?;
    let flags = given.flags & !TENURE_RESTORE_WAIVE_WAIT;
    check_unset("tenure_restore_options", &[("flags", flags != 0)])?;
    if given.id == 0 {
        return Err(Error::new(Status::Invalid, "the id of a node is 1 or larger"));
    }
    // SAFETY: the caller passes strings.
    let (data_dir, cluster, ancestors) = unsafe {
        (
            text(given.data_dir, PATH)?,
            text(given.cluster, CLUSTER)?,
            optional_text(given.ancestors, ANCESTORS)?,
        )
    };
    let stated = |ms: u64| (ms != 0).then(|| Duration::from_millis(ms));
    let mut options =
        RestoreOptions::new(file, NodeId(given.id), data_dir, parse_cluster(cluster)?)
            .waive_wait(given.flags & TENURE_RESTORE_WAIVE_WAIT != 0);
    options.epoch = (given.epoch != 0).then_some(given.epoch);
    options.largest_ttl_max = stated(given.largest_ttl_max_ms);
    options.largest_lease = stated(given.largest_lease_ms);
    for id in ancestors.into_iter().flat_map(|ids| ids.split(',')) {
        let ancestor = ClusterId::parse(id).map_err(|why| Error::new(Status::Invalid, why))?;
        options.ancestors.push(ancestor);
    }
    Ok(options)
}

// SAFETY: repr(C), no padding (asserted below), numbers and pointers that may be anything.
unsafe impl Sized32 for tenure_restore_options {
    const FIRST_SIZE: usize = 64;
}

const _: () = {
    assert!(offset_of!(tenure_restore_options, struct_size) == 0);
    assert!(offset_of!(tenure_restore_options, flags) == 4);
    assert!(offset_of!(tenure_restore_options, id) == 8);
    assert!(offset_of!(tenure_restore_options, data_dir) == 16);
    assert!(offset_of!(tenure_restore_options, cluster) == 24);
    assert!(offset_of!(tenure_restore_options, epoch) == 32);
    assert!(offset_of!(tenure_restore_options, largest_ttl_max_ms) == 40);
    assert!(offset_of!(tenure_restore_options, largest_lease_ms) == 48);
    assert!(offset_of!(tenure_restore_options, ancestors) == 56);
    assert!(size_of::<tenure_restore_options>() == 64);
};
