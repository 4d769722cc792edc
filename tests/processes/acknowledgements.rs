//! Acknowledgements never outrun syncs: on real processes, whose system calls are recorded.

use crate::cluster::{Cluster, Setup, scratch};
use crate::facts::{self, Change, Fact, Origin, Vote};
use crate::ledger::{self, Tally};
use crate::load::Load;
use crate::program::compile_shim;
use crate::trace;
use tenure::base::{Index, NodeId, RequestId, SessionId, Term};

type Facts = Vec<(u64, NodeId, Fact)>;

#[test]
fn each_acknowledgement_of_real_processes_was_synced_before() {
    let directory = scratch();
    let shim = compile_shim("trace_shim", directory.path());
    let mut cluster = Cluster::start_with(Setup { trace_shim: Some(shim), ..Setup::new() });
    let mut loads = [Load::start(&cluster, "jobs/traced"), Load::start(&cluster, "jobs/beside")];

    loads.iter_mut().for_each(|load| load.wait_for_grants(GRANTS));
    cluster.kill_leader();
    loads.iter_mut().for_each(|load| load.wait_for_grants(GRANTS));
    for load in loads {
        load.finish();
    }
    cluster.kill_all();

    let facts = read_facts(&cluster);
    let tally = ledger::check(&facts).unwrap();
    assert!(tally.appends >= 2 * GRANTS, "{tally:?}");
    assert!(tally.answers >= 4 * GRANTS, "{tally:?}");
    assert!(tally.votes >= 2 && tally.leaderships >= 2, "{tally:?}");
    for node in cluster.nodes() {
        check_missed_syncs_are_seen(&facts, node);
    }
}

/// The same facts without one node's syncs, of the log or of the hard state, are refused.
fn check_missed_syncs_are_seen(facts: &Facts, of: NodeId) {
    for prefix in ["log-", "hard-state"] {
        let is_missed = |node: NodeId, fact: &Fact| match fact {
            Fact::Synced { file } => node == of && file.starts_with(prefix),
            _ => false,
        };
        let kept = facts.iter().filter(|(_, node, fact)| !is_missed(*node, fact));
        let kept: Facts = kept.cloned().collect();
        assert!(kept.len() < facts.len(), "node {of} never synced {prefix}");
        assert!(
            ledger::check(&kept).is_err(),
            "node {of} without syncs of {prefix} is not noticed"
        );
    }
}

#[test]
fn an_append_is_covered_by_a_sync_behind_its_write_alone() {
    let accepted = || Fact::Accepted { matched: Index(1) };
    assert!(checked(&[(1, logged(1, 1)), (1, synced()), (1, accepted())]).is_ok());
    assert!(checked(&[(1, logged(1, 1)), (1, accepted()), (1, synced())]).is_err());
    assert!(checked(&[(1, synced()), (1, logged(1, 1)), (1, accepted())]).is_err());
    assert!(checked(&[(2, logged(1, 1)), (2, synced()), (1, accepted())]).is_err());
    let other = Fact::Synced { file: "log-2".to_owned() };
    assert!(checked(&[(1, logged(1, 1)), (1, other), (1, accepted())]).is_err());
    // A process that died has not synced what it wrote.
    assert!(
        checked(&[(1, logged(1, 1)), (1, Fact::Started), (1, synced()), (1, accepted())]).is_err()
    );
}

#[test]
fn an_entry_that_was_replaced_is_acknowledged_only_when_the_new_one_is_synced() {
    let truncated = Fact::Logged { file: LOG.to_owned(), change: Change::TruncateFrom(Index(1)) };
    let mut facts = vec![(1, logged(1, 1)), (1, synced()), (1, truncated), (1, logged(1, 2))];
    facts.push((1, Fact::Accepted { matched: Index(1) }));
    assert!(checked(&facts).is_err());
    facts.insert(4, (1, synced()));
    assert!(checked(&facts).is_ok());
}

#[test]
fn a_vote_is_covered_by_its_own_term_and_candidate_alone() {
    let vote = |term, candidate| Vote { term: Term(term), candidate: NodeId(candidate) };
    let file = || "hard-state".to_owned();
    let elected = |term, candidate| Fact::Elected { file: file(), vote: vote(term, candidate) };
    let synced = || Fact::Synced { file: file() };
    assert!(checked(&[(1, elected(3, 2)), (1, synced()), (1, Fact::Voted(vote(3, 2)))]).is_ok());
    assert!(checked(&[(1, elected(3, 2)), (1, Fact::Voted(vote(3, 2))), (1, synced())]).is_err());
    assert!(checked(&[(1, elected(3, 2)), (1, synced()), (1, Fact::Voted(vote(3, 3)))]).is_err());
    assert!(checked(&[(1, elected(3, 2)), (1, synced()), (1, Fact::Voted(vote(4, 2)))]).is_err());
    // R6: a candidate's own vote too.
    let led = || Fact::Led { term: Term(3) };
    assert!(checked(&[(1, elected(3, 1)), (1, synced()), (1, led())]).is_ok());
    assert!(checked(&[(1, elected(3, 1)), (1, led())]).is_err());
}

#[test]
fn an_answer_to_a_client_is_covered_by_a_quorum_alone() {
    let answered = || Fact::Answered(ORIGIN);
    let on = |nodes: &[u64]| -> Vec<(u64, Fact)> {
        let written = nodes.iter().flat_map(|node| [(*node, logged(1, 1)), (*node, synced())]);
        written.chain([(1, answered())]).collect()
    };
    assert!(checked(&on(&[1, 2])).is_ok());
    assert!(checked(&on(&[1])).is_err());
    assert!(checked(&on(&[2, 3])).is_err(), "its own disk does not have it");
}

fn checked(facts: &[(u64, Fact)]) -> Result<Tally, String> {
    let facts = (0..).zip(facts).map(|(nanos, (node, fact))| (nanos, NodeId(*node), fact.clone()));
    ledger::check(&facts.collect::<Facts>())
}

fn logged(index: u64, term: u64) -> Fact {
    let change = Change::Append { index: Index(index), term: Term(term), origin: ORIGIN };
    Fact::Logged { file: LOG.to_owned(), change }
}

fn synced() -> Fact {
    Fact::Synced { file: LOG.to_owned() }
}

/// What all processes did, in the order of its times.
fn read_facts(cluster: &Cluster) -> Facts {
    let traces = cluster.traces().iter();
    let processes = traces.map(|(node, file)| facts::of_process(&trace::read(*node, file)));
    let mut facts: Facts = processes.flatten().collect();
    // Stable: what one process did stays in its order.
    facts.sort_by_key(|(nanos, _, _)| *nanos);
    facts
}

const LOG: &str = "log-1";
const ORIGIN: Origin = Origin::Request(SessionId(5), RequestId(6));
const GRANTS: usize = 150;
