//! A crowd: clients that ask for very much, all of it lawful, while no fault strikes and the nodes' machines are very
//! slow: a few hundred waits cost there as much as some ten thousand elsewhere. A leader that does too much in one
//! turn is silent meanwhile, so its followers elect another: in calm no leader is replaced for that (O25).

use crate::base::limits::NAMES_PER_PART;
use crate::base::rng::Rng;
use crate::server::ServerOptions;
use crate::sim::checkers::Violation;
use crate::sim::checkers::calm::Turn;
use crate::sim::network::LineId;
use crate::sim::plan::{MS, SECOND};
use crate::sim::world::event::Event;
use crate::sim::world::{Phase, World};
use std::time::Duration;

/// How large the crowd is.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// Waits of one session.
    pub waits: u64,
    /// The TTL of their sessions.
    pub ttl_ms: u32,
}

impl Crowd {
    /// Any crowd.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        Self { waits: rng.between(100, 200), ttl_ms: 3_000 }
    }

    /// The timeouts of a node that was told none, and files and snapshots of which each holds much.
    #[must_use]
    pub fn served_by(server: ServerOptions) -> ServerOptions {
        ServerOptions {
            heartbeat: Duration::from_millis(30),
            election: Duration::from_millis(150),
            snapshot_every_bytes: 512 << 10,
            retained_bytes: 64 << 10,
            part_bytes: crate::base::limits::SNAPSHOT_CHUNK_BYTES_MAX as u64,
            segment_bytes: 1 << 20,
            // A machine that is so slow does so much less in the time that a turn may take.
            work_divisor: CROWD_SLOWNESS,
            names_per_part: NAMES_PER_PART / usize::try_from(CROWD_SLOWNESS).expect("small"),
            ..server
        }
    }
}

impl World {
    /// A crowd comes to the leader; remains of the last one go.
    pub(in crate::sim) fn receive_crowd(&mut self) {
        let Some(Crowd { waits, ttl_ms }) = self.plan.crowd else { return };
        self.dismiss_crowd();
        self.queue.push(self.now + EVERY_NANOS, Event::Crowd);
        let Some(leader) = self.leader() else { return };
        self.trace.count("crowds");
        let (to, dice) = (self.nodes[leader].host_id, self.rng.fork());
        self.guests.come(self.now, (to, ttl_ms, waits), dice, &mut self.network);
    }

    /// The crowd goes.
    pub(in crate::sim) fn dismiss_crowd(&mut self) {
        let lines: Vec<LineId> = self.guests.leave(self.now, &mut self.network);
        for line in lines {
            self.nodes.iter_mut().for_each(|node| node.drop_arrivals(line));
        }
    }

    /// Whether nothing but the crowd can be a reason for anything.
    fn is_crowded(&self) -> bool {
        self.plan.crowd.is_some() && self.phase == Phase::Faults && self.now >= CROWD_AT
    }

    /// O25: nobody is elected meanwhile.
    ///
    /// # Errors
    /// Somebody is.
    pub(in crate::sim) fn check_replaced(&self, slot: usize) -> Result<(), Violation> {
        if self.is_crowded() { self.calm.refuse_elected(slot, self.now) } else { Ok(()) }
    }

    /// A turn of a node is over.
    pub(in crate::sim) fn note_turn(&mut self, slot: usize) {
        if self.is_crowded() {
            let host = self.nodes[slot].host.borrow();
            self.calm.note(Turn { slot, took: host.worked, until: host.local });
        }
    }

    /// O25: no turn was too long.
    ///
    /// # Errors
    /// One was.
    pub(in crate::sim) fn check_turns(&self) -> Result<(), Violation> {
        self.calm.check(self.plan.server.election)
    }
}

/// How many times slower the machines are.
pub(in crate::sim) const CROWD_SLOWNESS: u64 = 100;
/// When the first crowd comes: there is a leader, and programs have their sessions.
pub(in crate::sim) const CROWD_AT: u64 = 3 * SECOND;
/// Behind that the last one is gone, and its sessions have ended.
const EVERY_NANOS: u64 = 8_500 * MS;
/// TTL of programs meanwhile: one that such a slow machine can serve.
pub(in crate::sim) const CROWD_TTL: Duration = Duration::from_secs(2);
/// Two crowds, of which the second is still there when nodes are stopped and start again.
pub(in crate::sim) const CROWDS_NANOS: u64 = EVERY_NANOS + 2_500 * MS;
