//! `tenure move-leader`: leadership goes to another node, without a moment in which two could claim it.

use crate::cli::connect::Connection;
use crate::cli::failure::{Failure, NO};
use crate::cli::{order, output, typed};
use clap::Args;
use std::time::{Duration, Instant};
use tenure::base::{NodeId, Term};
use tenure::client::ClusterStatus;
use tenure::wire::Order;

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

/// Runs it.
pub fn run(options: &Options) -> Result<(), Failure> {
    let to = options.id.map(NodeId);
    let before = leader(&options.connection);
    order::give(&options.connection, &Order::MoveLeader { to })?;
    let (node, term) = next_leader(&options.connection, before)?;
    let said = format!("node {node} leads term {term}");
    match to {
        Some(wanted) if wanted != node => Err(Failure::new(
            NO,
            format!("{said}, not node {wanted}: another election came between; try again"),
        )),
        _ => output::conclude(&format!("{said}\n")),
    }
}

fn leader(connection: &Connection) -> Option<(NodeId, Term)> {
    let cluster = ClusterStatus::ask(connection.at().ok()?, connection.timeout);
    cluster.leader().map(|status| (status.node, status.term))
}

/// Who leads a later term than before.
fn next_leader(
    connection: &Connection,
    before: Option<(NodeId, Term)>,
) -> Result<(NodeId, Term), Failure> {
    let until = Instant::now() + connection.timeout;
    loop {
        match leader(connection) {
            Some(now) if before.is_none_or(|(_, term)| now.1 > term) => return Ok(now),
            _ if Instant::now() >= until => {
                let status = typed::command("status", connection, &[]);
                return Err(Failure::unavailable(format!(
                    "leadership was given up, and nobody leads yet: see `{status}`"
                )));
            }
            _ => std::thread::sleep(PAUSE),
        }
    }
}

/// A part of an election.
const PAUSE: Duration = Duration::from_millis(10);
