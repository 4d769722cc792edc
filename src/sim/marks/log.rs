//! Rare paths that show in the committed log, before the model applies it.

use super::{Mark, Marks};
use crate::base::{RequestId, SessionId, Term, Token};
use crate::lock::{Answer, Command, Operation};
use crate::sim::checkers::model::{Asker, Effects, Line, Model, Wish};
use crate::sim::checkers::share::Share;

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
        Command::Settings(settings) => marks.hit_if(settings.level > 1, Mark::LevelRaised),
        Command::OpenSession { .. }
        | Command::OpenSessionOf { .. }
        | Command::Access { .. }
        | Command::DelayOver { .. }
        | Command::ClusterKey(_) => {}
        Command::Continue => {
            let by_another = model.left_in().is_some_and(|left_in| left_in < term);
            marks.hit_if(by_another, Mark::GoneOnByAnother);
        }
    }
}

/// Marks what the model made of the newest command.
pub fn mark_effects(marks: &mut Marks, model: &Model, command: &Command) {
    let Effects { handed, delays, taken, transferred, overtook } = model.effects();
    marks.hit_if(*delays > 0, Mark::DelayBegins);
    marks.hit_if(!taken.is_empty(), Mark::Taken);
    marks.hit_if(!taken.is_empty() && *overtook, Mark::TakenForAnother);
    marks.hit_if(*transferred, Mark::Transferred);
    marks.hit_if(*transferred && *overtook, Mark::TransferOvertakes);
    marks.hit_if(taken.is_empty() && !transferred && *overtook, Mark::HeirOvertakes);
    marks.hit_if(model.has_ending(), Mark::EndsInParts);
    marks.hit_if(model.has_unfinished_lines(), Mark::HandedOnInParts);
    marks.hit_if(model.has_breaks(), Mark::BrokenInParts);
    let of = |is: &dyn Fn(&Wish) -> bool| handed.iter().filter(|place| is(&place.wish)).count();
    marks.hit_if(of(&|wish| wish.share.is_shared) >= 2, Mark::ReadersHandedOn);
    marks.hit_if(of(&|wish| wish.share.limit > 0) >= 2, Mark::PermitsHandedOn);
    marks.hit_if(of(&|wish| wish.names.len() >= 2) >= 1, Mark::TwoNamesHandedOn);
    match command {
        Command::DelayOver { .. } => marks.hit_if(!handed.is_empty(), Mark::DelayHandsOver),
        Command::Request { session, request, operation, .. } if operation.acquire().is_some() => {
            mark_acquired(marks, model, (*session, *request));
        }
        _ => {}
    }
}

fn mark_acquired(marks: &mut Marks, model: &Model, asker: Asker) {
    match model.told(asker.0, asker.1).last() {
        Some((_, Answer::Deadlock { .. })) => marks.hit(Mark::DeadlockFound),
        Some((_, Answer::Refused(_))) => marks.hit(Mark::OtherKindRefused),
        Some((since, Answer::Queued { .. })) if *since == model.applied() => {
            let lines = model.lines().map(|(_, line)| line);
            lines.for_each(|line| mark_place(marks, line, asker));
        }
        _ => {}
    }
}

/// One has come, and waits in `line`.
fn mark_place(marks: &mut Marks, line: &Line, asker: Asker) {
    let Some(place) = line.waiters().find(|place| place.asker() == asker) else { return };
    let wish = &place.wish;
    let read = line.holders().first().is_some_and(|holder| holder.wish.share.is_shared);
    marks.hit_if(read && wish.share == Share::WHOLE, Mark::WriterBehindReaders);
    let fits = line.has_room(wish.share) && wish.names.len() == 1;
    marks.hit_if(fits && wish.share.is_shared, Mark::ReaderBehindWriter);
    marks.hit_if(fits && wish.share.limit > 0, Mark::SmallBehindLarge);
    marks.hit_if(wish.names.len() >= 2, Mark::TwoNamesWait);
}

fn mark_end(marks: &mut Marks, model: &Model, session: SessionId, hands_over: Mark) {
    if model.session(session).is_none_or(|known| known.ended.is_some()) {
        return marks.hit(Mark::ExpiryOfTheDead);
    }
    let (mut held, mut waits, mut hands) = (0, false, false);
    for (_, line) in model.lines() {
        let holds = line.holders().iter().any(|place| place.session == session);
        held += u64::from(holds);
        waits |= line.waiters().any(|place| place.session == session);
        hands |= holds && line.waiters().any(|place| place.session != session);
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
            let mut lines = model.lines().map(|(_, line)| line);
            let shares = lines.any(|line| line.handles_beside((session, *acquire)) >= 2);
            marks.hit_if(shares, Mark::HandleWithdrawn);
            marks.hit(match model.told(session, *acquire).last() {
                None => Mark::WithdrawalFirst,
                Some((_, Answer::Granted { .. })) => Mark::WithdrawalOfGrant,
                Some((_, Answer::Queued { .. })) => Mark::WithdrawalOfPlace,
                Some(_) => Mark::WithdrawalLate,
            });
        }
        Operation::Release { name, token } => {
            let handles =
                |line: &Line| line.places.iter().filter(|place| place.token == *token).count();
            let shares = model.line(name).is_some_and(|line| handles(line) >= 2);
            marks.hit_if(shares && *token != Token(0), Mark::HandleReleased);
        }
        Operation::AcquireAll { .. }
        | Operation::Proclaim { .. }
        | Operation::Transfer { .. }
        | Operation::Break { .. } => {}
        Operation::Close => mark_end(marks, model, session, Mark::CloseHandsOver),
        Operation::Acquire(acquire) => {
            let waiting = model.line(&acquire.name).map_or(0, |line| line.waiters().count());
            marks.hit_if(waiting >= 4, Mark::QueueOfFive);
        }
    }
}
