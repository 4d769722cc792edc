//! Access rules and credentials (safety L27): a part of the replicated state, by which each apply decides.
//!
//! A rule allows rights to the subjects that one pattern covers, for the names that another covers
//! ([`pattern`]). No rule forbids. While rights are off the kind of identity decides, as at a node for each
//! connection; once they are on, all that no rule allows is denied: in the apply, by the rules of that very
//! index, so that all replicas decide alike.
//!
//! The apply of a change also takes rights away ([`sweep`]): new acquires are denied at once, waits are
//! refused, in parts if they are many. Grants stay; giving back and renewing need no right, ever.

mod allowed;
mod change;
mod check;
mod needed;
mod rules;
mod sweep;

pub(super) use allowed::Part;
pub use change::{AccessRefusal, Denial};
pub use check::Reader;
pub use needed::Needed;
pub(super) use sweep::Cursor;

use super::effects::Effects;
use super::machine::LockMachine;
use crate::base::limits::ACCESS_RULES_MAX;
use crate::base::locks::{
    AccessChange, AccessDone, NAMES_BYTES_MAX, Names, Rule, WHO_BYTES_MAX, Who,
};
use crate::base::{CredentialHash, Credentials, Right, Rights, Subject};
use allowed::Allowed;
use rules::Rules;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The rules, whether they are in force, and the hashes of secrets.
#[derive(Clone, Debug, Default)]
pub(super) struct Access {
    is_on: bool,
    rules: Rules,
    credentials: Credentials,
    /// Where the sweep of waits goes on; there is one since a right was taken away.
    sweep: Option<Cursor>,
    /// Counts changes of the rules; no part of the state.
    generation: u64,
    /// The indexes of sets of patterns that were asked for; no part of the state.
    indexes: BTreeMap<Vec<Who>, Arc<Allowed>>,
}

/// The rights of the subject of a session at some generation of the rules, and the pattern by which the last
/// question was allowed.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved(Option<(u64, Arc<Allowed>)>, u32);

impl Access {
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    pub(super) fn rules(&self) -> impl Iterator<Item = Rule> + '_ {
        self.rules.iter()
    }

    pub(super) fn rule_count(&self) -> usize {
        self.rules.len()
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(super) fn sweep(&self) -> Option<Cursor> {
        self.sweep
    }

    /// The start of a snapshot's access rules; the rules follow.
    pub(super) fn resume(is_on: bool, sweep: Option<Cursor>) -> Self {
        Self { is_on, sweep, ..Self::default() }
    }

    /// Adds a rule of a snapshot.
    ///
    /// # Errors
    /// The rule is there already, or unsound.
    pub(super) fn resume_rule(&mut self, rule: Rule) -> Result<(), String> {
        let is_new = self.rules.rights(&rule.who, &rule.names).is_empty();
        if !is_new || !rule.is_sound() || self.count() >= ACCESS_RULES_MAX {
            return Err(format!("{rule:?} is there twice, or no rule"));
        }
        self.rules.set(rule);
        Ok(())
    }

    /// Adds a credential of a snapshot.
    ///
    /// # Errors
    /// The credential is there already, or of nobody.
    pub(super) fn resume_credential(
        &mut self,
        principal: Subject,
        hash: CredentialHash,
    ) -> Result<(), String> {
        let is_sound = AccessChange::principal_of(&principal).is_some();
        if !is_sound || self.credentials.contains_key(&principal) {
            return Err(format!("the credential of {principal} is there twice, or of nobody"));
        }
        Arc::make_mut(&mut self.credentials).insert(principal, hash);
        Ok(())
    }

    /// Its bytes in a snapshot.
    pub(super) fn bytes(&self) -> u64 {
        let credentials = self.credentials.keys().map(credential_bytes);
        self.rules.bytes() + credentials.sum::<u64>()
    }

    fn count(&self) -> usize {
        self.rules.len() + self.credentials.len()
    }

    /// The same rules for another incarnation, in which there are no waits.
    pub(super) fn restored(self) -> Self {
        Self { sweep: None, ..self }
    }

    /// Fails with the first invariant that does not hold, as a sentence.
    pub(super) fn examine(&self) -> Result<(), String> {
        if self.is_on && !self.has_admin(None) {
            return Err("rights are on, and nobody can turn them off".to_owned());
        }
        let count = self.count();
        if count > ACCESS_RULES_MAX {
            return Err(format!("there are {count} rules and credentials"));
        }
        Ok(())
    }

    /// Whether any subject that a certificate can name has admin, by a rule other than that of
    /// `without`.
    fn has_admin(&self, without: Option<&Who>) -> bool {
        let admins = self.rules.iter().filter(|rule| rule.rights.has(Right::Admin));
        admins.filter(|rule| Some(&rule.who) != without).any(|rule| rule.who.can_exist())
    }

    /// Voids what was looked up before the rules changed.
    fn begin_generation(&mut self) {
        self.generation += 1;
        self.indexes.clear();
    }

    /// The index of the rights of `subject`.
    fn allowed(&mut self, subject: &Subject) -> Arc<Allowed> {
        let covering = self.rules.covering(&subject.to_string());
        let key: Vec<Who> = covering.iter().copied().cloned().collect();
        if let Some(known) = self.indexes.get(&key) {
            return Arc::clone(known);
        }
        let allowed = Arc::new(Allowed::of(&self.rules, &covering));
        if self.indexes.len() >= INDEXES_MAX {
            self.indexes.clear();
        }
        self.indexes.insert(key, Arc::clone(&allowed));
        allowed
    }
}

impl LockMachine {
    /// Changes the access rules on behalf of `by`.
    pub(super) fn change_access(
        &mut self,
        by: &Subject,
        change: &AccessChange,
        effects: &mut Effects,
    ) -> Result<AccessDone, AccessRefusal> {
        if self.level() < ACCESS_LEVEL {
            return Err(AccessRefusal::Level(self.level()));
        }
        if let Some(denial) = self.denial_of_cluster(by, Right::Admin) {
            return Err(AccessRefusal::Denied(denial));
        }
        match change {
            AccessChange::On if self.access.is_on => Ok(AccessDone::Already),
            AccessChange::On if !self.access.has_admin(None) => Err(AccessRefusal::NobodyIsAdmin),
            AccessChange::On => {
                self.access.is_on = true;
                self.begin_sweep(effects);
                Ok(AccessDone::Changed)
            }
            AccessChange::Off if !self.access.is_on => Ok(AccessDone::Already),
            // A wait that was to be refused may be granted now: the sweep goes on, and hands its locks over.
            AccessChange::Off => {
                self.access.is_on = false;
                Ok(AccessDone::Changed)
            }
            AccessChange::Allow(rule) => self.allow(rule),
            AccessChange::Deny(rule) => self.deny(rule, effects),
            AccessChange::CreateCredential { principal, hash } => {
                self.create_credential(principal, *hash)
            }
            AccessChange::RevokeCredential { principal } => {
                let revoked = Arc::make_mut(&mut self.access.credentials).remove(principal);
                if revoked.is_none() {
                    return Ok(AccessDone::Absent);
                }
                self.weight.take_off(credential_bytes(principal));
                Ok(AccessDone::Changed)
            }
        }
    }

    fn allow(&mut self, rule: &Rule) -> Result<AccessDone, AccessRefusal> {
        if !rule.is_sound() {
            return Err(AccessRefusal::Unsound);
        }
        let before = self.access.rules.rights(&rule.who, &rule.names);
        if before.common(rule.rights) == rule.rights {
            return Ok(AccessDone::Already);
        }
        if before.is_empty() && self.lacks_room_for_rules() {
            return Err(AccessRefusal::Full(ACCESS_RULES_MAX));
        }
        self.set_rule(Rule { rights: before.with(rule.rights), ..rule.clone() });
        Ok(AccessDone::Changed)
    }

    fn deny(&mut self, rule: &Rule, effects: &mut Effects) -> Result<AccessDone, AccessRefusal> {
        if !rule.is_sound() {
            return Err(AccessRefusal::Unsound);
        }
        let Rule { who, names, rights } = rule;
        let before = self.access.rules.rights(who, names);
        let (taken, absent) = (before.common(*rights), rights.without(before));
        let takes_admin = self.access.is_on && taken.has(Right::Admin);
        if takes_admin && !self.access.has_admin(Some(who)) {
            return Err(AccessRefusal::NobodyIsAdmin);
        }
        if !taken.is_empty() {
            self.set_rule(Rule { rights: before.without(taken), ..rule.clone() });
            if taken.has(Right::Acquire) {
                self.begin_sweep(effects);
            }
        }
        let still = self.access.rules.still_allows(who, names, *rights);
        Ok(AccessDone::Denied { taken, absent, still })
    }

    fn create_credential(
        &mut self,
        principal: &Subject,
        hash: CredentialHash,
    ) -> Result<AccessDone, AccessRefusal> {
        if AccessChange::principal_of(principal).is_none() {
            return Err(AccessRefusal::NoClient);
        }
        match self.access.credentials.get(principal) {
            Some(known) if *known == hash => return Ok(AccessDone::Already),
            // The former secret is void.
            Some(_) => {}
            None if self.lacks_room_for_rules() => {
                return Err(AccessRefusal::Full(ACCESS_RULES_MAX));
            }
            None => self.weight.add(credential_bytes(principal)),
        }
        let credentials = Arc::make_mut(&mut self.access.credentials);
        credentials.insert(principal.clone(), hash);
        Ok(AccessDone::Changed)
    }

    fn lacks_room_for_rules(&self) -> bool {
        self.access.count() >= ACCESS_RULES_MAX || self.lacks_room_for_sessions()
    }

    fn set_rule(&mut self, rule: Rule) {
        let before = self.access.rules.bytes();
        self.access.rules.set(rule);
        self.weight.add(self.access.rules.bytes());
        self.weight.take_off(before);
        self.access.begin_generation();
    }

    /// The rights that the rule of just these patterns allows.
    #[must_use]
    pub fn rights_of(&self, who: &Who, names: &Names) -> Rights {
        self.access.rules.rights(who, names)
    }

    /// At most `count` rules behind `after`, in the order of subjects, then of names.
    #[must_use]
    pub fn rules(&self, after: Option<&(Who, Names)>, count: usize) -> Vec<Rule> {
        self.access.rules.behind(after).take(count).collect()
    }

    /// Whether rights are on: then all that no rule allows is denied.
    #[must_use]
    pub fn has_rights_on(&self) -> bool {
        self.access.is_on
    }

    /// The hashes of secrets, by the subjects that they prove.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.access.credentials
    }

    /// The subjects that have a secret, in order.
    pub fn credential_holders(&self) -> impl Iterator<Item = &Subject> {
        self.access.credentials.keys()
    }
}

fn credential_bytes(principal: &Subject) -> u64 {
    (CREDENTIAL_BYTES + principal.text_bytes()) as u64
}

/// The level from which on there are rights, and sessions have an owner.
pub const ACCESS_LEVEL: u32 = 3;
/// Bytes of a credential without its principal.
const CREDENTIAL_BYTES: usize = 64;
/// Indexes that are kept, one for each set of patterns.
const INDEXES_MAX: usize = 1024;
/// A pattern of either kind fits into a command, and into the codec.
const _: () = assert!(WHO_BYTES_MAX + NAMES_BYTES_MAX < 1024);
