//! Reads validations, hand-overs to named waiters, and breaks at once.

use super::{Reader, needed, token};
use crate::lab::verify::line::{Kind, Line};
use crate::lab::verify::orders::{Answer, Break, Handover, Refutation};

impl Reader {
    pub(super) fn take_validated(&mut self, line: &Line) -> Result<(), String> {
        let (boot, at) = self.stamp(line)?;
        let (_, lock) = self.client_and_lock(line)?;
        let (token, source) = (token(line)?, self.here);
        self.history.orders.validations += 1;
        if !needed(line, "accepted", line.accepted)? {
            self.history.orders.refutations.push(Refutation { boot, lock, token, at, source });
        }
        Ok(())
    }

    pub(super) fn take_handed(&mut self, line: &Line) -> Result<(), String> {
        let (boot, at) = self.stamp(line)?;
        let (_, lock) = self.client_and_lock(line)?;
        let (token, source) = (token(line)?, self.here);
        let to = self.history.clients.number(needed(line, "to", line.to.as_deref())?);
        self.history.orders.handovers.push(Handover { boot, lock, token, to, at, source });
        Ok(())
    }

    pub(super) fn take_breaking(&mut self, line: &Line) -> Result<(), String> {
        let (boot, at) = self.stamp(line)?;
        let (client, lock) = self.client_and_lock(line)?;
        let (token, answer, source) = (token(line)?, Answer::Unknown, self.here);
        let order = Break { boot, client, lock, token, at, answer, source };
        self.history.orders.breaks.push(order);
        Ok(())
    }

    pub(super) fn take_break_answer(&mut self, line: &Line) -> Result<(), String> {
        let (_, at) = self.stamp(line)?;
        let (client, lock) = self.client_and_lock(line)?;
        let answer =
            if line.event == Kind::Broke { Answer::Took { by: at } } else { Answer::Spared };
        if self.history.orders.answer_break((client, lock, token(line)?), answer) {
            return Ok(());
        }
        Err("this client was not breaking this grant: a \"breaking\" goes before".to_owned())
    }
}
