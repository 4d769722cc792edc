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
        let mut crc = Running(0);
        crc.operation(operation);
        Self(if crc.0 <= Self::ANY_ACQUIRE.0 { crc.0 + 2 } else { crc.0 })
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
/// the same input.
struct Running(u32);

impl Running {
    fn operation(&mut self, operation: &Operation) {
        match operation {
            Operation::Acquire(acquire) => {
                self.numbers(&[1]);
                self.acquire(acquire);
            }
            Operation::Release { name, token } => {
                self.numbers(&[2, token.0]);
                self.text(name.as_str());
            }
            Operation::Withdraw { acquire } => self.numbers(&[3, acquire.0]),
            Operation::Close => self.numbers(&[4]),
            Operation::AcquireAll { acquire, also } => {
                self.numbers(&[5, also.len() as u64]);
                self.acquire(acquire);
                also.iter().for_each(|name| self.text(name.as_str()));
            }
            Operation::Proclaim { name, token, value } => {
                self.numbers(&[6, token.0]);
                self.text(name.as_str());
                self.bytes(value);
            }
            Operation::Transfer { name, token, to } => {
                self.numbers(&[7, token.0, u64::from(to.is_some())]);
                self.text(name.as_str());
                self.text(to.as_deref().unwrap_or_default());
            }
            Operation::Break { name, token, way, to, reason } => {
                let (kind, grace_ms) = match way {
                    BreakWay::Ask { grace_ms: None } => (0, 0),
                    BreakWay::Ask { grace_ms: Some(grace_ms) } => (1, *grace_ms),
                    BreakWay::Now => (2, 0),
                };
                self.numbers(&[8, token.0, kind, u64::from(grace_ms), u64::from(to.is_some())]);
                self.text(name.as_str());
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
        self.text(name.as_str());
        self.bytes(value);
    }

    fn numbers(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.0 = checksum::extend(self.0, &number.to_le_bytes());
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.numbers(&[bytes.len() as u64]);
        self.0 = checksum::extend(self.0, bytes);
    }
}
