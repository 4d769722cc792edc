//! A long chain of sessions that wait for each other, and very many waits at once that would close
//! it to a deadlock.

use super::{LONG_TTL, wrong};
use crate::cli::failure::Failure;
use crate::lab::bench::cruel::party::{Party, name};
use crate::lab::bench::cruel::stage::Stage;
use tenure::Status;
use tenure::client::core::{AcquireCall, Wait};

pub fn play(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let depth = stage.sizes.circle;
    let clients = usize::try_from(depth).expect("few clients");
    let mut party = Party::new(stage, depth, |place| format!("cruel/chain/{place}"), LONG_TTL)?;
    stage.act(
        format!("{depth} sessions wait one behind the other"),
        &mut party,
        |stage, party| {
            for (place, lock) in (0..clients).zip(0..) {
                party.want(place, of_owner(lock));
            }
            party.grants(clients)?;
            for (place, next) in (0..clients - 1).zip(1..) {
                party.want(place, of_owner(next));
            }
            let sessions: Result<Vec<_>, _> =
                (0..clients - 1).map(|at| party.session(at)).collect();
            for session in sessions? {
                party.until("queues", |_| {
                    Ok((stage.session(session)?.is_some_and(|(waiting, _)| waiting == 1))
                        .then_some(()))
                })?;
            }
            Ok(())
        },
    )?;
    let searches = depth - 1;
    let name = format!("{searches} waits at once that would close the circle");
    stage.act(name, &mut party, |_, party| {
        for lock in 0..searches {
            party.want(clients - 1, of_owner(lock));
        }
        let mut left = searches;
        party.until("is told of the deadlock", |party| {
            for (place, (call, result)) in party.take_decided() {
                match result {
                    Err(error) if error.status == Status::Deadlock => left -= 1,
                    other => {
                        let text = format!("client {place}, {call:?}: {other:?}, not a deadlock");
                        return Err(wrong(text));
                    }
                }
            }
            Ok((left == 0).then_some(()))
        })
    })?;
    stage.check("deadlocks that were found", searches as usize);
    party.close()
}

/// An acquire under one owner, so that the waits of one session are edges of one node in the graph
/// of waits.
fn of_owner(lock: u64) -> AcquireCall {
    AcquireCall { owner: 1, ..AcquireCall::lock(name("chain", lock), Wait::Forever) }
}
