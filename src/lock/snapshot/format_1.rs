//! Format 1, of 0.1.0: a stake in several locks stands in each of them, with all names.

use super::decode::{Pieces, client_mark, new_request};
use super::out::{Out, push as push_piece};
use super::{SnapshotError, session_piece};
use crate::base::locks::{Answer, Mode, Name};
use crate::base::{Owner, RequestId, SessionId, Token};
use crate::lock::LockMachine;
use crate::lock::asked::Mark;
use crate::lock::dedupe::{Hold, Place};
use crate::lock::delay::{Delay, Delays};
use crate::lock::grant::{Lock, Rest};
use crate::lock::holders::{Grant, Holders};
use crate::lock::locks::{Locks, Slot};
use crate::lock::print::Print;
use crate::lock::queue::{Queue, Waiter};
use crate::lock::stake::{Extras, Stake, shared_value};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// All that follows the head.
pub(super) fn push(out: &mut Out<'_>, machine: &LockMachine) {
    for (id, session) in &machine.sessions {
        push_piece(out, &session_piece(*id, session));
        for (request, remembered) in session.answers.fixed().iter() {
            push_piece(out, &AnswerPiece { request, answer: Answer::from(&remembered.answer) });
        }
    }
    for (name, _, lock) in machine.locks.iter() {
        push_lock(out, &machine.locks, name, lock);
    }
    for (token, mark) in &machine.asked {
        push_mark(out, *token, mark);
    }
}

fn push_lock(out: &mut Out<'_>, locks: &Locks, name: &Name, lock: &Lock) {
    let (holders, waiters) = (lock.holders.len() as u64, lock.queue().len() as u64);
    let (delays, limit) = (lock.delays().len() as u64, lock.limit());
    push_piece(
        out,
        &LockPiece { name: Cow::Borrowed(name.as_str()), limit, holders, delays, waiters },
    );
    for grant in lock.holders.iter() {
        let Grant { token, since_unix_ms, ref stake, .. } = *grant;
        let requests = grant.handles().collect();
        let stake = ClaimPiece::new(stake, locks);
        push_piece(out, &HolderPiece { token, since_unix_ms, requests, stake });
    }
    for (token, delay) in lock.delays().iter() {
        push_piece(out, &DelayPiece::new(token, delay));
    }
    for (_, waiter) in lock.queue().iter() {
        let Waiter { request, since_unix_ms, ref stake, .. } = *waiter;
        let stake = ClaimPiece::new(stake, locks);
        push_piece(out, &WaiterPiece { request, since_unix_ms, stake });
    }
}

fn push_mark(out: &mut Out<'_>, token: Token, mark: &Mark) {
    let Mark { name, grace_ms, reason, heir } = mark;
    let (name, reason) = (Cow::Borrowed(name.as_str()), Cow::Borrowed(&**reason));
    let heir = heir.as_deref().map(Cow::Borrowed);
    push_piece(out, &MarkPiece { token, name, grace_ms: *grace_ms, reason, heir });
}

/// Reads one lock behind `last`, with its holders, delays and waiters.
pub(super) fn read_lock(
    machine: &mut LockMachine,
    pieces: &mut Pieces<'_>,
    last: Option<Slot>,
) -> Result<Slot, SnapshotError> {
    let LockPiece { name, limit, holders, delays, waiters } = pieces.read()?;
    let name = Name::try_from(&*name).map_err(|error| pieces.damaged(error.to_string()))?;
    if last.is_some_and(|last| *machine.locks.name(last) >= name) {
        return Err(pieces.damaged(format!("lock {name:?} is out of order")));
    }
    // The lock may exist already, for a stake in several locks.
    let slot = machine.locks.find_or_make(&name, limit);
    let (mut in_it, mut rest) = (Holders::default(), Rest { limit, ..Rest::default() });
    for _ in 0..holders {
        read_holder(machine, pieces, slot, &mut in_it)?;
    }
    for _ in 0..delays {
        read_delay(pieces, &mut rest.delays)?;
    }
    for _ in 0..waiters {
        read_waiter(machine, pieces, slot, &mut rest.queue)?;
    }
    machine.locks[slot] = Lock::with(in_it, rest);
    Ok(slot)
}

pub(super) fn read_mark(
    machine: &mut LockMachine,
    pieces: &mut Pieces<'_>,
) -> Result<(), SnapshotError> {
    let MarkPiece { token, name, grace_ms, reason, heir } = pieces.read()?;
    let name = Name::try_from(&*name).map_err(|error| pieces.damaged(error.to_string()))?;
    let heir = heir.as_deref().map(Into::into);
    let mark = Mark { name, grace_ms, reason: (&*reason).into(), heir };
    super::decode::add_mark(machine, pieces, token, mark)
}

/// A fixed answer; the print of its request is not known.
pub(super) fn read_answer(
    pieces: &mut Pieces<'_>,
) -> Result<(RequestId, Print, Answer), SnapshotError> {
    let AnswerPiece { request, answer } = pieces.read()?;
    Ok((request, Print::UNKNOWN, answer))
}

fn read_holder(
    machine: &mut LockMachine,
    pieces: &mut Pieces<'_>,
    slot: Slot,
    holders: &mut Holders,
) -> Result<(), SnapshotError> {
    let HolderPiece { token, since_unix_ms, requests, stake } = pieces.read()?;
    let stake = read_stake(machine, pieces, stake, slot)?;
    let Some((first, later)) = requests.split_first() else {
        return Err(pieces.damaged(format!("no acquire holds token {token}")));
    };
    // Of several names the first comes first; a check of the whole finds missing others.
    if stake.is_known_as(slot) {
        let bytes = stake.bytes(slot, &machine.locks);
        for request in &requests {
            let hold = Hold { slot, token, print: Print::UNKNOWN, bytes };
            let answers = new_request(machine, pieces, stake.session, *request)?;
            answers.note_grant(*request, hold, stake.owner());
        }
    }
    let mut grant = Grant::new(token, since_unix_ms, *first, stake);
    later.iter().for_each(|request| grant.add_handle(*request));
    pieces.add_holder(holders, machine.locks.name(slot), grant)
}

fn read_waiter(
    machine: &mut LockMachine,
    pieces: &mut Pieces<'_>,
    slot: Slot,
    queue: &mut Queue,
) -> Result<(), SnapshotError> {
    let WaiterPiece { request, since_unix_ms, stake } = pieces.read()?;
    let stake = read_stake(machine, pieces, stake, slot)?;
    let (session, owner) = (stake.session, stake.owner());
    let (is_first, bytes) = (stake.is_known_as(slot), stake.bytes(slot, &machine.locks));
    let client = client_mark(machine, session);
    let ticket = queue.push(Waiter { request, since_unix_ms, client, stake });
    if is_first {
        let mut place = Place::new(owner, Print::UNKNOWN, bytes);
        place.add(slot, ticket);
        new_request(machine, pieces, session, request)?.note_waiting(request, place);
        return Ok(());
    }
    let found = machine.sessions.get_mut(&session);
    let added = found.and_then(|found| found.answers.add_spot(request, slot, ticket));
    added.ok_or_else(|| {
        let name = machine.locks.name(slot);
        pieces.damaged(format!("request {request} of session {session} waits for {name:?} alone"))
    })
}

/// A stake in the lock in `slot`. Its other locks are made, and are vacant until they are read.
fn read_stake(
    machine: &mut LockMachine,
    pieces: &Pieces<'_>,
    piece: ClaimPiece<'_>,
    slot: Slot,
) -> Result<Stake, SnapshotError> {
    let name = machine.locks.name(slot);
    let ClaimPiece { session, owner, mode, permits, delay_ms, value, all } = piece;
    let names: Result<Vec<Name>, _> = all.iter().map(|name| Name::try_from(&**name)).collect();
    let names = names.map_err(|error| pieces.damaged(error.to_string()))?;
    let is_set = names.is_sorted_by(|one, next| one < next) && names.contains(name);
    if names.len() == 1 || (!names.is_empty() && !is_set) {
        return Err(pieces.damaged(format!("{names:?} are not several names with {name:?}")));
    }
    let slots = names.iter().map(|name| machine.locks.find_or_make(name, 0));
    let all = (!names.is_empty()).then(|| slots.collect());
    let (value, later) = (shared_value(&value), Vec::new());
    let extras = Extras { owner, delay_ms, value, all, later };
    Ok(Stake::new(session, mode, permits, extras))
}

/// Reads a delay; alike in all formats.
pub(super) fn read_delay(
    pieces: &mut Pieces<'_>,
    delays: &mut Delays,
) -> Result<(), SnapshotError> {
    let DelayPiece { token, mode, permits, delay_ms, client } = pieces.read()?;
    if delays.last().is_some_and(|last| last >= token) {
        return Err(pieces.damaged(format!("the delay of token {token} is out of order")));
    }
    delays.insert(token, Delay { mode, permits, delay_ms, client: (&*client).into() });
    Ok(())
}

/// An answer that no later entry changes.
#[derive(Debug, Serialize, Deserialize)]
struct AnswerPiece {
    request: RequestId,
    answer: Answer,
}

/// A lock; its holders follow, then its delays, then its waiters.
#[derive(Debug, Serialize, Deserialize)]
struct LockPiece<'a> {
    name: Cow<'a, str>,
    limit: u32,
    holders: u64,
    delays: u64,
    waiters: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct HolderPiece<'a> {
    token: Token,
    since_unix_ms: u64,
    requests: Vec<RequestId>,
    stake: ClaimPiece<'a>,
}

/// The room that an expired grant takes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DelayPiece<'a> {
    token: Token,
    mode: Mode,
    permits: u32,
    delay_ms: u32,
    client: Cow<'a, str>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WaiterPiece<'a> {
    request: RequestId,
    since_unix_ms: u64,
    stake: ClaimPiece<'a>,
}

/// A mark.
#[derive(Debug, Serialize, Deserialize)]
struct MarkPiece<'a> {
    token: Token,
    name: Cow<'a, str>,
    grace_ms: u32,
    reason: Cow<'a, str>,
    heir: Option<Cow<'a, str>>,
}

/// The session, owner and size of a stake.
#[derive(Debug, Serialize, Deserialize)]
struct ClaimPiece<'a> {
    session: SessionId,
    owner: Owner,
    mode: Mode,
    permits: u32,
    delay_ms: u32,
    #[serde(with = "serde_bytes")]
    value: Vec<u8>,
    /// All names, if there are several.
    all: Vec<Cow<'a, str>>,
}

impl<'a> DelayPiece<'a> {
    pub(super) fn new(token: Token, delay: &'a Delay) -> Self {
        let Delay { mode, permits, delay_ms, ref client } = *delay;
        Self { token, mode, permits, delay_ms, client: Cow::Borrowed(&**client) }
    }
}

impl<'a> ClaimPiece<'a> {
    fn new(stake: &Stake, locks: &'a Locks) -> Self {
        let all = stake.all().unwrap_or_default();
        Self {
            session: stake.session,
            owner: stake.owner(),
            mode: stake.mode,
            permits: stake.permits,
            delay_ms: stake.delay_ms(),
            value: stake.value().to_vec(),
            all: all.iter().map(|slot| Cow::Borrowed(locks.name(*slot).as_str())).collect(),
        }
    }
}
