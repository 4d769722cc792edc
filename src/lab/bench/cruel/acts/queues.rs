//! One lock with a very long queue: of readers, which are granted together, and of writers, one of
//! which is put first.

use super::{LONG_TTL, PER_SESSION, wrong};
use crate::cli::failure::Failure;
use crate::lab::bench::cruel::party::{Grant, Party, name, shared};
use crate::lab::bench::cruel::stage::{Cast, Stage};
use std::time::Duration;
use tenure::client::core::{AcquireCall, CallId, Wait};
use tenure::client::{BreakOptions, Grace};

/// A writer leaves, and all readers behind it are let in.
pub fn play_shared(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let readers = stage.sizes.waiters;
    let (mut writer, held) = hold(stage, "readers")?;
    let mut party = party_of(stage, readers, "reader")?;
    stage.act(format!("{readers} readers of one lock queue"), &mut party, |stage, party| {
        queue(stage, party, readers, || shared(name("readers", 0))).map(drop)
    })?;
    stage.act(format!("a release to {readers} readers"), &mut party, |_, party| {
        writer.release(0, held.lease);
        writer.drive(MOMENT)?;
        party.grants(readers as usize).map(drop)
    })?;
    stage.check("readers that were let in", readers as usize);
    close(stage, &mut party)?;
    writer.close()
}

/// The holder is broken for the last in the queue; then it goes on in the order of the queue.
pub fn play_exclusive(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let waiters = stage.sizes.waiters;
    let (mut holder, _) = hold(stage, "hot")?;
    let mut party = party_of(stage, waiters, "waiter")?;
    let last = party.len() - 1;
    let calls =
        stage.act(format!("{waiters} waiters of one lock queue"), &mut party, |stage, party| {
            let wish = || AcquireCall::lock(name("hot", 0), Wait::Forever);
            queue(stage, party, waiters, wish)
        })?;
    let heir = stage.act(
        format!("a break to the last of {waiters} waiters"),
        &mut party,
        |stage, party| {
            let to = format!("cruel/waiter/{last}");
            let options = BreakOptions::new().grace(Grace::Now).to(to);
            stage.client.break_lock(name("hot", 0).as_str(), options)?;
            let heir = party.grants(1)?.pop();
            heir.ok_or_else(|| wrong("nobody was granted what was broken".to_owned()))
        },
    )?;
    let in_order = check_order(&mut party, heir, &calls)?;
    stage.check("granted in the order of the queue", in_order);
    close(stage, &mut party)?;
    holder.close()
}

fn close(stage: &mut Stage<'_>, party: &mut Party) -> Result<(), Failure> {
    let sessions = party.len();
    stage.act(format!("{sessions} sessions of them are closed"), party, |_, party| party.close())
}

/// Checks the order of the first grants: each holder releases, and the next in the queue has the
/// lock.
fn check_order(
    party: &mut Party,
    heir: Grant,
    calls: &[(usize, CallId)],
) -> Result<usize, Failure> {
    let is_heir = |call: &&(usize, CallId)| (call.0, call.1) == (heir.place, heir.call);
    let Some(of_heir) = calls.iter().find(|call| call.0 == party.len() - 1) else {
        return Err(wrong("the last client waits for nothing".to_owned()));
    };
    if !is_heir(&of_heir) {
        return Err(wrong(format!("{heir:?} was granted, not the first wait of whom it was for")));
    }
    let rest = calls.iter().filter(|call| !is_heir(call)).take(ORDER_MAX);
    let (mut before, mut count) = (heir, 0);
    for (place, call) in rest {
        party.release(before.place, before.lease);
        let next = party.grants(1)?.pop().unwrap_or(before);
        if (next.place, next.call) != (*place, *call) || next.token <= before.token {
            return Err(wrong(format!("{next:?} followed {before:?}, not {place}, {call:?}")));
        }
        (before, count) = (next, count + 1);
    }
    Ok(count)
}

fn hold(stage: &Stage<'_>, of: &str) -> Result<(Party, Grant), Failure> {
    let mut holder = Party::new(stage, 1, |_| format!("cruel/{of}"), LONG_TTL)?;
    holder.want(0, AcquireCall::lock(name(of, 0), Wait::Forever));
    let held = holder.grants(1)?.pop();
    Ok((holder, held.ok_or_else(|| wrong("nobody holds what was granted".to_owned()))?))
}

/// As many clients as `waits` need, two at least.
fn party_of(stage: &Stage<'_>, waits: u64, name: &str) -> Result<Party, Failure> {
    let clients = waits.div_ceil(PER_SESSION).max(2);
    Party::new(stage, clients, |place| format!("cruel/{name}/{place}"), LONG_TTL)
}

/// Queues one client after the other, so that the order of the queue is known; gives the call of
/// each.
fn queue(
    stage: &Stage<'_>,
    party: &mut Party,
    waits: u64,
    wish: impl Fn() -> AcquireCall,
) -> Result<Vec<(usize, CallId)>, Failure> {
    let (clients, mut calls) = (party.len() as u64, Vec::new());
    for place in 0..party.len() {
        let session = party.session(place)?;
        let own = waits / clients + u64::from((place as u64) < waits % clients);
        calls.extend((0..own).map(|_| (place, party.want(place, wish()))));
        party.until("queues", |_| {
            let waiting = stage.session(session)?.map_or(0, |(waiting, _)| waiting);
            Ok((u64::from(waiting) == own).then_some(()))
        })?;
    }
    Ok(calls)
}

/// How many grants are checked for their order.
const ORDER_MAX: usize = 200;
/// Long enough for a client's requests to leave it.
const MOMENT: Duration = Duration::from_millis(10);
