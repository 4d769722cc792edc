//! A session that holds very many locks, and expires. For some of them two others wait.

use super::{LONG_TTL, NAMES, wrong};
use crate::cli::failure::Failure;
use crate::lab::bench::cruel::party::{Grant, Party, all_of, name};
use crate::lab::bench::cruel::stage::{Cast, Stage};
use std::time::Duration;
use tenure::client::core::{AcquireCall, CallId, Wait};

pub fn play(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let locks = stage.sizes.expiring / NAMES * NAMES;
    let before = stage.leader()?.locks;
    let mut holder = Party::new(stage, 1, |_| "cruel/expiring".to_owned(), stage.ttl)?;
    let session = holder.session(0)?;
    stage.act(
        format!("a session takes {locks} locks, {NAMES} at a time"),
        &mut holder,
        |_, one| {
            for first in (0..locks).step_by(NAMES as usize) {
                one.want(0, all_of((first..first + NAMES).map(|lock| name("x", lock)).collect()));
            }
            one.grants((locks / NAMES) as usize).map(drop)
        },
    )?;
    let (heirs, calls) = queue_heirs(stage, &mut holder)?;
    let mut cast = (holder, heirs);
    let expires = format!("a session with {locks} locks expires");
    let first = stage.act(expires, &mut cast, |stage, (holder, heirs)| {
        holder.vanish();
        let first = heirs.grants(NAMES as usize)?;
        stage.wait_for("the session that holds much has expired", |stage| {
            Ok(stage.session(session)?.is_none().then_some(()))
        })?;
        stage.wait_for("all its locks are free", |stage| {
            Ok((stage.leader()?.locks <= before + NAMES).then_some(()))
        })?;
        Ok(first)
    })?;
    let (_, mut heirs) = cast;
    stage.check("locks that expired", locks as usize);
    let second = check_order(&mut heirs, &first, &calls)?;
    stage.check("granted in the order of the queue", first.len() + second);
    heirs.close()
}

/// Two clients that wait for the first of the locks, one behind the other, and the calls of each.
fn queue_heirs(
    stage: &Stage<'_>,
    holder: &mut Party,
) -> Result<(Party, Vec<Vec<CallId>>), Failure> {
    let mut heirs = Party::new(stage, 2, |place| format!("cruel/heir/{place}"), LONG_TTL)?;
    let mut calls = Vec::new();
    for place in 0..heirs.len() {
        let heir = heirs.session(place)?;
        let wish = |lock| AcquireCall::lock(name("x", lock), Wait::Forever);
        calls.push((0..NAMES).map(|lock| heirs.want(place, wish(lock))).collect::<Vec<_>>());
        // One after the other, so that the order of the queue is known.
        heirs.until("queues", |_| {
            holder.drive(Duration::ZERO)?;
            let waiting = stage.session(heir)?.map_or(0, |(waiting, _)| waiting);
            Ok((u64::from(waiting) == NAMES).then_some(()))
        })?;
    }
    Ok((heirs, calls))
}

/// Checks that the first client got all, and the second as the first released them; says how many
/// those were.
fn check_order(
    heirs: &mut Party,
    first: &[Grant],
    calls: &[Vec<CallId>],
) -> Result<usize, Failure> {
    if let Some(grant) = first.iter().find(|grant| grant.place != 0) {
        return Err(wrong(format!(
            "the second in the queue was granted {grant:?} before the first"
        )));
    }
    for grant in first {
        heirs.release(0, grant.lease);
    }
    let second = heirs.grants(NAMES as usize)?;
    if second.iter().any(|grant| grant.place != 1) {
        return Err(wrong(format!("not all went to the second in the queue: {second:?}")));
    }
    for (place, grants) in [first, &second].into_iter().enumerate() {
        let is_asked = |call| calls[place].contains(call);
        if !grants.iter().all(|grant| is_asked(&grant.call)) {
            return Err(wrong("a call was granted that was not made".to_owned()));
        }
    }
    Ok(second.len())
}
