//! What a seed decides before anything happens: sizes, durations, and which faults there will be.
//!
//! Each class of faults is left out at random (swarm testing): a run without cuts finds other things than one
//! that is never whole for long.

use crate::base::NodeId;
use crate::base::limits::VALUE_BYTES_MAX;
use crate::base::rng::Rng;
use crate::client::core::CoreOptions;
use crate::server::{Entry, ServerOptions};
use crate::sim::client::address_of;
use crate::sim::host::Pauses;
use crate::sim::network::HostId;
use crate::sim::node::host_of;
use crate::sim::program::Habits;
use std::time::Duration;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A node's process is killed; its page cache survives.
    Kill,
    /// A node's machine loses power, and what was not synced.
    PowerCut,
    /// All nodes lose power at once.
    PowerCutOfAll,
    /// A process is hit between two operations of a step.
    CrashInside,
    /// A node and others hear nothing of each other.
    Cut,
    /// One direction of it.
    OneWayCut,
    /// The leader loses its peers, who are told at once, and keeps its clients.
    LoneLeader,
    /// Messages between two machines take long.
    Slow,
    /// A connection is reset, at both ends or at one.
    Reset,
    /// A node's process stops while its clocks run.
    Pause,
    /// A machine sleeps.
    Suspend,
    /// NTP slews a machine's clocks.
    Slew,
    /// A disk answers nothing for a while.
    DiskStall,
    /// A client's process stops.
    ClientPause,
    /// A client and the nodes hear nothing of each other.
    ClientCut,
    /// What nodes say to a client takes long, and then what it says does not arrive at all.
    Fading,
}

/// All that is fixed for one run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many nodes.
    pub nodes: u64,
    /// How many clients.
    pub clients: usize,
    /// What each node is told, but for its id.
    pub server: ServerOptions,
    /// What each client is told.
    pub client: CoreOptions,
    /// What programs do.
    pub habits: Habits,
    /// The classes of faults that are on.
    pub faults: Vec<Fault>,
    /// The mean time between two faults, in nanoseconds.
    pub fault_nanos: u64,
    /// Delay of messages without faults.
    pub delay_nanos: (u64, u64),
    /// Pauses inside the steps of nodes.
    pub node_pauses: Pauses,
    /// Pauses inside the steps of clients.
    pub client_pauses: Pauses,
    /// When everything is healed.
    pub heal_at: u64,
    /// When everybody must have come to rest at the latest.
    pub rest_by: u64,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let nodes = pick(rng, &[1, 3, 3, 3, 3, 3, 3, 5]);
        let heartbeat = Duration::from_millis(rng.between(10, 50));
        let election = heartbeat * u32::try_from(rng.between(4, 12)).expect("small");
        let ttl = Duration::from_millis(pick(rng, &[200, 300, 500, 1000, 2000, 3000]));
        let heal_at = rng.between(10, 20) * SECOND;
        let quick = rng.chance(1, 2);
        // Some runs have more to say at once than one append holds: a new leader's backlog goes in pieces.
        let heavy = rng.chance(1, 4);
        Self {
            nodes,
            clients: usize::try_from(rng.between(3, 8)).expect("few"),
            server: server_options(rng, nodes, heartbeat, election),
            client: client_options(nodes, ttl),
            habits: Habits {
                locks: rng.between(1, 3),
                think_nanos: rng.between(20, 250) * MS,
                ttl,
                calls_max: if heavy { 12 } else { 3 },
                value_bytes: if heavy { VALUE_BYTES_MAX } else { 3 },
                ends: [rng.between(0, 60), rng.between(0, 60)],
            },
            faults: draw_faults(rng),
            fault_nanos: rng.between(100, 2000) * MS,
            delay_nanos: if quick { (30_000, 200_000) } else { (100_000, 5 * MS) },
            node_pauses: draw_pauses(rng, 5_000, ttl),
            client_pauses: draw_pauses(rng, 300, ttl),
            heal_at,
            rest_by: heal_at + 60 * SECOND,
        }
    }

    /// What one node is told.
    #[must_use]
    pub fn server_of(&self, node: NodeId) -> ServerOptions {
        ServerOptions { node, ..self.server.clone() }
    }

    /// The machines of the nodes.
    pub fn node_hosts(&self) -> impl Iterator<Item = HostId> + use<> {
        (1..=self.nodes).map(|node| host_of(NodeId(node)))
    }

    /// The machine of a client.
    #[must_use]
    pub fn client_host(&self, slot: usize) -> HostId {
        HostId(usize::try_from(self.nodes).expect("few") + slot)
    }
}

fn server_options(
    rng: &mut Rng,
    nodes: u64,
    heartbeat: Duration,
    election: Duration,
) -> ServerOptions {
    let members = (1..=nodes).map(NodeId).map(|node| (node, address_of(host_of(node)))).collect();
    ServerOptions {
        node: NodeId(1),
        members,
        heartbeat,
        election,
        lease_ms: u32::try_from(rng.between(100, 300)).expect("small"),
        ttl_ms_max: 3_600_000,
        log_bytes_max: 1 << 30,
        entry: Entry::Founder,
        snapshot_every_bytes: 64 << 20,
        retained_bytes: 8 << 20,
        log_reserve_bytes: 64 << 20,
        segment_bytes: pick(rng, &[8 << 10, 16 << 10, 64 << 10]),
        boot: 0,
        seed: 0,
    }
}

fn client_options(nodes: u64, ttl: Duration) -> CoreOptions {
    CoreOptions {
        endpoints: (1..=nodes).map(NodeId).map(|node| address_of(host_of(node))).collect(),
        client: String::new(),
        ttl,
        connect_timeout: Duration::from_millis(400),
        request_timeout: Duration::from_secs(2),
        key: crate::base::SessionKey([0; 16]),
        seed: 0,
    }
}

fn draw_faults(rng: &mut Rng) -> Vec<Fault> {
    let mut faults: Vec<Fault> = ALL.iter().copied().filter(|_| rng.chance(1, 2)).collect();
    if rng.chance(1, 20) {
        faults.clear();
    }
    faults
}

fn draw_pauses(rng: &mut Rng, one_in: u64, ttl: Duration) -> Pauses {
    let one_in = if rng.chance(1, 2) { one_in } else { 0 };
    Pauses { one_in, nanos_max: 2 * crate::base::time::nanos(ttl) }
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[usize::try_from(rng.below(from.len() as u64)).expect("a small list")]
}

const ALL: [Fault; 16] = [
    Fault::Kill,
    Fault::PowerCut,
    Fault::PowerCutOfAll,
    Fault::CrashInside,
    Fault::Cut,
    Fault::OneWayCut,
    Fault::LoneLeader,
    Fault::Slow,
    Fault::Reset,
    Fault::Pause,
    Fault::Suspend,
    Fault::Slew,
    Fault::DiskStall,
    Fault::ClientPause,
    Fault::ClientCut,
    Fault::Fading,
];
/// Nanoseconds in a millisecond.
pub const MS: u64 = 1_000_000;
/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000 * MS;
