//! How a grant ends, with its last handle or as a whole, and to whom what it held goes then.

use super::asked::Mark;
use super::command::Name;
use super::dedupe::{Fixed, Hold};
use super::effects::Effects;
use super::holders::{Grant, Left};
use super::machine::LockMachine;
use crate::base::{RequestId, SessionId, Token};

/// A grant that was taken out of its locks, which still are to be passed on.
#[derive(Debug)]
pub(super) struct Freed {
    known_as: Name,
    pub(super) grant: Grant,
    /// What it was asked, if it was.
    mark: Option<Mark>,
}

impl Freed {
    /// The locks that it held.
    pub(super) fn names(&self) -> &[Name] {
        self.grant.claim.names(&self.known_as)
    }

    /// Somebody else was chosen for `name`.
    pub(super) fn disinherit(&mut self, name: &Name) {
        self.mark = self.mark.take().filter(|mark| mark.name != *name);
    }
}

impl LockMachine {
    /// Ends the handle that `acquire` has on its grant, and fixes its answer. With the last handle the grant
    /// has ended.
    pub(super) fn end_handle(
        &mut self,
        session: SessionId,
        acquire: RequestId,
        answer: Fixed,
        effects: &mut Effects,
    ) -> Option<Freed> {
        let answers = &mut self.live_session_mut(session).answers;
        let hold = answers.end_grant(acquire);
        answers.fix(acquire, answer);
        let mut left = Left::None;
        for name in self.names_of(&hold) {
            left = self.grant_mut(&name, hold.token).give_up(acquire);
        }
        (left == Left::None).then(|| self.drop_grant(&hold, effects))
    }

    /// Ends the grant of `name` under `token` with all its handles, whose answers become `Ended`.
    pub(super) fn end_grant(&mut self, name: &Name, token: Token, effects: &mut Effects) -> Freed {
        let grant = self.grant_mut(name, token);
        let session = grant.claim.session;
        let known_as = grant.claim.names(name)[0].clone();
        let handles: Vec<RequestId> = grant.handles().collect();
        let answers = &mut self.live_session_mut(session).answers;
        for acquire in handles {
            answers.end_grant(acquire);
            answers.fix(acquire, Fixed::Ended(token));
        }
        self.drop_grant(&Hold { name: known_as, token }, effects)
    }

    /// Takes a grant out of its locks, and its mark with it.
    pub(super) fn drop_grant(&mut self, hold: &Hold, effects: &mut Effects) -> Freed {
        let mut dropped = None;
        for name in self.names_of(hold) {
            if self.oldest(&name).is_some_and(|oldest| oldest.token == hold.token) {
                effects.note_change(&name);
            }
            let lock = self.locks.get_mut(&name);
            dropped = lock.and_then(|lock| lock.holders.remove(hold.token));
            assert!(dropped.is_some(), "nobody holds {name:?} under {}", hold.token);
        }
        let grant = dropped.expect("a grant has a name");
        Freed { known_as: hold.name.clone(), grant, mark: self.asked.remove(&hold.token) }
    }

    /// Hands on what was freed, to its heir before all others (L23).
    pub(super) fn pass_on(&mut self, freed: &Freed, unix_ms: u64, effects: &mut Effects) {
        if let Some(Mark { name, heir: Some(heir), .. }) = &freed.mark {
            self.put_first(name, heir);
        }
        for name in freed.names() {
            self.hand_over(name, unix_ms, effects);
        }
    }

    fn names_of(&self, hold: &Hold) -> Vec<Name> {
        let grant = self.grant(&hold.name, hold.token);
        let grant = grant.unwrap_or_else(|| panic!("nobody holds {hold:?}"));
        grant.claim.names(&hold.name).to_vec()
    }
}
