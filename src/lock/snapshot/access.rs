//! Access rules in the snapshot, from format 3 on (L27): rules and credentials behind the ancestors, and the
//! owner of each session behind its answers.

use super::SnapshotError;
use super::decode::Pieces;
use super::out::{Out, push};
use crate::base::locks::Rule;
use crate::base::{ANONYMOUS, CredentialHash, Subject};
use crate::lock::LockMachine;
use crate::lock::access::{ACCESS_LEVEL, Access, Cursor};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

pub(super) fn push_access(out: &mut Out<'_>, access: &Access) {
    let (rules, credentials) = (access.rule_count() as u64, access.credentials().len() as u64);
    push(out, &AccessPiece { is_on: access.is_on(), rules, credentials, sweep: access.sweep() });
    access.rules().for_each(|rule| push(out, &rule));
    for (principal, hash) in access.credentials().iter() {
        push(out, &(principal, hash));
    }
}

pub(super) fn read_access(
    machine: &mut LockMachine,
    pieces: &mut Pieces<'_>,
) -> Result<(), SnapshotError> {
    let AccessPiece { is_on, rules, credentials, sweep } = pieces.read()?;
    machine.access = Access::resume(is_on, sweep);
    let mut last = None;
    for _ in 0..rules {
        let rule: Rule = pieces.read()?;
        let place = (rule.who.clone(), rule.names.clone());
        if last.as_ref().is_some_and(|last| *last >= place) {
            return Err(pieces.damaged(format!("{rule:?} is out of order")));
        }
        last = Some(place);
        machine.access.resume_rule(rule).map_err(|why| pieces.damaged(why))?;
    }
    for _ in 0..credentials {
        let (principal, hash): (Subject, CredentialHash) = pieces.read()?;
        let known = machine.access.credentials();
        if known.last_key_value().is_some_and(|(last, _)| *last >= principal) {
            return Err(pieces.damaged(format!("the credential of {principal} is out of order")));
        }
        machine.access.resume_credential(principal, hash).map_err(|why| pieces.damaged(why))?;
    }
    Ok(())
}

/// The owner of a session, from the level on that has owners; below it nothing.
pub(super) fn push_subject(out: &mut Out<'_>, machine: &LockMachine, subject: &Subject) {
    if machine.level() < ACCESS_LEVEL {
        return;
    }
    let text = match subject {
        Subject::Anonymous => String::new(),
        Subject::Known(_) => subject.to_string(),
    };
    push(out, &text);
}

pub(super) fn read_subject(pieces: &mut Pieces<'_>) -> Result<Subject, SnapshotError> {
    match &*pieces.read::<Cow<'_, str>>()? {
        "" => Ok(Subject::Anonymous),
        ANONYMOUS => Err(pieces.damaged("a session of nobody names him".to_owned())),
        text => text.parse().map_err(|why| pieces.damaged(format!("{text:?} {why}"))),
    }
}

/// Stands before the rules and the credentials.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AccessPiece {
    is_on: bool,
    pub(super) rules: u64,
    pub(super) credentials: u64,
    sweep: Option<Cursor>,
}
