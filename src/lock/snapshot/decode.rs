//! The reader of snapshots. The bytes may come from anywhere: each piece is checked, then the
//! whole.

use super::{
    Head, KeyPiece, LENGTH_BYTES, SessionPiece, SnapshotError, access, format_1, format_2,
    unfinished,
};
use crate::base::blob::{Bytes, ReadAt};
use crate::base::cluster_key::KEY_BYTES;
use crate::base::limits::FRAME_BYTES_MAX;
use crate::base::locks::LEVEL_MAX;
use crate::base::locks::Name;
use crate::base::{Ancestors, Blob, RequestId, SessionId, Subject, Token, codec};
use crate::lock::LockMachine;
use crate::lock::access::ACCESS_LEVEL;
use crate::lock::asked::Mark;
use crate::lock::dedupe::{Answers, Fixed};
use crate::lock::holders::{Grant, Holders};
use crate::lock::level::{KEY_LEVEL, PARTS_LEVEL};
use crate::lock::queue::Waiter;
use crate::lock::restore::RestoreWait;
use crate::lock::session::Session;
use crate::lock::token::{COUNT_MAX, Tokens};
use serde::de::DeserializeOwned;
use std::ops::Range;

impl LockMachine {
    /// The machine of which [`LockMachine::encode`] made `bytes`.
    ///
    /// # Errors
    /// The bytes are of another format, damaged, or no state that a log leads to.
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        Self::decode_up_to(bytes, LEVEL_MAX)
    }

    /// [`LockMachine::decode`] as in a build that reads no level above `level_max`.
    ///
    /// # Errors
    /// As for `decode`.
    pub fn decode_up_to(bytes: &[u8], level_max: u32) -> Result<Self, SnapshotError> {
        Self::read(Pieces::of(&Bytes(bytes), bytes.len()), level_max)
    }

    /// Decodes bytes that may be in a file: no more than a part of them is in memory.
    ///
    /// # Errors
    /// As for `decode`, and [`SnapshotError::Unreadable`].
    pub fn decode_blob(blob: &Blob, level_max: u32) -> Result<Self, SnapshotError> {
        let length = usize::try_from(blob.len()).unwrap_or(usize::MAX);
        Self::read(Pieces::of(blob, length), level_max)
    }

    fn read(mut pieces: Pieces<'_>, level_max: u32) -> Result<Self, SnapshotError> {
        let format = pieces.read_format(level_max)?;
        let mut machine = Self::new().reading_up_to(level_max);
        let Head { sessions, locks, asked, .. } = machine.decode_head(&mut pieces)?;
        machine.ancestors = pieces.read_ancestors()?;
        if format >= ACCESS_LEVEL {
            access::read_access(&mut machine, &mut pieces)?;
        }
        for _ in 0..sessions {
            machine.decode_session(&mut pieces)?;
        }
        let unfinished = if format >= PARTS_LEVEL {
            unfinished::read_endings(&mut machine, &mut pieces)?
        } else {
            0
        };
        match format {
            1 => {
                let mut last = None;
                for _ in 0..locks {
                    last = Some(format_1::read_lock(&mut machine, &mut pieces, last)?);
                }
                for _ in 0..asked {
                    format_1::read_mark(&mut machine, &mut pieces)?;
                }
            }
            _ => format_2::read(&mut machine, &mut pieces, [locks, asked, unfinished])?,
        }
        pieces.check_end()?;
        machine.count_anew();
        if machine.level() != format {
            let why = format!("format {format}, and the level in force is {}", machine.level());
            return Err(SnapshotError::Contradiction(why));
        }
        machine.examine().map_err(SnapshotError::Contradiction)?;
        Ok(machine)
    }

    fn decode_head(&mut self, pieces: &mut Pieces<'_>) -> Result<Head, SnapshotError> {
        let head: Head = pieces.read()?;
        // Session ids have the index below the epoch, as tokens have their count.
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
        let mut session =
            Session::new(key, (&*client).into(), ttl_ms, Subject::Anonymous, remembered);
        for _ in 0..answers {
            decode_answer(pieces, &mut session.answers)?;
        }
        if pieces.format >= ACCESS_LEVEL {
            session.subject = access::read_subject(pieces)?;
        }
        self.sessions.insert(id, Box::new(session));
        Ok(())
    }
}

/// The mark of the waiters of `session`; 0 if there is no such session, which the next check finds.
pub(super) fn client_mark(machine: &LockMachine, session: SessionId) -> u32 {
    let ended = || machine.endings.get(&session).map(|ending| &ending.client);
    let client = machine.sessions.get(&session).map(|session| &session.client).or_else(ended);
    client.map_or(0, |client| Waiter::mark_of(client))
}

/// The answers of a session, live or ended, that does not know `request` yet.
pub(super) fn new_request<'m>(
    machine: &'m mut LockMachine,
    pieces: &Pieces<'_>,
    session: SessionId,
    request: RequestId,
) -> Result<&'m mut Answers, SnapshotError> {
    let LockMachine { sessions, endings, .. } = machine;
    let alive = sessions.get_mut(&session).map(|session| &mut session.answers);
    let ended = endings.get_mut(&session).map(|ending| &mut ending.answers);
    let Some(answers) = alive.or(ended) else {
        return Err(pieces.damaged(format!("session {session} is not alive")));
    };
    if answers.known(request).is_some() {
        let why = format!("request {request} of session {session} is there twice");
        return Err(pieces.damaged(why));
    }
    Ok(answers)
}

/// Adds the mark on the grant of `token`; tokens rise.
pub(super) fn add_mark(
    machine: &mut LockMachine,
    pieces: &Pieces<'_>,
    token: Token,
    mark: Mark,
) -> Result<(), SnapshotError> {
    if machine.asked.last_key_value().is_some_and(|(last, _)| *last >= token) {
        return Err(pieces.damaged(format!("what {token} is asked is out of order")));
    }
    machine.asked.insert(token, mark);
    Ok(())
}

fn decode_answer(pieces: &mut Pieces<'_>, answers: &mut Answers) -> Result<(), SnapshotError> {
    let (request, print, answer) = match pieces.format {
        1 => format_1::read_answer(pieces)?,
        _ => format_2::read_answer(pieces)?,
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

/// The rest of the pieces.
pub(super) struct Pieces<'a> {
    source: &'a dyn ReadAt,
    length: usize,
    /// Bytes of the source, beginning at `from`.
    window: Vec<u8>,
    from: usize,
    /// Where the next piece starts.
    next: usize,
    /// Where the piece read last starts.
    at: usize,
    format: u32,
}

impl<'a> Pieces<'a> {
    pub(super) fn of(source: &'a dyn ReadAt, length: usize) -> Self {
        Self { source, length, window: Vec::new(), from: 0, next: 0, at: 0, format: 0 }
    }

    /// The same pieces, to be read a second time.
    pub(super) fn again(&self) -> Self {
        let Self { source, length, next, at, format, .. } = *self;
        Self { next, at, format, ..Self::of(source, length) }
    }

    pub(super) fn read_format(&mut self, format_max: u32) -> Result<u32, SnapshotError> {
        match u32::from_le_bytes(self.take_array()?) {
            format if (1..=format_max).contains(&format) => {
                self.format = format;
                Ok(format)
            }
            format => Err(SnapshotError::Format { format, format_max }),
        }
    }

    pub(super) fn read<T: DeserializeOwned>(&mut self) -> Result<T, SnapshotError> {
        self.at = self.next;
        let length = u32::from_le_bytes(self.take_array::<LENGTH_BYTES>()?) as usize;
        let place = self.take(length)?;
        codec::decode(&self.window[place]).map_err(|error| self.damaged(error.to_string()))
    }

    /// Passes over a piece.
    pub(super) fn skip(&mut self) -> Result<(), SnapshotError> {
        self.at = self.next;
        let length = u32::from_le_bytes(self.take_array::<LENGTH_BYTES>()?) as usize;
        self.take(length).map(drop)
    }

    /// Where the next piece starts.
    pub(super) fn next_at(&self) -> usize {
        self.next
    }

    /// Goes on with the piece that starts at `next`, in format `format`.
    pub(super) fn go_on_at(&mut self, next: usize, format: u32) {
        (self.next, self.format) = (next, format);
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

    /// Adds a holder of `name`: tokens rise, and no owner holds it twice.
    pub(super) fn add_holder(
        &self,
        holders: &mut Holders,
        name: &Name,
        grant: Grant,
    ) -> Result<(), SnapshotError> {
        let (token, session, owner) = (grant.token, grant.stake.session, grant.stake.owner());
        if holders.last().is_some_and(|last| last.token >= token) {
            return Err(self.damaged(format!("token {token} is out of order")));
        }
        if holders.by_owner(session, owner).is_some() {
            return Err(self.damaged(format!("owner {owner} holds {name:?} twice")));
        }
        holders.add(grant);
        Ok(())
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let place = self.take(N)?;
        Ok(self.window[place].try_into().expect("so many were taken"))
    }

    /// The place of the next `length` bytes in the window.
    fn take(&mut self, length: usize) -> Result<Range<usize>, SnapshotError> {
        let left = self.length - self.next;
        if length > left {
            return Err(self.damaged(format!("{length} bytes are due, {left} are left")));
        }
        if length > FRAME_BYTES_MAX {
            return Err(self.damaged(format!("{length} bytes are no piece")));
        }
        if self.next + length > self.from + self.window.len() {
            self.from = self.next;
            self.window.resize(length.max(WINDOW_BYTES).min(left), 0);
            let read = self.source.read_at(self.from as u64, &mut self.window);
            read.map_err(SnapshotError::Unreadable)?;
        }
        let start = self.next - self.from;
        self.next += length;
        Ok(start..start + length)
    }

    /// Whether the format is `format` or a newer one.
    pub(super) fn is_from(&self, format: u32) -> bool {
        self.format >= format
    }

    /// Whether all pieces are read.
    pub(super) fn is_at_end(&self) -> bool {
        self.next == self.length
    }

    fn check_end(&self) -> Result<(), SnapshotError> {
        match self.length - self.next {
            0 => Ok(()),
            left => Err(SnapshotError::Damaged {
                at: self.next,
                why: format!("{left} bytes follow the last piece"),
            }),
        }
    }

    pub(super) fn damaged(&self, why: String) -> SnapshotError {
        SnapshotError::Damaged { at: self.at, why }
    }
}

/// Bytes read at a time.
const WINDOW_BYTES: usize = 64 << 10;
