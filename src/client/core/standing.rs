//! Grants that were taken while this client was away: those that its server does not name after an `Attach`.

use super::Core;
use super::types::LinkId;
use crate::base::locks::Answer;
use crate::base::{SessionId, Token};
use std::collections::BTreeSet;

/// Where the list of a session's standing grants has come to, which home says after each `Attach`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum StandingList {
    /// None is under way.
    #[default]
    Idle,
    /// It has begun. These tokens were held then, and were not named yet. What is granted from then on is not among
    /// them, nor need be.
    Listing { missing: BTreeSet<Token> },
}

impl Core {
    /// The list begins. Only home's counts: an older link may answer late.
    pub(super) fn handle_attached(&mut self, link: LinkId, id: SessionId) {
        if !self.is_home(link) {
            return;
        }
        let missing = self.leases.tokens().collect();
        if let Some(session) = self.session.as_mut().filter(|session| session.id == id) {
            session.roll = StandingList::Listing { missing };
        }
    }

    /// An answer from home names a grant that stands.
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

    /// The list is complete: what it did not name was taken. It is released all the same, though mostly in vain:
    /// a leader that was deposed and does not know it yet says a list that is too short, and what it forgot must not
    /// stay taken for nobody.
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
