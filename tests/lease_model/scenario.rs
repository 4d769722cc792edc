//! Where a search starts: a leader, two sessions, the lock held by one client and awaited by the other.

use crate::lease_model::client::Program;
use crate::lease_model::clock::MS;
use crate::lease_model::node::NODES;
use crate::lease_model::weaken::Rules;
use crate::lease_model::world::{Next, Setting, World};
use tenure::base::NodeId;
use tenure::base::time::RHO_PPM;

/// How fast clocks are, in parts per million beyond real time.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    pub nodes: i64,
    /// Of the client that holds the lock; the other one's belief begins with its grant, whatever its clock.
    pub holder: i64,
}

impl Rates {
    /// Right.
    pub const TRUE: Self = Self { nodes: 0, holder: 0 };
    /// At the edges of ρ that bring the end of the holder's belief and the expiry closest.
    pub const CLOSEST: Self = Self { nodes: RHO, holder: -RHO };
    /// At the other edges.
    pub const FARTHEST: Self = Self { nodes: -RHO, holder: RHO };
    /// The holder's clock is slower than ρ allows.
    pub const BROKEN: Self = Self { nodes: 0, holder: -25 * RHO };
}

/// A world in which node 1 leads and may claim its lease, client 0 holds the lock, and client 1 waits for it;
/// nothing is on its way.
pub fn held_and_awaited(rules: Rules, rates: Rates) -> World {
    let mut world = with_sessions(rules, rates);
    contend(&mut world);
    world
}

/// The same, but node 3 has been cut off since before the lock was granted, and knows nothing of it.
pub fn with_one_behind(rules: Rules, rates: Rates) -> World {
    let mut world = with_sessions(rules, rates);
    world.cut_off(NodeId(3), None);
    contend(&mut world);
    world
}

fn with_sessions(rules: Rules, rates: Rates) -> World {
    let (node_ppm, client_ppm) = ([rates.nodes; NODES as usize], [rates.holder, 0]);
    let setting = |seed| Setting { rules, node_ppm, client_ppm, seed };
    let mut started = (1..).map(|seed| World::new(&setting(seed)));
    started.find_map(settled_under_node_1).expect("some seed lets node 1 win")
}

fn contend(world: &mut World) {
    for client in 0..world.clients.len() {
        let now = world.now;
        world.clients[client].acquire(now);
        world.drain(client);
        run_until(world, now + 20 * MS);
    }
    let until = world.now + 150 * MS;
    run_until(world, until);
    assert!(world.clients[0].believes(world.now).is_some(), "client 0 holds the lock");
    assert!(matches!(world.clients[1].program, Program::Waits(_)), "client 1 waits for it");
    assert!(world.node(NodeId(1)).claim(world.now).is_some(), "node 1 claims its lease");
    assert_eq!(world.told.violation, None);
}

/// Runs until there is a leader with its sessions; `None` unless it is node 1.
fn settled_under_node_1(mut world: World) -> Option<World> {
    run_until(&mut world, 1_500 * MS);
    let sessions = world.node(NodeId(1)).replica.as_ref()?.machine().session_count();
    (world.node(NodeId(1)).is_leader() && sessions == 2).then_some(world)
}

/// Lets everything happen by itself.
pub fn run_until(world: &mut World, until: u64) {
    loop {
        let next = world.next();
        if matches!(next, Next::Pass { until: at } if at > until) {
            return;
        }
        world.step(next);
    }
}

/// ρ, in parts per million.
const RHO: i64 = RHO_PPM as i64;
