//! The acts, one file for each kind of load. Each prepares what it needs, which is seen like the rest, and leaves nothing.

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
/// Some could not be played, or what came of them was not right.
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

/// What was asked for is not what came.
fn wrong(what: String) -> Failure {
    Failure::new(crate::cli::failure::NO, format!("what came of an act is not right: {what}"))
}

/// Of sessions that are to stay: longer than all acts take.
const LONG_TTL: Duration = Duration::from_secs(3600);
/// Names of one acquire.
const NAMES: u64 = tenure::base::limits::NAMES_PER_ACQUIRE_MAX as u64;
/// What one session may have, less than all of it.
const PER_SESSION: u64 = 16_000;
