//! Orders of operators to the leader, as commands give them: carried out, or a sentence why not.

use crate::cli::connect::Connection;
use crate::cli::failure::{Failure, NO};
use crate::cli::typed;
use tenure::Status;
use tenure::client::{self, NotDone, Patience};
use tenure::raft::Change;
use tenure::wire::{Order, Refusal};

/// Has the leader carry out one order.
///
/// # Errors
/// The leader refuses it (1); it cannot be reached, or may have carried it out (3).
pub fn give(connection: &Connection, order: &Order) -> Result<(), Failure> {
    give_to(connection, order, Patience::OF_ALL)
}

/// Has the leader change the members by this one step.
///
/// # Errors
/// As for [`give`].
pub fn change(connection: &Connection, change: Change) -> Result<(), Failure> {
    give(connection, &Order::ChangeMembers { changes: vec![change] })
}

/// As [`change`], but waits first until a new node has caught up with the log.
///
/// # Errors
/// As for [`give`].
pub fn change_once_caught_up(connection: &Connection, change: Change) -> Result<(), Failure> {
    let order = Order::ChangeMembers { changes: vec![change] };
    give_to(connection, &order, &[Refusal::Passing, Refusal::Behind])
}

fn give_to(
    connection: &Connection,
    order: &Order,
    waits_for: &'static [Refusal],
) -> Result<(), Failure> {
    let patience = Patience { timeout: connection.timeout, waits_for };
    client::give(&connection.at()?, order, patience).map_err(|why| failure(connection, why))
}

/// A refusal exits with 1; if the order may have been carried out, the sentence says where to look.
pub fn failure(connection: &Connection, why: NotDone) -> Failure {
    match why {
        NotDone::Refused(error) => Failure::new(NO, error.message),
        NotDone::Failed(error) if error.status == Status::Unknown => {
            let list = typed::command("member list", connection, &[]);
            Failure::unavailable(format!("{error} (`{list}`)"))
        }
        NotDone::Failed(error) => error.into(),
    }
}
