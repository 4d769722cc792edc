//! O26: who may what. Nobody is told, granted or attached to what it may not; nobody is denied what it may; and what an observer
//! hears it may read when it is said (L27).

use super::Violation;
use super::model::Model;
use super::replies::Window;
use crate::base::{ANONYMOUS, ConnectionId, Index, NodeId, Right, SessionId};
use crate::lock::{Name, Refusal};
use crate::wire::{Query, ReadAnswer, Request, ServerMessage};
use std::collections::BTreeMap;

/// What each connection of a node is about.
#[derive(Clone, Debug, Default)]
pub struct Askers {
    subjects: BTreeMap<ConnectionId, String>,
    /// What was asked under a number.
    reads: BTreeMap<(ConnectionId, u64), Asked>,
}

/// What is read, or observed.
#[derive(Clone, Debug)]
enum Asked {
    Read(Query),
    Observed(Name),
}

impl Askers {
    /// A client is connected that asks on behalf of `subject`.
    pub fn connect(&mut self, connection: ConnectionId, subject: String) {
        self.subjects.insert(connection, subject);
    }

    /// It asks something.
    pub fn ask(&mut self, connection: ConnectionId, request: &Request) {
        let (read, asked) = match request {
            Request::Read { read, query } => (*read, Asked::Read(query.clone())),
            Request::Observe { read, name, .. } => (*read, Asked::Observed(name.clone())),
            _ => return,
        };
        self.reads.insert((connection, read), asked);
    }

    /// It is gone. What is on its way to it may still be looked at.
    pub fn disconnect(&mut self, connection: ConnectionId) {
        let first = (connection, 0);
        let gone: Vec<_> =
            self.reads.range(first..=(connection, u64::MAX)).map(|(at, _)| *at).collect();
        gone.iter().for_each(|at| drop(self.reads.remove(at)));
    }
}

/// Looks at what `node` says on a connection.
///
/// # Errors
/// It must not be said, or not denied.
pub fn check(
    model: &Model,
    askers: &Askers,
    (node, connection): (NodeId, ConnectionId),
    window: Window,
    message: &ServerMessage,
) -> Result<(), Violation> {
    let Some(subject) = askers.subjects.get(&connection) else { return Ok(()) };
    let may = |index: Index, right: Right, name: &Name| model.may_at(index, subject, right, name);
    let ever = |from: Index, right: Right, name: &Name| {
        (from.0..=window.to.0).any(|index| may(Index(index), right, name))
    };
    let holds = match message {
        ServerMessage::Attached { session } => may_attach(model, subject, *session, window),
        ServerMessage::Changed { read, index, .. } => {
            let Some(Asked::Observed(name)) = askers.reads.get(&(connection, *read)) else {
                return Ok(());
            };
            ever((*index).max(window.from), Right::Read, name)
        }
        ServerMessage::Read { read, index, answer } => {
            match (askers.reads.get(&(connection, *read)), answer) {
                (None, _) => true,
                (Some(asked), ReadAnswer::Denied { .. } | ReadAnswer::Refused(Refusal::Denied)) => {
                    match asked {
                        Asked::Read(query) => {
                            named(query).is_some_and(|name| !may(*index, Right::Read, name))
                        }
                        Asked::Observed(name) => (window.from.0..=window.to.0)
                            .any(|at| !may(Index(at), Right::Read, name)),
                    }
                }
                (Some(_), ReadAnswer::Refused(_)) => true,
                (Some(Asked::Read(query)), ReadAnswer::Locks { locks, more }) => {
                    let told: Vec<&Name> = locks.iter().map(|(lock, _)| &lock.name).collect();
                    is_list(model, subject, *index, (query, &told, *more))
                }
                (Some(Asked::Read(query)), _) => {
                    named(query).is_none_or(|name| may(*index, Right::Read, name))
                }
                (Some(Asked::Observed(_)), _) => true,
            }
        }
        _ => true,
    };
    if holds {
        return Ok(());
    }
    let what = format!(
        "node {node}, having applied {window:?}, says {message:?} to {subject}, by {:?} and {:?}",
        model.rights_at(window.from),
        model.rights_at(window.to)
    );
    Err(Violation::new("O26", what))
}

/// Whether `told` are the first that `subject` may read of those that a list is asked of.
fn is_list(
    model: &Model,
    subject: &str,
    index: Index,
    (query, told, more): (&Query, &[&Name], bool),
) -> bool {
    let Query::Locks { prefix, after, .. } = query else { return false };
    let named = model.names().filter(|name| {
        name.as_str().starts_with(prefix)
            && after.as_ref().is_none_or(|after| *name > after)
            && model.line_at(name, index).is_some()
    });
    let mut readable = named.filter(|name| model.may_at(index, subject, Right::Read, name));
    told.iter().all(|told| readable.next() == Some(*told)) && (more || readable.next().is_none())
}

/// The lock that a query is about, if it is one.
fn named(query: &Query) -> Option<&Name> {
    match query {
        Query::Lock { name } | Query::Validate { name, .. } | Query::Waits { name, .. } => {
            Some(name)
        }
        _ => None,
    }
}

/// Whose it is, or nobody's.
fn may_attach(model: &Model, subject: &str, session: SessionId, window: Window) -> bool {
    let owner = model.subject(session).unwrap_or(ANONYMOUS);
    let was_off = (window.from.0..=window.to.0).any(|at| !model.rights_at(Index(at)).is_on);
    owner == ANONYMOUS || owner == subject || (subject == ANONYMOUS && was_off)
}

/// Whether it is right to refuse `subject` a session.
#[must_use]
pub fn is_anothers(
    model: &Model,
    askers: &Askers,
    connection: ConnectionId,
    session: SessionId,
) -> bool {
    let owner = model.subject(session).unwrap_or(ANONYMOUS);
    askers.subjects.get(&connection).is_some_and(|subject| owner != subject && owner != ANONYMOUS)
}
