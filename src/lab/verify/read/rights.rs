//! Reads the principals of clients, and changes of their rights.

use super::{Reader, needed};
use crate::lab::verify::line::{Kind, Line};
use crate::lab::verify::rights::{Change, Turn};

impl Reader {
    pub(super) fn take_right(&mut self, line: &Line) -> Result<(), String> {
        let (boot, at) = self.stamp(line)?;
        let principal = needed(line, "principal", self.principal(line))?;
        let lock = needed(line, "lock", line.lock.as_deref())?;
        let lock = self.history.locks.number(lock);
        let right = needed(line, "right", line.right)?;
        let turn = match line.event {
            Kind::Revoking => Turn::Revoking,
            Kind::Revoked => Turn::Revoked,
            Kind::Allowing => Turn::Allowing,
            _ => Turn::Allowed,
        };
        let source = self.here;
        self.history.rights.push(Change { boot, principal, lock, right, at, turn, source });
        Ok(())
    }

    pub(super) fn principal(&mut self, line: &Line) -> Option<u32> {
        line.principal.as_deref().map(|name| self.history.principals.number(name))
    }
}
