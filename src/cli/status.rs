//! `tenure status`: the nodes of a cluster, each asked for itself; needs no quorum.

mod one;

use crate::cli::connect::Connection;
use crate::cli::failure::{Failure, NO, UNAVAILABLE};
use crate::cli::log::printable;
use crate::cli::output;
use clap::Args;
use tenure::base::NodeId;
use tenure::base::limits::LAG_ENTRIES_MAX;
use tenure::client::{ClusterStatus, NodeRow};
use tenure::raft::Seat;
use tenure::wire::{MemberStatus, NodeStatus, ServiceState, Timing};

/// Show the nodes: leader, terms, how far each log is.
///
/// With --check the exit code is the answer: 0 all nodes serve, have the log, room on their disks, and TLS or none, with certificates
/// for seven days and more; 1 there is a quorum but not all nodes do, or the cluster waits for something and grants nothing; 3
/// there is no quorum. Nodes of several
/// clusters are shown apart, and refused: 3. With --check --node ID it is asked of that node alone: 0 it leads, or follows a leader;
/// 1 it answers and does neither, or has no room on its disk, and says why; 3 it does not answer.
#[derive(Args, Debug)]
pub struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit 0 for a whole cluster, 1 for one that is degraded or waits, 3 for none
    #[arg(long)]
    check: bool,
    /// With --check: that node alone
    #[arg(long, value_name = "ID", requires = "check", value_parser = clap::value_parser!(u64).range(1..))]
    node: Option<u64>,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(options: &Options) -> Result<u8, Failure> {
    let cluster = ClusterStatus::ask(options.connection.at()?, options.connection.timeout);
    if let Some(node) = options.node {
        return one::run(&cluster, NodeId(node), options.json);
    }
    if !options.check && cluster.nodes.iter().all(|node| node.state.is_err()) {
        return Err(Failure::unavailable(cluster.complaint()));
    }
    output::conclude(&if options.json { cluster.json_line() } else { to_text(&cluster) })?;
    if let Some(text) = cluster.contradiction() {
        return Err(Failure::unavailable(text));
    }
    Ok(if options.check { Health::of(&cluster).exit_code() } else { 0 })
}

/// The answer of --check for a whole cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// A leader, and all members in its term, with its log, and room for more of it.
    Whole,
    /// A leader and a quorum in its term; or a cluster that waits for something and grants nothing until then.
    Degraded,
    /// No leader, or no quorum in its term.
    None,
}

impl Health {
    /// The health of `cluster`.
    #[must_use]
    pub fn of(cluster: &ClusterStatus) -> Self {
        let state = cluster.condition().state;
        let Some(leader) = cluster.leader() else {
            let waits = matches!(state, ServiceState::NotFounded | ServiceState::WaitsForMembers);
            return if waits { Self::Degraded } else { Self::None };
        };
        let is_with = |node: NodeId| {
            cluster.answered().any(|status| status.node == node && status.term == leader.term)
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
        let keeps_up = |member: &MemberStatus| has_log(leader, member);
        let has_room = cluster.answered().all(|status| status.disk_lacks.is_none());
        let is_well = |member: &MemberStatus| is_with(member.node) && keeps_up(member);
        let is_secured = cluster.optional_tls().is_empty() && cluster.expiring().is_empty();
        let all_well = has_room && is_secured && leader.members.iter().all(is_well);
        match all_well && state == ServiceState::Serving {
            true => Self::Whole,
            false if halves.iter().all(has_quorum) => Self::Degraded,
            false => Self::None,
        }
    }

    fn exit_code(self) -> u8 {
        match self {
            Self::Whole => 0,
            Self::Degraded => NO,
            Self::None => UNAVAILABLE,
        }
    }
}

/// Whether `member` has the leader's log, but for what a few round trips bring: else the cluster would wait for it if
/// another node stopped now. One that waits for a snapshot has not.
fn has_log(leader: &NodeStatus, member: &MemberStatus) -> bool {
    let least = leader.snapshot.0.max(leader.last.0.saturating_sub(LAG_ENTRIES_MAX));
    member.matched.is_some_and(|matched| matched.0 >= least)
}

fn to_text(cluster: &ClusterStatus) -> String {
    let clusters = cluster.clusters();
    let mut text = String::new();
    if clusters.len() > 1 {
        for part in clusters {
            let rows = cluster.nodes.iter().filter(|row| row.cluster() == Some(part));
            text.push_str(&format!("cluster {part}:\n{}\n", table(rows)));
        }
        let others = cluster.nodes.iter().filter(|row| row.cluster().is_none());
        text.push_str(&complaints(others));
        return text;
    }
    text.push_str(&table(cluster.nodes.iter()));
    text.push_str(&complaints(cluster.nodes.iter()));
    if let Some(id) = clusters.first() {
        let ancestors = cluster.newest().into_iter().flat_map(|status| status.ancestors.iter());
        let ancestors: Vec<String> = ancestors.map(|ancestor| ancestor.to_string()).collect();
        let restored = match ancestors.is_empty() {
            true => String::new(),
            false => format!(", restored from {}", ancestors.join(", ")),
        };
        text.push_str(&format!("cluster {id}{restored}\n"));
    }
    for remark in cluster.remarks() {
        text.push_str(&format!("{}\n", printable(&remark)));
    }
    if let Some(line) = cluster.leadership() {
        text.push_str(&format!("{}\n", printable(&line)));
    }
    let condition = cluster.condition();
    if !condition.is_serving() {
        text.push_str(&format!("{}\n", printable(&condition.sentence())));
    }
    text
}

fn table<'a>(rows: impl Iterator<Item = &'a NodeRow> + Clone) -> String {
    let head = [
        "ID", "ADDRESS", "ROLE", "TERM", "COMMIT", "APPLIED", "LOCKS", "SESSIONS", "LOG",
        "VERSION", "LEVEL", "TURN", "SYNC",
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(rows.clone().map(line));
    let statuses = rows.map(|row| row.state.as_ref().ok());
    if statuses.clone().flatten().any(|status| status.identity.is_some()) {
        lines[0].extend(["IDENTITY", "CERTIFICATE"].map(str::to_owned));
        for (line, status) in lines[1..].iter_mut().zip(statuses) {
            line.extend(status.into_iter().flat_map(secured_columns));
        }
    }
    output::table(&lines)
}

/// The principal in a node's certificate, and how long the certificate is valid.
fn secured_columns(status: &NodeStatus) -> [String; 2] {
    let days = match status.certificate_days {
        None => "?".to_owned(),
        Some(..=-1) => "expired".to_owned(),
        Some(1) => "1 day".to_owned(),
        Some(days) => format!("{days} days"),
    };
    let identity = status.identity.as_deref().map_or("?".to_owned(), printable);
    [identity, days]
}

/// Why nodes did not answer.
fn complaints<'a>(rows: impl Iterator<Item = &'a NodeRow>) -> String {
    let why = |row: &NodeRow| {
        let why = row.state.as_ref().err()?;
        Some(format!("{}: {}\n", printable(&row.address), printable(why)))
    };
    rows.filter_map(why).collect()
}

fn line(row: &NodeRow) -> Vec<String> {
    let id = row.id.map_or("?".to_owned(), |id| id.to_string());
    let address = printable(&row.address);
    let Ok(status) = &row.state else {
        return vec![id, address, UNREACHABLE.to_owned()];
    };
    let log = format!("{} of {} MiB", status.log_bytes >> 20, status.log_bytes_max >> 20);
    vec![
        id,
        address,
        status.standing().to_owned(),
        status.term.to_string(),
        status.commit.to_string(),
        status.applied.to_string(),
        status.locks.to_string(),
        status.sessions.to_string(),
        log,
        printable(&status.version),
        status.level.map_or("?".to_owned(), |level| level.to_string()),
        longest(status.turn_us),
        longest(status.sync_us),
    ]
}

/// The longest duration of the last minute.
fn longest(timing: Option<Timing>) -> String {
    let millis = |micros: u64| format!("{}.{} ms", micros / 1000, micros % 1000 / 100);
    timing.map_or("?".to_owned(), |timing| millis(timing.max_minute))
}

const UNREACHABLE: &str = "unreachable";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use tenure::base::{Index, Term};
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
            level: Some(2),
            leader_changes: Some(4),
            leader_change_why: Some("node 2 handed over".into()),
            leader_for_ms: Some(250_000),
            election_wait_ms: Some(150),
            lease_gaps: Some(1),
            ..NodeStatus::default()
        }
    }

    fn member(id: u64) -> MemberStatus {
        let address = format!("127.0.0.1:740{id}");
        MemberStatus { node: NodeId(id), address, seat: Seat::Voter, matched: Some(Index(42)) }
    }

    fn cluster(states: [Option<NodeStatus>; 3]) -> ClusterStatus {
        let answer = |(place, state): (usize, Option<NodeStatus>)| {
            let refused = Error::new(Status::Unavailable, "connection refused");
            (format!("127.0.0.1:740{}", place + 1), state.ok_or(refused))
        };
        ClusterStatus::of(states.into_iter().enumerate().map(answer).collect())
    }

    #[test]
    fn json_is_that_of_the_contract() {
        let turn_us = Some(Timing { count: 9, p50: 1, p99: 2, max: 4, max_minute: 3 });
        let leader = NodeStatus { turn_us, ..status(1, "leader", 7) };
        let cluster = cluster([Some(leader), None, Some(status(3, "follower", 7))]);
        let value: Value = serde_json::from_str(&cluster.json_line()).unwrap();
        assert_eq!(value["leader"], 1);
        let first = json!({"id": 1, "address": "127.0.0.1:7401", "role": "leader", "term": 7,
            "commit": 42, "applied": 41, "locks": 0, "sessions": 0, "log_bytes": 0,
            "log_bytes_max": 1 << 30, "snapshot": 0, "snapshot_bytes": null, "state_bytes": null, "refused_connections": 0,
            "refused_messages": 0, "version": "0", "level": 2, "disk_lacks": null,
            "cluster_id": null, "state": null, "state_text": null, "leader_changes": 4,
            "leader_silences": null, "leader_change_why": "node 2 handed over",
            "leader_for_ms": 250_000, "election_wait_ms": 150, "lease_gaps": 1,
            "turn_us": {"count": 9, "p50": 1, "p99": 2, "max": 4, "max_minute": 3},
            "turn_processor_us": null, "sync_us": null, "heartbeat_gap_us": null, "tls": null, "identity": null,
            "certificate_days": null, "unreachable": null});
        assert_eq!(value["nodes"][0], first);
        assert_eq!(
            (&value["nodes"][1]["id"], &value["nodes"][1]["role"]),
            (&json!(2), &json!("unreachable"))
        );
        let why = value["nodes"][1]["unreachable"].as_str().unwrap();
        assert!(why.contains("connection refused"), "{why}");
    }

    #[test]
    fn who_leads_is_said_with_since_when_and_why_while_that_is_news() {
        let leads =
            |changes| NodeStatus { leader_changes: Some(changes), ..status(1, "leader", 7) };
        let news = cluster([Some(leads(1)), Some(status(2, "follower", 7)), None]);
        let text = to_text(&news);
        assert!(text.contains("node 1 leads since 20"), "{text}");
        assert!(text.contains(" UTC (4m 10s), in term 7: node 2 handed over\n"), "{text}");
        let calm = to_text(&cluster([Some(leads(0)), None, None]));
        assert!(calm.contains(" UTC (4m 10s), in term 7\n"), "{calm}");
        let value: Value = serde_json::from_str(&news.json_line()).unwrap();
        let since = value["leader_since_unix_ms"].as_u64().unwrap();
        assert!(since > 1_700_000_000_000, "{since}");
        let old = NodeStatus { leader_for_ms: None, ..leads(0) };
        let old = to_text(&cluster([Some(old), None, None]));
        assert!(old.contains("node 1 leads in term 7\n"), "{old}");
        assert!(!to_text(&cluster([None, Some(status(2, "follower", 7)), None])).contains("leads"));
    }

    #[test]
    fn health_counts_the_members_in_the_leaders_term() {
        let leader = || Some(status(1, "leader", 7));
        let follower = |id, term| Some(status(id, "follower", term));
        let health = |states| Health::of(&cluster(states));
        assert_eq!(health([leader(), follower(2, 7), follower(3, 7)]), Health::Whole);
        assert_eq!(health([leader(), follower(2, 7), None]), Health::Degraded);
        assert_eq!(health([leader(), follower(2, 7), follower(3, 6)]), Health::Degraded);
        assert_eq!(health([leader(), None, None]), Health::None);
        assert_eq!(health([None, follower(2, 7), follower(3, 7)]), Health::None);
    }

    #[test]
    fn a_cluster_is_whole_only_when_all_members_have_the_leaders_log() {
        let health = |last: u64, snapshot: u64| {
            let leader = NodeStatus {
                last: Index(last),
                snapshot: Index(snapshot),
                ..status(1, "leader", 7)
            };
            let followers = [2, 3].map(|id| Some(status(id, "follower", 7)));
            let [second, third] = followers;
            Health::of(&cluster([Some(leader), second, third]))
        };
        assert_eq!(health(42 + LAG_ENTRIES_MAX, 0), Health::Whole);
        assert_eq!(health(43 + LAG_ENTRIES_MAX, 0), Health::Degraded);
        assert_eq!(health(50, 42), Health::Whole);
        assert_eq!(health(50, 43), Health::Degraded, "it waits for a snapshot");
    }

    #[test]
    fn a_node_whose_disk_has_no_room_is_named_everywhere_and_the_cluster_is_degraded() {
        let why = "no space left: cannot prepare /data/2/spare.new";
        let full = NodeStatus { disk_lacks: Some(why.into()), ..status(2, "follower", 7) };
        let states = [Some(status(1, "leader", 7)), Some(full), Some(status(3, "follower", 7))];
        let cluster = cluster(states);
        assert_eq!(Health::of(&cluster), Health::Degraded);
        let text = to_text(&cluster);
        assert!(text.contains("node 2 has no room on its disk: ") && text.contains(why), "{text}");
        let value: Value = serde_json::from_str(&cluster.json_line()).unwrap();
        assert_eq!(value["nodes"][1]["disk_lacks"], why);
    }

    #[test]
    fn a_node_that_takes_plaintext_too_is_named_and_the_cluster_is_degraded() {
        let tls = |node: u64, role, tls: &str| {
            Some(NodeStatus { tls: Some(tls.into()), ..status(node, role, 7) })
        };
        let of = |second| {
            cluster([
                tls(1, "leader", "required"),
                tls(2, "follower", second),
                tls(3, "follower", "required"),
            ])
        };
        assert_eq!(Health::of(&of("required")), Health::Whole);
        assert_eq!(Health::of(&of("optional")), Health::Degraded);
        let text = to_text(&of("optional"));
        assert!(
            text.contains("without TLS are taken as well by node 2 (--tls optional)"),
            "{text}"
        );
        assert!(!to_text(&of("required")).contains("without TLS"));
    }

    #[test]
    fn certificates_that_end_soon_are_named_and_the_cluster_is_degraded() {
        let of = |days: i64| {
            let secured = |node: u64, role, days| {
                let identity = Some(format!("node/{node}"));
                let certificate_days = Some(days);
                Some(NodeStatus { identity, certificate_days, ..status(node, role, 7) })
            };
            cluster([
                secured(1, "leader", 300),
                secured(2, "follower", days),
                secured(3, "follower", 8),
            ])
        };
        assert_eq!(Health::of(&of(7)), Health::Whole);
        assert!(of(7).remarks().is_empty());
        for (days, said, shown) in [
            (6, "that of node 2 in 6 days. ", "6 days"),
            (1, "that of node 2 in one day. ", "1 day"),
            (0, "that of node 2 within a day. ", "0 days"),
            (-3, "that of node 2 has expired. ", "expired"),
        ] {
            let cluster = of(days);
            assert_eq!(Health::of(&cluster), Health::Degraded);
            let text = to_text(&cluster);
            assert!(text.contains(&format!("certificates end soon: {said}Put new ones")), "{text}");
            let row = text.lines().find(|line| line.contains("node/2")).unwrap();
            assert!(row.ends_with(shown), "{row}");
        }
        assert!(
            !to_text(&cluster([Some(status(1, "leader", 7)), None, None])).contains("IDENTITY")
        );
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
        assert_eq!(ClusterStatus::of(answers).nodes.len(), 1);
    }

    #[test]
    fn frequent_elections_are_said_with_their_cause() {
        let silent = |node, silences| NodeStatus {
            leader_changes: Some(4),
            leader_silences: Some(silences),
            ..status(node, "follower", 7)
        };
        let calm = cluster([Some(status(1, "leader", 7)), Some(silent(2, 2)), Some(silent(3, 2))]);
        assert!(calm.remarks().is_empty(), "{:?}", calm.remarks());
        let text = to_text(&cluster([Some(silent(1, 0)), Some(silent(2, 3)), Some(silent(3, 1))]));
        let part = "not heard in time by node 2 (3), node 3 (1): look at";
        assert!(text.contains(part) && text.contains("--election"), "{text}");
    }

    #[test]
    fn versions_that_differ_and_a_level_that_waits_are_said() {
        let older =
            || NodeStatus { version: "0.1".into(), level: None, ..status(2, "follower", 7) };
        let waits = Some("node 2 runs tenure 0.1".to_owned());
        let leader = NodeStatus { level: Some(1), level_waits: waits, ..status(1, "leader", 7) };
        let text = to_text(&cluster([Some(leader), Some(older()), None]));
        assert!(text.contains("versions differ (0, 0.1): node 1 runs 0; replace"), "{text}");
        assert!(text.contains("level 1 stays in force: node 2 runs tenure 0.1"), "{text}");
        let same = cluster([Some(status(1, "leader", 7)), Some(status(2, "follower", 7)), None]);
        assert!(same.remarks().is_empty(), "{:?}", same.remarks());
    }
}
