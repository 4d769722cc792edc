//! Changes of the members that take the leader's vote: leadership moves first, to a voter that
//! stays.
//!
//! So grants go on after the few milliseconds that a move takes, and the next claim of the leader
//! lease need not wait for the end of earlier claims (C3). A leader that is ordered to leave all
//! the same obeys: it leads until its own removal is in force, and its successor's claim begins
//! later.

use super::cluster_at::ClusterAt;
use super::operator::Operator;
use crate::base::NodeId;
use crate::wire::{MemberStatus, Order, OrderAnswer};
use crate::{Error, Status};
use std::cmp::Reverse;
use std::time::{Duration, Instant};

/// Gives the leader an order; a leader that would lose its vote by it hands leadership over first,
/// if it can.
///
/// # Errors
/// As for [`Operator::connect`] and [`Operator::order`].
pub(super) fn order_of(
    whom: &ClusterAt,
    order: &Order,
    timeout: Duration,
) -> Result<OrderAnswer, Error> {
    let until = Instant::now() + timeout;
    let left = || until.saturating_duration_since(Instant::now());
    let leaving = order.leaving();
    let mut operator = Operator::connect(whom, timeout)?;
    if leaving.contains(&operator.node()) {
        operator.allow(left());
        if !stays_leader(&mut operator, &leaving)? {
            operator = Operator::connect(whom, left())?;
        }
        operator.allow(left());
    }
    operator.order(order)
}

/// Asks the leader to hand over. True: it leads on, since nobody else can take over now.
fn stays_leader(operator: &mut Operator, leaving: &[NodeId]) -> Result<bool, Error> {
    // The leader might choose one of several that leave.
    let to = if leaving.len() > 1 { successor(operator, leaving)? } else { None };
    match operator.order(&Order::MoveLeader { to }) {
        Ok(OrderAnswer::Refused { text }) => {
            log::info!("node {} leads on: {text}", operator.node());
            Ok(true)
        }
        // The present leader is unknown; nothing was changed yet.
        Ok(_) => Ok(false),
        Err(error) if error.status == Status::Unknown => Ok(false),
        Err(error) => Err(error),
    }
}

/// The voter with the longest log among those that stay.
fn successor(operator: &mut Operator, leaving: &[NodeId]) -> Result<Option<NodeId>, Error> {
    let members = operator.status()?.members;
    let own = operator.node();
    let may_lead = |member: &&MemberStatus| {
        member.is_voter() && member.node != own && !leaving.contains(&member.node)
    };
    let stays = members.iter().filter(may_lead);
    Ok(stays.max_by_key(|member| (member.matched, Reverse(member.node))).map(|member| member.node))
}
