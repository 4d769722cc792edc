//! An acquire as the program asks for it: checked before it leaves, and turned into the servers'
//! operation.

use super::requests::OwnerKey;
use super::types::{AcquireCall, Wait};
use crate::base::Owner;
use crate::base::locks::{Acquire, Mode, Name, Operation, Terms};
use crate::{Error, Status};

/// An owner's wish for locks: names, mode, permits. An acquire is reentrant only if its ownership
/// equals the held one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ownership {
    owner: Owner,
    /// In byte order.
    names: Vec<Name>,
    mode: Mode,
    limit: u32,
    permits: u32,
}

impl Ownership {
    /// The owner's key for each of the locks.
    pub(super) fn keys(&self) -> Vec<OwnerKey> {
        self.names.iter().map(|name| (self.owner, name.clone())).collect()
    }
}

impl AcquireCall {
    /// Checks that servers would accept the acquire.
    pub(super) fn check(&self) -> Result<(), Error> {
        let checked = self.terms().check(&self.name, &self.also);
        checked.map(|_| ()).map_err(|why| Error::new(Status::Invalid, why.to_string()))
    }

    fn terms(&self) -> Terms {
        let Self { mode, limit, permits, delay_ms, .. } = *self;
        Terms { value_bytes: self.value.len(), mode, limit, permits, delay_ms }
    }

    fn sorted_names(&self) -> Vec<&Name> {
        let mut names: Vec<&Name> = std::iter::once(&self.name).chain(&self.also).collect();
        names.sort_unstable();
        names
    }

    /// The ownership; `None`: the acquire is an owner of its own.
    pub(super) fn ownership(&self) -> Option<Ownership> {
        (self.owner != 0).then(|| Ownership {
            owner: Owner(self.owner),
            names: self.sorted_names().into_iter().cloned().collect(),
            mode: self.mode,
            limit: self.limit,
            permits: self.permits,
        })
    }

    pub(super) fn operation(&self) -> Operation {
        let acquire = Acquire {
            name: self.name.clone(),
            value: self.value.clone(),
            mode: self.mode,
            limit: self.limit,
            permits: self.permits,
            owner: Owner(self.owner),
            delay_ms: self.delay_ms,
            try_only: self.wait == Wait::Try,
        };
        if self.also.is_empty() {
            Operation::Acquire(acquire)
        } else {
            Operation::AcquireAll { acquire, also: self.also.clone() }
        }
    }
}
