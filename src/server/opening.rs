//! The begin of serving: makes the replica from the log, the options and the founding record.

use super::access::check_tls_at_start;
use super::serving::Serving;
use crate::base::NodeId;
use crate::base::Sample;
use crate::base::founding::FoundingRecord;
use crate::raft::{self, EntryKind, Membership, Raft};
use crate::replica::{Replica, ReplicaOptions};
use crate::server::{ServerError, ServerOptions};
use std::sync::Arc;
use std::time::Duration;

/// A replica of `record`'s cluster, which goes on from the recovered log.
///
/// # Errors
/// The log cannot be read: the process ends the node.
pub(super) fn begin_serving(
    options: &ServerOptions,
    record: &FoundingRecord,
    recovered: raft::Recovered,
    now: &Sample,
) -> Result<Box<Serving>, ServerError> {
    let config = raft::Config {
        id: options.node,
        membership: founding_membership(&options.members, record),
        heartbeat: options.heartbeat,
        election: options.election,
        peer_down_wait: PEER_DOWN_WAIT,
        log_bytes_max: options.log_bytes_max,
        log_reserve_bytes: options.log_reserve_bytes,
        retained_bytes: options.retained_bytes,
        part_bytes: options.part_bytes,
        seed: options.seed,
    };
    let replica_options = ReplicaOptions {
        lease_ms: options.lease_ms,
        ttl_ms_max: options.ttl_ms_max,
        snapshot_every_bytes: options.snapshot_every_bytes,
        work_divisor: options.work_divisor,
        level_max: options.speech.level_max,
        names_per_part: options.names_per_part,
        cluster_key: options.cluster_key,
        requires_tls: options.speech.requires_tls,
        meters: Arc::clone(&options.meters),
    };
    let replica = Replica::new(replica_options, Raft::new(config, recovered, now))
        .map_err(|error| ServerError::of(&error))?;
    check_tls_at_start(&replica)?;
    Ok(Box::new(Serving::new(replica)))
}

/// Logs the founding, once.
pub(super) fn log_founding(record: &FoundingRecord) {
    let members: Vec<String> = record.members().map(|node| node.to_string()).collect();
    let members = members.join(", ");
    ::log::info!("cluster {} is founded, by node {members}", record.cluster());
}

/// Checks that this version can read all memberships in the log.
///
/// # Errors
/// A membership is of a newer version, which must be run.
pub(super) fn check_memberships(entries: &[raft::Entry]) -> Result<(), ServerError> {
    for entry in entries.iter().filter(|entry| entry.header.kind == EntryKind::Membership) {
        Membership::decode(entry.payload.bytes()).map_err(|error| {
            ServerError::Fatal(format!(
                "entry {} of the log says who the members are in a way that this version cannot read ({error}); run a \
                 version that can read it",
                entry.index
            ))
        })?;
    }
    Ok(())
}

/// The founding members, with the configured addresses.
pub(super) fn founding_membership(
    configured: &[(NodeId, String)],
    record: &FoundingRecord,
) -> Membership {
    let address = |node: NodeId| {
        let configured = configured.iter().find(|(member, _)| *member == node);
        configured.map_or_else(String::new, |(_, address)| address.clone())
    };
    let directory = |node| record.directory(node).expect("each member has a directory");
    Membership::founding(record.members().map(|node| (node, directory(node), address(node))))
}

/// The longest random wait after a peer's connection closed: both followers see a leader's
/// connections close together.
const PEER_DOWN_WAIT: Duration = Duration::from_millis(10);
