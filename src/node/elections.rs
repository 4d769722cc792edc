//! Counts changes of leadership, and those because this node did not hear its leader in time: for
//! its status, and a warning in its log when they are frequent. A planned change (a handover, a
//! stop by a signal) is no silence.

use crate::base::time::nanos;
use crate::base::{NodeId, Sample, Term};
use crate::raft::Role;
use std::collections::VecDeque;
use std::time::Duration;

/// The changes and silences of the last minutes.
#[derive(Debug, Default)]
pub(super) struct Elections {
    before: Option<Seen>,
    changes: Recent,
    silences: Recent,
    /// Whether the present episode was logged.
    is_told: bool,
}

/// A node's role, term and leader after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) role: Role,
    pub(super) term: Term,
    pub(super) leader: Option<NodeId>,
    /// Changes of leader that the raft core has counted since its start.
    pub(super) changes: u64,
}

/// Instants within [`WINDOW`], as readings of BOOTTIME.
#[derive(Debug, Default)]
struct Recent(VecDeque<u64>);

impl Elections {
    /// Takes the state after a turn; gives a sentence for the operator at the beginning of each
    /// episode.
    pub(super) fn see(&mut self, now: &Sample, seen: Seen) -> Option<String> {
        let before = self.before.replace(seen);
        let counted = before.map_or(0, |before| before.changes);
        for _ in counted..seen.changes {
            self.changes.add(now);
        }
        if before.is_some_and(|before| is_silence(before, seen)) {
            self.silences.add(now);
        }
        self.changes.forget(now);
        self.silences.forget(now);
        let is_often = self.silences.count() >= OFTEN;
        if std::mem::replace(&mut self.is_told, is_often) || !is_often {
            return None;
        }
        Some(format!(
            "{} times within {} minutes this node did not hear its leader (or, as leader, a majority) in time, and each \
             time no lock is granted until there is a leader again: look at the load of the machines, their disks and \
             the network between, or start all nodes with a longer --election",
            self.silences.count(),
            WINDOW.as_secs() / 60
        ))
    }

    /// Leaders that this node heard of within the last ten minutes, but for the first after its start.
    pub(super) fn changes(&self) -> u64 {
        self.changes.count()
    }

    /// How often within the last ten minutes this node did not hear, as a follower its leader in
    /// time, or as a leader a majority.
    pub(super) fn silences(&self) -> u64 {
        self.silences.count()
    }
}

/// Whether a change is a silence. A node that was asked to take over skips the pre-vote, so it
/// never was a `PreCandidate`.
fn is_silence(before: Seen, now: Seen) -> bool {
    let lost_leader =
        before.role == Role::Follower && before.leader.is_some() && now.role == Role::PreCandidate;
    let lost_majority =
        before.role == Role::Leader && now.role != Role::Leader && now.term == before.term;
    lost_leader || lost_majority
}

impl Recent {
    fn add(&mut self, now: &Sample) {
        if self.0.len() == KEPT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(now.boot());
    }

    fn forget(&mut self, now: &Sample) {
        let is_over = |at: &u64| now.boot().saturating_sub(*at) > nanos(WINDOW);
        while self.0.front().is_some_and(is_over) {
            self.0.pop_front();
        }
    }

    fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

/// The age up to which events count.
const WINDOW: Duration = Duration::from_secs(600);
/// A machine may be busy once; this often it is too slow for the election timeout.
const OFTEN: u64 = 3;
/// The most instants kept.
const KEPT_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(role: Role, term: u64, leader: Option<u64>) -> Seen {
        Seen { role, term: Term(term), leader: leader.map(NodeId), changes: 0 }
    }

    /// At each second one state.
    fn run(elections: &mut Elections, from: u64, states: &[Seen]) -> Vec<String> {
        let at = |second: u64| Sample::at(second * 1_000_000_000);
        (from..)
            .zip(states)
            .filter_map(|(second, seen)| elections.see(&at(second), *seen))
            .collect()
    }

    #[test]
    fn a_planned_change_is_counted_and_no_silence() {
        let mut elections = Elections::default();
        let told = run(
            &mut elections,
            0,
            &[
                seen(Role::Follower, 1, Some(1)),
                // Asked to take over.
                seen(Role::Candidate, 2, None),
                Seen { changes: 1, ..seen(Role::Leader, 2, Some(2)) },
                // Hands over.
                Seen { changes: 1, ..seen(Role::Follower, 3, None) },
                Seen { changes: 2, ..seen(Role::Follower, 3, Some(3)) },
            ],
        );
        assert_eq!((elections.changes(), elections.silences(), told.len()), (2, 0, 0));
    }

    #[test]
    fn silences_are_told_once_an_episode() {
        let mut elections = Elections::default();
        let silence = [
            seen(Role::Follower, 1, Some(1)),
            seen(Role::PreCandidate, 1, None),
            seen(Role::PreCandidate, 1, None),
        ];
        for round in 0..2 {
            assert!(run(&mut elections, round * 3, &silence).is_empty());
        }
        let told = run(&mut elections, 6, &silence);
        assert!(
            told[0].contains("3 times within 10 minutes") && told[0].contains("--election"),
            "{told:?}"
        );
        assert!(run(&mut elections, 9, &silence).is_empty(), "it goes on");
        assert_eq!(elections.silences(), 4);
        // All silences are long ago: counting restarts.
        run(&mut elections, 1000, &silence[..1]);
        assert_eq!(elections.silences(), 0);
        for round in 0..2 {
            assert!(run(&mut elections, 1001 + round * 3, &silence).is_empty());
        }
        assert_eq!(run(&mut elections, 1008, &silence).len(), 1);
    }

    #[test]
    fn a_leader_that_loses_its_majority_has_not_heard_it() {
        let mut elections = Elections::default();
        let states = [seen(Role::Leader, 4, Some(1)), seen(Role::Follower, 4, None)];
        run(&mut elections, 0, &states);
        assert_eq!(elections.silences(), 1);
    }
}
