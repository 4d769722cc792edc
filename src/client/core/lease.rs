//! Leases: handles on grants, ended once and for good; and releases.

use super::Core;
use super::acquire_call::Ownership;
use super::requests::{OwnerKey, Purpose};
use super::types::{CallId, CoreAction, Deadline, Done, EndReason, LeaseId};
use crate::base::locks::{Name, Operation};
use crate::base::row::Row;
use crate::base::{Sample, Token};
use crate::{Error, Status};
use std::collections::BTreeMap;
use std::time::Duration;

/// The leases of the session in force. An owner other than 0 may have several on one grant.
#[derive(Clone, Debug, Default)]
pub(super) struct Leases {
    leases: Row<LeaseId, Token>,
    grants: Row<Token, Grant>,
    /// The token of each lock that an owner other than 0 holds.
    owned: BTreeMap<OwnerKey, Token>,
    /// The deadline and the reason of grants that are asked to end (L23).
    asked: BTreeMap<Token, (Deadline, String)>,
    last: u64,
}

/// One ownership, of one lock or of several.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    /// The first name; a release by it frees all.
    pub(super) name: Name,
    ownership: Option<Ownership>,
    handles: Vec<LeaseId>,
}

impl Grant {
    /// The owner's key for each of the locks.
    pub(super) fn keys(&self) -> Vec<OwnerKey> {
        self.ownership.as_ref().map(Ownership::keys).unwrap_or_default()
    }
}

impl Leases {
    pub(super) fn len(&self) -> usize {
        self.leases.len()
    }

    pub(super) fn token(&self, lease: LeaseId) -> Option<Token> {
        self.leases.get(&lease).copied()
    }

    /// The name and token of `lease`.
    pub(super) fn held(&self, lease: LeaseId) -> Option<(Name, Token)> {
        let token = self.token(lease)?;
        Some((self.grants.get(&token)?.name.clone(), token))
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = Token> {
        self.grants.keys()
    }

    pub(super) fn has_grant(&self, token: Token) -> bool {
        self.grants.contains_key(&token)
    }

    pub(super) fn handles(&self, token: Token) -> &[LeaseId] {
        self.grants.get(&token).map_or(&[], |grant| &grant.handles)
    }

    /// The token under which this owner holds this lock.
    pub(super) fn owned(&self, key: &OwnerKey) -> Option<Token> {
        self.owned.get(key).copied()
    }

    /// Whether exactly this ownership is held under `token`.
    pub(super) fn is_claim(&self, token: Token, ownership: &Ownership) -> bool {
        self.grants.get(&token).is_some_and(|grant| grant.ownership.as_ref() == Some(ownership))
    }

    /// Adds a new grant with its first handle.
    pub(super) fn add_grant(
        &mut self,
        token: Token,
        name: Name,
        ownership: Option<Ownership>,
    ) -> LeaseId {
        let grant = Grant { name, ownership, handles: Vec::with_capacity(1) };
        self.owned.extend(grant.keys().into_iter().map(|key| (key, token)));
        self.grants.insert(token, grant);
        self.add_handle(token)
    }

    /// Adds another handle on a grant.
    pub(super) fn add_handle(&mut self, token: Token) -> LeaseId {
        self.last += 1;
        let lease = LeaseId(self.last);
        self.leases.insert(lease, token);
        let grant = self.grants.value_mut(&token);
        grant.unwrap_or_else(|| panic!("{token:?} has no grant")).handles.push(lease);
        lease
    }

    /// Sets the deadline of the grant under `token`; says whether it is sooner than an earlier one.
    pub(super) fn ask(
        &mut self,
        now: &Sample,
        token: Token,
        (deadline, reason): (Deadline, &str),
    ) -> bool {
        let before = self.asked.get(&token);
        if before.is_some_and(|(before, _)| before.remaining(now) <= deadline.remaining(now)) {
            return false;
        }
        self.asked.insert(token, (deadline, reason.to_owned()));
        true
    }

    /// The deadline and reason of the grant under `token`, if it is asked to end.
    pub(super) fn asked(&self, token: Token) -> Option<&(Deadline, String)> {
        self.asked.get(&token)
    }

    /// How long a grant may be believed in at `now` by its deadline alone.
    pub(super) fn remaining(&self, now: &Sample, token: Token) -> Duration {
        self.asked.get(&token).map_or(Duration::MAX, |(deadline, _)| deadline.remaining(now))
    }

    /// The grants whose deadline is over at `now`.
    pub(super) fn overdue(&self, now: &Sample) -> Vec<Token> {
        let over = |deadline: &Deadline| deadline.remaining(now).is_zero();
        self.asked.iter().filter(|(_, (at, _))| over(at)).map(|(token, _)| *token).collect()
    }

    /// A hint for the first deadline, as a reading of BOOTTIME.
    pub(super) fn next_deadline(&self) -> u64 {
        let at = |deadline: &Deadline| deadline.start.hint(deadline.length);
        self.asked.values().map(|(deadline, _)| at(deadline)).min().unwrap_or(u64::MAX)
    }

    /// Ends `lease`. `None`: it had ended before.
    fn remove(&mut self, lease: LeaseId) -> Option<Removed> {
        let token = self.leases.remove(&lease)?;
        let grant = self.grants.value_mut(&token);
        let grant = grant.unwrap_or_else(|| panic!("{lease:?} of {token:?} has no grant"));
        grant.handles.retain(|handle| *handle != lease);
        if !grant.handles.is_empty() {
            return Some(Removed::Shared);
        }
        self.remove_grant(token).map(|grant| Removed::Last { token, grant })
    }

    /// Ends a grant with its handles, which are those that it gives.
    fn remove_grant(&mut self, token: Token) -> Option<Grant> {
        let grant = self.grants.remove(&token)?;
        self.asked.remove(&token);
        for key in grant.keys() {
            self.owned.remove(&key);
        }
        for handle in &grant.handles {
            self.leases.remove(handle);
        }
        Some(grant)
    }

    fn take_all(&mut self) -> Vec<LeaseId> {
        self.grants = Row::new();
        self.owned.clear();
        self.asked.clear();
        std::mem::take(&mut self.leases).keys().collect()
    }
}

/// The grant after one of its handles ended.
#[derive(Debug)]
enum Removed {
    /// Other handles are left.
    Shared,
    /// It was the last handle: the grant must be released.
    Last { token: Token, grant: Grant },
}

impl Core {
    pub(super) fn end_all_leases(&mut self, reason: EndReason) {
        for lease in self.leases.take_all() {
            self.actions.push(CoreAction::LeaseEnded { lease, reason });
        }
    }

    /// Ends belief in the grant under `token`, for good, through all its handles.
    pub(super) fn end_grant(&mut self, token: Token, reason: EndReason) -> Option<Grant> {
        let grant = self.leases.remove_grant(token)?;
        self.disown_ended(token);
        let ended =
            grant.handles.iter().map(|lease| CoreAction::LeaseEnded { lease: *lease, reason });
        self.actions.extend(ended);
        Some(grant)
    }

    /// Ends belief in `lease` at once (L13) and releases it at the server; decided as
    /// `Done::Released`, or LOST if it had ended. The release goes on until answered, waited for or
    /// not.
    pub fn release(&mut self, now: &Sample, lease: LeaseId) -> CallId {
        self.check_belief(now);
        let call = self.new_call();
        let removed = self.leases.remove(lease);
        if removed.is_some() {
            self.actions.push(CoreAction::LeaseEnded { lease, reason: EndReason::Released });
        }
        match removed {
            None => self.decide(call, Err(lost())),
            Some(Removed::Shared) => self.decide(call, Ok(Done::Released)),
            Some(Removed::Last { token, grant }) => {
                self.disown_ended(token);
                self.submit_release(token, grant, Some(call));
            }
        }
        call
    }

    /// Submits the release of a grant whose belief has ended here: it leaves only afterwards (L13).
    pub(super) fn submit_release(&mut self, token: Token, grant: Grant, call: Option<CallId>) {
        let session = self.session.as_mut();
        let session = session.unwrap_or_else(|| panic!("{grant:?} outlives its session"));
        let keys = grant.keys();
        let operation = Operation::Release { name: grant.name, token };
        session.window.submit(operation, Purpose::Release(call), keys, self.largest_token);
    }
}

pub(super) fn lost() -> Error {
    Error::new(Status::Lost, "the lease had ended before that")
}
