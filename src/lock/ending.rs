//! Ends of sessions, by close or by expiry. From level 2 on the entry, and later ones if need be, free what
//! the session has (L22); below, one apply frees all.

use super::Outcome;
use super::effects::Effects;
use super::freed::Freed;
use super::level::PARTS_LEVEL;
use super::machine::LockMachine;
use super::parts::EndWay;
use super::session::Session;
use crate::base::SessionId;

impl LockMachine {
    /// Ends a session whose client has ended its work; `None` if it is not alive.
    pub(super) fn close_session(
        &mut self,
        id: SessionId,
        unix_ms: u64,
        effects: &mut Effects,
    ) -> Option<Outcome> {
        let session = self.take_session(id)?;
        if self.level() >= PARTS_LEVEL {
            let is_all = self.end_in_parts(id, *session, EndWay::Closed, (unix_ms, effects));
            return Some(match is_all {
                true => Outcome::SessionEnded { session: id },
                false => Outcome::SessionEnding { session: id },
            });
        }
        let all_freed = self.take_out(&session, effects);
        self.pass_on_all(&session, &all_freed, unix_ms, effects);
        Some(Outcome::SessionEnded { session: id })
    }

    /// Ends a session that is not heard of; its grants may leave delays (L16). `None` if it is not alive.
    pub(super) fn expire_session(
        &mut self,
        id: SessionId,
        unix_ms: u64,
        effects: &mut Effects,
    ) -> Option<Outcome> {
        let session = self.take_session(id)?;
        self.tally.expire();
        if self.level() >= PARTS_LEVEL {
            self.end_in_parts(id, *session, EndWay::Expired, (unix_ms, effects));
            return Some(Outcome::SessionEnded { session: id });
        }
        let all_freed = self.take_out(&session, effects);
        for freed in &all_freed {
            for slot in freed.slots() {
                let delayed = self.begin_delay(*slot, &freed.grant, &session.client);
                effects.delayed.extend(delayed);
            }
        }
        self.pass_on_all(&session, &all_freed, unix_ms, effects);
        Some(Outcome::SessionEnded { session: id })
    }

    /// Takes all places and grants of a session out of the locks; the grants, in the order of request ids.
    fn take_out(&mut self, session: &Session, effects: &mut Effects) -> Vec<Freed> {
        for place in session.answers.waiting().values() {
            self.leave_queues(place, effects);
        }
        let mut all_freed = Vec::new();
        for hold in session.answers.grants().values() {
            // The first handle of a grant took the whole grant out.
            if self.grant(hold.slot, hold.token).is_some() {
                all_freed.push(self.drop_grant(hold.slot, hold.token, effects));
            }
        }
        all_freed
    }

    /// Hands over the locks of an ended session: only now, so that none goes to the session itself.
    fn pass_on_all(
        &mut self,
        session: &Session,
        all_freed: &[Freed],
        unix_ms: u64,
        effects: &mut Effects,
    ) {
        for freed in all_freed {
            self.pass_on(freed, unix_ms, effects);
        }
        for slot in session.answers.waiting().values().flat_map(|place| place.slots()) {
            self.hand_over(slot, unix_ms, effects);
        }
    }
}
