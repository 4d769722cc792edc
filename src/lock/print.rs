//! Prints of requests (L17): 32 bits beside each remembered answer, by which a retry is told from another
//! request under the same id.
//!
//! A retry has the same print. Another request has another one, but for one in 2³² by accident, and is
//! refused: with the first one's answer its client would believe in something it never asked for.

use crate::base::checksum;
use crate::base::locks::{Acquire, BreakWay, Operation};

/// A checksum of a request. Part of the state from level 2 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Print(pub(super) u32);

impl Print {
    /// The print of a request from before prints were kept: any request under its id is a retry.
    pub(super) const UNKNOWN: Self = Self(0);
    /// The print of an id that a withdrawal reserved for an acquire that had not arrived (L14): any
    /// acquire fits.
    pub(super) const ANY_ACQUIRE: Self = Self(1);

    pub(super) fn of(operation: &Operation) -> Self {
        let mut running = Running::new();
        running.operation(operation);
        let crc = running.finish();
        Self(if crc <= Self::ANY_ACQUIRE.0 { crc + 2 } else { crc })
    }

    /// Whether `operation`, whose print is `other`, fits this print.
    pub(super) fn is_of(self, operation: &Operation, other: Self) -> bool {
        match self {
            Self::UNKNOWN => true,
            Self::ANY_ACQUIRE => operation.acquire().is_some(),
            print => print == other,
        }
    }
}

/// A running checksum over fields; byte strings are led by their length, so that no two requests give
/// the same input. Fields are gathered: a call for each of them would take longer than all the rest of a print.
struct Running {
    /// The checksum of all fields before those in `room`.
    crc: u32,
    room: [u8; ROOM],
    filled: usize,
}

impl Running {
    fn new() -> Self {
        Self { crc: 0, room: [0; ROOM], filled: 0 }
    }

    fn finish(&self) -> u32 {
        checksum::extend(self.crc, &self.room[..self.filled])
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.filled + bytes.len() > ROOM {
            (self.crc, self.filled) = (self.finish(), 0);
        }
        match self.room.get_mut(self.filled..self.filled + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.filled += bytes.len();
            }
            // More than all of the room, which is empty.
            None => self.crc = checksum::extend(self.crc, bytes),
        }
    }

    fn operation(&mut self, operation: &Operation) {
        match operation {
            Operation::Acquire(acquire) => {
                self.numbers(&[1]);
                self.acquire(acquire);
            }
            Operation::Release { name, token } => {
                self.numbers(&[2, token.0]);
                self.bytes(name.as_bytes());
            }
            Operation::Withdraw { acquire } => self.numbers(&[3, acquire.0]),
            Operation::Close => self.numbers(&[4]),
            Operation::AcquireAll { acquire, also } => {
                self.numbers(&[5, also.len() as u64]);
                self.acquire(acquire);
                also.iter().for_each(|name| self.bytes(name.as_bytes()));
            }
            Operation::Proclaim { name, token, value } => {
                self.numbers(&[6, token.0]);
                self.bytes(name.as_bytes());
                self.bytes(value);
            }
            Operation::Transfer { name, token, to } => {
                self.numbers(&[7, token.0, u64::from(to.is_some())]);
                self.bytes(name.as_bytes());
                self.text(to.as_deref().unwrap_or_default());
            }
            Operation::Break { name, token, way, to, reason } => {
                let (kind, grace_ms) = match way {
                    BreakWay::Ask { grace_ms: None } => (0, 0),
                    BreakWay::Ask { grace_ms: Some(grace_ms) } => (1, *grace_ms),
                    BreakWay::Now => (2, 0),
                };
                self.numbers(&[8, token.0, kind, u64::from(grace_ms), u64::from(to.is_some())]);
                self.bytes(name.as_bytes());
                self.text(to.as_deref().unwrap_or_default());
                self.text(reason);
            }
        }
    }

    fn acquire(&mut self, acquire: &Acquire) {
        let Acquire { name, value, mode, limit, permits, owner, delay_ms, try_only } = acquire;
        let (limit, permits) = (u64::from(*limit), u64::from(*permits));
        let (delay_ms, try_only) = (u64::from(*delay_ms), u64::from(*try_only));
        self.numbers(&[*mode as u64, limit, permits, owner.0, delay_ms, try_only]);
        self.bytes(name.as_bytes());
        self.bytes(value);
    }

    fn numbers(&mut self, numbers: &[u64]) {
        numbers.iter().for_each(|number| self.put(&number.to_le_bytes()));
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.numbers(&[bytes.len() as u64]);
        self.put(bytes);
    }
}

/// Room for the fields of an acquire with a name of 100 bytes.
const ROOM: usize = 176;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    #[test]
    fn gathered_fields_have_the_checksum_of_all_their_bytes() {
        let mut rng = Rng::new(7);
        for _ in 0..2000 {
            let (mut running, mut all) = (Running::new(), Vec::new());
            for _ in 0..rng.below(12) {
                let most = [8, 40, ROOM as u64, ROOM as u64 + 1, 4096][rng.below(5) as usize];
                let length = if rng.chance(1, 2) { most } else { rng.between(0, most) };
                let field: Vec<u8> = (0..length).map(|_| rng.below(256) as u8).collect();
                running.put(&field);
                all.extend(field);
            }
            assert_eq!(running.finish(), checksum::crc32c(&all));
        }
    }
}
