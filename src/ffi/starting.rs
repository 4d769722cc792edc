//! Converts the options of a node from C.

use super::client::{millis_or, nonzero};
use super::guard::check_unset;
use super::node::{TENURE_NODE_INSECURE, tenure_node_options};
use super::sized;
use super::strings::{ADDRESS, ADMIN, AUDIT, CLUSTER, JOIN, PATH, optional_text, text};
use super::tls::{check_verify, joined_at, node_tls};
use crate::base::NodeId;
use crate::client::members_told;
use crate::node::{NodeOptions, parse_cluster};
use crate::{Error, Status};
use std::time::Duration;

/// The Rust options of these C options. The nodes at `join` are asked for the members.
///
/// # Safety
/// `options` is NULL or begins with its size.
pub(super) unsafe fn node_options(
    options: *const tenure_node_options,
) -> Result<NodeOptions, Error> {
    // SAFETY: the caller's promise.
    let given = unsafe { sized::read(options) }?;
    check_unsupported(&given)?;
    if given.id == 0 {
        return Err(Error::new(Status::Invalid, "the id of a node is 1 or larger"));
    }
    // SAFETY: the caller passes strings.
    let (data_dir, cluster, listen, join, admin, audit) = unsafe {
        (
            text(given.data_dir, PATH)?,
            optional_text(given.cluster, CLUSTER)?,
            optional_text(given.listen, ADDRESS)?,
            optional_text(given.join, JOIN)?,
            optional_text(given.admin, ADMIN)?,
            optional_text(given.audit, AUDIT)?,
        )
    };
    let members = match (cluster, join) {
        (Some(cluster), _) => parse_cluster(cluster)?,
        (None, Some(_)) => Vec::new(),
        (None, None) => {
            return Err(Error::new(Status::Invalid, "the cluster is NULL, and so is join"));
        }
    };
    let defaults = NodeOptions::new(NodeId(given.id), data_dir, members);
    let options = NodeOptions {
        listen: listen.map(str::to_owned),
        heartbeat: millis_or(given.heartbeat_ms, defaults.heartbeat),
        election: millis_or(given.election_ms, defaults.election),
        lease: millis_or(given.lease_ms, defaults.lease),
        ttl_max: nonzero(given.ttl_max_ms).map_or(defaults.ttl_max, Duration::from_millis),
        snapshot_every_bytes: nonzero(given.snapshot_every_bytes)
            .unwrap_or(defaults.snapshot_every_bytes),
        insecure: given.flags & TENURE_NODE_INSECURE != 0,
        admin: admin.map(str::to_owned),
        audit: audit.map(Into::into),
        // SAFETY: as before.
        tls: unsafe { node_tls(&given) }?,
        ..defaults
    };
    match join {
        Some(endpoints) => {
            // SAFETY: as before.
            let whom = unsafe { joined_at(endpoints, &given, options.tls.as_ref()) }?;
            Ok(options.joining(members_told(&whom))?)
        }
        None => Ok(options),
    }
}

fn check_unsupported(given: &tenure_node_options) -> Result<(), Error> {
    let fields =
        [("flags", given.flags & !TENURE_NODE_INSECURE != 0), ("reserved", given.reserved != 0)];
    check_unset("tenure_node_options", &fields)?;
    check_verify("tenure_node_options", given.verify)
}
