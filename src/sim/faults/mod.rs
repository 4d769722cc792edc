//! Faults: each injection of the schedule, carried out, with its end foreseen.

pub mod crowd;
mod disks;
mod forgeries;
pub mod lateness;
mod links;
mod machines;
mod operators;
pub mod rights;
mod strangers;
mod upgrades;

pub use links::Flapping;
pub use machines::Stillness;
pub(super) use operators::FOUNDING;

use crate::base::rng::Rng;
use crate::sim::checkers::durability::Ending;
use crate::sim::network::HostId;
use crate::sim::node::Fate;
use crate::sim::plan::MS;
use crate::sim::plan::fault::Fault;
use crate::sim::plan::schedule::Injection;
use crate::sim::world::{Phase, World};

impl World {
    /// One fault strikes.
    pub(super) fn strike(&mut self, injection: Injection) {
        if self.phase != Phase::Faults {
            return;
        }
        self.trace.line(self.now, format_args!("fault {injection}"));
        self.disturb(self.now);
        let mut dice = Rng::new(injection.dice);
        let mut forger = dice.fork();
        self.inflict(injection.fault, &mut Rng::new(injection.dice));
        self.forge(&mut forger);
    }

    fn inflict(&mut self, fault: Fault, dice: &mut Rng) {
        let node = self.pick_node(dice);
        match fault {
            Fault::Kill => self.crash_and_restart(node, Ending::Killed, dice),
            Fault::PowerCut => self.crash_and_restart(node, Ending::PowerCut, dice),
            Fault::PowerCutOfAll => self.cut_power_of_all(dice),
            Fault::CrashInside => self.crash_soon(node, dice),
            Fault::Cut => self.cut_node(node, links::Direction::Both, dice),
            Fault::OneWayCut => self.cut_node(node, links::Direction::One, dice),
            Fault::Flap => self.flap(node, dice),
            Fault::LoneLeader => self.leave_leader_alone(dice),
            Fault::Slow => self.slow_node(node, dice),
            Fault::Loss => self.lose_packets(node, dice),
            Fault::Reset => self.reset_line(node, dice),
            Fault::Replay => self.replay_frames(dice),
            Fault::Pause => self.pause_node(node, dice),
            Fault::Suspend => self.suspend(dice),
            Fault::Slew => self.slew_any(dice),
            Fault::Hypervisor => self.freeze_any(dice),
            Fault::DiskStall => self.stall_disk(node, dice),
            Fault::DiskError => self.fail_disk(node, disks::Kernel::Remembers, dice),
            Fault::FailedSyncForgotten => self.fail_disk(node, disks::Kernel::Forgets, dice),
            Fault::DiskFull => self.fill_disk(node, dice),
            Fault::Rot => self.rot(node, dice),
            Fault::Emptied => self.empty_voter(node, dice),
            Fault::ClientPause => self.pause_client(dice),
            Fault::ClientCut => self.cut_client(dice),
            Fault::Fading => self.fade_client(dice),
            Fault::Members => self.change_members(dice),
            Fault::MoveLeader => self.move_leader(dice),
            Fault::Resign => self.resign(dice),
            Fault::SaveSnapshot => self.save_snapshot(node),
            Fault::Visitor => self.receive_visitor(node, dice),
            Fault::Upgrade => self.replace_program(dice),
            Fault::Stranger => self.receive_stranger(node, dice),
            Fault::PauseInside | Fault::ClientPauseInside | Fault::LostRename => {
                unreachable!("{fault:?} stands")
            }
        }
    }

    /// Until then at least, something is not as it should be: rules that speak of calm wait (O12, O13).
    pub(super) fn disturb(&mut self, until: u64) {
        self.calm_since = self.calm_since.max(until);
    }

    /// The leader in half of the cases.
    fn pick_node(&self, dice: &mut Rng) -> usize {
        let born: Vec<usize> =
            (0..self.nodes.len()).filter(|slot| self.nodes[*slot].fate != Fate::Unborn).collect();
        let any = born[below(dice, born.len())];
        if dice.chance(1, 2) { self.leader().unwrap_or(any) } else { any }
    }

    fn pick_machine(&self, dice: &mut Rng) -> HostId {
        HostId(below(dice, self.nodes.len() + self.clients.len()))
    }

    /// How long something stands still: short, or past every timeout.
    fn draw_stop(&self, dice: &mut Rng) -> u64 {
        let ttl = crate::base::time::nanos(self.plan.habits.ttl);
        let election = crate::base::time::nanos(self.plan.server.election);
        let longest = match dice.below(4) {
            0 | 1 => 100 * MS,
            2 => 2 * ttl,
            _ => 10 * election,
        };
        dice.between(MS, longest)
    }
}

fn below(dice: &mut Rng, bound: usize) -> usize {
    usize::try_from(dice.below(bound as u64)).expect("a small number")
}
