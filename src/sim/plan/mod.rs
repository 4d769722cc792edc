//! The plan of a seed, drawn before anything happens: sizes, durations, habits, and faults.

mod conditions;
pub mod fault;
pub mod schedule;
pub mod settings;

use crate::base::NodeId;
use crate::base::limits::{
    LOG_BYTES_MAX, LOG_RESERVE_BYTES, NAMES_PER_PART, RETAINED_BYTES, SNAPSHOT_CHUNK_BYTES_MAX,
    SNAPSHOT_EVERY_BYTES, VALUE_BYTES_MAX,
};
use crate::base::meters::Meters;
use crate::base::rng::Rng;
use crate::base::time::nanos;
use crate::client::core::{CoreOptions, Wait};
use crate::lock::{self, Largest};
use crate::server::{Bootstrap, ServerOptions};
use crate::sim::client::address_of;
use crate::sim::disk::host::Pauses;
use crate::sim::faults::crowd::{CROWD_AT, CROWD_SLOWNESS, CROWD_TTL, CROWDS_NANOS, Crowd};
use crate::sim::faults::{lateness::Lateness, rights::RightsHabits};
use crate::sim::network::HostId;
use crate::sim::node::host_of;
use crate::sim::node::talk::Build;
use crate::sim::operators::restore::Restore;
use crate::sim::operators::rolling::Rolling;
use crate::sim::operators::sleeper::Sleeper;
use crate::sim::plan::fault::Fault;
use crate::sim::plan::schedule::{Injection, Trim};
use crate::sim::plan::settings::Settings;
use crate::sim::program::wishes::Wishes;
use crate::sim::program::{Custom, Habits};
use conditions::Conditions;
use std::time::Duration;

/// All that is fixed for one run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many nodes found the cluster.
    pub nodes: u64,
    /// How many machines there are for nodes; those beyond the founders wait to be added.
    pub machines: u64,
    /// How many clients.
    pub clients: usize,
    /// Options of each node, but for its id.
    pub server: ServerOptions,
    /// Options of each client.
    pub client: CoreOptions,
    /// Habits of programs.
    pub habits: Habits,
    /// The classes of faults that are on.
    pub classes: Vec<Fault>,
    /// Injections, and when each strikes.
    pub schedule: Vec<Injection>,
    /// Delay of messages without faults.
    pub delay_nanos: (u64, u64),
    /// Pauses inside the steps of nodes.
    pub node_pauses: Pauses,
    /// Pauses inside the steps of clients.
    pub client_pauses: Pauses,
    /// When a core of the nodes is healed for good.
    pub core_at: u64,
    /// How long programs go on as before after that.
    pub core_nanos: u64,
    /// How long each of the two later phases may take.
    pub patience_nanos: u64,
    /// How an operator changes who may what, if one does.
    pub rights: Option<RightsHabits>,
    /// Whether the cluster is restored from a snapshot in the middle.
    pub restore: Option<Restore>,
    /// Whether the nodes are restarted in turn, as operators do it.
    pub rolling: Option<Rolling>,
    /// Whether a member is off while others are replaced.
    pub sleeper: Option<Sleeper>,
    /// Whether the machines of the nodes are late for a while, and nothing else.
    pub lateness: Option<Lateness>,
    /// How many times slower the nodes' machines are than the one on which charges were measured.
    pub slowness: u64,
    /// Whether clients that ask for very much come, and nothing else.
    pub crowd: Option<Crowd>,
    /// Whether the log may fill up: then calls may end with LIMIT for good.
    pub log: LogRoom,
}

/// How much the log may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogRoom {
    /// More than any run needs.
    Ample,
    /// The log fills up in many runs.
    Small,
}

impl Plan {
    /// The plan of a seed, without the parts that `trim` leaves out, and the dice for the rest of its run.
    #[must_use]
    pub fn of_seed(seed: u64, trim: &Trim) -> (Self, Rng) {
        let mut rng = Rng::new(seed);
        let mut plan = Self::draw(&mut rng, trim);
        if plan.crowd.is_none() {
            plan.draw_parts(&mut Rng::new(!seed));
            RightsHabits::decide(seed, &mut plan);
        }
        (plan, rng)
    }

    /// How much an entry does before it leaves the rest, and whether there is much to do. Of dice of its own: all else in a run is
    /// drawn as before.
    fn draw_parts(&mut self, rng: &mut Rng) {
        if rng.chance(3, 4) {
            self.server.names_per_part = usize::try_from(rng.between(1, 6)).expect("few");
        }
        if rng.chance(1, 5) && !self.habits.wishes.are_wide() {
            let (locks, names) = (rng.between(5, 9), rng.between(3, 6));
            self.habits.wishes = self.habits.wishes.clone().widened(rng, locks, names);
            self.habits.calls_max = usize::try_from(rng.between(6, 16)).expect("few");
        }
    }

    fn draw(rng: &mut Rng, trim: &Trim) -> Self {
        let nodes = pick(rng, &[1, 3, 3, 3, 3, 3, 5, 5]);
        let heartbeat = Duration::from_millis(rng.between(10, 50));
        let election = heartbeat * u32::try_from(rng.between(4, 12)).expect("small");
        let ttl = Duration::from_millis(pick(rng, &[200, 300, 500, 1000, 2000, 3000]));
        let (core_at, quick) = (rng.between(8, 16) * SECOND, rng.chance(1, 2));
        let log = if rng.chance(1, 16) { LogRoom::Small } else { LogRoom::Ample };
        let habits = draw_habits(rng, ttl, log);
        let clients = usize::try_from(rng.between(3, 8)).expect("few");
        let server = server_options(rng, nodes, heartbeat, election, log);
        let core_nanos = rng.between(2, 5) * SECOND;
        let restore = draw_restore(rng, log, (core_at, server.lease_ms));
        let (core_at, server) = match restore {
            // The wait takes as long as the largest TTL.
            Some(_) => (core_at + 14 * SECOND, ServerOptions { ttl_ms_max: 10_000, ..server }),
            None => (core_at, server),
        };
        let mut classes = draw_classes(rng, log, restore.is_some());
        // Drawn from what is drawn already: all else stays as it is.
        let mut aside = Rng::new(core_at ^ habits.think_nanos << 16 ^ nanos(election) << 24);
        let calm = (classes.is_empty() && log == LogRoom::Ample).then_some((core_at, election));
        let may_crowd = log == LogRoom::Ample && restore.is_none() && nodes > 1;
        let conditions = Conditions::draw(&mut aside, calm, may_crowd);
        if conditions.crowd.is_some() {
            classes.clear();
        }
        let habits = conditions.wanted_by(habits, &mut aside);
        let ttl = habits.ttl;
        let (core_at, server) = (conditions.end(core_at), conditions.served_by(server));
        let means = [rng.between(100, 2000) * MS, rng.between(100, 1500) * MS];
        let mut schedule = schedule::draw(&mut rng.fork(), &classes, means, core_at);
        let machines = MACHINES_MAX.min(nodes + rng.between(1, 4));
        classes.retain(|class| !trim.classes.contains(class));
        schedule.retain(|injection| trim.keeps(injection));
        let pauses = |class, one_in| pauses(classes.contains(&class), one_in, ttl);
        Self {
            nodes,
            machines,
            clients: trim.clients.unwrap_or(clients).clamp(1, clients),
            server,
            client: CoreOptions { progress: habits.progress, ..client_options(machines, ttl) },
            habits,
            delay_nanos: if quick { (30_000, 200_000) } else { (100_000, 5 * MS) },
            node_pauses: pauses(Fault::PauseInside, 5_000),
            client_pauses: pauses(Fault::ClientPauseInside, 300),
            core_at: trim.until.map_or(core_at, |until| until.min(core_at)),
            core_nanos,
            patience_nanos: 60 * SECOND,
            rights: None,
            restore: restore.filter(|restore| trim.until.is_none_or(|until| restore.at < until)),
            rolling: None,
            sleeper: None,
            lateness: conditions.lateness,
            slowness: conditions.slowness,
            crowd: conditions.crowd,
            log,
            classes,
            schedule,
        }
    }

    /// A run without any fault, for measuring: three nodes, twenty clients, one cycle of each in a second.
    #[must_use]
    pub fn plain(seconds: u64) -> Self {
        let mut rng = Rng::new(0);
        let (heartbeat, election) = (Duration::from_millis(30), Duration::from_millis(150));
        let ttl = Duration::from_secs(10);
        let none = Pauses { one_in: 0, nanos_max: 0 };
        let core_at = seconds * SECOND;
        Self {
            nodes: 3,
            machines: 3,
            clients: 20,
            server: ServerOptions {
                segment_bytes: 256 << 10,
                snapshot_every_bytes: 256 << 10,
                retained_bytes: 64 << 10,
                ..server_options(&mut rng, 3, heartbeat, election, LogRoom::Ample)
            },
            client: client_options(3, ttl),
            habits: Habits {
                custom: Custom::Cycle,
                wishes: Wishes::plain(20, 8),
                think_nanos: SECOND / 2,
                ttl,
                calls_max: 1,
                ends: [0, 0],
                orders: 0,
                progress: None,
                last: Wait::Forever,
            },
            classes: Vec::new(),
            schedule: Vec::new(),
            delay_nanos: (50_000, 150_000),
            node_pauses: none,
            client_pauses: none,
            core_at,
            core_nanos: SECOND,
            patience_nanos: 60 * SECOND,
            rights: None,
            restore: None,
            rolling: None,
            sleeper: None,
            lateness: None,
            slowness: 1,
            crowd: None,
            log: LogRoom::Ample,
        }
    }

    /// Whether ρ holds in this run, and no restore waives its wait: else O5 and what rests on it are not promised.
    #[must_use]
    pub fn bounds_clocks(&self) -> bool {
        let waived = self.restore.is_some_and(|restore| restore.wait == lock::WaitRule::Waived);
        !self.classes.contains(&Fault::Hypervisor) && !waived
    }

    /// The build that a node begins with.
    pub fn first_build(&self, rng: &mut Rng) -> Build {
        match self.classes.contains(&Fault::Upgrade) {
            true => Build::draw(rng),
            false => Build::New,
        }
    }

    /// Options of one node.
    #[must_use]
    pub fn server_of(&self, node: NodeId) -> (ServerOptions, Settings) {
        let bootstrap = if node.0 <= self.nodes { Bootstrap::Founder } else { Bootstrap::Joiner };
        // Where they matter most: a restore outlives them.
        let settings = if self.restore.is_some() { Settings::Drawn } else { Settings::Fixed };
        (ServerOptions { node, bootstrap, ..self.server.clone() }, settings)
    }

    /// The machines of the nodes.
    pub fn node_hosts(&self) -> impl Iterator<Item = HostId> + use<> {
        (1..=self.machines).map(|node| host_of(NodeId(node)))
    }

    /// The machine of a client.
    #[must_use]
    pub fn client_host(&self, slot: usize) -> HostId {
        HostId(usize::try_from(self.machines).expect("few") + slot)
    }

    /// The machine of the operators.
    #[must_use]
    pub fn operator_host(&self) -> HostId {
        self.client_host(self.clients)
    }

    /// The machine of visitors, the last one.
    #[must_use]
    pub fn visitors_host(&self) -> HostId {
        self.client_host(self.clients + 1)
    }
}

fn draw_classes(rng: &mut Rng, log: LogRoom, is_restored: bool) -> Vec<Fault> {
    let mut classes = schedule::draw_classes(rng);
    if log == LogRoom::Small {
        // One node that made room for itself would fill up the others' logs to the last byte.
        classes.retain(|class| *class != Fault::SaveSnapshot);
    }
    if is_restored && !classes.contains(&Fault::SaveSnapshot) {
        classes.push(Fault::SaveSnapshot);
    }
    classes
}

fn pauses(are_any: bool, one_in: u64, ttl: Duration) -> Pauses {
    Pauses { one_in: if are_any { one_in } else { 0 }, nanos_max: 2 * nanos(ttl) }
}

fn draw_restore(rng: &mut Rng, log: LogRoom, (core_at, lease_ms): (u64, u32)) -> Option<Restore> {
    if log == LogRoom::Small {
        return None;
    }
    let (once, twice, waived) = (rng.chance(1, 10), rng.chance(1, 3), rng.chance(1, 4));
    let at = rng.between(core_at / 3, core_at);
    let again_at = rng.between(at + SECOND, core_at + 2 * SECOND);
    let largest = Largest { ttl_ms_max: 10_000, lease_ms };
    let wait = if waived { lock::WaitRule::Waived } else { lock::WaitRule::Full(largest) };
    once.then_some(Restore { at, wait, again_at: twice.then_some(again_at) })
}

fn draw_habits(rng: &mut Rng, ttl: Duration, log: LogRoom) -> Habits {
    // Some runs have more to say at once than one append holds: a new leader's backlog goes in pieces.
    let heavy = rng.chance(1, 4);
    let locks = rng.between(1, 3);
    let think_nanos = rng.between(20, 250) * MS;
    // More than programs take from one operation to the next.
    let progress = Duration::from_nanos(2 * think_nanos) + rng.duration(ttl / 4, 2 * ttl);
    Habits {
        custom: Custom::Any,
        wishes: Wishes::draw(rng, locks, if heavy { VALUE_BYTES_MAX } else { 3 }),
        think_nanos,
        ttl,
        calls_max: if heavy { 12 } else { 3 },
        ends: [rng.between(0, 60), rng.between(0, 60)],
        orders: pick(rng, &[0, 0, 100, 300]),
        progress: rng.chance(1, 5).then_some(progress),
        last: match log {
            LogRoom::Ample => Wait::Forever,
            // Nothing is granted any more once the log is full.
            LogRoom::Small => Wait::For(Duration::from_secs(1)),
        },
    }
}

pub(super) fn server_options(
    rng: &mut Rng,
    nodes: u64,
    heartbeat: Duration,
    election: Duration,
    log: LogRoom,
) -> ServerOptions {
    let members = (1..=nodes).map(NodeId).map(|node| (node, address_of(host_of(node)))).collect();
    let (log_bytes_max, log_reserve_bytes) = match log {
        LogRoom::Ample => (LOG_BYTES_MAX, LOG_RESERVE_BYTES),
        LogRoom::Small => (384 << 10, 192 << 10),
    };
    // Else it would never fill up.
    let has_snapshots = log == LogRoom::Ample && rng.chance(7, 8);
    let snapshot_every_bytes =
        if has_snapshots { rng.between(2 << 10, 16 << 10) } else { SNAPSHOT_EVERY_BYTES };
    let retained_bytes = if has_snapshots { rng.below(4 << 10) } else { RETAINED_BYTES };
    let lease_ms = u32::try_from(rng.between(100, 300)).expect("small");
    ServerOptions {
        node: NodeId(1),
        members,
        bootstrap: Bootstrap::Founder,
        snapshot_every_bytes,
        // Of a whole turn, of some entries, and of one at a time: what is left over goes on in the next.
        work_divisor: [1, 64, 1024, 8192][(lease_ms % 4) as usize],
        retained_bytes,
        // Of several parts, some of which are under way at once.
        part_bytes: (SNAPSHOT_CHUNK_BYTES_MAX as u64).min(snapshot_every_bytes / 4),
        heartbeat,
        election,
        lease_ms,
        ttl_ms_max: 3_600_000,
        log_bytes_max,
        log_reserve_bytes,
        names_per_part: NAMES_PER_PART,
        segment_bytes: pick(rng, &[8 << 10, 16 << 10, 64 << 10]),
        speech: Build::New.speech(),
        boot: 0,
        seed: 0,
        cluster_key: None,
        meters: Meters::new(),
    }
}

pub(super) fn client_options(nodes: u64, ttl: Duration) -> CoreOptions {
    CoreOptions {
        endpoints: (1..=nodes).map(NodeId).map(|node| address_of(host_of(node))).collect(),
        pin: None,
        client: String::new(),
        ttl,
        connect_timeout: Duration::from_millis(400),
        request_timeout: Duration::from_secs(2),
        progress: None,
        key: crate::base::SessionKey([0; 16]),
        seed: 0,
    }
}

pub(super) fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[usize::try_from(rng.below(from.len() as u64)).expect("a small list")]
}

const WIDE_SEGMENT_BYTES: u64 = 64 << 10;
/// Machines for nodes.
const MACHINES_MAX: u64 = 7;
/// Nanoseconds in a millisecond.
pub const MS: u64 = 1_000_000;
/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000 * MS;
