//! Planned work and nothing else: each node in turn is told to stop, hands over first, comes back after a while, and once
//! all is well the next one follows at once, as `docs/operations.md` says. No client may notice more than a handover:
//! none loses its session or comes near to it, and nobody waits for longer (O12).

use crate::base::Index;
use crate::base::limits::LAG_ENTRIES_MAX;
use crate::base::rng::Rng;
use crate::client::core::Wait;
use crate::raft::Raft;
use crate::server::ServerOptions;
use crate::sim::checkers::Violation;
use crate::sim::checkers::durability::Ending;
use crate::sim::disk::host::Pauses;
use crate::sim::node::SimNode;
use crate::sim::plan::{LogRoom, MS, Plan, SECOND, client_options, pick, server_options};
use crate::sim::program::wishes::Wishes;
use crate::sim::program::{Custom, Habits};
use crate::sim::world::event::Event;
use crate::sim::world::{Phase, World};
use std::time::Duration;

/// How the nodes of a run are restarted.
#[derive(Clone, Copy, Debug)]
pub struct Rolling {
    /// How long each is down, from and to.
    pub down_nanos: (u64, u64),
    /// The longest that a request of a client may wait for its answer.
    pub wait_nanos_max: u64,
}

impl Plan {
    /// A run in which every node is restarted again and again, as an operator does it, and in which nothing fails.
    #[must_use]
    pub fn rolling(rng: &mut Rng) -> Self {
        let nodes = pick(rng, &[3, 3, 5]);
        let heartbeat = Duration::from_millis(rng.between(20, 40));
        let election = heartbeat * 5;
        let ttl = Duration::from_millis(pick(rng, &[600, 1000, 2000]));
        let delay_nanos = pick(rng, &[(30_000, 200_000), (100_000, 2 * MS)]);
        let none = Pauses { one_in: 0, nanos_max: 0 };
        let core_at = rng.between(6, 9) * SECOND;
        let down = pick(rng, &[200 * MS, 2 * SECOND]);
        // Some fifteen messages one after the other, and a few syncs.
        let wait_nanos_max = 20 * delay_nanos.1 + 30 * MS;
        Self {
            nodes,
            machines: nodes,
            clients: 6,
            server: ServerOptions {
                snapshot_every_bytes: 64 << 10,
                ..server_options(rng, nodes, heartbeat, election, LogRoom::Ample)
            },
            client: client_options(nodes, ttl),
            rights: None,
            habits: Habits {
                custom: Custom::Cycle,
                wishes: Wishes::plain(32, 8),
                think_nanos: 25 * MS,
                ttl,
                calls_max: 1,
                ends: [0, 0],
                orders: 0,
                progress: None,
                last: Wait::Forever,
            },
            classes: Vec::new(),
            schedule: Vec::new(),
            delay_nanos,
            node_pauses: none,
            client_pauses: none,
            core_at,
            core_nanos: SECOND,
            patience_nanos: 60 * SECOND,
            restore: None,
            rolling: Some(Rolling { down_nanos: (down / 2, down), wait_nanos_max }),
            lateness: None,
            slowness: 1,
            crowd: None,
            sleeper: None,
            log: LogRoom::Ample,
        }
    }
}

impl World {
    /// Tells the next node to stop, if all is well; else looks again soon.
    pub(in crate::sim) fn go_on_with_the_work(&mut self) {
        if !self.is_well() {
            self.queue.push(self.now + LOOK_NANOS, Event::Work);
            return;
        }
        let slot = self.next_to_stop;
        self.next_to_stop = (slot + 1) % self.nodes.len();
        self.trace.line(self.now, format_args!("node {} is told to stop", slot + 1));
        self.nodes[slot].depart(self.now);
        self.foresee_node(slot, self.now);
    }

    /// After a turn of a node that was told to stop: ends its process once another leads, or none will.
    pub(in crate::sim) fn follow_departure(&mut self, slot: usize) {
        let Some(Rolling { down_nanos: (least, most), .. }) = self.plan.rolling else { return };
        if self.phase != Phase::Faults || !self.nodes[slot].has_departed(self.now) {
            return;
        }
        self.trace.count("planned restarts");
        self.crash(slot, Ending::Killed);
        let back_at = self.now + self.rng.between(least, most);
        self.queue.push(back_at, Event::Restart(slot));
        self.queue.push(back_at, Event::Work);
    }

    /// All nodes run, know the same leader and have its log, as `status --check` says.
    fn is_well(&self) -> bool {
        let Some(leader) = self.leader() else { return false };
        let (id, inside) = (self.nodes[leader].id, self.nodes[leader].inside());
        let knows_it =
            |node: &SimNode| node.inside().is_some_and(|inside| inside.raft.leader() == Some(id));
        let has_log = |raft: &Raft| {
            let last = raft.last_index().0.saturating_sub(LAG_ENTRIES_MAX);
            let least = Index(raft.snapshot_index().0.max(last));
            raft.matched().all(|(_, matched)| matched >= least)
        };
        self.nodes.iter().all(knows_it) && inside.is_some_and(|inside| has_log(inside.raft))
    }

    /// O12: a client's session is in jeopardy, or over. Planned work is no reason.
    pub(in crate::sim) fn check_planned_work(
        &self,
        slot: usize,
        what: &str,
    ) -> Result<(), Violation> {
        if self.plan.rolling.is_none() || self.phase != Phase::Faults {
            return Ok(());
        }
        let what = format!("at {} ns {what} of client {slot}, by planned work alone", self.now);
        Err(Violation::new("O12", what))
    }

    /// O12: a request that waits for nobody was answered. Not later than a handover explains.
    pub(in crate::sim) fn check_wait(&self, slot: usize, waited: u64) -> Result<(), Violation> {
        let most = self.plan.rolling.map_or(u64::MAX, |rolling| rolling.wait_nanos_max);
        if waited <= most {
            return Ok(());
        }
        self.check_planned_work(slot, &format!("a release took {waited} ns, more than {most},"))
    }
}

/// When the work begins: clients have their sessions.
pub(in crate::sim) const WORK_AT: u64 = 2 * SECOND;
/// How soon an operator looks again whether all is well.
const LOOK_NANOS: u64 = 20 * MS;
