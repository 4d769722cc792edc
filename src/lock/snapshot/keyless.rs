//! A snapshot for operators: without the key of the cluster and those of sessions, of which a restore keeps
//! none.
//!
//! The places of the keys are found by a walk over the pieces up to the last session, which may be gigabytes:
//! it goes on in parts, and keeps one place for each session. Keys are replaced by zeros, so the length
//! stays.

use super::decode::Pieces;
use super::{AccessPiece, Head, SessionPiece, SnapshotError};
use super::{KEY_LEVEL, LENGTH_BYTES};
use crate::base::{Blob, SessionId, SessionKey, checksum};
use crate::lock::LEVEL_MAX;
use crate::lock::LockMachine;
use crate::lock::access::ACCESS_LEVEL;
use std::ops::Range;

impl LockMachine {
    /// This state as an operator gets it: its bytes are those that [`Keyless`] gives.
    #[must_use]
    pub fn without_keys(mut self) -> Self {
        self.cluster_key = None;
        let sessions = self.sessions.values_mut();
        sessions.for_each(|session| session.key = SessionKey([0; size_of::<SessionKey>()]));
        self
    }
}

/// The places of keys in the bytes of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyless {
    /// The place of the cluster's key; empty below its level.
    cluster: Range<u64>,
    /// The first byte of each session's key, in rising order.
    sessions: Vec<u64>,
    crc: u32,
}

/// The search for the keys, which goes on in parts.
#[derive(Clone, Debug, Default)]
pub struct KeySearch {
    found: Keyless,
    /// The end of the bytes in which all keys are found.
    walked: usize,
    format: u32,
    /// Sessions still ahead.
    sessions: u64,
    /// Pieces without a key before the next session.
    others: u64,
    /// The checksums of the bytes walked over, with keys and without.
    crcs: [u32; 2],
}

impl Keyless {
    /// The places of the keys in bytes of
    /// [`LockMachine::encode`](crate::lock::LockMachine::encode).
    ///
    /// # Errors
    /// A sentence: they cannot be read, or are no snapshot.
    pub fn of(blob: &Blob) -> Result<Self, String> {
        let mut search = KeySearch::default();
        loop {
            if let Some(found) = search.go_on(blob, WALKED_AT_ONCE)? {
                return Ok(found);
            }
        }
    }

    /// The bytes in `range`, as far as there are any, with zeros for keys; zeros say that the cluster has no
    /// key.
    ///
    /// # Errors
    /// A sentence: they cannot be read.
    pub fn part(&self, blob: &Blob, range: Range<u64>) -> Result<Vec<u8>, String> {
        let mut part = blob.part(range.clone())?;
        self.mask(range.start, &mut part);
        Ok(part)
    }

    /// The checksum of all bytes, with zeros for keys.
    #[must_use]
    pub fn crc(&self) -> u32 {
        self.crc
    }

    /// Replaces keys by zeros in bytes that begin at `start`.
    fn mask(&self, start: u64, part: &mut [u8]) {
        let end = start + part.len() as u64;
        let first = self.sessions.partition_point(|key| key + SESSION_KEY_BYTES <= start);
        let sessions = self.sessions[first..].iter().take_while(|key| **key < end);
        let sessions = sessions.map(|key| *key..key + SESSION_KEY_BYTES);
        for key in sessions.chain([self.cluster.clone()]) {
            let place = |at: u64| (at.clamp(start, end) - start) as usize;
            part[place(key.start)..place(key.end)].fill(0);
        }
    }
}

impl KeySearch {
    /// Walks over `bytes` more bytes, to the end of the last piece. `Some` at the end of the search.
    ///
    /// # Errors
    /// As for [`Keyless::of`].
    pub fn go_on(&mut self, blob: &Blob, bytes: u64) -> Result<Option<Keyless>, String> {
        let from = self.walked;
        self.walk(blob, bytes).map_err(|error| error.to_string())?;
        let mut part = blob.part(from as u64..self.walked as u64)?;
        self.crcs[0] = checksum::extend(self.crcs[0], &part);
        self.found.mask(from as u64, &mut part);
        self.crcs[1] = checksum::extend(self.crcs[1], &part);
        if self.sessions + self.others > 0 {
            return Ok(None);
        }
        let [with, without] = self.crcs;
        let rest = blob.len() - self.walked as u64;
        self.found.crc = checksum::with_other_start(blob.crc(), with, without, rest);
        Ok(Some(std::mem::take(self).found))
    }

    fn walk(&mut self, blob: &Blob, bytes: u64) -> Result<(), SnapshotError> {
        let length = usize::try_from(blob.len()).unwrap_or(usize::MAX);
        let mut pieces = Pieces::of(blob, length);
        match self.walked {
            0 => self.begin(&mut pieces)?,
            walked => pieces.go_on_at(walked, self.format),
        }
        let until = self.walked.saturating_add(usize::try_from(bytes).unwrap_or(usize::MAX));
        while self.sessions + self.others > 0 && pieces.next_at() < until {
            if self.others > 0 {
                pieces.skip()?;
                self.others -= 1;
                continue;
            }
            let at = pieces.next_at() + LENGTH_BYTES + ID_BYTES;
            let SessionPiece { answers, .. } = pieces.read()?;
            self.found.sessions.push(at as u64);
            self.sessions -= 1;
            // The owner of a session stands behind its answers.
            self.others = answers.saturating_add(u64::from(self.format >= ACCESS_LEVEL));
        }
        self.walked = pieces.next_at();
        Ok(())
    }

    /// Reads the pieces before the sessions.
    fn begin(&mut self, pieces: &mut Pieces<'_>) -> Result<(), SnapshotError> {
        self.format = pieces.read_format(LEVEL_MAX)?;
        let Head { sessions, .. } = pieces.read()?;
        self.sessions = sessions;
        if self.format >= KEY_LEVEL {
            let start = pieces.next_at() + LENGTH_BYTES;
            pieces.skip()?;
            self.found.cluster = start as u64..pieces.next_at() as u64;
            // The ancestors of the cluster.
            pieces.skip()?;
        }
        if self.format >= ACCESS_LEVEL {
            let AccessPiece { rules, credentials, .. } = pieces.read()?;
            self.others = rules.saturating_add(credentials);
        }
        Ok(())
    }
}

const ID_BYTES: usize = size_of::<SessionId>();
const SESSION_KEY_BYTES: u64 = size_of::<SessionKey>() as u64;
/// Bytes in memory at a time.
const WALKED_AT_ONCE: u64 = 256 << 10;
