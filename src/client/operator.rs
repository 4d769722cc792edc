//! Orders of operators over a connection to the leader, which the other nodes name.

use super::blocking::{BlockingConnection, Said};
use super::cluster_at::ClusterAt;
use super::search::{Search, greet, leads};
use crate::base::{ClusterId, NodeId};
use crate::wire::{
    ClientWelcome, NodeStatus, Order, OrderAnswer, Query, ReadAnswer, Request, ServerMessage,
};
use crate::{Error, Status};
use std::time::Duration;

/// A connection to the node that led when it was opened. One order at a time.
#[derive(Debug)]
pub struct Operator {
    node: NodeId,
    cluster: Option<ClusterId>,
    connection: BlockingConnection,
    timeout: Duration,
    orders: u64,
}

impl Operator {
    /// Finds the leader of `whom` ("host:port,…", or a [`ClusterAt`]) within `timeout`, which is
    /// also the bound on each order.
    ///
    /// # Errors
    /// INVALID for malformed endpoints; UNAVAILABLE says which nodes were tried and why each failed, or that they are of
    /// several clusters.
    pub fn connect(whom: impl Into<ClusterAt>, timeout: Duration) -> Result<Self, Error> {
        let (connection, welcome) = Search::new(whom.into(), timeout)?.run()?;
        Ok(Self::new(connection, &welcome, timeout))
    }

    /// Connects to the node at `endpoint` ("host:port"), whether it leads or not: for orders to any
    /// node ([`Order::Snapshot`]).
    ///
    /// # Errors
    /// UNAVAILABLE says why it cannot be reached.
    pub fn connect_to(endpoint: &str, timeout: Duration) -> Result<Self, Error> {
        let (connection, welcome) = greet(endpoint, None, timeout)?;
        Ok(Self::new(connection, &welcome, timeout))
    }

    fn new(connection: BlockingConnection, welcome: &ClientWelcome, timeout: Duration) -> Self {
        Self { node: welcome.node, cluster: welcome.cluster, connection, timeout, orders: 0 }
    }

    /// The cluster of that node; `None` until it is founded.
    #[must_use]
    pub fn cluster(&self) -> Option<ClusterId> {
        self.cluster
    }

    /// The connected node.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Sets the timeout of further orders.
    pub(super) fn allow(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Asks for the node's status.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub(super) fn status(&mut self) -> Result<NodeStatus, Error> {
        self.connection.allow(self.timeout);
        self.connection.send(&Request::Status { read: 0 })?;
        loop {
            if let Said::Message(ServerMessage::Status { status, .. }) =
                self.connection.receive()?
            {
                return Ok(status.into());
            }
        }
    }

    /// Gives an order, and waits for the answer.
    ///
    /// # Errors
    /// UNKNOWN: it was sent, and may have been carried out. UNAVAILABLE: the snapshot was not sent.
    pub fn order(&mut self, order: &Order) -> Result<OrderAnswer, Error> {
        self.orders += 1;
        let number = self.orders;
        let (node, only_reads) = (self.node, matches!(order, Order::Snapshot { .. }));
        let lost = |why: Error| if only_reads { unread(node, why) } else { unknown(node, why) };
        self.connection.allow(self.timeout);
        let request = Request::Order { read: number, order: order.clone() };
        self.check_understood(&request)?;
        self.connection.send(&request).map_err(lost)?;
        loop {
            match self.connection.receive().map_err(lost)? {
                Said::Message(ServerMessage::Ordered { read, answer }) if read == number => {
                    return match answer {
                        OrderAnswer::Denied { text } => Err(Error::new(Status::Denied, text)),
                        answer => Ok(answer),
                    };
                }
                // Also the answer of a node that has lost leadership after the order came.
                Said::Message(ServerMessage::Leader(hint))
                    if !only_reads && !leads(&hint, node) =>
                {
                    let why = Error::new(Status::Unavailable, "it leads no more");
                    return Err(unknown(node, why));
                }
                Said::Message(_) | Said::Welcome(..) => {}
            }
        }
    }

    /// Reads from the leader.
    ///
    /// # Errors
    /// DENIED says which right is missing; UNAVAILABLE: not answered.
    pub(super) fn read(&mut self, query: &Query) -> Result<ReadAnswer, Error> {
        self.orders += 1;
        let (node, number) = (self.node, self.orders);
        let request = Request::Read { read: number, query: query.clone() };
        self.check_understood(&request)?;
        self.connection.allow(self.timeout);
        self.connection.send(&request).map_err(|why| unread(node, why))?;
        loop {
            match self.connection.receive().map_err(|why| unread(node, why))? {
                Said::Message(ServerMessage::Read { read, answer, .. }) if read == number => {
                    return match answer {
                        ReadAnswer::Denied { text } => Err(Error::new(Status::Denied, text)),
                        ReadAnswer::Refused(refusal) => {
                            let text = format!("node {node} refused it: {refusal:?}; try again");
                            Err(Error::new(Status::Unavailable, text))
                        }
                        answer => Ok(answer),
                    };
                }
                Said::Message(ServerMessage::Leader(hint)) if !leads(&hint, node) => {
                    let why = Error::new(Status::Unavailable, "it leads no more; try again");
                    return Err(unread(node, why));
                }
                Said::Message(_) | Said::Welcome(..) => {}
            }
        }
    }

    fn check_understood(&self, request: &Request) -> Result<(), Error> {
        if self.connection.understands(request.needs()) {
            return Ok(());
        }
        let text = format!(
            "node {}, which leads, runs a version of tenure that does not know this: replace it first",
            self.node
        );
        Err(Error::new(Status::Unsupported, text))
    }
}

fn unread(node: NodeId, why: Error) -> Error {
    let text = format!("node {node} did not answer: {why}");
    Error { status: Status::Unavailable, ..why.reworded(text) }
}

fn unknown(node: NodeId, why: Error) -> Error {
    let text = format!(
        "the order was sent to node {node} and not answered ({why}): it may have been carried out; look at \
         the members before you give it again"
    );
    Error { status: Status::Unknown, ..why.reworded(text) }
}
