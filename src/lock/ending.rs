//! How a session ends: by its own wish, or by expiry. Both drop all that it has in one apply (L22).

use super::command::Name;
use super::delay::Delayed;
use super::holders::Grant;
use super::machine::LockMachine;
use super::session::Session;
use super::{Granted, Outcome};
use crate::base::SessionId;

impl LockMachine {
    /// Ends a session whose client said that it has ended its work; `None` if it is not alive.
    pub(super) fn close_session(
        &mut self,
        id: SessionId,
        unix_ms: u64,
        granted: &mut Vec<Granted>,
    ) -> Option<Outcome> {
        let session = self.sessions.remove(&id)?;
        let taken = self.take_out(&session);
        self.hand_over_all(&session, &taken, unix_ms, granted);
        Some(Outcome::SessionEnded { session: id })
    }

    /// Ends a session that is not heard of; its grants may leave delays (L16). `None` if it is not alive.
    pub(super) fn expire_session(
        &mut self,
        id: SessionId,
        unix_ms: u64,
        granted: &mut Vec<Granted>,
        delayed: &mut Vec<Delayed>,
    ) -> Option<Outcome> {
        let session = self.sessions.remove(&id)?;
        let taken = self.take_out(&session);
        for (name, grant) in &taken {
            for name in grant.claim.names(name) {
                delayed.extend(self.begin_delay(name, grant, &session.client));
            }
        }
        self.hand_over_all(&session, &taken, unix_ms, granted);
        Some(Outcome::SessionEnded { session: id })
    }

    /// Takes all places and grants of a session out of the locks, and gives the grants, in the order in which
    /// they were asked for.
    fn take_out(&mut self, session: &Session) -> Vec<(Name, Grant)> {
        for place in session.answers.waiting().values() {
            self.leave_queues(place);
        }
        let mut taken = Vec::new();
        for hold in session.answers.grants().values() {
            // A grant with several handles goes with the first of them.
            if self.grant(&hold.name, hold.token).is_some() {
                taken.push((hold.name.clone(), self.drop_grant(hold)));
            }
        }
        taken
    }

    /// Hands on what a session was in: only now, so that nothing freed goes to the session that ends.
    fn hand_over_all(
        &mut self,
        session: &Session,
        taken: &[(Name, Grant)],
        unix_ms: u64,
        granted: &mut Vec<Granted>,
    ) {
        let held = taken.iter().flat_map(|(name, grant)| grant.claim.names(name));
        let waited = session.answers.waiting().values().flat_map(|place| place.names());
        for name in held.chain(waited) {
            self.hand_over(name, unix_ms, granted);
        }
    }
}
