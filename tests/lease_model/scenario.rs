//! Where a search starts: a leader, two sessions, the lock held by one client and awaited by the other.

use crate::client::Program;
use crate::clock::MS;
use crate::node::NODES;
use crate::weaken::Rules;
use crate::world::{Setting, World};
use tenure::base::NodeId;

/// The clocks of all at their right rate.
pub fn calm(rules: Rules) -> World {
    start(rules, [0; NODES as usize], [0; 2])
}

/// A world in which node 1 leads, client 0 holds the lock, and client 1 waits for it; nothing is on its way.
/// The leader may claim its lease.
pub fn start(rules: Rules, node_ppm: [i64; NODES as usize], client_ppm: [i64; 2]) -> World {
    let setting = |seed| Setting { rules, node_ppm, client_ppm, seed };
    let mut started = (1..).map(|seed| World::new(&setting(seed))).find_map(settled_under_node_1);
    let world = started.as_mut().expect("some seed lets node 1 win");
    for client in 0..world.clients.len() {
        let now = world.now;
        world.clients[client].acquire(now);
        world.drain(client);
        run_until(world, now + 20 * MS);
    }
    let until = world.now + 300 * MS;
    run_until(world, until);
    assert!(world.clients[0].believes(world.now).is_some(), "client 0 holds the lock");
    assert!(matches!(world.clients[1].program, Program::Waits(_)), "client 1 waits for it");
    assert!(world.node(NodeId(1)).claim(world.now).is_some(), "node 1 claims its lease");
    assert_eq!(world.told.violation, None);
    world.clone()
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
        if matches!(next, crate::world::Next::Pass { until: at } if at > until) {
            return;
        }
        world.step(next);
    }
}
