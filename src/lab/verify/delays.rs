//! Checks that the locks of a killed holder stay taken until its session is over, and for its lock
//! delay from then on (L8, L16).
//!
//! Known of such a holder: at some instant its lease said how long it would stand, and the client
//! was killed before that was over, so nobody released the grant. Its session expires after that
//! time, the delay begins then, and a server's measure is never shorter by the clock of the logs.

use super::breaks::Taken;
use super::grants::Grants;
use super::history::{Belief, Fate, History};
use super::nanos;
use super::violation::{Rule, Violations};

/// Checks the grants that followed those of killed clients. Gives when each client was gone that
/// left a delay and was followed by a grant.
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
