//! Checks of rights, in applies and in reads (L27).

use super::{ACCESS_LEVEL, Denial, Needed, Part, Resolved};
use crate::base::locks::{Name, Operation};
use crate::base::{Right, SessionId, Subject};
use crate::lock::access::allowed::Allowed;
use crate::lock::locks::Slot;
use crate::lock::machine::LockMachine;
use crate::lock::stake::Stake;
use std::sync::Arc;

impl LockMachine {
    /// The denial of `operation` of `session`, if any; each of several names is checked. Giving back,
    /// withdrawing, handing over and closing take no right, ever.
    pub(in crate::lock) fn denial(
        &mut self,
        session: SessionId,
        operation: &Operation,
    ) -> Option<Denial> {
        if self.level() < ACCESS_LEVEL {
            return None;
        }
        if !self.access.is_on {
            return self.denial_by_kind(session, operation);
        }
        match operation.needed() {
            Needed::Names { rights, first, also } => {
                let names = || std::iter::once(first).chain(also);
                rights.iter().find_map(|right| self.denial_of(session, *right, names()))
            }
            Needed::Nothing
            | Needed::Session
            | Needed::Told(_)
            | Needed::Cluster(_)
            | Needed::OthersCluster(_) => None,
        }
    }

    /// The denial while rights are off: only an operator takes a lock at once.
    fn denial_by_kind(&self, session: SessionId, operation: &Operation) -> Option<Denial> {
        let Operation::Break { name, .. } = operation else { return None };
        let subject = &self.live_session(session).subject;
        let is_denied = operation.is_operators() && !subject.is_operator_by_kind();
        let (right, name) = (Right::Operate, Some(name.clone()));
        is_denied.then(|| Denial { subject: subject.clone(), right, name, is_by_kind: true })
    }

    fn denial_of<'n>(
        &mut self,
        session: SessionId,
        right: Right,
        mut names: impl Iterator<Item = &'n Name>,
    ) -> Option<Denial> {
        let Resolved(Some((_, allowed)), last) = self.resolve(session) else { return None };
        let name = names.find(|name| !allowed.has_near(last, right, name))?.clone();
        let subject = self.live_session(session).subject.clone();
        Some(Denial { subject, right, name: Some(name), is_by_kind: false })
    }

    /// The rights of the subject of a session, looked up once for each generation of the rules.
    fn resolve(&mut self, session: SessionId) -> &mut Resolved {
        let Self { access, sessions, .. } = self;
        let session = sessions.get_mut(&session).expect("it lives");
        let is_fresh = matches!(&session.allowed.0, Some((of, _)) if *of == access.generation);
        if !is_fresh {
            let allowed = access.allowed(&session.subject);
            session.allowed = Resolved(Some((access.generation, allowed)), 0);
        }
        &mut session.allowed
    }

    /// Whether a live session has `right` to `name`; always while rights are off.
    pub(in crate::lock) fn session_may(
        &self,
        session: SessionId,
        right: Right,
        name: &Name,
    ) -> bool {
        !self.access.is_on
            || self.sessions.get(&session).is_some_and(|it| self.may(&it.subject, right, name))
    }

    /// The first of its names that a waiting stake has lost the right to.
    pub(in crate::lock) fn first_lost<'n>(
        &self,
        session: SessionId,
        names: impl IntoIterator<Item = &'n Name>,
    ) -> Option<&'n Name> {
        let mut names = names.into_iter();
        names.find(|name| !self.session_may(session, Right::Acquire, name))
    }

    /// Whether a waiting stake is yet to be refused by the sweep: it is granted nothing.
    pub(in crate::lock) fn is_lost(&self, stake: &Stake, slot: Slot) -> bool {
        let names = || self.locks.names(stake.slots(&slot));
        self.access.sweep.is_some() && self.first_lost(stake.session, names()).is_some()
    }

    /// Whether `subject` has `right` to `name`; always while rights are off.
    #[must_use]
    pub fn may(&self, subject: &Subject, right: Right, name: &Name) -> bool {
        !self.access.is_on || self.access.rules.allow(&subject.to_string(), right, name)
    }

    /// The denial of `right` to `name` for `subject`, if any.
    #[must_use]
    pub fn denial_for(&self, subject: &Subject, right: Right, name: &Name) -> Option<Denial> {
        (!self.may(subject, right, name)).then(|| Denial {
            subject: subject.clone(),
            right,
            name: Some(name.clone()),
            is_by_kind: false,
        })
    }

    /// The denial of `right` to the cluster for `subject`, if any.
    #[must_use]
    pub fn denial_of_cluster(&self, subject: &Subject, right: Right) -> Option<Denial> {
        let is_on = self.access.is_on;
        let may = match is_on {
            true => self.access.rules.allow_of_cluster(&subject.to_string(), right),
            false => subject.is_operator_by_kind(),
        };
        (!may).then(|| Denial { subject: subject.clone(), right, name: None, is_by_kind: !is_on })
    }

    /// The verdict of the rules on `subject`, whether they are on or off: for `tenure access test`.
    #[must_use]
    pub fn rules_allow(&self, subject: &Subject, right: Right, name: Option<&Name>) -> bool {
        let subject = subject.to_string();
        match name {
            Some(name) => self.access.rules.allow(&subject, right, name),
            None => self.access.rules.allow_of_cluster(&subject, right),
        }
    }

    /// An index of the names that `subject` may read.
    #[must_use]
    pub fn reader(&mut self, subject: &Subject) -> Reader {
        Reader(self.access.is_on.then(|| self.access.allowed(subject)))
    }
}

/// The names that a subject may read; `None`: all.
#[derive(Clone, Debug)]
pub struct Reader(Option<Arc<Allowed>>);

impl Reader {
    /// The parts of all names that it may read, in byte order and disjoint; `None`: all.
    pub(in crate::lock) fn parts(&self) -> Option<Vec<Part<&str>>> {
        self.0.as_ref().and_then(|allowed| allowed.parts(Right::Read))
    }

    /// Whether it may read `name`.
    #[must_use]
    pub fn may_read(&self, name: &Name) -> bool {
        self.0.as_ref().is_none_or(|allowed| allowed.has(Right::Read, name))
    }
}
