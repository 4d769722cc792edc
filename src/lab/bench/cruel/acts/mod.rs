//! The acts, one file for each kind of load. Each prepares its clients and locks, which is measured
//! too, and leaves nothing.

mod circles;
mod expiring;
mod lists;
mod queues;
mod returning;
mod waits;

use super::stage::Stage;
use crate::cli::failure::Failure;
use std::time::Duration;

/// Plays them all, also those behind one that fails.
///
/// # Errors
/// An act could not be played, or its outcome was wrong.
pub fn play(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let acts: [Play; 7] = [
        waits::play,
        expiring::play,
        queues::play_shared,
        queues::play_exclusive,
        lists::play,
        circles::play,
        returning::play,
    ];
    let failures: Vec<Failure> = acts.iter().filter_map(|play| play(stage).err()).collect();
    let Some(first) = failures.first() else { return Ok(()) };
    let messages: Vec<&str> = failures.iter().map(|failure| failure.message.as_str()).collect();
    Err(Failure::new(first.code, messages.join("; ")))
}

type Play = fn(&mut Stage<'_>) -> Result<(), Failure>;

/// The failure of an act whose outcome is wrong.
fn wrong(what: String) -> Failure {
    Failure::new(crate::cli::failure::NO, format!("what came of an act is not right: {what}"))
}

/// The TTL of sessions that must not expire: longer than all acts take.
const LONG_TTL: Duration = Duration::from_secs(3600);
/// Names of one acquire.
const NAMES: u64 = tenure::base::limits::NAMES_PER_ACQUIRE_MAX as u64;
/// Grants and waits of one session, somewhat less than its limit.
const PER_SESSION: u64 = 16_000;
