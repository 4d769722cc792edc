//! `tenure member list`: the members as the node with the newest log knows them, and how far each is.

use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::output;
use clap::Args;
use serde_json::{Value, json};
use tenure::base::Index;
use tenure::client::ClusterStatus;
use tenure::wire::MemberStatus;

/// Show the members: what each counts for, and how far its log is.
#[derive(Args, Debug)]
pub struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Runs it.
pub fn run(options: &Options) -> Result<(), Failure> {
    let cluster = ClusterStatus::ask(options.connection.at()?, options.connection.timeout);
    let rows = rows(&cluster)?;
    output::conclude(&if options.json { to_json(&rows) } else { to_text(&rows) })
}

/// A member, what it says of its role, and how many entries it lacks, if the leader says so.
struct Row<'a> {
    member: &'a MemberStatus,
    role: String,
    behind: Option<u64>,
}

fn rows(cluster: &ClusterStatus) -> Result<Vec<Row<'_>>, Failure> {
    let Some(newest) = cluster.newest() else {
        return Err(Failure::unavailable(cluster.complaint()));
    };
    let behind = |matched: Option<Index>| Some(newest.last.0.saturating_sub(matched?.0));
    let row =
        |member| Row { member, role: cluster.role_of(member.node), behind: behind(member.matched) };
    Ok(newest.members.iter().map(row).collect())
}

fn to_json(rows: &[Row<'_>]) -> String {
    let member = |row: &Row<'_>| -> Value {
        json!({
            "id": row.member.node.0,
            "address": row.member.address,
            "seat": row.member.seat.name(),
            "role": row.role,
            "matched": row.member.matched.map(|index| index.0),
            "behind": row.behind,
        })
    };
    format!("{}\n", json!({"members": rows.iter().map(member).collect::<Vec<_>>()}))
}

fn to_text(rows: &[Row<'_>]) -> String {
    let head = ["ID", "ADDRESS", "SEAT", "ROLE", "BEHIND"].map(str::to_owned);
    let mut lines = vec![head.to_vec()];
    lines.extend(rows.iter().map(|row| {
        vec![
            row.member.node.to_string(),
            row.member.address.clone(),
            row.member.seat.name().to_owned(),
            row.role.clone(),
            row.behind.map_or("?".to_owned(), |behind| behind.to_string()),
        ]
    }));
    let mut text = output::table(&lines);
    if rows.iter().all(|row| row.behind.is_none()) {
        text.push_str("no leader: how far each is, nobody knows until a majority is back\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenure::base::NodeId;
    use tenure::raft::Seat;

    fn member(id: u64, seat: Seat, matched: Option<u64>) -> MemberStatus {
        let address = format!("127.0.0.1:740{id}");
        MemberStatus { node: NodeId(id), address, seat, matched: matched.map(Index) }
    }

    #[test]
    fn each_member_is_one_line_with_what_it_counts_for() {
        let (one, two) = (member(1, Seat::Voter, Some(42)), member(2, Seat::Learner, None));
        let rows = [
            Row { member: &one, role: "leader".into(), behind: Some(0) },
            Row { member: &two, role: "unreachable".into(), behind: None },
        ];
        let expected = "ID  ADDRESS         SEAT     ROLE         BEHIND\n\
                        1   127.0.0.1:7401  voter    leader       0\n\
                        2   127.0.0.1:7402  learner  unreachable  ?\n";
        assert_eq!(to_text(&rows), expected);
        let value: Value = serde_json::from_str(&to_json(&rows)).unwrap();
        let first = json!({"id": 1, "address": "127.0.0.1:7401", "seat": "voter", "role": "leader",
            "matched": 42, "behind": 0});
        assert_eq!(value["members"][0], first);
        assert_eq!(value["members"][1]["behind"], Value::Null);
    }

    #[test]
    fn without_a_leader_nobody_knows_how_far_each_is() {
        let one = member(1, Seat::Voter, None);
        let rows = [Row { member: &one, role: "follower".into(), behind: None }];
        assert!(to_text(&rows).ends_with("until a majority is back\n"));
    }
}
