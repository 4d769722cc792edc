//! `tenure move-leader`: leadership goes to another node, at no instant claimable by two
//! (leadership transfer).

use crate::cli::connect::Connection;
use crate::cli::failure::{Failure, NO};
use crate::cli::{order, output, typed};
use clap::Args;
use tenure::base::NodeId;
use tenure::client::{Leading, NotMoved, Wait, move_leader};

/// Have another node lead: ID, or the one with most of the log.
///
/// No session is lost. Exit 1 if the node that was asked for does not lead afterwards.
#[derive(Args, Debug)]
pub struct Options {
    /// The node that is to lead; it must have a vote
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    id: Option<u64>,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let Options { id, connection } = options;
    let bounds = (connection.timeout, Wait::For(connection.timeout));
    let moved = move_leader(&connection.at()?, id.map(NodeId), bounds);
    let Leading { node, term } = moved.map_err(|why| match why {
        NotMoved::NotDone(why) => order::failure(connection, why),
        NotMoved::Another { .. } => Failure::new(NO, why.to_string()),
        NotMoved::Nobody => {
            let status = typed::command("status", connection, &[]);
            Failure::unavailable(format!(
                "leadership was given up, and nobody leads yet: see `{status}`"
            ))
        }
    })?;
    output::conclude(&format!("node {node} leads term {term}\n"))
}
