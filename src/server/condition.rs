//! The condition that keeps the cluster from granting, pushed to clients: a waiting person reads a
//! sentence.

use super::founding::Gathering;
use crate::base::text::{span, time_of_day};
use crate::base::{ConnectionId, Sample};
use crate::raft::Role;
use crate::replica::Replica;
use crate::server::{Outside, Server};
use crate::wal::Disk;
use crate::wire::{Abilities, Ability, Condition, ServerMessage, ServiceState, Values};
use std::ops::Bound;
use std::time::Duration;

/// The condition that clients were told.
#[derive(Debug)]
pub(super) struct Told {
    state: ServiceState,
    text: String,
    /// All connections after this one are still to be told; `None`: all were.
    rest: Option<Bound<ConnectionId>>,
    /// Clients that connected in this turn.
    newcomers: Vec<ConnectionId>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            state: ServiceState::Serving,
            text: String::new(),
            rest: None,
            newcomers: Vec::new(),
        }
    }
}

impl Told {
    /// A client is connected.
    pub(super) fn handle_newcomer(&mut self, connection: ConnectionId) {
        self.newcomers.push(connection);
    }

    /// Whether some clients are still to be told.
    pub(super) fn is_behind(&self) -> bool {
        self.rest.is_some()
    }
}

impl<D: Disk> Server<D> {
    /// The condition that keeps the cluster from granting, as far as this node knows: decided only
    /// here.
    #[must_use]
    pub fn condition(&self, now: &Sample) -> Condition {
        let Some(replica) = self.replica() else {
            return self.gathering().map_or_else(Condition::serving, not_founded);
        };
        if replica.machine().restoring().is_some() {
            return restoring(replica, now);
        }
        if let Some(text) = replica.out_of_room() {
            return Condition::new(ServiceState::DiskFull, text);
        }
        if replica.raft().leader().is_none() {
            let text =
                "no leader: grants nothing until a majority of the nodes is up and has elected one";
            return Condition::new(ServiceState::NoQuorum, text);
        }
        Condition::serving()
    }

    /// Tells clients: a new condition to all, a part in each turn; else to those that connected
    /// since. The lack of a leader is told by leader hints.
    pub(super) fn tell_condition(&mut self, now: &Sample, outside: &mut impl Outside) {
        let newcomers = std::mem::take(&mut self.told.newcomers);
        let condition = self.condition(now);
        if condition.state == ServiceState::NoQuorum {
            // A client that missed the former condition gets the next one.
            if self.told.rest.take().is_some() {
                self.told.state = condition.state;
            }
            return;
        }
        let is_news = (self.told.state, &self.told.text) != (condition.state, &condition.text);
        (self.told.state, self.told.text) = (condition.state, condition.text.clone());
        if is_news {
            self.told.rest = Some(Bound::Unbounded);
        }
        let mut whom = match self.told.rest {
            Some(rest) => self.clients(rest, TOLD_PER_TURN),
            None => Vec::new(),
        };
        self.told.rest = match whom.last() {
            Some((last, _)) if whom.len() == TOLD_PER_TURN => Some(Bound::Excluded(*last)),
            _ => None,
        };
        if !is_news && !condition.is_serving() {
            for newcomer in newcomers {
                let known = self.clients(Bound::Included(newcomer), 1);
                whom.extend(known.into_iter().filter(|(connection, _)| *connection == newcomer));
            }
        }
        for (connection, abilities) in whom {
            if abilities.cover(Some(Ability::Conditions)) {
                let values = condition.added_to(Values::new());
                outside.send_client(connection, ServerMessage::Condition(values));
            }
        }
    }
}

/// The condition of a node without a cluster.
fn not_founded(gathering: &Gathering) -> Condition {
    if gathering.is_joiner() {
        let text = format!(
            "not in a cluster yet: node {} waits until a member takes it in (`tenure member add` it, and start it with --join)",
            gathering.node()
        );
        return Condition::new(ServiceState::NotFounded, text);
    }
    let missing: Vec<String> =
        gathering.missing().map(|(node, address)| format!("node {node} at {address}")).collect();
    let text = format!(
        "not founded yet: node {} waits to meet {}; a cluster is founded once all its members have met",
        gathering.node(),
        missing.join(", ")
    );
    Condition::new(ServiceState::WaitsForMembers, text)
}

/// The condition of a restored cluster during its wait. Only the leader knows how long that takes.
fn restoring(replica: &Replica, now: &Sample) -> Condition {
    let raft = replica.raft();
    let Some(wait) = replica.machine().restoring() else { return Condition::serving() };
    let length = span(Duration::from_millis(wait.ms));
    let text = match replica.restoring_left(now) {
        Some((left, until_unix_ms)) => {
            let until_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            let text = format!("restored, grants nothing until {}", time_of_day(until_unix_ms));
            let state = ServiceState::Restoring;
            return Condition { state, text, until_ms: Some(until_ms) };
        }
        None if raft.role() == Role::Leader => {
            format!("restored, grants nothing for the next {length}")
        }
        None => match raft.leader() {
            Some(leader) => format!(
                "restored, grants nothing until its leader, node {leader}, has waited for {length}"
            ),
            None => format!(
                "restored, grants nothing until it has had a leader for {length}; it has none now"
            ),
        },
    };
    Condition::new(ServiceState::Restoring, text)
}

/// A client's connection, and its abilities.
pub(super) type Listener = (ConnectionId, Abilities);

/// Clients that are told in one turn.
const TOLD_PER_TURN: usize = 512;
