//! How a grant ends, with its last handle or as a whole, and to whom what it held goes then.

use super::asked::Mark;
use super::dedupe::Fixed;
use super::effects::Effects;
use super::holders::{Grant, Left};
use super::machine::LockMachine;
use crate::base::locks::Name;
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
    /// Whether somebody was named who gets one of its locks.
    pub(super) fn has_heir(&self) -> bool {
        self.mark.as_ref().is_some_and(|mark| mark.heir.is_some())
    }

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
        answers.fix(acquire, hold.print, answer);
        let mut left = Left::None;
        let names = self.names_of(&hold.name, hold.token);
        for name in &names {
            left = self.grant_mut(name, hold.token).give_up(acquire);
        }
        (left == Left::None).then(|| self.drop_from(&names, hold.name, hold.token, effects))
    }

    /// Ends the grant of `name` under `token` with all its handles, whose answers become `Ended`.
    pub(super) fn end_grant(&mut self, name: &Name, token: Token, effects: &mut Effects) -> Freed {
        let grant = self.grant_mut(name, token);
        let session = grant.claim.session;
        let names = grant.claim.names(name).to_vec();
        let handles: Vec<RequestId> = grant.handles().collect();
        // Of a session that has ended nothing is remembered.
        let answers = self.answers_of_mut(session);
        for acquire in handles {
            let hold = answers.end_grant(acquire);
            answers.fix(acquire, hold.print, Fixed::Ended(token));
        }
        let known_as = names[0].clone();
        self.drop_from(&names, known_as, token, effects)
    }

    /// Takes the grant under `token`, of which `known_as` is the first name, out of its locks, and its mark with it.
    pub(super) fn drop_grant(
        &mut self,
        known_as: Name,
        token: Token,
        effects: &mut Effects,
    ) -> Freed {
        let names = self.names_of(&known_as, token);
        self.drop_from(&names, known_as, token, effects)
    }

    /// `names` are all that the grant has.
    fn drop_from(
        &mut self,
        names: &[Name],
        known_as: Name,
        token: Token,
        effects: &mut Effects,
    ) -> Freed {
        let mut dropped = None;
        effects.look(names.len());
        for name in names {
            let lock = self.locks.get_mut(name);
            let holders = lock.map(|lock| &mut lock.holders);
            dropped = holders.and_then(|holders| {
                if holders.first().is_some_and(|oldest| oldest.token == token) {
                    effects.note_change(name);
                }
                holders.remove(token)
            });
            assert!(dropped.is_some(), "nobody holds {name:?} under {token}");
        }
        let grant = dropped.expect("a grant has a name");
        self.tally.end(effects.why, effects.unix_ms.saturating_sub(grant.since_unix_ms));
        let mark = self.asked.remove(&token);
        self.weight.take_off(mark.as_ref().map_or(0, Mark::bytes));
        Freed { known_as, grant, mark }
    }

    /// Hands on what was freed, to its heir before all others (L23).
    pub(super) fn pass_on(&mut self, freed: &Freed, unix_ms: u64, effects: &mut Effects) {
        if let Some(Mark { name, heir: Some(heir), .. }) = &freed.mark {
            self.put_first(name, heir, effects);
        }
        self.hand_over_all(freed.names(), unix_ms, effects);
    }

    fn names_of(&self, known_as: &Name, token: Token) -> Vec<Name> {
        let grant = self.grant(known_as, token);
        let grant = grant.unwrap_or_else(|| panic!("nobody holds {known_as:?} under {token}"));
        grant.claim.names(known_as).to_vec()
    }
}
