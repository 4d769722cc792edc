//! Moves of leadership to another node, at no instant claimable by two (leadership transfer).

use super::order::{NotDone, Patience, give};
use crate::base::{NodeId, Term};
use crate::client::core::Wait;
use crate::client::{ClusterAt, Operator};
use crate::wire::Order;
use crate::{Error, Status};
use std::time::{Duration, Instant};

/// A leader and its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leading {
    /// The leader.
    pub node: NodeId,
    /// Its term.
    pub term: Term,
}

/// Why the wanted node does not lead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMoved {
    /// Leadership was not given up, or the outcome is unknown.
    #[error(transparent)]
    NotDone(#[from] NotDone),
    /// Leadership was given up, and another one was elected.
    #[error(
        "node {} leads term {}, not node {wanted}: another election came between; try again",
        leading.node,
        leading.term
    )]
    Another {
        /// The wanted leader.
        wanted: NodeId,
        /// The elected leader.
        leading: Leading,
    },
    /// Leadership was given up, and within the wait nobody was elected.
    #[error("leadership was given up, and nobody leads yet: look at the status of the nodes")]
    Nobody,
}

impl From<NotMoved> for Error {
    fn from(why: NotMoved) -> Self {
        let status = match why {
            NotMoved::NotDone(why) => return why.into(),
            NotMoved::Another { .. } => Status::Unavailable,
            NotMoved::Nobody => Status::Timeout,
        };
        Self::new(status, why.to_string())
    }
}

/// Has the leader of `whom` hand over to `to`, or to the voter with the longest log, within
/// `timeout`. Then waits at most `wait` for the next leader.
///
/// # Errors
/// [`NotMoved`].
pub fn move_leader(
    whom: &ClusterAt,
    to: Option<NodeId>,
    (timeout, wait): (Duration, Wait),
) -> Result<Leading, NotMoved> {
    let before = leader(whom, timeout).map_err(NotDone::Failed)?;
    if Some(before.node) == to {
        return Ok(before);
    }
    give(whom, &Order::MoveLeader { to }, Patience::of(timeout))?;
    let until = match wait {
        Wait::Try => Some(Instant::now()),
        Wait::For(wait) => Instant::now().checked_add(wait),
        Wait::Forever => None,
    };
    let leading = next_leader(whom, before, (timeout, until)).ok_or(NotMoved::Nobody)?;
    match to {
        Some(wanted) if wanted != leading.node => Err(NotMoved::Another { wanted, leading }),
        _ => Ok(leading),
    }
}

/// The leader, as soon as it is found, without waiting for nodes that are down.
fn leader(whom: &ClusterAt, timeout: Duration) -> Result<Leading, Error> {
    let mut operator = Operator::connect(whom, timeout)?;
    let status = operator.status()?;
    Ok(Leading { node: status.node, term: status.term })
}

/// The leader of a later term than before; `until` is `None` for ever. Looks at least once.
fn next_leader(
    whom: &ClusterAt,
    before: Leading,
    (timeout, until): (Duration, Option<Instant>),
) -> Option<Leading> {
    loop {
        let left = until.map_or(timeout, |until| until.saturating_duration_since(Instant::now()));
        match leader(whom, left.clamp(LOOK_MIN, timeout.max(LOOK_MIN))) {
            Ok(now) if now.term > before.term => return Some(now),
            _ if until.is_some_and(|until| Instant::now() >= until) => return None,
            _ => std::thread::sleep(PAUSE),
        }
    }
}

/// The pause between looks: a fraction of an election.
const PAUSE: Duration = Duration::from_millis(10);
/// The least time for a look, enough where nodes answer.
const LOOK_MIN: Duration = Duration::from_millis(100);
