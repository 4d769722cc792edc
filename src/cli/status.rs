//! `tenure status`: the nodes of a cluster, each asked for itself; needs no quorum.

use crate::cli::connect::Connection;
use crate::cli::failure::{Failure, NO, UNAVAILABLE};
use crate::cli::log::printable;
use crate::cli::output;
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tenure::base::NodeId;
use tenure::client::Client;
use tenure::raft::Seat;
use tenure::wire::NodeStatus;

/// Show the nodes: leader, terms, how far each log is.
///
/// With --check the exit code is the answer: 0 all nodes serve, 1 there is a quorum but not all nodes
/// serve, 3 there is no quorum.
#[derive(Args, Debug)]
pub struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit 0 for a whole cluster, 1 for a degraded one, 3 for none
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Runs it.
pub fn run(options: &Options) -> Result<u8, Failure> {
    let cluster = ClusterStatus::ask(&options.connection.endpoints, options.connection.timeout);
    if !options.check && cluster.nodes.iter().all(|node| node.state.is_err()) {
        return Err(Failure::unavailable(cluster.complaint()));
    }
    output::print(&if options.json { cluster.to_json() } else { cluster.to_text() })?;
    Ok(if options.check { cluster.health().exit_code() } else { 0 })
}

/// What the nodes said at about one time.
#[derive(Clone, Debug)]
pub struct ClusterStatus {
    /// In order of their ids; those without one last.
    pub nodes: Vec<NodeRow>,
}

/// One node, and what it said or why it said nothing.
#[derive(Clone, Debug)]
pub struct NodeRow {
    /// Its id, if any node that answered knows this address.
    pub id: Option<NodeId>,
    /// Where it was asked.
    pub address: String,
    /// Its answer, or why there is none.
    pub state: Result<NodeStatus, String>,
}

/// Whether a cluster serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// A leader, and all members in its term.
    Whole,
    /// A leader and a quorum in its term.
    Degraded,
    /// Neither.
    None,
}

impl Health {
    fn exit_code(self) -> u8 {
        match self {
            Self::Whole => 0,
            Self::Degraded => NO,
            Self::None => UNAVAILABLE,
        }
    }
}

impl ClusterStatus {
    /// Asks the nodes at `endpoints`, and the members that they name besides.
    #[must_use]
    pub fn ask(endpoints: &str, timeout: Duration) -> Self {
        let mut answers = Client::status_of(endpoints, timeout);
        let others: Vec<String> = members(&answers)
            .into_values()
            .filter(|address| answers.iter().all(|(asked, _)| asked != address))
            .collect();
        if !others.is_empty() {
            answers.extend(Client::status_of(&others.join(","), timeout));
        }
        Self::new(answers)
    }

    fn new(answers: Answers) -> Self {
        let members = members(&answers);
        let known = |address: &str| {
            members.iter().find(|(_, member)| *member == address).map(|(node, _)| *node)
        };
        let mut nodes: Vec<NodeRow> = Vec::new();
        for (asked, answer) in answers {
            let id = answer.as_ref().ok().map(|status| status.node).or_else(|| known(&asked));
            let address = id.and_then(|id| members.get(&id)).unwrap_or(&asked).clone();
            let state = answer.map_err(|error| error.to_string());
            match nodes.iter_mut().find(|row| id.is_some() && row.id == id) {
                // Reached under two names: one that answered counts.
                Some(row) if row.state.is_err() => row.state = state,
                Some(_) => {}
                None => nodes.push(NodeRow { id, address, state }),
            }
        }
        nodes.sort_by_key(|row| (row.id.is_none(), row.id));
        Self { nodes }
    }

    /// The nodes that answered.
    pub fn answered(&self) -> impl Iterator<Item = &NodeStatus> {
        self.nodes.iter().filter_map(|row| row.state.as_ref().ok())
    }

    /// The node that leads the highest term, as it says itself.
    #[must_use]
    pub fn leader(&self) -> Option<&NodeStatus> {
        let leaders = self.answered().filter(|status| status.role == "leader");
        leaders.max_by_key(|status| status.term)
    }

    /// The leader, else the node with the newest log.
    #[must_use]
    pub fn newest(&self) -> Option<&NodeStatus> {
        self.leader().or_else(|| self.answered().max_by_key(|status| (status.term, status.commit)))
    }

    /// What `node` is at present, as it says itself.
    #[must_use]
    pub fn role_of(&self, node: NodeId) -> String {
        let status = self.answered().find(|status| status.node == node);
        status.map_or(UNREACHABLE.to_owned(), role)
    }

    /// Whether it serves.
    #[must_use]
    pub fn health(&self) -> Health {
        let Some(leader) = self.leader() else { return Health::None };
        let is_with = |node: NodeId| {
            self.answered().any(|status| status.node == node && status.term == leader.term)
        };
        let halves = [
            [Seat::Voter, Seat::Joining].as_slice(),
            &[Seat::Voter, Seat::Demoting, Seat::Leaving],
        ];
        let has_quorum = |seats: &&[Seat]| {
            let voters = leader.members.iter().filter(|member| seats.contains(&member.seat));
            let (all, with) = voters.fold((0, 0), |(all, with), member| {
                (all + 1, with + usize::from(is_with(member.node)))
            });
            with > all / 2
        };
        match leader.members.iter().all(|member| is_with(member.node)) {
            true => Health::Whole,
            false if halves.iter().all(has_quorum) => Health::Degraded,
            false => Health::None,
        }
    }

    /// Which nodes were tried, and why each failed.
    #[must_use]
    pub fn complaint(&self) -> String {
        let tried = self.nodes.iter().map(|row| match &row.state {
            Ok(_) => format!("{} answered", row.address),
            Err(why) => format!("{} ({why})", row.address),
        });
        format!("no node answered; tried {}", tried.collect::<Vec<_>>().join(", "))
    }

    fn to_json(&self) -> String {
        let node = |row: &NodeRow| -> Value {
            let status = row.state.as_ref().ok();
            json!({
                "id": row.id.map(|id| id.0),
                "address": row.address,
                "role": status.map_or(UNREACHABLE.to_owned(), role),
                "term": status.map(|status| status.term.0),
                "commit": status.map(|status| status.commit.0),
                "applied": status.map(|status| status.applied.0),
            })
        };
        let leader = self.leader().map(|status| status.node.0);
        let nodes: Vec<Value> = self.nodes.iter().map(node).collect();
        format!("{}\n", json!({"leader": leader, "nodes": nodes}))
    }

    fn to_text(&self) -> String {
        let head =
            ["ID", "ADDRESS", "ROLE", "TERM", "COMMIT", "APPLIED", "LOCKS", "SESSIONS", "LOG"];
        let mut lines = vec![head.map(str::to_owned).to_vec()];
        lines.extend(self.nodes.iter().map(line));
        let mut text = output::table(&lines);
        for row in &self.nodes {
            if let Err(why) = &row.state {
                text.push_str(&format!("{}: {}\n", row.address, printable(why)));
            }
        }
        if self.leader().is_none() {
            text.push_str(
                "no leader: locks cannot be granted until a majority of the nodes is back\n",
            );
        }
        text
    }
}

fn line(row: &NodeRow) -> Vec<String> {
    let id = row.id.map_or("?".to_owned(), |id| id.to_string());
    let address = row.address.clone();
    let Ok(status) = &row.state else {
        return vec![id, address, UNREACHABLE.to_owned()];
    };
    let log = format!("{} of {} MiB", status.log_bytes >> 20, status.log_bytes_max >> 20);
    vec![
        id,
        address,
        role(status),
        status.term.to_string(),
        status.commit.to_string(),
        status.applied.to_string(),
        status.locks.to_string(),
        status.sessions.to_string(),
        log,
    ]
}

/// Its role, as an operator thinks of it.
fn role(status: &NodeStatus) -> String {
    let own = status.members.iter().find(|member| member.node == status.node);
    match own.map(|member| member.seat) {
        Some(Seat::Learner) => "learner".to_owned(),
        Some(_) => status.role.clone(),
        None => "no member".to_owned(),
    }
}

const UNREACHABLE: &str = "unreachable";

type Answers = Vec<(String, Result<NodeStatus, tenure::Error>)>;

/// All members that the node with the newest log names.
fn members(answers: &Answers) -> BTreeMap<NodeId, String> {
    let named = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok());
    let newest = named.max_by_key(|status| (status.term, status.commit));
    let members = newest.into_iter().flat_map(|status| &status.members);
    members.map(|member| (member.node, member.address.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenure::base::{Index, Term};
    use tenure::wire::MemberStatus;
    use tenure::{Error, Status};

    fn status(node: u64, role: &str, term: u64) -> NodeStatus {
        NodeStatus {
            node: NodeId(node),
            role: role.into(),
            term: Term(term),
            leader: None,
            commit: Index(42),
            applied: Index(41),
            last: Index(42),
            log_bytes: 0,
            log_bytes_max: 1 << 30,
            sessions: 0,
            locks: 0,
            members: (1..=3).map(member).collect(),
            snapshot: Index(0),
            refused_connections: 0,
            version: "0".into(),
        }
    }

    fn member(id: u64) -> MemberStatus {
        let address = format!("127.0.0.1:740{id}");
        MemberStatus { node: NodeId(id), address, seat: Seat::Voter, matched: None }
    }

    fn cluster(states: [Option<NodeStatus>; 3]) -> ClusterStatus {
        let answer = |(place, state): (usize, Option<NodeStatus>)| {
            let refused = Error::new(Status::Unavailable, "connection refused");
            (format!("127.0.0.1:740{}", place + 1), state.ok_or(refused))
        };
        ClusterStatus::new(states.into_iter().enumerate().map(answer).collect())
    }

    #[test]
    fn json_is_that_of_the_contract() {
        let cluster = cluster([Some(status(1, "leader", 7)), None, Some(status(3, "follower", 7))]);
        let value: Value = serde_json::from_str(&cluster.to_json()).unwrap();
        assert_eq!(value["leader"], 1);
        let first = json!({"id": 1, "address": "127.0.0.1:7401", "role": "leader", "term": 7,
            "commit": 42, "applied": 41});
        assert_eq!(value["nodes"][0], first);
        assert_eq!(
            (&value["nodes"][1]["id"], &value["nodes"][1]["role"]),
            (&json!(2), &json!("unreachable"))
        );
    }

    #[test]
    fn health_counts_the_members_in_the_leaders_term() {
        let leader = || Some(status(1, "leader", 7));
        let follower = |id, term| Some(status(id, "follower", term));
        let health = |states| cluster(states).health();
        assert_eq!(health([leader(), follower(2, 7), follower(3, 7)]), Health::Whole);
        assert_eq!(health([leader(), follower(2, 7), None]), Health::Degraded);
        assert_eq!(health([leader(), follower(2, 7), follower(3, 6)]), Health::Degraded);
        assert_eq!(health([leader(), None, None]), Health::None);
        assert_eq!(health([None, follower(2, 7), follower(3, 7)]), Health::None);
    }

    #[test]
    fn of_two_leaders_the_one_of_the_higher_term_counts() {
        let states = [Some(status(1, "leader", 7)), Some(status(2, "leader", 8)), None];
        assert_eq!(cluster(states).leader().map(|leader| leader.node), Some(NodeId(2)));
    }

    #[test]
    fn a_node_asked_under_two_names_is_listed_once() {
        let refused = Error::new(Status::Unavailable, "");
        let answers = vec![
            ("localhost:7401".to_owned(), Ok(status(1, "leader", 7))),
            ("127.0.0.1:7401".to_owned(), Err(refused)),
        ];
        assert_eq!(ClusterStatus::new(answers).nodes.len(), 1);
    }
}
