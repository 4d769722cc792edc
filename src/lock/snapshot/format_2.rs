//! Format 2: each name once. First come all locks by name, then their contents in the same order; all
//! references to a lock are numbers.
//!
//! A stake in several locks stands whole in the first of them. The others only refer to it: its size grows
//! with its locks, not with their square.

use super::decode::{Pieces, add_mark, client_mark, new_request};
use super::format_1::{DelayPiece, read_delay};
use super::numbers::{LockPiece, Numbers, read_names, slot_of};
use super::out::{Out, push as push_piece};
use super::{SnapshotError, session_piece, unfinished};
use crate::base::locks::{Answer, Mode};
use crate::base::{Owner, RequestId, SessionId, Token};
use crate::lock::asked::Mark;
use crate::lock::dedupe::{Answers, Hold, Place};
use crate::lock::grant::{Lock, Rest};
use crate::lock::holders::{Grant, Holders};
use crate::lock::locks::Slot;
use crate::lock::queue::{Queue, Waiter};
use crate::lock::stake::{Extras, Stake, shared_value};
use crate::lock::{LockMachine, print::Print};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// All that follows the head.
pub(super) fn push(out: &mut Out<'_>, machine: &LockMachine) {
    for (id, session) in &machine.sessions {
        push_piece(out, &session_piece(*id, session));
        for (request, known) in session.answers.fixed().iter() {
            let (print, answer) = (known.print.0, Answer::from(&known.answer));
            push_piece(out, &AnswerPiece { request, print, answer });
        }
        super::access::push_subject(out, machine, &session.subject);
    }
    unfinished::push_endings(out, machine);
    let numbers = Numbers::of(&machine.locks);
    for (name, _, lock) in machine.locks.iter() {
        push_piece(out, &LockPiece::new(name, lock));
    }
    for (_, slot, lock) in machine.locks.iter() {
        push_content(out, machine, &numbers, slot, lock);
    }
    for (token, mark) in &machine.asked {
        let Mark { name, grace_ms, reason, heir } = mark;
        let (lock, heir) = (numbers.of_name(name), heir.as_deref().map(Cow::Borrowed));
        let (grace_ms, reason) = (*grace_ms, Cow::Borrowed(&**reason));
        push_piece(out, &MarkPiece { token: *token, lock, grace_ms, reason, heir });
    }
    unfinished::push_locks(out, machine, &numbers);
    unfinished::push_orders(out, machine, &numbers);
}

fn push_content(
    out: &mut Out<'_>,
    machine: &LockMachine,
    numbers: &Numbers<'_>,
    slot: Slot,
    lock: &Lock,
) {
    for grant in lock.holders.iter() {
        let Grant { token, since_unix_ms, ref stake, .. } = *grant;
        let answers = machine.answers_of(stake.session);
        push_piece(
            out,
            &match numbers.first_elsewhere(stake, slot) {
                Some(first) => HolderPiece::Also { first, token },
                None => HolderPiece::Whole {
                    token,
                    since_unix_ms,
                    acquire: printed(answers, grant.first_handle()),
                    stake: ClaimPiece::new(numbers, stake, answers),
                },
            },
        );
    }
    for (token, delay) in lock.delays().iter() {
        push_piece(out, &DelayPiece::new(token, delay));
    }
    for (_, waiter) in lock.queue().iter() {
        let Waiter { request, since_unix_ms, ref stake, .. } = *waiter;
        let answers = machine.answers_of(stake.session);
        push_piece(
            out,
            &match numbers.first_elsewhere(stake, slot) {
                Some(first) => WaiterPiece::Also { first, session: stake.session, request },
                None => WaiterPiece::Whole {
                    since_unix_ms,
                    acquire: printed(answers, request),
                    stake: ClaimPiece::new(numbers, stake, answers),
                },
            },
        );
    }
}

fn printed(answers: &Answers, request: RequestId) -> (RequestId, u32) {
    (request, answers.known(request).map_or(0, |known| known.print().0))
}

/// All that follows the sessions.
pub(super) fn read(
    machine: &mut LockMachine,
    pieces: &mut Pieces<'_>,
    [locks, asked, unfinished]: [u64; 3],
) -> Result<(), SnapshotError> {
    // Each head is read twice, first for its name: only the names of all locks are in memory at once.
    let mut heads = pieces.again();
    let slots = read_names(machine, pieces, locks)?;
    for number in 0..slots.len() {
        let head: LockPiece<'_> = heads.read()?;
        read_content(machine, pieces, &slots, number, &head)?;
    }
    for _ in 0..asked {
        let MarkPiece { token, lock, grace_ms, reason, heir } = pieces.read()?;
        let name = machine.locks.name(slot_of(pieces, &slots, lock)?).clone();
        let reason = (&*reason).into();
        let mark = Mark { name, grace_ms, reason, heir: heir.as_deref().map(Into::into) };
        add_mark(machine, pieces, token, mark)?;
    }
    unfinished::read_locks(machine, pieces, &slots, unfinished)?;
    unfinished::read_orders(machine, pieces, &slots)
}

/// A fixed answer, and the print of its request.
pub(super) fn read_answer(
    pieces: &mut Pieces<'_>,
) -> Result<(RequestId, Print, Answer), SnapshotError> {
    let AnswerPiece { request, print, answer } = pieces.read()?;
    Ok((request, Print(print), answer))
}

fn read_content(
    machine: &mut LockMachine,
    pieces: &mut Pieces<'_>,
    slots: &[Slot],
    number: usize,
    head: &LockPiece<'_>,
) -> Result<(), SnapshotError> {
    let mut rest = Rest { limit: head.limit, ..Rest::default() };
    let mut holders = Holders::default();
    for _ in 0..head.holders {
        read_holder(machine, pieces, slots, number, &mut holders)?;
    }
    for _ in 0..head.delays {
        read_delay(pieces, &mut rest.delays)?;
    }
    for _ in 0..head.waiters {
        read_waiter(machine, pieces, slots, number, &mut rest.queue)?;
    }
    machine.locks[slots[number]] = Lock::with(holders, rest);
    Ok(())
}

fn read_holder(
    machine: &mut LockMachine,
    pieces: &mut Pieces<'_>,
    slots: &[Slot],
    number: usize,
    holders: &mut Holders,
) -> Result<(), SnapshotError> {
    let slot = slots[number];
    match pieces.read()? {
        HolderPiece::Whole { token, since_unix_ms, acquire, stake } => {
            let (stake, later) = stake.read(machine, pieces, slots, number)?;
            let mut grant = Grant::new(token, since_unix_ms, acquire.0, stake);
            later.iter().for_each(|(request, _)| grant.add_handle(*request));
            let (stake, bytes) = (&grant.stake, grant.stake.bytes(slot, &machine.locks));
            for (request, print) in std::iter::once(acquire).chain(later) {
                let hold = Hold { slot, token, print: Print(print), bytes };
                let answers = new_request(machine, pieces, stake.session, request)?;
                answers.note_grant(request, hold, stake.owner());
            }
            pieces.add_holder(holders, machine.locks.name(slot), grant)
        }
        HolderPiece::Also { first, token } => {
            let first = slot_of(pieces, slots, first)?;
            let whole = machine.grant(first, token).filter(|it| it.stake.is_known_as(first));
            let Some(grant) = whole.filter(|it| it.stake.is_of_several_with(slot)).cloned() else {
                let name = machine.locks.name(slot);
                return Err(pieces.damaged(format!("token {token} does not hold {name:?} too")));
            };
            pieces.add_holder(holders, machine.locks.name(slot), grant)
        }
    }
}

fn read_waiter(
    machine: &mut LockMachine,
    pieces: &mut Pieces<'_>,
    slots: &[Slot],
    number: usize,
    queue: &mut Queue,
) -> Result<(), SnapshotError> {
    let slot = slots[number];
    match pieces.read()? {
        WaiterPiece::Whole { since_unix_ms, acquire: (request, print), stake } => {
            let (stake, later) = stake.read(machine, pieces, slots, number)?;
            if !later.is_empty() {
                return Err(pieces.damaged(format!("request {request} waits and is re-entered")));
            }
            let session = stake.session;
            let bytes = stake.bytes(slot, &machine.locks);
            let mut place = Place::new(stake.owner(), Print(print), bytes);
            let client = client_mark(machine, session);
            place.add(slot, queue.push(Waiter { request, since_unix_ms, client, stake }));
            new_request(machine, pieces, session, request)?.note_waiting(request, place);
            Ok(())
        }
        WaiterPiece::Also { first, session, request } => {
            let first = slot_of(pieces, slots, first)?;
            let whole = whole_waiter(machine, first, session, request);
            let Some(waiter) = whole.filter(|it| it.stake.is_of_several_with(slot)) else {
                let name = machine.locks.name(slot);
                let why =
                    format!("request {request} of session {session} waits for {name:?} alone");
                return Err(pieces.damaged(why));
            };
            let ticket = queue.push(waiter);
            let answers = machine.answers_of_mut(session);
            let place = answers.waiting().value(request);
            if place.is_some_and(|place| place.ticket(slot).is_some()) {
                let name = machine.locks.name(slot);
                return Err(pieces.damaged(format!("request {request} waits for {name:?} twice")));
            }
            answers.add_spot(request, slot, ticket).expect("it was found by its place");
            Ok(())
        }
    }
}

/// The waiter of `request` in the first of its locks, where its stake is whole.
fn whole_waiter(
    machine: &LockMachine,
    first: Slot,
    session: SessionId,
    request: RequestId,
) -> Option<Waiter> {
    let place = machine.known_answers(session)?.waiting().value(request)?;
    let waiter = machine.locks.get(first)?.queue().waiter(place.ticket(first)?)?;
    waiter.stake.is_known_as(first).then(|| waiter.clone())
}

/// An answer that no later entry changes, and the print of its request.
#[derive(Debug, Serialize, Deserialize)]
struct AnswerPiece {
    request: RequestId,
    print: u32,
    answer: Answer,
}

#[derive(Debug, Serialize, Deserialize)]
enum HolderPiece {
    /// In its first lock.
    Whole {
        token: Token,
        since_unix_ms: u64,
        /// With the print of the acquire.
        acquire: (RequestId, u32),
        stake: ClaimPiece,
    },
    /// In another lock.
    Also { first: u32, token: Token },
}

#[derive(Debug, Serialize, Deserialize)]
enum WaiterPiece {
    /// In its first lock.
    Whole {
        since_unix_ms: u64,
        /// With the print of the acquire.
        acquire: (RequestId, u32),
        stake: ClaimPiece,
    },
    /// In another lock.
    Also { first: u32, session: SessionId, request: RequestId },
}

/// The session and size of a stake.
#[derive(Debug, Serialize, Deserialize)]
struct ClaimPiece {
    session: SessionId,
    mode: Mode,
    permits: u32,
    extras: Option<ExtrasPiece>,
}

/// The fields that most stakes lack.
#[derive(Debug, Serialize, Deserialize)]
struct ExtrasPiece {
    owner: Owner,
    delay_ms: u32,
    #[serde(with = "serde_bytes")]
    value: Vec<u8>,
    /// The numbers of its other locks.
    also: Vec<u32>,
    /// The handles on the grant behind the first, with the prints of their acquires.
    later: Vec<(RequestId, u32)>,
}

impl ClaimPiece {
    fn new(numbers: &Numbers<'_>, stake: &Stake, answers: &Answers) -> Self {
        let Stake { session, mode, permits, .. } = *stake;
        let extras = stake.extras().map(|Extras { owner, delay_ms, value, all, later }| {
            let others = all.iter().flat_map(|all| all.iter().skip(1));
            ExtrasPiece {
                owner: *owner,
                delay_ms: *delay_ms,
                value: value.as_deref().unwrap_or_default().to_vec(),
                also: others.map(|slot| numbers.of_slot(*slot)).collect(),
                later: later.iter().map(|request| printed(answers, *request)).collect(),
            }
        });
        Self { session, mode, permits, extras }
    }

    /// The stake whose first lock has `number`, and the handles behind its first.
    fn read(
        self,
        machine: &LockMachine,
        pieces: &Pieces<'_>,
        slots: &[Slot],
        number: usize,
    ) -> Result<(Stake, Vec<(RequestId, u32)>), SnapshotError> {
        let Self { session, mode, permits, extras } = self;
        let Some(ExtrasPiece { owner, delay_ms, value, also, later }) = extras else {
            return Ok((Stake::new(session, mode, permits, Extras::default()), Vec::new()));
        };
        // Numbers are in the order of the names.
        let (mut all, mut last) = (vec![slots[number]], number);
        for number in also {
            let slot = slot_of(pieces, slots, number)?;
            if last >= number as usize {
                let name = machine.locks.name(slot);
                return Err(pieces.damaged(format!("{name:?} is out of order in a stake")));
            }
            last = number as usize;
            all.push(slot);
        }
        let all = (all.len() > 1).then(|| all.into());
        let value = shared_value(&value);
        let extras = Extras { owner, delay_ms, value, all, later: Vec::new() };
        if extras.is_nothing() && later.is_empty() {
            return Err(pieces.damaged("what most stakes do not have is there, and empty".into()));
        }
        Ok((Stake::new(session, mode, permits, extras), later))
    }
}

/// A mark.
#[derive(Debug, Serialize, Deserialize)]
struct MarkPiece<'a> {
    token: Token,
    /// The number of the lock that was named.
    lock: u32,
    grace_ms: u32,
    reason: Cow<'a, str>,
    heir: Option<Cow<'a, str>>,
}
