//! Raft, the lock machine and the leader's session timers as one deterministic machine.

use crate::lock::LockMachine;
use crate::raft::Raft;

/// It *says* what to write; it writes nothing.
#[derive(Debug)]
pub struct Replica {}

impl Replica {
    /// The consensus core, for checkers.
    #[must_use]
    pub fn raft(&self) -> &Raft {
        todo!()
    }

    /// The lock machine, for checkers.
    #[must_use]
    pub fn machine(&self) -> &LockMachine {
        todo!()
    }
}
