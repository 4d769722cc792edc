//! Grants that were taken while this client was disconnected: those that the server does not list
//! after an `Attach`.

use super::Core;
use super::types::LinkId;
use crate::base::locks::Answer;
use crate::base::{SessionId, Token};
use std::collections::BTreeSet;

/// The list of a session's standing grants, which home sends after each `Attach`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum StandingList {
    /// No list is under way.
    #[default]
    Idle,
    /// A list has begun. `missing`: tokens held at its beginning and not listed yet. Later grants
    /// need not be listed.
    Listing { missing: BTreeSet<Token> },
}

impl Core {
    /// Begins a list. Only home's counts: an older link may answer late.
    pub(super) fn handle_attached(&mut self, link: LinkId, id: SessionId) {
        if !self.is_home(link) {
            return;
        }
        let missing = self.leases.tokens().collect();
        if let Some(session) = self.session.as_mut().filter(|session| session.id == id) {
            session.roll = StandingList::Listing { missing };
        }
    }

    /// Notes a listed grant.
    pub(super) fn note_standing(&mut self, link: LinkId, id: SessionId, answer: &Answer) {
        let Answer::Granted { token } = answer else { return };
        if !self.is_home(link) {
            return;
        }
        let session = self.session.as_mut().filter(|session| session.id == id);
        if let Some(StandingList::Listing { missing }) = session.map(|session| &mut session.roll) {
            missing.remove(token);
        }
    }

    /// Ends a list: grants missing from it were taken. They are released all the same, though
    /// mostly in vain: a deposed leader that does not know it yet may send a short list, and the
    /// grants missing from it must not stay taken without a holder.
    pub(super) fn handle_standing(&mut self, link: LinkId, id: SessionId) {
        if !self.is_home(link) {
            return;
        }
        let session = self.session.as_mut().filter(|session| session.id == id);
        let Some(session) = session else { return };
        if let StandingList::Listing { missing } = std::mem::take(&mut session.roll) {
            session.window.handle_listed();
            missing.into_iter().for_each(|token| self.break_grant(token));
        }
    }
}
