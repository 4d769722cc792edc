//! The members of the cluster, changed one at a time.

use super::order::{NotDone, Patience, give};
use super::{Member, move_leader};
use crate::base::members::Change;
use crate::base::text::span;
use crate::base::{NodeId, address};
use crate::client::core::Wait;
use crate::client::{Client, ClusterAt, ClusterStatus};
use crate::wire::{Order, Refusal};
use crate::{Error, Status};
use std::time::{Duration, Instant};

/// The members of a cluster, listed and changed. Each change is committed when its call returns.
///
/// A node is added without a vote, started ([`NodeOptions::joining`](crate::node::NodeOptions::joining)), and then promoted;
/// a node that leads hands leadership over before it is demoted or removed.
///
/// ```no_run
/// # use tenure::client::{Client, ClientOptions};
/// # use tenure::NodeId;
/// # let client = Client::open("127.0.0.1:7401", ClientOptions::new())?;
/// let members = client.members();
/// members.add(NodeId(2), "10.0.0.2:7401")?;
/// // Node 2 is started there, by its own program.
/// members.promote(NodeId(2))?;
/// # Ok::<(), tenure::Error>(())
/// ```
///
/// UNAVAILABLE always means that nothing was done, and that the call may be repeated; UNKNOWN that
/// the change may be in force: look at [`Members::list`], or repeat it: promote, demote and move
/// are idempotent.
#[derive(Clone, Debug)]
pub struct Members {
    of: Of,
}

/// The cluster whose members are meant.
#[derive(Clone, Debug)]
enum Of {
    Client(Client),
    Cluster(ClusterAt, Duration),
}

impl Client {
    /// The members of this client's cluster. Each call takes at most the request timeout.
    #[must_use]
    pub fn members(&self) -> Members {
        Members { of: Of::Client(self.clone()) }
    }

    /// Moves leadership to the voter `to`, or to the one with the longest log. Idempotent; no
    /// session is lost. Once leadership is given up, waits at most `wait` for the next leader, and
    /// gives it.
    ///
    /// # Errors
    /// INVALID: `to` is no voter, or there is no other one. UNAVAILABLE: nothing was done, or a
    /// node other than `to` leads; UNKNOWN: it may be done; TIMEOUT: leadership was given up, and
    /// nobody leads yet.
    pub fn move_leader(&self, to: Option<NodeId>, wait: Wait) -> Result<NodeId, Error> {
        let leading = move_leader(&self.whom()?, to, (self.order_timeout(), wait))?;
        Ok(leading.node)
    }

    pub(super) fn order_timeout(&self) -> Duration {
        self.handle.request_timeout.min(TIMEOUT_MAX)
    }
}

impl Members {
    /// The members of the cluster `whom` ("host:port,…", or a [`ClusterAt`]), without a session;
    /// each call takes at most `timeout`.
    #[must_use]
    pub fn at(whom: impl Into<ClusterAt>, timeout: Duration) -> Self {
        Self { of: Of::Cluster(whom.into(), timeout) }
    }

    /// The members as the leader knows them, else the node with the newest log.
    ///
    /// # Errors
    /// UNAVAILABLE says which nodes were tried, and why each failed.
    pub fn list(&self) -> Result<Vec<Member>, Error> {
        let (whom, timeout) = self.whom()?;
        Member::all_of(&ClusterStatus::ask(whom, timeout))
    }

    /// Adds a node, without a vote, under an id that was never used: the others reach it at `address` ("host:port").
    ///
    /// # Errors
    /// INVALID: the node is a member already, the id was used before, or the address is malformed.
    /// UNAVAILABLE, UNKNOWN.
    pub fn add(&self, node: NodeId, address: &str) -> Result<(), Error> {
        self.change(Change::AddLearner { node, address: checked_address(node, address)? })
    }

    /// Waits until a node has joined and caught up with the log, and gives it a vote.
    ///
    /// # Errors
    /// NOT_FOUND: no such member. UNAVAILABLE: the node has not joined or caught up in time, or
    /// nothing was done for another reason. UNKNOWN.
    pub fn promote(&self, node: NodeId) -> Result<(), Error> {
        let began = Instant::now();
        let waits_for = &[Refusal::Passing, Refusal::Behind, Refusal::Unjoined];
        self.give(Change::Promote { node }, waits_for)?.map_err(|why| match why {
            NotDone::Refused(error) if error.status == Status::Unavailable => {
                let text = format!("{error} (waited for {})", span(began.elapsed()));
                error.reworded(text)
            }
            other => other.into(),
        })
    }

    /// Takes a node's vote; it goes on copying the log.
    ///
    /// # Errors
    /// NOT_FOUND: no such member. INVALID: the last voter must stay. UNAVAILABLE, UNKNOWN.
    pub fn demote(&self, node: NodeId) -> Result<(), Error> {
        self.change(Change::Demote { node })
    }

    /// Removes a node for good: the node ends by itself, and its id is never used again.
    ///
    /// # Errors
    /// As for [`Members::demote`].
    pub fn remove(&self, node: NodeId) -> Result<(), Error> {
        self.change(Change::Remove { node })
    }

    /// Tells the others that a node is reached at `address` from now on: start it there.
    ///
    /// # Errors
    /// NOT_FOUND: no such member. INVALID: malformed address. UNAVAILABLE, UNKNOWN.
    pub fn move_to(&self, node: NodeId, address: &str) -> Result<(), Error> {
        self.change(Change::Readdress { node, address: checked_address(node, address)? })
    }

    fn change(&self, change: Change) -> Result<(), Error> {
        Ok(self.give(change, Patience::OF_ALL)??)
    }

    fn give(
        &self,
        change: Change,
        waits_for: &'static [Refusal],
    ) -> Result<Result<(), NotDone>, Error> {
        let (whom, timeout) = self.whom()?;
        let order = Order::ChangeMembers { changes: vec![change] };
        Ok(give(&whom, &order, Patience { timeout, waits_for }))
    }

    fn whom(&self) -> Result<(ClusterAt, Duration), Error> {
        match &self.of {
            Of::Client(client) => Ok((client.whom()?, client.order_timeout())),
            Of::Cluster(whom, timeout) => Ok((whom.clone(), (*timeout).min(TIMEOUT_MAX))),
        }
    }
}

/// The longest timeout, so that instants do not overflow.
const TIMEOUT_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

fn checked_address(node: NodeId, text: &str) -> Result<String, Error> {
    address::check(text).map_err(|why| {
        let text = format!("the address {text:?} of node {node} {why}; write host:port");
        Error::new(Status::Invalid, text)
    })?;
    Ok(text.to_owned())
}
