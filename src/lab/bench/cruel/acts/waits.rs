//! One session with very many waits, each for several locks at once: it queues, attaches again, and
//! expires.

use super::{LONG_TTL, NAMES, wrong};
use crate::cli::failure::Failure;
use crate::lab::bench::cruel::party::{Party, all_of, name};
use crate::lab::bench::cruel::stage::Stage;
use std::time::{Duration, Instant};
use tenure::base::SessionId;
use tenure::client::core::Done;
use tenure::lock::Name;
use tenure::wire::{Query, ReadAnswer};

pub fn play(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let waits = stage.sizes.waits;
    // A power of two, so that 32 steps of an odd length never hit the same lock twice.
    let pool = (waits / 8).next_power_of_two().clamp(NAMES, POOL_MAX);
    let mut holder = Party::new(stage, 1, |_| "cruel/holder".to_owned(), LONG_TTL)?;
    for first in (0..pool).step_by(NAMES as usize) {
        let names = (first..(first + NAMES).min(pool)).map(|lock| name("pool", lock));
        holder.want(0, all_of(names.collect()));
    }
    holder.grants(pool.div_ceil(NAMES) as usize)?;

    let mut waiting = Party::new(stage, 1, |_| "cruel/waits".to_owned(), stage.ttl)?;
    let session = waiting.session(0)?;
    let what = format!("{waits} waits for {NAMES} locks");
    stage.act(format!("{what} queue"), &mut waiting, |_, waiting| {
        for wait in 0..waits {
            waiting.want(0, all_of(names_of(wait, pool)));
        }
        wait_until_queued(waiting, session, waits)
    })?;
    stage.act(format!("{what} attach"), &mut waiting, |_, waiting| {
        let before = waiting.member(0).heard.standings;
        waiting.member(0).hang_up();
        waiting.until("hears what stands", |party| {
            Ok((party.member(0).heard.standings > before).then_some(()))
        })?;
        wait_until_queued(waiting, session, waits)
    })?;
    let waiting = read_queues(stage, waiting)?;
    expire(stage, waiting, &what, session)?;
    stage.check("waits that expired", waits as usize);
    holder.close()
}

fn expire(
    stage: &mut Stage<'_>,
    mut waiting: Party,
    what: &str,
    session: SessionId,
) -> Result<(), Failure> {
    if waiting.member(0).heard.losses > 0 {
        return Err(wrong("the session that waits has ended before its client left it".to_owned()));
    }
    stage.act(format!("{what} expire"), &mut waiting, |stage, waiting| {
        waiting.vanish();
        stage.wait_for("the session that waits has expired", |stage| {
            Ok(stage.session(session)?.is_none().then_some(()))
        })?;
        stage.wait_for("nobody waits for what it waited for", |stage| {
            Ok(stage.is_unwaited("cruel/pool/")?.then_some(()))
        })
    })
}

/// Reads many locks, each with its queue.
fn read_queues(stage: &mut Stage<'_>, waiting: Party) -> Result<Party, Failure> {
    let reads = stage.sizes.reads / QUEUES_PART + 1;
    let mut reader = Party::new(stage, 1, |_| "cruel/reader".to_owned(), LONG_TTL)?;
    reader.session(0)?;
    let mut cast = (reader, waiting);
    stage.act(format!("{reads} reads of {NAMES} queues at once"), &mut cast, |_, cast| {
        let limit = NAMES as u32;
        for _ in 0..reads {
            let (prefix, after) = ("cruel/pool/".to_owned(), None);
            cast.0.read(0, Query::Locks { prefix, after, limit });
        }
        let mut answered = 0;
        cast.0.until("reads", |party| {
            for (_, (_, result)) in party.take_decided() {
                let Done::Read { answer: ReadAnswer::Locks { locks, .. }, .. } = result? else {
                    return Err(wrong("a list was not answered by a list".to_owned()));
                };
                answered += u64::from(locks.len() as u64 == NAMES);
            }
            Ok((answered >= reads).then_some(()))
        })
    })?;
    stage.check("reads of queues", reads as usize);
    let (mut reader, waiting) = cast;
    reader.close()?;
    Ok(waiting)
}

/// Polls the session's status, on the connection that has sent the waits.
fn wait_until_queued(party: &mut Party, session: SessionId, waits: u64) -> Result<(), Failure> {
    let (mut asked, mut ask_at) = (None, Instant::now());
    party.until("has all its waits in their queues", |party| {
        if asked.is_none() && ask_at <= Instant::now() {
            asked = Some(party.read(0, Query::Session { session }));
            ask_at = Instant::now() + ASK_EVERY;
        }
        for (_, (call, result)) in party.take_decided() {
            match result? {
                Done::Read { answer: ReadAnswer::Session(view), .. } if asked == Some(call) => {
                    asked = None;
                    if view.is_some_and(|view| u64::from(view.waiting) == waits) {
                        return Ok(Some(()));
                    }
                }
                Done::Acquired { name, .. } => {
                    return Err(wrong(format!("{name} was granted, which another one holds")));
                }
                _ => {}
            }
        }
        Ok(None)
    })
}

/// Names spread over the pool, so that each queue has a part of all waits.
fn names_of(wait: u64, pool: u64) -> Vec<Name> {
    (0..NAMES).map(|at| name("pool", (wait * 37 + at * 113) % pool)).collect()
}

const POOL_MAX: u64 = 2048;
/// A read of locks with queues has an answer so many times as long as one without.
const QUEUES_PART: u64 = 64;
const ASK_EVERY: Duration = Duration::from_millis(20);
