//! Orders of operators: a connection to the node that leads, found by asking the others.

use super::endpoints;
use super::line::{Line, Said};
use crate::base::NodeId;
use crate::wire::{
    ClientWelcome, LeaderHint, NodeStatus, Order, OrderAnswer, Request, ServerMessage,
};
use crate::{Error, Status};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// A connection to the node that led when it was made. One order at a time.
#[derive(Debug)]
pub struct Operator {
    node: NodeId,
    line: Line,
    timeout: Duration,
    orders: u64,
}

impl Operator {
    /// Finds the leader by `endpoints` ("host:port,…") and what the nodes there say of it, within `timeout`,
    /// which is also the bound on each order.
    ///
    /// # Errors
    /// INVALID for malformed endpoints; UNAVAILABLE says which nodes were tried and why each failed.
    pub fn connect(endpoints: &str, timeout: Duration) -> Result<Self, Error> {
        let given = endpoints::parse(endpoints)?;
        let until = Instant::now() + timeout;
        let mut failures = BTreeMap::new();
        loop {
            let mut asked: Vec<String> = Vec::new();
            let mut next: VecDeque<String> = given.iter().cloned().collect();
            while let Some(endpoint) = next.pop_front() {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(unreachable(&failures));
                }
                if asked.contains(&endpoint) {
                    continue;
                }
                asked.push(endpoint.clone());
                match greet(&endpoint, left.min(DIAL_WAIT)) {
                    Ok((line, welcome)) if leads(&welcome.leader, welcome.node) => {
                        return Ok(Self { node: welcome.node, line, timeout, orders: 0 });
                    }
                    Ok((_, welcome)) => {
                        failures.insert(endpoint, describe(&welcome));
                        next.extend(welcome.leader.leader.map(|(_, address)| address));
                    }
                    Err(error) => drop(failures.insert(endpoint, error.to_string())),
                }
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Connects to the node at `endpoint` ("host:port"), whether it leads or not: for what any node does
    /// ([`Order::Snapshot`]).
    ///
    /// # Errors
    /// UNAVAILABLE says why it cannot be reached.
    pub fn connect_to(endpoint: &str, timeout: Duration) -> Result<Self, Error> {
        let (line, welcome) = greet(endpoint, timeout)?;
        Ok(Self { node: welcome.node, line, timeout, orders: 0 })
    }

    /// The node that this is connected to.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// From now on each order may take this long.
    pub(super) fn allow(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// What the node says of itself.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub(super) fn status(&mut self) -> Result<NodeStatus, Error> {
        self.line.allow(self.timeout);
        self.line.send(&Request::Status { read: 0 })?;
        loop {
            if let Said::Message(ServerMessage::Status { status, .. }) = self.line.receive()? {
                return Ok(status.into());
            }
        }
    }

    /// Gives an order, and waits for what becomes of it.
    ///
    /// # Errors
    /// UNKNOWN: it was sent, and may have been carried out. UNAVAILABLE: the snapshot was not sent.
    pub fn order(&mut self, order: &Order) -> Result<OrderAnswer, Error> {
        self.orders += 1;
        let number = self.orders;
        let (node, only_reads) = (self.node, matches!(order, Order::Snapshot { .. }));
        let lost = |why: Error| if only_reads { unread(node, &why) } else { unknown(node, &why) };
        self.line.allow(self.timeout);
        let request = Request::Order { read: number, order: order.clone() };
        self.line.send(&request).map_err(lost)?;
        loop {
            match self.line.receive().map_err(lost)? {
                Said::Message(ServerMessage::Ordered { read, answer }) if read == number => {
                    return Ok(answer);
                }
                // Whether it led when the order came, nobody can tell: it is said to one who leads no more, too.
                Said::Message(ServerMessage::Leader(hint))
                    if !only_reads && !leads(&hint, node) =>
                {
                    let why = Error::new(Status::Unavailable, "it leads no more");
                    return Err(unknown(node, &why));
                }
                Said::Message(_) | Said::Welcome(..) => {}
            }
        }
    }
}

fn greet(endpoint: &str, wait: Duration) -> Result<(Line, ClientWelcome), Error> {
    let (line, welcome, _) = Line::dial(endpoint, "operator", wait)?;
    Ok((line, welcome))
}

fn leads(hint: &LeaderHint, node: NodeId) -> bool {
    hint.leader.as_ref().is_some_and(|(leader, _)| *leader == node)
}

fn describe(welcome: &ClientWelcome) -> String {
    match &welcome.leader.leader {
        Some((leader, address)) => format!("it says that node {leader} at {address} leads"),
        None => "it knows no leader".to_owned(),
    }
}

fn unreachable(failures: &BTreeMap<String, String>) -> Error {
    let tried: Vec<String> =
        failures.iter().map(|(endpoint, why)| format!("{endpoint} ({why})")).collect();
    let text = format!("no leader was found; tried {}", tried.join(", "));
    Error::new(Status::Unavailable, text)
}

fn unread(node: NodeId, why: &Error) -> Error {
    Error::new(Status::Unavailable, format!("node {node} did not answer: {why}"))
}

fn unknown(node: NodeId, why: &Error) -> Error {
    let text = format!(
        "the order was sent to node {node} and not answered ({why}): it may have been carried out; look at \
         the members before you give it again"
    );
    Error::new(Status::Unknown, text)
}

/// A node that has not welcomed us after this is passed over for the next.
const DIAL_WAIT: Duration = Duration::from_secs(2);
/// Between rounds through all nodes while none of them leads: a part of an election.
const PAUSE: Duration = Duration::from_millis(20);
