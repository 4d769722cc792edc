//! What calls have in common: how their decision is waited for, and what they check first.

use super::api::Handle;
use super::core::{CallId, Wait};
use super::driver::{Promise, Taken};
use crate::base::locks::Name;
use crate::base::time::nanos;
use crate::sys::clock;
use crate::wire::ReadAnswer;
use crate::{Error, Status};

/// What a release or close gave; `None` if it is undecided when the wait is over. A try asks only for what
/// is known already.
pub(super) fn wait_for_done(
    handle: &Handle,
    call: CallId,
    promise: &Promise,
    wait: Wait,
) -> Result<Option<Result<(), Error>>, Error> {
    if wait != Wait::Try {
        handle.shared.wait_for(promise, until(wait))?;
    }
    let done = match promise.take() {
        Taken::Decided(_) => Some(Ok(())),
        Taken::Failed(error) => Some(Err(error)),
        Taken::Nothing => Some(Err(bug(&Taken::Nothing))),
        Taken::Undecided => None,
    };
    if done.is_none() {
        handle.shared.forget(call)?;
    }
    Ok(done.or_else(|| (wait == Wait::Try).then_some(Ok(()))))
}

/// What an order gave; the core gives it up after the request timeout.
pub(super) fn wait_for_order(handle: &Handle, promise: &Promise) -> Result<(), Error> {
    handle.shared.wait_for(promise, None)?;
    match promise.take() {
        Taken::Decided(_) => Ok(()),
        Taken::Failed(error) => Err(error),
        other => Err(bug(&other)),
    }
}

/// A reading of BOOTTIME; `None`: for ever.
pub(super) fn until(wait: Wait) -> Option<u64> {
    match wait {
        Wait::Try => Some(0),
        Wait::For(wait) => Some(clock::boot_nanos().saturating_add(nanos(wait))),
        Wait::Forever => None,
    }
}

/// `name`, if it can be one.
pub(super) fn checked_name(name: &str) -> Result<Name, Error> {
    Name::try_from(name).map_err(|error| Error::new(Status::Invalid, error.to_string()))
}

pub(super) fn unexpected(answer: &ReadAnswer) -> Error {
    Error::new(Status::Internal, format!("the server answered another question: {answer:?}"))
}

pub(super) fn bug(taken: &Taken) -> Error {
    Error::new(Status::Internal, format!("a call was decided as {taken:?}"))
}
