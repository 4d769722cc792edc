//! What must hold at every instant of real time.

use crate::lease_model::client::{Client, Program};
use crate::lease_model::clock::MS;
use crate::lease_model::node::Node;
use crate::lease_model::tracked::Tracked;
use tenure::base::Token;

/// What the world has seen so far, as far as later instants depend on it; and the first violation.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The largest token that a program was told.
    newest_token: Token,
    pub violation: Option<String>,
}

impl Told {
    /// Fencing: each grant that a program is told of has a larger token than all before (L3, L4).
    pub fn observe_grant(&mut self, client: usize, token: Token) {
        if token <= self.newest_token {
            let newest = self.newest_token;
            self.fail(format!("client {client} is granted token {token} after token {newest}"));
        }
        self.newest_token = token;
    }

    /// Belief: no two clients read `remaining > 0` of the lock at one instant, and none that has read 0
    /// reads more again (L24). Between two steps beliefs only end, so looking after each step is enough.
    pub fn observe_beliefs(&mut self, clients: &mut [Tracked<Client>], now: u64) {
        let believers: Vec<_> = clients.iter().filter_map(|client| client.believes(now)).collect();
        if believers.len() > 1 {
            self.fail(format!(
                "two clients believe that they hold the lock, by tokens {believers:?}"
            ));
        }
        for (at, client) in clients.iter_mut().enumerate() {
            let believes = client.believes(now).is_some();
            let held = matches!(client.program, Program::Holds { .. });
            if client.was_over() && believes {
                self.fail(format!("client {at} believes again in what was over"));
            } else if held && !believes && !client.was_over() {
                client.note_over();
            }
        }
    }

    /// Leader lease: no two nodes claim it at one instant of `from ..= to`, in which nobody steps. A claim
    /// may begin in it, so besides the ends of claims a fine grid is looked at.
    pub fn observe_claims(&mut self, nodes: &[Tracked<Node>], from: u64, to: u64) {
        let ends = nodes.iter().filter_map(|node| Some(node.claim_end(&node.claim(from)?)));
        let grid = (1..).map(|step| from + step * GRID).take_while(|instant| *instant < to);
        let mut instants: Vec<u64> = ends.map(|end| end.clamp(from, to)).chain(grid).collect();
        instants.push(from);
        for instant in instants {
            let claim =
                |node: &Tracked<Node>| node.claim(instant).map(|claim| (node.id, claim.term));
            let claims: Vec<_> = nodes.iter().filter_map(claim).collect();
            if claims.len() > 1 {
                self.fail(format!("nodes claim the leader lease together: {claims:?}"));
            }
        }
    }

    /// Replicas that have applied the same entries are in the same state (R5).
    pub fn observe_machines(&mut self, nodes: &[Tracked<Node>]) {
        let replicas: Vec<_> = nodes.iter().filter_map(|node| node.replica.as_ref()).collect();
        for (at, one) in replicas.iter().enumerate() {
            for other in &replicas[at + 1..] {
                if one.applied() == other.applied()
                    && one.machine().state_hash() != other.machine().state_hash()
                {
                    self.fail(format!("two replicas differ at index {}", one.applied()));
                }
            }
        }
    }

    pub fn fail(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }
}

/// How finely claims are looked at between steps.
const GRID: u64 = 10 * MS;
