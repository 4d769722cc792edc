//! Leases: handles on grants, ended once and for good; and releases.

use super::Core;
use super::requests::{OwnerKey, Purpose};
use super::types::{Action, CallId, Done, EndReason, LeaseId};
use crate::base::Token;
use crate::lock::{Name, Operation};
use crate::{Error, Status};
use std::collections::BTreeMap;

/// The leases of the session in force. An owner other than 0 may have several on one grant.
#[derive(Clone, Debug, Default)]
pub(super) struct Leases {
    leases: BTreeMap<LeaseId, Token>,
    grants: BTreeMap<Token, Grant>,
    owned: BTreeMap<OwnerKey, Token>,
    last: u64,
}

#[derive(Clone, Debug)]
struct Grant {
    name: Name,
    key: Option<OwnerKey>,
    handles: u32,
}

/// What became of a grant when one of its handles ended.
#[derive(Debug)]
enum Dropped {
    /// The lease had ended before.
    Unknown,
    /// Other handles are left.
    Shared,
    /// That was the last handle: the grant must be released.
    Last { name: Name, token: Token, key: Option<OwnerKey> },
}

impl Leases {
    pub(super) fn len(&self) -> usize {
        self.leases.len()
    }

    pub(super) fn token(&self, lease: LeaseId) -> Option<Token> {
        self.leases.get(&lease).copied()
    }

    pub(super) fn has_grant(&self, token: Token) -> bool {
        self.grants.contains_key(&token)
    }

    /// The token under which this owner holds this lock.
    pub(super) fn owned(&self, key: &OwnerKey) -> Option<Token> {
        self.owned.get(key).copied()
    }

    /// A first handle on a new grant.
    pub(super) fn add_grant(&mut self, token: Token, name: Name, key: Option<OwnerKey>) -> LeaseId {
        if let Some(key) = &key {
            self.owned.insert(key.clone(), token);
        }
        self.grants.insert(token, Grant { name, key, handles: 0 });
        self.add_handle(token)
    }

    /// Another handle on a standing grant.
    pub(super) fn add_handle(&mut self, token: Token) -> LeaseId {
        self.last += 1;
        let lease = LeaseId(self.last);
        self.leases.insert(lease, token);
        let grant = self.grants.get_mut(&token);
        grant.unwrap_or_else(|| panic!("{token:?} has no grant")).handles += 1;
        lease
    }

    fn remove(&mut self, lease: LeaseId) -> Dropped {
        let Some(token) = self.leases.remove(&lease) else { return Dropped::Unknown };
        let grant = self.grants.get_mut(&token);
        let grant = grant.unwrap_or_else(|| panic!("{lease:?} of {token:?} has no grant"));
        grant.handles -= 1;
        if grant.handles > 0 {
            return Dropped::Shared;
        }
        let Some(Grant { name, key, .. }) = self.grants.remove(&token) else {
            return Dropped::Unknown;
        };
        if let Some(key) = &key {
            self.owned.remove(key);
        }
        Dropped::Last { name, token, key }
    }

    fn take_all(&mut self) -> Vec<LeaseId> {
        self.grants.clear();
        self.owned.clear();
        std::mem::take(&mut self.leases).into_keys().collect()
    }
}

impl Core {
    pub(super) fn end_all_leases(&mut self, reason: EndReason) {
        for lease in self.leases.take_all() {
            self.actions.push(Action::LeaseEnded { lease, reason });
        }
    }

    /// Belief ends here; only then, with the next transmission, the release leaves (L13).
    pub(super) fn start_release(&mut self, call: CallId, lease: LeaseId) {
        let dropped = self.leases.remove(lease);
        if matches!(dropped, Dropped::Unknown) {
            return self.decide(call, Err(lost()));
        }
        self.actions.push(Action::LeaseEnded { lease, reason: EndReason::Released });
        match dropped {
            Dropped::Last { name, token, key } => {
                let session = self.session.as_mut();
                let session = session.unwrap_or_else(|| panic!("{lease:?} outlives its session"));
                let operation = Operation::Release { name, token };
                let purpose = Purpose::Release(Some(call));
                session.window.submit(operation, purpose, key, self.largest_token);
            }
            Dropped::Shared | Dropped::Unknown => self.decide(call, Ok(Done::Released)),
        }
    }
}

pub(super) fn lost() -> Error {
    Error::new(Status::Lost, "the lease had ended before it was released")
}
