//! `tenure bench --cruel`: the worst loads that clients may cause within their bounds, one after
//! the other, and what nodes and another client feel of them.
//!
//! Meanwhile very many locks are held, very many sessions renew, and a probe takes and releases a
//! lock of its own. The report has for each act the longest turn of a node's loop, as the nodes
//! measure it, and changes of leader.

mod acts;
mod background;
mod herd;
mod line;
mod party;
mod probe;
mod report;
mod sizes;
mod stage;
mod table;
mod watch;

pub use sizes::Sizes;

use crate::cli::connect::Connection;
use crate::cli::failure::{Failure, NO};
use crate::cli::output;
use crate::lab::processes::Processes;
use background::{Crowd, hold};
use stage::Stage;
use std::time::Duration;
use tenure::sys::descriptors;

/// The form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
}

/// Plays all acts in the cluster at `to`, and reports. Sessions that are to expire have this TTL.
///
/// # Errors
/// An act could not be played, what came of it is not right, or leadership changed without being asked (1).
pub fn run(sizes: &Sizes, ttl: Duration, to: &Connection, form: Form) -> Result<(), Failure> {
    check_descriptors(sizes)?;
    let mut stage = Stage::new(sizes, ttl, to)?;
    let before = stage.leader()?;
    let played = play(&mut stage).and_then(|()| {
        stage.wait_for("all locks are free, and all sessions ended", |stage| {
            let now = stage.leader()?;
            // The probe may hold a lock and have a session.
            let is_empty = now.locks <= 1 && now.sessions <= before.sessions.max(2);
            Ok(is_empty.then_some(()))
        })
    });
    conclude(&stage, played, &report::to_text(&stage), &report::to_json(&stage), form)
}

/// Measures cycles a second and the longest turn while more and more locks are held, clients wait,
/// or sessions renew.
///
/// # Errors
/// A measurement failed, or leadership changed without being asked (1).
pub fn tabulate(
    sizes: &Sizes,
    nodes: &Processes,
    to: &Connection,
    form: Form,
) -> Result<(), Failure> {
    let mut stage = Stage::new(sizes, to.options()?.ttl, to)?;
    let mut table = table::Table::default();
    let measured = table.measure(&mut stage, nodes);
    conclude(&stage, measured, &table.to_text(), &table.to_json(), form)
}

/// Reports, also after a failure.
fn conclude(
    stage: &Stage<'_>,
    played: Result<(), Failure>,
    text: &str,
    json: &str,
    form: Form,
) -> Result<(), Failure> {
    output::conclude(if form == Form::Json { json } else { text })?;
    match (report::check_leaders(&stage.acts), played) {
        (Err(changed), Err(failed)) => {
            Err(Failure::new(NO, format!("{}; {}", changed.message, failed.message)))
        }
        (leaders, played) => leaders.and(played),
    }
}

fn play(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let mut held = hold(stage, stage.sizes.locks)?;
    let crowd = Crowd::start(stage, stage.sizes.sessions)?;
    let played = acts::play(stage);
    let crowd = crowd.end()?;
    played?;
    stage.check("sessions that renewed to the end", crowd);
    held.close()
}

/// Checks the limit of descriptors: this process has a connection for each returning client, and
/// some more.
fn check_descriptors(sizes: &Sizes) -> Result<(), Failure> {
    let needed = sizes.returning + 3 * sizes.circle + sizes.sessions / 500 + 500;
    let limit = descriptors::raise_limit();
    if limit < needed {
        return Err(Failure::usage(format!(
            "{needed} descriptors are needed and {limit} allowed: raise `ulimit -Hn`, or lower --returning"
        )));
    }
    Ok(())
}
