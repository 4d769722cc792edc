//! Bytes back into a machine. They may come from anywhere: each piece is checked, then the whole.

use super::{
    AnswerPiece, ClaimPiece, DelayPiece, Head, HolderPiece, KeyPiece, LENGTH_BYTES, LockPiece,
    MarkPiece, PrintedAnswerPiece, PrintsPiece, SessionPiece, SnapshotError, WaiterPiece,
};
use crate::base::cluster_key::KEY_BYTES;
use crate::base::{Ancestors, RequestId, SessionId, codec};
use crate::lock::LockMachine;
use crate::lock::asked::Mark;
use crate::lock::claim::{Claim, Extras};
use crate::lock::command::Name;
use crate::lock::dedupe::{Answers, Fixed, Hold, Place};
use crate::lock::delay::{Delay, Delays};
use crate::lock::grant::{Lock, Rest};
use crate::lock::holders::{Grant, Holders};
use crate::lock::level::{KEY_LEVEL, LEVEL_MAX};
use crate::lock::print::Print;
use crate::lock::queue::{Queue, Waiter};
use crate::lock::restore::RestoreWait;
use crate::lock::session::Session;
use crate::lock::token::{COUNT_MAX, Tokens};
use serde::Deserialize;

impl LockMachine {
    /// The machine that [`LockMachine::encode`] made `bytes` of: it goes on as that one would.
    ///
    /// # Errors
    /// The bytes are of another format, damaged, or no state that a log leads to.
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        Self::decode_up_to(bytes, LEVEL_MAX)
    }

    /// The same as a build would do it that reads no level above `level_max`.
    ///
    /// # Errors
    /// As for `decode`.
    pub fn decode_up_to(bytes: &[u8], level_max: u32) -> Result<Self, SnapshotError> {
        let mut pieces = Pieces { bytes, next: 0, at: 0, format: 0 };
        let format = pieces.read_format(level_max)?;
        let mut machine = Self::new().reading_up_to(level_max);
        let Head { sessions, locks, asked, .. } = machine.decode_head(&mut pieces)?;
        machine.ancestors = pieces.read_ancestors()?;
        for _ in 0..sessions {
            machine.decode_session(&mut pieces)?;
        }
        for _ in 0..locks {
            machine.decode_lock(&mut pieces)?;
        }
        for _ in 0..asked {
            machine.decode_mark(&mut pieces)?;
        }
        pieces.check_end()?;
        if machine.level() != format {
            let why = format!("format {format}, and the level in force is {}", machine.level());
            return Err(SnapshotError::Contradiction(why));
        }
        machine.examine().map_err(SnapshotError::Contradiction)?;
        Ok(machine)
    }

    fn decode_head(&mut self, pieces: &mut Pieces<'_>) -> Result<Head, SnapshotError> {
        let head: Head = pieces.read()?;
        // An index is stamped with the epoch as a count of tokens is.
        if head.applied.0 > COUNT_MAX {
            return Err(pieces.damaged(format!("no log reaches entry {}", head.applied)));
        }
        self.applied = head.applied;
        let tokens = Tokens::resume(head.epoch, head.granted);
        self.tokens = tokens.filter(|_| head.granted <= COUNT_MAX).ok_or_else(|| {
            pieces.damaged(format!("{} tokens in epoch {}", head.granted, head.epoch))
        })?;
        self.settings.clone_from(&head.settings);
        self.restoring = head.restoring_ms.map(|ms| RestoreWait { ms });
        if pieces.format >= KEY_LEVEL {
            self.decode_key(pieces)?;
        }
        Ok(head)
    }

    fn decode_key(&mut self, pieces: &mut Pieces<'_>) -> Result<(), SnapshotError> {
        let KeyPiece { is_there, key } = pieces.read()?;
        if !is_there && key.0 != [0; KEY_BYTES] {
            return Err(pieces.damaged("a key is there and is not".to_owned()));
        }
        self.cluster_key = is_there.then_some(key);
        Ok(())
    }

    fn decode_session(&mut self, pieces: &mut Pieces<'_>) -> Result<(), SnapshotError> {
        let SessionPiece { id, key, client, ttl_ms, floor, refused_to, answers } = pieces.read()?;
        if self.sessions.last_key_value().is_some_and(|(last, _)| *last >= id) {
            return Err(pieces.damaged(format!("session {id} is out of order")));
        }
        let remembered = Answers::resume(floor, refused_to);
        let mut session = Session { key, client: client.into(), ttl_ms, answers: remembered };
        for _ in 0..answers {
            decode_answer(pieces, &mut session.answers)?;
        }
        self.sessions.insert(id, Box::new(session));
        Ok(())
    }

    fn decode_lock(&mut self, pieces: &mut Pieces<'_>) -> Result<(), SnapshotError> {
        let LockPiece { name, limit, holders, delays, waiters } = pieces.read()?;
        let name = Name::try_from(name).map_err(|error| pieces.damaged(error.to_string()))?;
        if self.locks.last_key_value().is_some_and(|(last, _)| *last >= name) {
            return Err(pieces.damaged(format!("lock {name:?} is out of order")));
        }
        let (mut in_it, mut rest) = (Holders::default(), Rest { limit, ..Rest::default() });
        for _ in 0..holders {
            self.decode_holder(pieces, &name, &mut in_it)?;
        }
        for _ in 0..delays {
            decode_delay(pieces, &mut rest.delays)?;
        }
        for _ in 0..waiters {
            self.decode_waiter(pieces, &name, &mut rest.queue)?;
        }
        self.locks.insert(name, Box::new(Lock::with(in_it, rest)));
        Ok(())
    }

    fn decode_mark(&mut self, pieces: &mut Pieces<'_>) -> Result<(), SnapshotError> {
        let MarkPiece { token, name, grace_ms, reason, heir } = pieces.read()?;
        let name = Name::try_from(name).map_err(|error| pieces.damaged(error.to_string()))?;
        if self.asked.last_key_value().is_some_and(|(last, _)| *last >= token) {
            return Err(pieces.damaged(format!("what {token} is asked is out of order")));
        }
        let mark = Mark { name, grace_ms, reason: reason.into(), heir: heir.map(Into::into) };
        self.asked.insert(token, mark);
        Ok(())
    }

    fn decode_holder(
        &mut self,
        pieces: &mut Pieces<'_>,
        name: &Name,
        holders: &mut Holders,
    ) -> Result<(), SnapshotError> {
        let HolderPiece { token, since_unix_ms, requests, claim } = pieces.read()?;
        if holders.last().is_some_and(|last| last.token >= token) {
            return Err(pieces.damaged(format!("token {token} is out of order")));
        }
        let claim = decode_claim(pieces, claim, name)?;
        if holders.by_owner(claim.session, claim.owner()).is_some() {
            return Err(pieces.damaged(format!("owner {} holds {name:?} twice", claim.owner())));
        }
        let Some((first, later)) = requests.split_first() else {
            return Err(pieces.damaged(format!("no acquire holds token {token}")));
        };
        // Of several names the first comes first; that the others are there too is for the whole to tell.
        if claim.is_known_as(name) {
            let prints = pieces.read_prints(requests.len())?;
            for (request, print) in requests.iter().zip(prints) {
                let hold = Hold { name: name.clone(), token, print };
                let answers = self.new_request(pieces, claim.session, *request)?;
                answers.note_grant(*request, hold, claim.owner());
            }
        }
        let mut grant = Grant::new(token, since_unix_ms, *first, claim);
        later.iter().for_each(|request| grant.add_handle(*request));
        holders.add(grant);
        Ok(())
    }

    fn decode_waiter(
        &mut self,
        pieces: &mut Pieces<'_>,
        name: &Name,
        queue: &mut Queue,
    ) -> Result<(), SnapshotError> {
        let WaiterPiece { request, since_unix_ms, claim } = pieces.read()?;
        let claim = decode_claim(pieces, claim, name)?;
        let (session, owner, is_first) = (claim.session, claim.owner(), claim.is_known_as(name));
        let ticket = queue.push(Waiter { request, since_unix_ms, claim });
        if is_first {
            let print = pieces.read_prints(1)?[0];
            let mut place = Place::new(owner, print);
            place.add(name.clone(), ticket);
            self.new_request(pieces, session, request)?.note_waiting(request, place);
            return Ok(());
        }
        let found = self.sessions.get_mut(&session);
        let Some(place) = found.and_then(|found| found.answers.place_mut(request)) else {
            let why = format!("request {request} of session {session} waits for {name:?} alone");
            return Err(pieces.damaged(why));
        };
        place.add(name.clone(), ticket);
        Ok(())
    }

    /// The answers of a live session that does not know `request` yet.
    fn new_request(
        &mut self,
        pieces: &Pieces<'_>,
        session: SessionId,
        request: RequestId,
    ) -> Result<&mut Answers, SnapshotError> {
        let Some(found) = self.sessions.get_mut(&session) else {
            return Err(pieces.damaged(format!("session {session} is not alive")));
        };
        if found.answers.known(request).is_some() {
            let why = format!("request {request} of session {session} is there twice");
            return Err(pieces.damaged(why));
        }
        Ok(&mut found.answers)
    }
}

/// The claim of one who is in `name`.
fn decode_claim(
    pieces: &Pieces<'_>,
    piece: ClaimPiece<'_>,
    name: &Name,
) -> Result<Claim, SnapshotError> {
    let ClaimPiece { session, owner, mode, permits, delay_ms, value, all } = piece;
    let names: Result<Vec<Name>, _> = all.into_iter().map(Name::try_from).collect();
    let names = names.map_err(|error| pieces.damaged(error.to_string()))?;
    let is_set = names.is_sorted_by(|one, next| one < next) && names.contains(name);
    if names.len() == 1 || (!names.is_empty() && !is_set) {
        return Err(pieces.damaged(format!("{names:?} are not several names with {name:?}")));
    }
    let all = (!names.is_empty()).then(|| names.into());
    let extras = Extras { owner, delay_ms, value: value.into(), all, later: Vec::new() };
    Ok(Claim::new(session, mode, permits, extras))
}

fn decode_delay(pieces: &mut Pieces<'_>, delays: &mut Delays) -> Result<(), SnapshotError> {
    let DelayPiece { token, mode, permits, delay_ms, client } = pieces.read()?;
    if delays.last().is_some_and(|last| last >= token) {
        return Err(pieces.damaged(format!("the delay of token {token} is out of order")));
    }
    delays.insert(token, Delay { mode, permits, delay_ms, client: client.into() });
    Ok(())
}

fn decode_answer(pieces: &mut Pieces<'_>, answers: &mut Answers) -> Result<(), SnapshotError> {
    let (request, print, answer) = match pieces.format {
        1 => {
            let AnswerPiece { request, answer } = pieces.read()?;
            (request, Print::UNKNOWN, answer)
        }
        _ => {
            let PrintedAnswerPiece { request, print, answer } = pieces.read()?;
            (request, Print(print), answer)
        }
    };
    if request < answers.floor() {
        return Err(pieces.damaged(format!("request {request} lies below the floor")));
    }
    if answers.fixed().last().is_some_and(|last| last >= request) {
        return Err(pieces.damaged(format!("request {request} is out of order")));
    }
    let fixed = Fixed::try_from(answer)
        .map_err(|answer| pieces.damaged(format!("{answer:?} is not a fixed answer")))?;
    answers.fix(request, print, fixed);
    Ok(())
}

/// The pieces that are still to be read.
struct Pieces<'a> {
    bytes: &'a [u8],
    /// Where the next piece starts.
    next: usize,
    /// Where the piece read last starts.
    at: usize,
    format: u32,
}

impl<'a> Pieces<'a> {
    fn read_format(&mut self, format_max: u32) -> Result<u32, SnapshotError> {
        match u32::from_le_bytes(self.take_array()?) {
            format if (1..=format_max).contains(&format) => {
                self.format = format;
                Ok(format)
            }
            format => Err(SnapshotError::Format { format, format_max }),
        }
    }

    fn read<T: Deserialize<'a>>(&mut self) -> Result<T, SnapshotError> {
        self.at = self.next;
        let length = u32::from_le_bytes(self.take_array::<LENGTH_BYTES>()?) as usize;
        let bytes = self.take(length)?;
        codec::decode(bytes).map_err(|error| self.damaged(error.to_string()))
    }

    fn read_ancestors(&mut self) -> Result<Ancestors, SnapshotError> {
        if self.format == 1 {
            return Ok(Ancestors::default());
        }
        let ancestors: Ancestors = self.read()?;
        if !ancestors.is_sound() {
            return Err(
                self.damaged("a cluster is restored from one twice, or from too many".to_owned())
            );
        }
        Ok(ancestors)
    }

    /// The prints of so many requests in the piece that was read last.
    fn read_prints(&mut self, count: usize) -> Result<Vec<Print>, SnapshotError> {
        if self.format == 1 {
            return Ok(vec![Print::UNKNOWN; count]);
        }
        let PrintsPiece { prints } = self.read()?;
        if prints.len() != count {
            return Err(self.damaged(format!("{} prints of {count} requests", prints.len())));
        }
        Ok(prints.into_iter().map(Print).collect())
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("so many were taken"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], SnapshotError> {
        let rest = &self.bytes[self.next..];
        let Some(taken) = rest.get(..length) else {
            return Err(self.damaged(format!("{length} bytes are due, {} are left", rest.len())));
        };
        self.next += length;
        Ok(taken)
    }

    fn check_end(&self) -> Result<(), SnapshotError> {
        match self.bytes.len() - self.next {
            0 => Ok(()),
            left => Err(SnapshotError::Damaged {
                at: self.next,
                why: format!("{left} bytes follow the last piece"),
            }),
        }
    }

    fn damaged(&self, why: String) -> SnapshotError {
        SnapshotError::Damaged { at: self.at, why }
    }
}
