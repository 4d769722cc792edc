//! The metrics of a node. A metric without a subject is left out, rather than a constant 0.

use super::exposition::{Kind, Number, Writer};
use super::process::Process;
use crate::base::NodeId;
use crate::base::meters::{
    ChangeReason, Counter, EndReason, Gauge, HandshakeResult, LinkKind, Meters, RequestKind,
    RequestResult, RightKind,
};
use Kind::{Counter as Count, Gauge as Level, Histogram, Info};
use Number::{Nanos, Whole};

/// Writes all metrics of a node.
pub(super) fn write_node(writer: &mut Writer, node: NodeId, meters: &Meters) {
    writer.family("tenure_build", Info, "The version of this node, and the level in force.");
    let level = meters.level.value().to_string();
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("level", level.as_str())];
    writer.sample("_info", &labels, Whole(1));
    writer.family("tenure_node", Info, "The id of this node.");
    writer.sample("_info", &[("node", &node.to_string())], Whole(1));
    write_consensus(writer, meters);
    write_peers(writer, meters);
    write_loop(writer, meters);
    write_connections(writer, meters);
    write_security(writer, meters);
    write_requests(writer, meters);
    write_locks(writer, meters);
}

fn write_consensus(writer: &mut Writer, meters: &Meters) {
    let gauges: [(&'static str, &str, &Gauge); 7] = [
        ("tenure_has_leader", "Whether this node knows a leader.", &meters.has_leader),
        ("tenure_is_leader", "Whether this node leads.", &meters.is_leader),
        ("tenure_term", "The term that this node is in.", &meters.term),
        (
            "tenure_commit_index",
            "The last entry that this node knows to be committed.",
            &meters.commit,
        ),
        ("tenure_applied_index", "The last entry that this node has applied.", &meters.applied),
        ("tenure_log_bytes", "Bytes of log since the newest snapshot.", &meters.log_bytes),
        (
            "tenure_log_max_bytes",
            "Bytes of log at which requests are refused.",
            &meters.log_bytes_max,
        ),
    ];
    gauges.iter().for_each(|(name, help, gauge)| level(writer, name, help, gauge));
    level(
        writer,
        "tenure_snapshot_bytes",
        "Bytes of the newest snapshot; 0: there is none.",
        &meters.snapshot_bytes,
    );
    level(
        writer,
        "tenure_state_bytes",
        "Bytes that sessions and locks take, as bounds count them.",
        &meters.state_bytes,
    );
    let help = "Changes of leader that this node has seen since it started, by why it parted from the one before.";
    writer.family("tenure_leader_changes", Count, help);
    for reason in ChangeReason::ALL {
        let count = meters.leader_changes[*reason as usize].value();
        writer.sample("_total", &[("reason", reason.name())], Whole(count));
    }
    let help = "How often the leader lease of this node ran out while it led.";
    writer.one("tenure_lease_gaps", Count, help, Whole(meters.lease_gaps.value()));
}

/// Writes the metrics of peers, which only a leader knows.
fn write_peers(writer: &mut Writer, meters: &Meters) {
    let peers: Vec<_> = meters
        .peers
        .iter()
        .map(|peer| (peer.node.value(), peer.lag.value(), peer.round_trip.value()))
        .filter(|(node, ..)| *node != 0)
        .map(|(node, lag, round_trip)| (node.to_string(), lag, round_trip))
        .collect();
    let help = "Entries of the log that a member is not known to have; the leader's word, absent elsewhere.";
    writer.family("tenure_peer_lag_entries", Level, help);
    for (node, lag, _) in &peers {
        writer.sample("", &[("peer", node)], Whole(*lag));
    }
    let help = "Round trip to a connected member, smoothed, as the leader's network has it; absent elsewhere.";
    writer.family("tenure_peer_round_trip_seconds", Level, help);
    for (node, _, round_trip) in peers.iter().filter(|(_, _, round_trip)| *round_trip > 0) {
        writer.sample("", &[("peer", node)], Nanos(*round_trip));
    }
}

fn write_loop(writer: &mut Writer, meters: &Meters) {
    let help =
        "How long the turns of the loop take, without the disk; meanwhile nobody is answered.";
    writer.family("tenure_turn_seconds", Histogram, help);
    writer.times(&[], &meters.turns);
    writer.family(
        "tenure_sync_seconds",
        Histogram,
        "How long it takes to write to the disk and wait for it.",
    );
    writer.times(&[], &meters.syncs);
    writer.family(
        "tenure_snapshot_seconds",
        Histogram,
        "How long it takes to make and store a snapshot.",
    );
    writer.times(&[], &meters.snapshots);
}

fn write_connections(writer: &mut Writer, meters: &Meters) {
    writer.family(
        "tenure_connections",
        Level,
        "Open connections of the port of clients and peers.",
    );
    for kind in LinkKind::ALL {
        let count = meters.connections[*kind as usize].value();
        writer.sample("", &[("kind", kind.name())], Whole(count));
    }
    let help = "Connections closed for what came, or did not come, on them.";
    writer.one(
        "tenure_refused_connections",
        Count,
        help,
        Whole(meters.refused_connections.value()),
    );
    let help = "Messages of peers that could not be, or contradicted what this node knew.";
    writer.one("tenure_refused_messages", Count, help, Whole(meters.refused_messages.value()));
}

/// Writes the metrics of TLS and rights; without TLS there are none of a certificate.
fn write_security(writer: &mut Writer, meters: &Meters) {
    let help = "TLS handshakes with clients and peers, by how they ended.";
    writer.family("tenure_handshakes", Count, help);
    for result in HandshakeResult::ALL {
        let count = meters.handshakes[*result as usize].value();
        writer.sample("_total", &[("result", result.name())], Whole(count));
    }
    let help =
        "The last second of this node's certificate, in seconds since 1970; absent without TLS.";
    writer.family("tenure_certificate_expiry_seconds", Level, help);
    let ends = meters.certificate_ends.value();
    if ends > 0 {
        writer.sample("", &[], Whole(ends));
    }
    writer.family("tenure_denials", Count, "Requests that were denied, by what it takes.");
    for right in RightKind::ALL {
        let count = meters.denials[*right as usize].value();
        writer.sample("_total", &[("right", right.name())], Whole(count));
    }
}

fn write_requests(writer: &mut Writer, meters: &Meters) {
    let help = "Answers to requests of clients. A grant to one who waited is counted in tenure_grants_total alone.";
    writer.family("tenure_requests", Count, help);
    for kind in RequestKind::ALL {
        for result in RequestResult::ALL {
            let count = meters.requests[*kind as usize][*result as usize].value();
            let is_usual = *result == RequestResult::Ok && *kind != RequestKind::Unread;
            if count > 0 || is_usual {
                let labels = [("kind", kind.name()), ("result", result.name())];
                writer.sample("_total", &labels, Whole(count));
            }
        }
    }
    let help = "From reading a request to answering it, of those that the log or a round of the members confirms.";
    writer.family("tenure_request_seconds", Histogram, help);
    for kind in RequestKind::ALL {
        let times = &meters.request_times[*kind as usize];
        if times.count() > 0 {
            writer.times(&[("kind", kind.name())], times);
        }
    }
}

fn write_locks(writer: &mut Writer, meters: &Meters) {
    level(writer, "tenure_sessions", "Live sessions.", &meters.sessions);
    level(writer, "tenure_locks", "Locks that are held or waited for.", &meters.locks);
    level(writer, "tenure_waiters", "Acquires that wait in queues.", &meters.waiters);
    level(writer, "tenure_observers", "Observers of locks; a leader has them.", &meters.observers);
    count(writer, "tenure_grants", "Grants that this node decided as leader.", &meters.grants);
    let help =
        "Sessions that this node expired as leader: nothing was heard of their clients for a TTL.";
    count(writer, "tenure_expiries", help, &meters.expiries);
    writer.family("tenure_lease_ends", Count, "Grants that ended while this node led, by how.");
    for reason in EndReason::ALL {
        let count = meters.ends[*reason as usize].value();
        writer.sample("_total", &[("reason", reason.name())], Whole(count));
    }
    let help = "How long those who had to queue waited until they were granted, by the leaders' wall clocks.";
    writer.family("tenure_wait_seconds", Histogram, help);
    writer.times(&[], &meters.waits);
    let help = "How long grants that ended had lasted, by the leaders' wall clocks.";
    writer.family("tenure_hold_seconds", Histogram, help);
    writer.times(&[], &meters.holds);
}

/// Writes the process metrics that Prometheus' conventions name.
pub(super) fn write_process(writer: &mut Writer, process: &Process) {
    let Process { cpu, resident, virtual_bytes, open_fds, max_fds, threads, started } = *process;
    let rows: [(&'static str, Kind, &str, Option<Number>); 7] = [
        ("process_cpu_seconds", Count, "Processor time of the whole process.", cpu),
        (
            "process_resident_memory_bytes",
            Level,
            "Memory of the process that is resident.",
            resident,
        ),
        ("process_virtual_memory_bytes", Level, "Address space of the process.", virtual_bytes),
        ("process_open_fds", Level, "Open file descriptors of the process.", open_fds),
        ("process_max_fds", Level, "File descriptors that the process may have.", max_fds),
        ("process_threads", Level, "Threads of the process.", threads),
        (
            "process_start_time_seconds",
            Level,
            "When the process began, in seconds since 1970.",
            started,
        ),
    ];
    for (name, kind, help, number) in rows {
        if let Some(number) = number {
            writer.one(name, kind, help, number);
        }
    }
}

fn level(writer: &mut Writer, name: &'static str, help: &str, gauge: &Gauge) {
    writer.one(name, Level, help, Whole(gauge.value()));
}

fn count(writer: &mut Writer, name: &'static str, help: &str, counter: &Counter) {
    writer.one(name, Count, help, Whole(counter.value()));
}
