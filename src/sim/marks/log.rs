//! Rare paths that show in what is committed, before the model applies it.

use super::{Mark, Marks};
use crate::base::{RequestId, SessionId, Term};
use crate::lock::{Answer, Command, Operation};
use crate::sim::checkers::model::Model;

/// Marks the command of the next committed entry, of `term`.
pub fn mark_command(marks: &mut Marks, model: &Model, term: Term, command: &Command) {
    match command {
        Command::Expire { session, term: decided_in } => {
            if *decided_in == term {
                mark_end(marks, model, *session, Mark::ExpiryHandsOver);
            }
        }
        Command::Request { session, request, operation, .. } => {
            mark_request(marks, model, *session, *request, operation);
        }
        Command::RestoreOver { term: decided_in } => {
            marks.hit_if(*decided_in == term, Mark::RestoreOver);
        }
        Command::OpenSession { .. } | Command::Settings(_) | Command::DelayOver { .. } => {}
    }
}

fn mark_end(marks: &mut Marks, model: &Model, session: SessionId, hands_over: Mark) {
    if model.session(session).is_none_or(|known| known.ended.is_some()) {
        return marks.hit(Mark::ExpiryOfTheDead);
    }
    let (mut held, mut waits, mut hands) = (0, false, false);
    for (_, line) in model.lines() {
        let holds = line[0].session == session;
        held += u64::from(holds);
        waits |= line[1..].iter().any(|place| place.session == session);
        hands |= holds && line[1..].iter().any(|place| place.session != session);
    }
    marks.hit_if(hands, hands_over);
    let expires = hands_over == Mark::ExpiryHandsOver;
    marks.hit_if(expires && held >= 2, Mark::ExpiryOfTwoLocks);
    marks.hit_if(expires && waits, Mark::ExpiryOfWaiter);
}

fn mark_request(
    marks: &mut Marks,
    model: &Model,
    session: SessionId,
    request: RequestId,
    operation: &Operation,
) {
    if model.session(session).is_none_or(|known| known.ended.is_some()) {
        return marks.hit(Mark::RequestOfTheDead);
    }
    if !model.told(session, request).is_empty() {
        return marks.hit(Mark::RequestTwice);
    }
    match operation {
        Operation::Withdraw { acquire } => {
            marks.hit(match model.told(session, *acquire).last() {
                None => Mark::WithdrawalFirst,
                Some((_, Answer::Granted { .. })) => Mark::WithdrawalOfGrant,
                Some((_, Answer::Queued { .. })) => Mark::WithdrawalOfPlace,
                Some(_) => Mark::WithdrawalLate,
            });
        }
        Operation::Release { .. }
        | Operation::AcquireAll { .. }
        | Operation::Proclaim { .. }
        | Operation::Transfer { .. }
        | Operation::Break { .. } => {}
        Operation::Close => mark_end(marks, model, session, Mark::CloseHandsOver),
        Operation::Acquire(acquire) => {
            let waiting = model.line_at(&acquire.name, model.applied()).len();
            marks.hit_if(waiting >= 5, Mark::QueueOfFive);
        }
    }
}
