//! Hand-overs of a lock out of turn, and breaks at once.

use super::Post;
use super::holding::Holding;
use super::work::of;
use crate::lab::verify::line::{Kind, Line};
use tenure::Status;
use tenure::client::{BreakOptions, Grace};
use tenure::lock::Name;
use tenure::sys::clock;
use tenure::wire::{Query, ReadAnswer};

/// Hands the lock to the last in the queue; releases it if nobody waits.
pub(super) fn hand_to_the_last(post: &Post, lock: &str, holding: Holding<'_>) {
    match last_in_queue(post, lock) {
        Some(client) => holding.hand_over_to(client),
        None => holding.release(),
    }
}

fn last_in_queue(post: &Post, lock: &str) -> Option<String> {
    let name = Name::try_from(lock).ok()?;
    match post.client.read(Query::Lock { name }) {
        Ok(ReadAnswer::Lock { lock, .. }) => lock?.waiters.pop().map(|waiter| waiter.client),
        _ => None,
    }
}

/// Breaks the lock at once; logs that before the request is sent and when it is answered.
pub(super) fn take_at_once(post: &Post, lock: &str) {
    let Ok(Some(holder)) = post.client.holder_of(lock) else { return };
    let token = Some(holder.token.0);
    let line = Line { client: Some(post.name.clone()), token, ..of(lock) };
    let log = |event| {
        let at = Some(clock::boot_nanos());
        post.log.write(&Line { event, at, ..line.clone() });
    };
    log(Kind::Breaking);
    let options = BreakOptions::new().token(holder.token).grace(Grace::Now);
    match post.client.break_lock(lock, options) {
        Ok(()) => log(Kind::Broke),
        Err(error) if matches!(error.status, Status::NotFound | Status::Denied) => {
            log(Kind::Spared);
        }
        // The break may still be carried out.
        Err(_) => {}
    }
}
