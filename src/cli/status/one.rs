//! `tenure status --check --node ID`: the health of one node alone.

use crate::cli::failure::{Failure, NO, UNAVAILABLE};
use crate::cli::log::printable;
use crate::cli::output;
use serde_json::{Value, json};
use tenure::base::NodeId;
use tenure::client::{ClusterStatus, NodeRow};
use tenure::wire::{Complaint, NodeStatus, UNREACHABLE};

/// The state of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Verdict {
    code: u8,
    /// For programs: "leads", "follows", "unreachable", else the obstacle to either.
    word: String,
    /// For people.
    sentence: String,
}

/// Prints the verdict; the exit code is the answer.
pub fn run(cluster: &ClusterStatus, node: NodeId, prints_json: bool) -> Result<u8, Failure> {
    if let Some(text) = cluster.contradiction() {
        return Err(Failure::unavailable(text));
    }
    let verdict = verdict(cluster, node)?;
    let text = match prints_json {
        true => format!("{}\n", to_json(cluster, node, &verdict)),
        false => format!("{}\n", printable(&verdict.sentence)),
    };
    output::conclude(&text)?;
    Ok(verdict.code)
}

fn verdict(cluster: &ClusterStatus, node: NodeId) -> Result<Verdict, Failure> {
    match cluster.nodes.iter().find(|row| row.id == Some(node)) {
        Some(NodeRow { state: Ok(status), .. }) => Ok(of_status(status)),
        Some(NodeRow { state: Err(why), address, .. }) => {
            Ok(silent(format!("node {node} at {address} does not answer: {why}")))
        }
        None if cluster.answered().next().is_none() => {
            Ok(silent(format!("node {node} does not answer: {}", cluster.complaint())))
        }
        None => unknown(cluster, node),
    }
}

/// The verdict on an id that no answering node has, or knows as a member's.
fn unknown(cluster: &ClusterStatus, node: NodeId) -> Result<Verdict, Failure> {
    let strangers: Vec<&str> = cluster
        .nodes
        .iter()
        .filter(|row| row.id.is_none())
        .map(|row| row.address.as_str())
        .collect();
    if !strangers.is_empty() {
        let text = format!(
            "node {node} does not answer: it is no member, and nobody answers at {}",
            strangers.join(", ")
        );
        return Ok(silent(text));
    }
    let known: Vec<String> =
        cluster.nodes.iter().filter_map(|row| row.id).map(|id| id.to_string()).collect();
    Err(Failure::usage(format!(
        "there is no node {node} in this cluster: its nodes are {}",
        known.join(", ")
    )))
}

fn of_status(status: &NodeStatus) -> Verdict {
    match status.ready() {
        Ok(()) => {
            let leads = status.leader == Some(status.node);
            let word = if leads { "leads" } else { "follows" }.to_owned();
            Verdict { code: 0, word, sentence: status.position() }
        }
        Err(Complaint { word, sentence }) => {
            let sentence = format!("node {} answers and does not serve: {sentence}", status.node);
            Verdict { code: NO, word: word.to_owned(), sentence }
        }
    }
}

fn silent(sentence: String) -> Verdict {
    Verdict { code: UNAVAILABLE, word: UNREACHABLE.to_owned(), sentence }
}

/// The JSON of `tenure status --json` with this node's row alone, and the verdict.
fn to_json(cluster: &ClusterStatus, node: NodeId, verdict: &Verdict) -> Value {
    let mut page = cluster.to_json();
    if let Some(rows) = page["nodes"].as_array_mut() {
        rows.retain(|row| row["id"] == node.0);
    }
    let Verdict { code, word, sentence } = verdict;
    page["check"] = json!({ "node": node.0, "code": code, "state": word, "text": sentence });
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenure::base::Term;
    use tenure::wire::{Condition, MemberStatus, ServiceState};
    use tenure::{Error, Status};

    fn members() -> Vec<MemberStatus> {
        (1..=3).map(|id| MemberStatus::voter(NodeId(id), format!("host{id}:1"))).collect()
    }

    fn cluster() -> ClusterStatus {
        let lost = Condition::new(ServiceState::NoQuorum, "no leader: grants nothing");
        let of = |node: u64, role: &str, leader: Option<u64>, condition: Condition| NodeStatus {
            node: NodeId(node),
            role: role.into(),
            term: Term(7),
            leader: leader.map(NodeId),
            members: members(),
            condition: Some(condition),
            ..NodeStatus::default()
        };
        let refused = || Err(Error::new(Status::Unavailable, "connection refused"));
        ClusterStatus::of(vec![
            ("host1:1".into(), Ok(of(1, "leader", Some(1), Condition::serving()))),
            ("host2:1".into(), Ok(of(2, "candidate", None, lost))),
            ("host3:1".into(), refused()),
        ])
    }

    #[test]
    fn each_answer_has_its_code_its_word_and_its_sentence() {
        let cluster = cluster();
        for (node, code, word, sentence) in [
            (1, 0, "leads", "node 1 leads in term 7"),
            (2, 1, "no_quorum", "node 2 answers and does not serve: no leader: grants nothing"),
            (3, 3, "unreachable", "node 3 at host3:1 does not answer: "),
        ] {
            let verdict = verdict(&cluster, NodeId(node)).unwrap();
            assert_eq!((verdict.code, verdict.word.as_str()), (code, word), "{verdict:?}");
            assert!(verdict.sentence.starts_with(sentence), "{verdict:?}");
            let page = to_json(&cluster, NodeId(node), &verdict);
            assert_eq!(page["nodes"].as_array().map(Vec::len), Some(1), "{page}");
            assert_eq!((&page["nodes"][0]["id"], &page["leader"]), (&json!(node), &json!(1)));
            assert_eq!(
                (&page["check"]["code"], &page["check"]["state"]),
                (&json!(code), &json!(word))
            );
        }
    }

    #[test]
    fn a_node_that_is_none_is_a_mistake_and_one_that_may_be_silent_is_silent() {
        let failure = verdict(&cluster(), NodeId(7)).unwrap_err();
        assert_eq!(failure.code, 2);
        assert_eq!(failure.message, "there is no node 7 in this cluster: its nodes are 1, 2, 3");
        let refused = || Err(Error::new(Status::Unavailable, "connection refused"));
        let nobody = ClusterStatus::of(vec![("host7:1".into(), refused())]);
        let silent = verdict(&nobody, NodeId(7)).unwrap();
        assert_eq!(silent.code, 3);
        assert!(silent.sentence.contains("tried host7:1"), "{silent:?}");
    }
}
