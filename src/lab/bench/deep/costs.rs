//! What one cycle takes of the processors: of the leader, of a follower and of the clients.

use super::processors::Processors;
use crate::cli::connect::Connection;
use crate::cli::output;
use crate::lab::bench::readings::Reading;
use serde_json::{Value, json};
use std::time::Duration;
use tenure::base::NodeId;

/// Microseconds of processor time, each divided by all cycles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProcessorCosts {
    /// Of the nodes, where they are known, and who leads.
    nodes: Option<Nodes>,
    client_user: f64,
    client_system: f64,
}

/// The event loop, and all other threads: snapshots, files, beginnings and ends.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Nodes {
    leader: (f64, f64),
    /// The mean of all that follow.
    follower: (f64, f64),
    followers: usize,
}

impl ProcessorCosts {
    /// `leader` led all the time, as far as is known.
    pub fn of(spent: &Processors, cycles: u64, leader: Option<NodeId>) -> Self {
        let each = |time: Duration| time.as_secs_f64() * 1e6 / cycles.max(1) as f64;
        let node = |id: &NodeId| {
            let node = spent.nodes[id];
            (each(node.event_loop), each(node.whole.saturating_sub(node.event_loop)))
        };
        let leader = leader.filter(|leader| spent.nodes.contains_key(leader));
        let nodes = leader.map(|leader| {
            let others: Vec<_> = spent.nodes.keys().filter(|id| **id != leader).map(node).collect();
            let mean = |part: fn(&(f64, f64)) -> f64| {
                others.iter().map(part).sum::<f64>() / others.len().max(1) as f64
            };
            let follower = (mean(|one| one.0), mean(|one| one.1));
            Nodes { leader: node(&leader), follower, followers: others.len() }
        });
        let client = spent.client;
        Self { nodes, client_user: each(client.user), client_system: each(client.system) }
    }

    /// Of all processes together.
    fn sum(&self) -> f64 {
        let nodes = self.nodes.map_or(0.0, |nodes| {
            let both = |(one, other)| one + other;
            both(nodes.leader) + both(nodes.follower) * nodes.followers as f64
        });
        nodes + self.client_user + self.client_system
    }

    /// For people.
    pub fn to_text(self) -> String {
        let row = |who: &str, (one, other): (f64, f64), parts: &str| {
            let cells = [who.to_owned(), format!("{:.2}", one + other)];
            [&cells[..], &[format!("{one:.2} + {other:.2} {parts}")]].concat()
        };
        let mut rows = vec![["processor, each cycle", "µs", ""].map(str::to_owned).to_vec()];
        if let Some(nodes) = self.nodes {
            rows.push(row("leader", nodes.leader, "its loop, and other threads"));
            rows.push(row("follower, mean", nodes.follower, "its loop, and other threads"));
        }
        rows.push(row("clients", (self.client_user, self.client_system), "user, and system"));
        rows.push(vec!["all".to_owned(), format!("{:.2}", self.sum())]);
        output::table(&rows)
    }

    /// For machines.
    pub fn to_value(self) -> Value {
        let round = |value: f64| (value * 100.0).round() / 100.0;
        let node =
            |(event_loop, others)| json!({"loop": round(event_loop), "others": round(others)});
        json!({
            "leader": self.nodes.map(|nodes| node(nodes.leader)),
            "follower": self.nodes.map(|nodes| node(nodes.follower)),
            "client": {"user": round(self.client_user), "system": round(self.client_system)},
            "all": round(self.sum()),
        })
    }
}

/// Who leads, as the nodes say.
pub fn leader(to: &Connection) -> Option<NodeId> {
    Reading::take(to).leader().map(|node| node.node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::bench::deep::processors::{Node, Taken};

    fn spent() -> Processors {
        let node = |millis| {
            let event_loop = Duration::from_millis(millis);
            Node { event_loop, whole: event_loop + Duration::from_millis(1) }
        };
        let nodes = [(1, node(3)), (2, node(6)), (3, node(5))];
        let client = Taken { user: Duration::from_millis(2), system: Duration::from_millis(1) };
        Processors { nodes: nodes.map(|(id, node)| (NodeId(id), node)).into(), client }
    }

    #[test]
    fn costs_are_of_each_cycle_and_of_followers_the_mean() {
        let value = ProcessorCosts::of(&spent(), 1000, Some(NodeId(2))).to_value();
        assert_eq!(value["leader"], json!({"loop": 6.0, "others": 1.0}));
        assert_eq!(value["follower"], json!({"loop": 4.0, "others": 1.0}));
        assert_eq!(value["client"], json!({"user": 2.0, "system": 1.0}));
        assert_eq!(value["all"], 20.0);
    }

    #[test]
    fn nodes_that_are_others_cost_nothing_that_is_known() {
        let costs = ProcessorCosts::of(&spent(), 1000, None);
        assert_eq!((costs.to_value()["leader"].clone(), costs.sum()), (Value::Null, 3.0));
        assert!(!costs.to_text().contains("leader"));
    }
}
