//! Who may what, in the model (L27): rules as text, asked one by one.
//!
//! What was so at each index is kept, for answers that are judged later.

use super::Model;
use super::line::{Asker, Place};
use crate::base::{Index, RequestId, Right, Rights, SessionId, Subject};
use crate::lock::{AccessChange, Answer, BreakWay, Name, Operation, Rule};
use std::collections::BTreeMap;

/// The rules, and whether they are in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelRights {
    pub is_on: bool,
    /// By who, and of which names, as they are written.
    pub rules: BTreeMap<(String, String), Rights>,
}

/// Since when they were so, and how far those who wait are looked at.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    now: ModelRights,
    past: Vec<(Index, ModelRights)>,
    /// This session, behind this request.
    sweep: Option<(SessionId, RequestId)>,
    /// Waits that the newest entry has looked at since the last that counted.
    glances: usize,
    /// Waits that were refused.
    pub(super) refused: u64,
}

impl ModelRights {
    /// Whether they allow `subject` this; of the cluster there is no name.
    #[must_use]
    pub fn allow(&self, subject: &str, right: Right, name: Option<&str>) -> bool {
        self.rules.iter().any(|((who, names), rights)| {
            let is_meant = match who.strip_suffix('*') {
                Some(begin) => subject.len() >= begin.len() && &subject[..begin.len()] == begin,
                None => who == subject,
            };
            let covers = match (name, names.as_str()) {
                (None, names) => names.is_empty(),
                (Some(_), "") => false,
                (Some(_), "*") => true,
                (Some(name), names) if names.ends_with('/') => {
                    let mut begin = name.to_owned();
                    begin.push('/');
                    begin.starts_with(names)
                }
                (Some(name), names) => name == names,
            };
            is_meant && covers && rights.iter().any(|other| other == right)
        })
    }

    fn has_admin(&self) -> bool {
        let admins = self.rules.iter().filter(|(_, rights)| rights.has(Right::Admin));
        let mut who = admins.map(|((who, _), _)| who.as_str());
        who.any(|who| who == "*" || who.starts_with("client/") || who.starts_with("operator/"))
    }
}

impl Model {
    /// Who may what.
    #[must_use]
    pub fn rights(&self) -> &ModelRights {
        &self.rights.now
    }

    /// The same at `index`.
    #[must_use]
    pub fn rights_at(&self, index: Index) -> ModelRights {
        let behind = self.rights.past.partition_point(|(since, _)| *since <= index);
        behind.checked_sub(1).map(|at| self.rights.past[at].1.clone()).unwrap_or_default()
    }

    /// Waits that were refused since their right was taken away.
    #[must_use]
    pub fn refused_waits(&self) -> u64 {
        self.rights.refused
    }

    /// Whether those who wait are still being looked at.
    #[must_use]
    pub fn is_sweeping(&self) -> bool {
        self.rights.sweep.is_some()
    }

    /// Whose a session is, alive or not.
    #[must_use]
    pub fn subject(&self, session: SessionId) -> Option<&str> {
        self.sessions.get(&session).map(|one| one.subject.as_str())
    }

    /// Whether `subject` was allowed this at `index`.
    #[must_use]
    pub fn may_at(&self, index: Index, subject: &str, right: Right, name: &Name) -> bool {
        let rights = self.rights_at(index);
        !rights.is_on || rights.allow(subject, right, Some(name.as_str()))
    }

    pub(super) fn session_may(&self, session: SessionId, right: Right, name: &Name) -> bool {
        let rights = &self.rights.now;
        !rights.is_on || rights.allow(&self.sessions[&session].subject, right, Some(name.as_str()))
    }

    /// What a request is answered that is denied.
    pub(super) fn denied(&self, session: SessionId, operation: &Operation) -> Option<Answer> {
        let subject = &self.sessions[&session].subject;
        if !self.rights.now.is_on {
            let Operation::Break { way: BreakWay::Now, name, .. } = operation else { return None };
            let is_denied = self.level >= 3 && subject.starts_with("client/");
            let (right, name) = (Right::Operate, name.clone());
            return is_denied.then_some(Answer::Denied { right, name });
        }
        let names: Vec<(Right, &Name)> = match operation {
            Operation::Acquire(acquire) => vec![(Right::Acquire, &acquire.name)],
            Operation::AcquireAll { acquire, also } => {
                let all = std::iter::once(&acquire.name).chain(also);
                all.map(|name| (Right::Acquire, name)).collect()
            }
            Operation::Break { name, to, .. } => {
                let read = to.is_some().then_some((Right::Read, name));
                std::iter::once((Right::Break, name)).chain(read).collect()
            }
            _ => Vec::new(),
        };
        let mut missing =
            names.into_iter().filter(|(right, name)| !self.session_may(session, *right, name));
        missing.next().map(|(right, name)| Answer::Denied { right, name: name.clone() })
    }

    /// Changes who may what, if whoever asks may.
    pub(super) fn change_access(&mut self, by: &Subject, change: &AccessChange) {
        let by = by.to_string();
        let rights = &self.rights.now;
        let may = match rights.is_on {
            true => rights.allow(&by, Right::Admin, None),
            false => !by.starts_with("client/") && !by.starts_with("node/"),
        };
        if self.level < 3 || !may {
            return;
        }
        let mut new = rights.clone();
        let mut takes = false;
        match change {
            AccessChange::On => {
                takes = !new.is_on;
                new.is_on = true;
            }
            AccessChange::Off => new.is_on = false,
            AccessChange::Allow(rule) => {
                let before = new.rules.entry(key(rule)).or_default();
                *before = before.with(rule.rights);
            }
            AccessChange::Deny(rule) => {
                let before = new.rules.get(&key(rule)).copied().unwrap_or_default();
                takes = before.common(rule.rights).has(Right::Acquire);
                let left = before.without(rule.rights);
                new.rules.insert(key(rule), left);
            }
            AccessChange::CreateCredential { .. } | AccessChange::RevokeCredential { .. } => {}
        }
        new.rules.retain(|_, rights| !rights.is_empty());
        // Somebody must be able to turn them off.
        if new.is_on && !new.has_admin() {
            return;
        }
        self.rights.now = new.clone();
        self.rights.past.push((self.applied, new));
        if takes {
            self.rights.sweep = Some((SessionId(0), RequestId(0)));
            self.sweep();
        }
    }

    /// Whether a wait is to be refused, and is not yet.
    pub(super) fn is_lost(&self, place: &Place) -> bool {
        self.is_sweeping() && !place.holds() && self.lost(place).is_some()
    }

    fn lost(&self, place: &Place) -> Option<&Name> {
        let names = &place.wish.names;
        let may = |name: &Name| self.session_may(place.session, Right::Acquire, name);
        let at = names.iter().position(|name| !may(name))?;
        self.lines.get_key_value(&names[at]).map(|(name, _)| name)
    }

    pub(super) fn begin_glances(&mut self) {
        self.rights.glances = 0;
    }

    /// A restore ends all sessions; rules stay, as they were in what was saved.
    pub(super) fn restore_rights(&mut self, index: Index) {
        let rights = self.rights_at(index);
        self.rights.past.retain(|(since, _)| *since <= index);
        self.rights.now = rights;
        self.rights.sweep = None;
    }

    /// Refuses those who may not wait any more, as far as the newest entry may; whether that is over.
    pub(super) fn sweep(&mut self) -> bool {
        while let Some((session, behind)) = self.rights.sweep {
            if !self.has_part_left() {
                return false;
            }
            self.rights.glances += 1;
            if self.rights.glances == 8 {
                self.rights.glances = 0;
                self.spend(1);
            }
            self.rights.sweep = match self.next_wait((session, behind)) {
                Some(place) => {
                    let request = place.request;
                    self.look_at(&place);
                    Some((session, request))
                }
                None => {
                    let mut others = self.alive().map(|(id, _)| id);
                    others.find(|id| *id > session).map(|id| (id, RequestId(0)))
                }
            };
        }
        true
    }

    fn next_wait(&self, behind: Asker) -> Option<Place> {
        let all = self.lines.values().flat_map(|line| line.waiters());
        let own = all.filter(|place| place.session == behind.0 && !self.is_dead(place.session));
        let rest = own.filter(|place| place.request > behind.1);
        rest.min_by_key(|place| place.request).cloned()
    }

    fn look_at(&mut self, place: &Place) {
        if let Some(name) = self.lost(place).cloned() {
            self.tell(place.asker(), Answer::Denied { right: Right::Acquire, name });
            self.rights.refused += 1;
            self.spend(place.wish.names.len());
            self.leave(place);
        } else if place.wish.names.iter().any(|name| self.first_due(name).is_some()) {
            place.wish.names.iter().for_each(|name| self.hand_over(name));
        }
    }
}

fn key(rule: &Rule) -> (String, String) {
    (rule.who.to_string(), rule.names.to_string())
}
