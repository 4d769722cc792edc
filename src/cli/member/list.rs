//! `tenure member list`: the members as the node with the newest log knows them, and how far each is.

use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::output;
use clap::Args;
use tenure::client::{ClusterStatus, Member};

/// Show the members: what each counts for, and how far its log is.
#[derive(Args, Debug)]
pub struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let cluster = ClusterStatus::ask(options.connection.at()?, options.connection.timeout);
    let members = Member::all_of(&cluster)?;
    output::conclude(&match options.json {
        true => format!("{}\n", Member::to_json(&members)),
        false => to_text(&members),
    })
}

fn to_text(members: &[Member]) -> String {
    let head = ["ID", "ADDRESS", "SEAT", "ROLE", "BEHIND"].map(str::to_owned);
    let mut lines = vec![head.to_vec()];
    lines.extend(members.iter().map(|member| {
        vec![
            member.id.to_string(),
            member.address.clone(),
            member.seat.clone(),
            member.role.clone(),
            member.behind.map_or("?".to_owned(), |behind| behind.to_string()),
        ]
    }));
    let mut text = output::table(&lines);
    if members.iter().all(|member| member.behind.is_none()) {
        text.push_str("no leader: how far each is, nobody knows until a majority is back\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use tenure::base::{Index, NodeId, Term};
    use tenure::raft::Seat;
    use tenure::wire::{MemberStatus, NodeStatus};

    fn member(id: u64, seat: Seat, matched: Option<u64>) -> MemberStatus {
        let address = format!("127.0.0.1:740{id}");
        MemberStatus { node: NodeId(id), address, seat, matched: matched.map(Index) }
    }

    /// What node 1, the only one that answers, says of these.
    fn told(role: &str, members: Vec<MemberStatus>) -> Vec<Member> {
        let status = NodeStatus {
            node: NodeId(1),
            role: role.to_owned(),
            term: Term(7),
            last: Index(42),
            members,
            ..NodeStatus::default()
        };
        let answers = vec![("127.0.0.1:7401".to_owned(), Ok(status))];
        Member::all_of(&ClusterStatus::of(answers)).unwrap()
    }

    #[test]
    fn each_member_is_one_line_with_what_it_counts_for() {
        let (one, two) = (member(1, Seat::Voter, Some(42)), member(2, Seat::Learner, None));
        let members = told("leader", vec![one, two]);
        let expected = "ID  ADDRESS         SEAT     ROLE         BEHIND\n\
                        1   127.0.0.1:7401  voter    leader       0\n\
                        2   127.0.0.1:7402  learner  unreachable  ?\n";
        assert_eq!(to_text(&members), expected);
        let value: Value = Member::to_json(&members);
        let first = json!({"id": 1, "address": "127.0.0.1:7401", "seat": "voter", "role": "leader",
            "matched": 42, "behind": 0});
        assert_eq!(value["members"][0], first);
        assert_eq!(value["members"][1]["behind"], Value::Null);
    }

    #[test]
    fn without_a_leader_nobody_knows_how_far_each_is() {
        let members = told("follower", vec![member(1, Seat::Voter, None)]);
        assert!(to_text(&members).ends_with("until a majority is back\n"));
    }
}
