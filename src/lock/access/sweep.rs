//! The sweep of waits after a right was taken away: those without their right are refused in the apply of the
//! change, and, where they are many, in later entries (safety L27).
//!
//! The sweep examines each live session in the order of ids, and each of its waits. Until it is over, a wait
//! that is to be refused is granted nothing: its queue stops at it, as at a wait of an ended session (L22),
//! and goes on in the apply that refuses it. Waits that a change allows again meanwhile are found by the
//! sweep, which hands their locks over.

use crate::base::{RequestId, Right, SessionId};
use crate::lock::dedupe::Fixed;
use crate::lock::effects::Effects;
use crate::lock::locks::Slot;
use crate::lock::machine::LockMachine;
use crate::lock::{Denied, Name as LockName};
use serde::{Deserialize, Serialize};
use std::ops::Bound;

/// Where a sweep goes on: at this session, behind this request of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::lock) struct Cursor {
    pub(in crate::lock) session: SessionId,
    pub(in crate::lock) behind: RequestId,
}

impl Cursor {
    const FIRST: Self = Self { session: SessionId(0), behind: RequestId(0) };
}

impl LockMachine {
    /// A right was taken away: begins with the first session.
    pub(super) fn begin_sweep(&mut self, effects: &mut Effects) {
        self.access.sweep = Some(Cursor::FIRST);
        self.sweep(effects);
    }

    /// Goes on with a sweep, as far as this entry may. True: it is over.
    pub(in crate::lock) fn sweep(&mut self, effects: &mut Effects) -> bool {
        while let Some(cursor) = self.access.sweep {
            if !effects.lasts() {
                return false;
            }
            effects.spend_look();
            self.access.sweep = match self.next_wait(cursor) {
                Next::Wait(request) => {
                    self.look_at_wait(cursor.session, request, effects);
                    Some(Cursor { behind: request, ..cursor })
                }
                Next::Session(session) => Some(Cursor { session, behind: RequestId(0) }),
                Next::Nothing => None,
            };
        }
        true
    }

    fn next_wait(&self, Cursor { session, behind }: Cursor) -> Next {
        let own = self.sessions.get(&session);
        let wait = own.and_then(|own| own.answers.waiting().above(behind).next());
        if let Some((request, _)) = wait {
            return Next::Wait(request);
        }
        let mut others = self.sessions.range((Bound::Excluded(session), Bound::Unbounded));
        others.next().map_or(Next::Nothing, |(session, _)| Next::Session(*session))
    }

    fn look_at_wait(&mut self, session: SessionId, request: RequestId, effects: &mut Effects) {
        let answers = &self.live_session(session).answers;
        let place = answers.waiting().value(request).expect("it was found waiting");
        let slots: Vec<Slot> = place.slots().collect();
        effects.look(slots.len());
        let lost: Option<LockName> = self.first_lost(session, self.locks.names(&slots)).cloned();
        match lost {
            Some(name) => self.refuse_wait(session, request, name, effects),
            // The wait was to be refused, and may have blocked its queues and itself.
            None if slots.iter().any(|slot| self.first_is_due(*slot, |_| {})) => {}
            None => return,
        }
        self.hand_over_all(slots, effects.unix_ms, effects);
    }

    /// As if it had withdrawn (L5), but for the answer, which is fixed (L17).
    fn refuse_wait(
        &mut self,
        session: SessionId,
        request: RequestId,
        name: LockName,
        effects: &mut Effects,
    ) {
        let answers = &mut self.live_session_mut(session).answers;
        let place = answers.leave_queue(request);
        answers.fix(request, place.print, Fixed::Denied(Right::Acquire, name.clone()));
        self.leave_queues(&place, effects);
        effects.spend(place.slots().len());
        effects.denied.push(Denied { session, request, right: Right::Acquire, name });
    }
}

/// The next step of a sweep.
enum Next {
    Wait(RequestId),
    Session(SessionId),
    Nothing,
}
