//! Holders that were asked to end their work (safety L23), and what is known of a lock's present holder.

use super::command::Name;
use super::machine::LockMachine;
use super::{Asked, Holding};
use crate::base::SessionId;

impl LockMachine {
    /// The grants of `session` that it was asked to end, in the order of their tokens, with the grace that each was
    /// given: what a reconnect is told again.
    #[must_use]
    pub fn asked(&self, session: SessionId) -> Vec<Asked> {
        let _ = session;
        todo!("lock machine")
    }

    /// Whether anybody whose client is called `client` waits for `name` and for nothing else; `None`: whether anybody
    /// waits for it.
    #[must_use]
    pub fn waits(&self, name: &Name, client: Option<&str>) -> bool {
        let _ = (name, client);
        todo!("lock machine")
    }

    /// The oldest holder of `name`.
    #[must_use]
    pub fn holding(&self, name: &Name) -> Option<Holding> {
        let _ = name;
        todo!("lock machine")
    }
}
