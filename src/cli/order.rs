//! Orders to the leader, as commands give them: done, or a sentence why not.

use crate::cli::connect::Connection;
use crate::cli::failure::{Failure, NO};
use crate::cli::typed;
use tenure::client::Client;
use tenure::raft::Change;
use tenure::wire::{Order, OrderAnswer};
use tenure::{Error, Status};

/// Has the leader carry out one order.
///
/// # Errors
/// The leader refuses it (1); it cannot be reached, or may have carried it out (3).
pub fn give(connection: &Connection, order: &Order) -> Result<(), Failure> {
    let answer = Client::order_of(connection.at()?, order, connection.timeout);
    let answer = answer.map_err(|error| in_doubt(connection, error))?;
    match answer {
        OrderAnswer::Done { index } => {
            log::debug!("done as of {index}");
            Ok(())
        }
        other => Err(refusal(other)),
    }
}

/// Where to look after an order that may have been carried out.
fn in_doubt(connection: &Connection, error: Error) -> Failure {
    let is_unknown = error.status == Status::Unknown;
    let failure = Failure::from(error);
    if !is_unknown {
        return failure;
    }
    let list = typed::command("member list", connection, &[]);
    Failure { message: format!("{} (`{list}`)", failure.message), ..failure }
}

/// Has the leader change the members by this one step.
///
/// # Errors
/// As for [`give`].
pub fn change(connection: &Connection, change: Change) -> Result<(), Failure> {
    give(connection, &Order::ChangeMembers { changes: vec![change] })
}

/// Why an order was not answered as it should be.
#[must_use]
pub fn refusal(answer: OrderAnswer) -> Failure {
    match answer {
        OrderAnswer::Refused { text } => Failure::new(NO, text),
        other => Failure::unavailable(format!("an answer of another kind came: {other:?}")),
    }
}
