//! Checks that a lock handed to a waiter by name is granted to that waiter next (L23), unless the
//! waiter gave up or its session was lost.

use super::grants::Grants;
use super::history::{Belief, History, Share, Wait};
use super::orders::Handover;
use super::violation::{Rule, Violations};
use std::collections::BTreeMap;

/// Checks the grant that followed each handover of an exclusive lock. Gives when each such handover
/// was done.
pub fn check(history: &History, grants: &Grants<'_>, found: &mut Violations) -> Vec<u64> {
    let mut judged = Vec::new();
    if history.orders.handovers.is_empty() {
        return judged;
    }
    let vain = vain_waits(history);
    for handover in &history.orders.handovers {
        let Handover { lock, token, to, .. } = *handover;
        let [handed, next, ..] = grants.from(lock, token) else { continue };
        if handed.token != token || handed.share != Share::Exclusive {
            continue;
        }
        judged.push(handover.at);
        let waits = vain.get(&(lock, to)).map_or(&[][..], Vec::as_slice);
        if next.client == to || was_lost(handover, waits, grants.before(lock, token)) {
            continue;
        }
        found.add(Rule::PassedOver, || {
            format!(
                "{} handed \"{}\" to {} ({}), who waited on, and it was granted to {} ({})",
                history.whose(handed),
                history.locks.name(lock),
                history.clients.name(to),
                history.place(handover.source),
                history.whose(next),
                history.place(next.granted),
            )
        });
    }
    judged
}

/// Whether a server may have granted the lock to a wait of that client in vain. The client's oldest
/// place in the queue goes first, so a wait that began before its newest grant has left the queue.
fn was_lost(handover: &Handover, waits: &[&Wait], before: &[&Belief]) -> bool {
    let newest = before.iter().rev().find(|grant| grant.client == handover.to);
    waits.iter().any(|wait| {
        let had_begun = wait.boot != handover.boot || wait.from <= handover.at;
        let is_since =
            newest.is_none_or(|grant| grant.boot != wait.boot || wait.from >= grant.from);
        had_begun && is_since
    })
}

/// Waits that may have had a grant of which the client did not hear, by lock and client.
fn vain_waits(history: &History) -> BTreeMap<(u32, u32), Vec<&Wait>> {
    let mut vain: BTreeMap<(u32, u32), Vec<&Wait>> = BTreeMap::new();
    for wait in history.waits.iter().filter(|wait| !wait.was_heard) {
        vain.entry((wait.lock, wait.client)).or_default().push(wait);
    }
    vain
}
