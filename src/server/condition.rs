//! What keeps the cluster from granting, and that clients are told of it: whoever waits reads a sentence instead of nothing.

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

/// What clients were told of it.
#[derive(Debug)]
pub(super) struct Told {
    state: ServiceState,
    text: String,
    /// All behind this connection are still to be told; `None`: all were.
    rest: Option<Bound<ConnectionId>>,
    /// Those who connected in this turn.
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

    /// Whether some are still to be told.
    pub(super) fn is_behind(&self) -> bool {
        self.rest.is_some()
    }
}

impl<D: Disk> Server<D> {
    /// What keeps the cluster from granting, as far as this node knows: the one place where that is decided.
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

    /// Tells clients: all if it is news, a part of them in each turn, else those who connected since. That there is no leader
    /// they hear anyway.
    pub(super) fn tell_condition(&mut self, now: &Sample, outside: &mut impl Outside) {
        let newcomers = std::mem::take(&mut self.told.newcomers);
        let condition = self.condition(now);
        if condition.state == ServiceState::NoQuorum {
            // Whoever was not told before that is told what is so after it.
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

/// Of a node that is of no cluster yet.
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

/// Of a restored one whose wait is not over. How long that takes, only its leader knows.
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

/// A client's connection, and what is understood there.
pub(super) type Listener = (ConnectionId, Abilities);

/// Clients that are told in one turn.
const TOLD_PER_TURN: usize = 512;
