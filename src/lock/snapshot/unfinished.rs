//! Unfinished work of entries (`lock/parts.rs`), in format 2: the sessions whose end is under way, behind the
//! live ones; and behind all locks the numbers of those with an unfinished hand-over. From format 3 on the
//! unfinished breaks come last.

use super::SnapshotError;
use super::decode::Pieces;
use super::numbers::{Numbers, slot_of};
use super::out::{Out, push};
use crate::base::locks::BreakWay;
use crate::base::{SessionId, Token};
use crate::lock::LockMachine;
use crate::lock::dedupe::Answers;
use crate::lock::locks::Slot;
use crate::lock::orders::{ORDERS_LEVEL, Order};
use crate::lock::parts::{EndWay, Ending};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

pub(super) fn push_endings(out: &mut Out<'_>, machine: &LockMachine) {
    let (endings, locks) = (machine.endings.len() as u64, machine.unfinished.len() as u64);
    push(out, &UnfinishedPiece { endings, locks });
    for (id, ending) in &machine.endings {
        let Ending { ref client, ttl_ms, way, .. } = **ending;
        let client = Cow::Borrowed(&**client);
        push(out, &EndingPiece { id: *id, client, ttl_ms, way });
    }
}

pub(super) fn push_locks(out: &mut Out<'_>, machine: &LockMachine, numbers: &Numbers<'_>) {
    machine.unfinished.iter().for_each(|name| push(out, &numbers.of_name(name)));
}

/// Reads the ended sessions; the number of unfinished hand-overs. The locks name the grants and places of
/// these sessions.
pub(super) fn read_endings(
    machine: &mut LockMachine,
    pieces: &mut Pieces<'_>,
) -> Result<u64, SnapshotError> {
    let UnfinishedPiece { endings, locks } = pieces.read()?;
    for _ in 0..endings {
        let EndingPiece { id, client, ttl_ms, way } = pieces.read()?;
        if machine.endings.last_key_value().is_some_and(|(last, _)| *last >= id) {
            return Err(pieces.damaged(format!("session {id}, which has ended, is out of order")));
        }
        let (client, answers) = ((&*client).into(), Answers::new().of_the_dead());
        let ending = Ending { client, ttl_ms, way, answers, counted: 0 };
        machine.endings.insert(id, Box::new(ending));
    }
    Ok(locks)
}

pub(super) fn read_locks(
    machine: &mut LockMachine,
    pieces: &mut Pieces<'_>,
    slots: &[Slot],
    locks: u64,
) -> Result<(), SnapshotError> {
    for _ in 0..locks {
        let number: u32 = pieces.read()?;
        let name = machine.locks.name(slot_of(pieces, slots, number)?);
        if machine.unfinished.last().is_some_and(|last| last >= name) {
            return Err(pieces.damaged(format!("the hand-over of {name:?} is out of order")));
        }
        machine.unfinished.insert(name.clone());
    }
    Ok(())
}

/// Writes the unfinished breaks; nothing, as in most states, if there are none.
pub(super) fn push_orders(out: &mut Out<'_>, machine: &LockMachine, numbers: &Numbers<'_>) {
    for (name, order) in &machine.orders {
        let Order { way, until, done, reason, heir, except } = order;
        let (lock, reason) = (numbers.of_name(name), Cow::Borrowed(&**reason));
        let (heir, except) = (heir.as_deref().map(Cow::Borrowed), except.iter().copied().collect());
        let (way, until, done) = (*way, *until, *done);
        push(out, &OrderPiece { lock, way, until, done, reason, heir, except });
    }
}

pub(super) fn read_orders(
    machine: &mut LockMachine,
    pieces: &mut Pieces<'_>,
    slots: &[Slot],
) -> Result<(), SnapshotError> {
    while pieces.is_from(ORDERS_LEVEL) && !pieces.is_at_end() {
        let OrderPiece { lock, way, until, done, reason, heir, except } = pieces.read()?;
        let name = machine.locks.name(slot_of(pieces, slots, lock)?).clone();
        if machine.orders.last_key_value().is_some_and(|(last, _)| *last >= name) {
            return Err(pieces.damaged(format!("the break of {name:?} is out of order")));
        }
        if !except.is_sorted_by(|one, next| one < next) {
            return Err(
                pieces.damaged(format!("whom the break of {name:?} excepts is out of order"))
            );
        }
        let (reason, heir) = ((&*reason).into(), heir.as_deref().map(Into::into));
        let except = except.into_iter().collect();
        machine.orders.insert(name, Order { way, until, done, reason, heir, except });
    }
    Ok(())
}

#[derive(Debug, Serialize, Deserialize)]
struct UnfinishedPiece {
    endings: u64,
    locks: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct EndingPiece<'a> {
    id: SessionId,
    client: Cow<'a, str>,
    ttl_ms: u32,
    way: EndWay,
}

/// An unfinished break of all holders of a lock.
#[derive(Debug, Serialize, Deserialize)]
struct OrderPiece<'a> {
    lock: u32,
    way: BreakWay,
    until: Token,
    done: Token,
    reason: Cow<'a, str>,
    heir: Option<Cow<'a, str>>,
    /// In rising order.
    except: Vec<Token>,
}
