//! Whoever was killed while it held keeps what it held: until its session is over, and for its lock delay from then on
//! (L8, L16).
//!
//! What is sure of such a holder: at some instant its lease said how long it would stand, and before that was over the
//! client was no more, so nobody gave the grant back. Its session expires after that time, the delay begins then, and
//! what a server measures is never less by the clock of the logs.

use super::breaks::Taken;
use super::grants::Grants;
use super::history::{Belief, Fate, History};
use super::nanos;
use super::violation::{Rule, Violations};

/// Checks the grants that followed those of clients that were killed. Gives when each client was gone of which there is
/// such a grant, and which left a delay.
pub fn check(
    history: &History,
    grants: &Grants<'_>,
    taken: &Taken<'_>,
    found: &mut Violations,
) -> Vec<u64> {
    let mut judged = Vec::new();
    for lost in &history.beliefs {
        let Fate::Gone { at } = lost.fate else { continue };
        if at >= lost.stands_to || taken.contain(lost.lock, lost.token) {
            continue;
        }
        let later = grants.from(lost.lock, lost.token).iter().copied();
        let mut next = later.filter(|grant| {
            grant.token > lost.token && grant.boot == lost.boot && lost.share.excludes(grant.share)
        });
        let Some(first) = next.next() else { continue };
        if lost.delay_ms > 0 {
            judged.push(at);
        }
        let free_from = lost.stands_to.saturating_add(nanos(lost.delay_ms));
        if first.from < free_from {
            found.add(Rule::TooEarly, || tell(history, lost, at, first, free_from));
        }
    }
    judged
}

fn tell(history: &History, lost: &Belief, at: u64, next: &Belief, free_from: u64) -> String {
    format!(
        "\"{}\" was held by {} ({}), who was gone at {at}; it could be free from {free_from}, and was granted to {} at {} ({})",
        history.locks.name(lost.lock),
        history.whose(lost),
        history.place(lost.ended),
        history.whose(next),
        next.from,
        history.place(next.granted),
    )
}
