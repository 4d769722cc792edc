//! Readings of the nodes' statuses during a measurement: their terms, and their longest times.

use crate::cli::connect::Connection;
use std::time::{Duration, Instant};
use tenure::client::ClusterStatus;
use tenure::wire::{NodeStatus, Timing};

/// The statuses of all nodes that answered at about one time.
#[derive(Clone, Debug)]
pub struct Reading {
    pub at: Instant,
    pub nodes: Vec<NodeStatus>,
}

/// A time that a node measures of itself, picked from its status.
pub type Measure = fn(&NodeStatus) -> Option<Timing>;

/// The longest time of some nodes within a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Longest {
    pub micros: u64,
    /// The time may be from before the span: then it is an upper bound for the span.
    pub is_bound: bool,
}

impl Reading {
    /// Asks all nodes.
    pub fn take(to: &Connection) -> Self {
        // The clients report a TLS file that cannot be used.
        let cluster = to.at().map(|cluster| ClusterStatus::ask(cluster, to.timeout));
        let nodes = cluster.map(|cluster| cluster.answered().cloned().collect());
        Self { at: Instant::now(), nodes: nodes.unwrap_or_default() }
    }

    /// The highest term of all nodes.
    pub fn term(&self) -> u64 {
        self.nodes.iter().map(|node| node.term.0).max().unwrap_or_default()
    }

    /// The node that says it leads, of several the one in the highest term.
    pub fn leader(&self) -> Option<&NodeStatus> {
        let leaders = self.nodes.iter().filter(|node| node.role == "leader");
        leaders.max_by_key(|node| node.term)
    }

    /// Why the present leader was elected, by a node in the highest term.
    pub fn why(&self) -> Option<&str> {
        let of_term = self.nodes.iter().filter(|node| node.term.0 == self.term());
        of_term.filter_map(|node| node.leader_change_why.as_deref()).next()
    }

    /// The longest of the last minute, of all nodes.
    pub fn longest(&self, measure: Measure) -> u64 {
        let times = self.nodes.iter().filter_map(measure);
        times.map(|timing| timing.max_minute).max().unwrap_or_default()
    }
}

/// The longest time since `before`, by the later readings, each of which has the longest of its
/// last minute.
pub fn longest_since(before: &Reading, after: &[Reading], measure: Measure) -> Longest {
    let known = before.longest(measure);
    let is_new = |reading: &&Reading| {
        reading.at.duration_since(before.at) > MINUTE || reading.longest(measure) > known
    };
    let new = after.iter().filter(is_new).map(|reading| reading.longest(measure)).max();
    Longest { micros: new.unwrap_or(known), is_bound: new.is_none() }
}

/// A minute, and one second since nodes count in whole seconds.
pub const MINUTE: Duration = Duration::from_secs(61);

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(at: Instant, longest: u64) -> Reading {
        let turn_us = Some(Timing { max_minute: longest, ..Timing::default() });
        Reading { at, nodes: vec![NodeStatus { turn_us, ..NodeStatus::default() }] }
    }

    fn longest(spans: &[(u64, u64)]) -> Longest {
        let begun = Instant::now();
        let mut all = spans
            .iter()
            .map(|(seconds, longest)| reading(begun + Duration::from_secs(*seconds), *longest));
        let before = all.next().unwrap();
        longest_since(&before, &all.collect::<Vec<_>>(), |node| node.turn_us)
    }

    #[test]
    fn what_is_no_longer_than_before_may_be_of_before() {
        let found = |micros, is_bound| Longest { micros, is_bound };
        assert_eq!(longest(&[(0, 9), (1, 9), (2, 9)]), found(9, true));
        assert_eq!(longest(&[(0, 9), (1, 9), (2, 12)]), found(12, false));
        assert_eq!(longest(&[(0, 9), (1, 9), (62, 7)]), found(7, false), "a minute forgets");
    }
}
