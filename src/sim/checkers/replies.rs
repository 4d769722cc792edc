//! O8 and O10 on what servers tell clients: each answer is the reference model's, at an index that the node
//! had applied when it spoke; and one request is granted under one token only.

use super::Violation;
use super::model::{Line, Model};
use super::pushed::{Rolls, is_asked, is_holder};
use super::views::is_view_of;
use crate::base::{ConnectionId, Index, NodeId, RequestId, SessionId, Token};
use crate::lock::{Answer, LockView, Refusal};
use crate::wire::{Query, ReadAnswer, ServerMessage};
use std::collections::BTreeMap;

/// Answers to clients.
#[derive(Debug, Default)]
pub struct Replies {
    granted: BTreeMap<(SessionId, RequestId), Token>,
    rolls: Rolls,
    /// Answers that were compared with the model's.
    pub checked: u64,
}

/// Indexes that a node had applied before and after the step in which it spoke.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Before the step.
    pub from: Index,
    /// After the step.
    pub to: Index,
}

impl Replies {
    /// A node says `message` on a client's connection.
    ///
    /// # Errors
    /// It is not so.
    pub fn check(
        &mut self,
        model: &Model,
        to: (NodeId, ConnectionId),
        window: Window,
        message: &ServerMessage,
    ) -> Result<(), Violation> {
        self.checked += 1;
        self.rolls.follow(to, message);
        let holds = match message {
            ServerMessage::Answered { session, request, answer } => {
                self.check_one_effect(*session, *request, answer)?;
                let is_told = matches!(answer, Answer::Refused(_))
                    || self.rolls.is_asked_all(model, window, to, *session);
                is_told && is_answer(model, window, *session, *request, answer)
            }
            ServerMessage::SessionOpened { session, .. } | ServerMessage::Attached { session } => {
                was_alive(model, window, *session)
            }
            ServerMessage::Renewed { session, .. } => was_alive(model, window, *session),
            ServerMessage::SessionEnded { session } => {
                has_ended(model, window, *session) && is_free_if_closed(model, window, *session)
            }
            // The client at the other end is known to O26.
            ServerMessage::AttachDenied { .. } => true,
            ServerMessage::Denied { session, request, .. } => {
                is_denied(model, window, *session, *request)
            }
            ServerMessage::Read { index, answer, .. } => is_read(model, window, *index, answer),
            ServerMessage::SessionRefused { refusal, .. } => is_for_want_of_room(*refusal),
            ServerMessage::Standing { session } => {
                was_alive(model, window, *session)
                    && self.rolls.is_complete(model, window, to, *session)
            }
            ServerMessage::Asked { session, name, token, grace_ms, .. } => {
                is_asked(model, window, (*session, name, *token), *grace_ms)
            }
            ServerMessage::Changed { index, holder, .. } => {
                is_holder(model, window, *index, holder.as_ref())
            }
            ServerMessage::Status { .. }
            | ServerMessage::Described { .. }
            | ServerMessage::Leader(_)
            | ServerMessage::Condition(_)
            | ServerMessage::Ordered { .. } => true,
        };
        if holds {
            return Ok(());
        }
        let past = match message {
            ServerMessage::Answered { session, request, .. } => {
                format!("; the log says {:?}", model.told(*session, *request))
            }
            _ => String::new(),
        };
        let node = to.0;
        let what = format!("node {node}, having applied {window:?}, says {message:?}{past}");
        Err(Violation::new("O8", what))
    }

    fn check_one_effect(
        &mut self,
        session: SessionId,
        request: RequestId,
        answer: &Answer,
    ) -> Result<(), Violation> {
        let Answer::Granted { token } = answer else { return Ok(()) };
        let first = *self.granted.entry((session, request)).or_insert(*token);
        if first == *token {
            return Ok(());
        }
        let what = format!(
            "request {request} of session {session} is granted under {first} and under {token}"
        );
        Err(Violation::new("O10", what))
    }
}

fn is_answer(
    model: &Model,
    window: Window,
    session: SessionId,
    request: RequestId,
    answer: &Answer,
) -> bool {
    match answer {
        Answer::SessionExpired => return has_ended(model, window, session),
        // The answer to a client that does not know the word for a conflict.
        Answer::Refused(Refusal::Invalid)
            if model.is_conflict((session, request), window.from, window.to) =>
        {
            return true;
        }
        Answer::Refused(Refusal::BelowFloor) => return model.is_below_floor(session, request),
        Answer::Refused(Refusal::Conflict) => {
            return model.is_conflict((session, request), window.from, window.to);
        }
        Answer::Refused(refusal) if is_for_want_of_room(*refusal) => return true,
        // The answer to a client that knows no denials.
        Answer::Refused(Refusal::Unsupported) => {
            return is_denied(model, window, session, request);
        }
        _ => {}
    }
    let ended = model.session(session).and_then(|one| one.ended).unwrap_or(Index(u64::MAX));
    let told = model.told(session, request);
    told.iter().enumerate().any(|(position, (since, known))| {
        let until = told.get(position + 1).map_or(ended, |(next, _)| *next);
        let in_force = *since <= window.to && until > window.from;
        in_force && same_answer(known, answer)
    })
}

/// The number ahead changes all the time, and a circle of waits is told in words: both are for people.
fn same_answer(known: &Answer, said: &Answer) -> bool {
    let is_for_people = matches!(
        (known, said),
        (Answer::Queued { .. }, Answer::Queued { .. })
            | (Answer::Deadlock { .. }, Answer::Deadlock { .. })
    );
    is_for_people || known == said
}

/// Whether the log denies the request.
fn is_denied(model: &Model, window: Window, session: SessionId, request: RequestId) -> bool {
    let told = model.told(session, request);
    let is = |(since, answer): &(Index, Answer)| {
        *since <= window.to && matches!(answer, Answer::Denied { .. })
    };
    told.iter().any(is)
}

/// Refused before anything was logged.
fn is_for_want_of_room(refusal: Refusal) -> bool {
    matches!(refusal, Refusal::Busy | Refusal::Limit)
}

fn was_alive(model: &Model, window: Window, session: SessionId) -> bool {
    let created = session.0 & ((1 << 48) - 1) <= window.to.0;
    created
        && model
            .session(session)
            .is_some_and(|one| one.ended.is_none_or(|ended| ended > window.from))
}

fn has_ended(model: &Model, window: Window, session: SessionId) -> bool {
    model.session(session).is_some_and(|one| one.ended.is_some_and(|ended| ended <= window.to))
}

/// A client that has closed its session hears of the end once all of it is free (L22).
fn is_free_if_closed(model: &Model, window: Window, session: SessionId) -> bool {
    model
        .session(session)
        .is_some_and(|one| !one.is_closed || one.freed.is_some_and(|freed| freed <= window.to))
}

fn is_read(model: &Model, window: Window, index: Index, answer: &ReadAnswer) -> bool {
    if index < window.from || index > window.to {
        return false;
    }
    match answer {
        // Which lock was asked for, only the client knows: see `check_answer`.
        ReadAnswer::Lock { lock: None, .. } | ReadAnswer::Valid(_) => true,
        ReadAnswer::Lock { lock: Some(lock), .. } => is_view(model, lock, index),
        ReadAnswer::Locks { locks, .. } => {
            locks.iter().all(|(lock, _)| is_view(model, lock, index))
        }
        ReadAnswer::Session(_)
        | ReadAnswer::Asked(_)
        | ReadAnswer::Refused(_)
        | ReadAnswer::Denied { .. }
        | ReadAnswer::Rules(_) => true,
    }
}

fn is_view(model: &Model, lock: &LockView, index: Index) -> bool {
    model.line_at(&lock.name, index).is_some_and(|line| is_view_of(lock, line))
}

/// O8 on an answer to a client's program: the read `query` as of `index`.
///
/// # Errors
/// The log says something else.
pub fn check_answer(
    model: &Model,
    index: Index,
    query: &Query,
    answer: &ReadAnswer,
) -> Result<(), Violation> {
    let line = |name| model.line_at(name, index);
    let holds = match (query, answer) {
        (Query::Lock { name }, ReadAnswer::Lock { lock: None, .. }) => line(name).is_none(),
        (Query::Lock { name }, ReadAnswer::Lock { lock: Some(lock), .. }) => {
            lock.name == *name && is_view(model, lock, index)
        }
        (Query::Validate { name, token }, ReadAnswer::Valid(valid)) => {
            *valid == line(name).is_some_and(|line| line.is_held_by(*token))
        }
        (Query::Waits { name, client }, ReadAnswer::Valid(waits)) => {
            *waits
                == line(name).is_some_and(|line| has_waiter(model, index, line, client.as_deref()))
        }
        _ => true,
    };
    if holds {
        return Ok(());
    }
    let what = format!("{query:?} is answered {answer:?} at {index}; the log says otherwise");
    Err(Violation::new("O8", what))
}

/// Whether a client of that name waits for this lock alone; without a name, whether anybody waits.
fn has_waiter(model: &Model, index: Index, line: &Line, client: Option<&str>) -> bool {
    let mut alive = line.waiters().filter(|place| !model.has_ended(place.session, index));
    alive.any(|place| {
        let name = model.session(place.session).map(|session| session.client.as_str());
        client.is_none() || (place.wish.names.len() == 1 && name == client)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{SessionKey, Term};
    use crate::lock::Command;

    const NODE: (NodeId, ConnectionId) = (NodeId(1), ConnectionId(1));
    const SESSION: SessionId = SessionId(1);

    fn window(from: u64, to: u64) -> Window {
        Window { from: Index(from), to: Index(to) }
    }

    fn model() -> Model {
        let mut model = Model::default();
        let key = SessionKey([0; 16]);
        let open = Command::OpenSession { ttl_ms: 500, key, client: "c".into() };
        model.apply(Index(1), Term(1), Some(&open));
        model.apply(Index(2), Term(1), Some(&Command::Expire { session: SESSION, term: Term(1) }));
        model
    }

    #[test]
    fn a_session_that_has_ended_is_not_renewed_and_a_live_one_not_ended() {
        let (mut replies, model) = (Replies::default(), model());
        let renewed = ServerMessage::Renewed { session: SESSION, number: 1 };
        let ended = ServerMessage::SessionEnded { session: SESSION };
        assert!(replies.check(&model, NODE, window(1, 1), &renewed).is_ok());
        assert!(replies.check(&model, NODE, window(2, 2), &renewed).is_err());
        assert!(replies.check(&model, NODE, window(1, 1), &ended).is_err());
        assert!(replies.check(&model, NODE, window(1, 2), &ended).is_ok());
    }

    #[test]
    fn a_grant_that_the_log_does_not_have_is_found() {
        let granted = |token| ServerMessage::Answered {
            session: SESSION,
            request: RequestId(1),
            answer: Answer::Granted { token: Token(token) },
        };
        let (mut replies, model) = (Replies::default(), model());
        let found = replies.check(&model, NODE, window(1, 1), &granted(1)).unwrap_err();
        assert_eq!(found.checker, "O8");
        let found = replies.check(&model, NODE, window(1, 1), &granted(2)).unwrap_err();
        assert_eq!(found.checker, "O10");
    }
}
