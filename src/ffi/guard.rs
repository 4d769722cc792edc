//! The guard around every exported body: errors become a status and a text, no panic unwinds into
//! C, and no pthread_cancel unwinds through us.

use super::status::{TENURE_OK, tenure_status};
use crate::sys::cancel::Uncancelled;
use crate::{Error, Status};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of a function that returns a status.
pub(super) fn guard(body: impl FnOnce() -> Result<(), Error>) -> tenure_status {
    let _uncancelled = Uncancelled::begin();
    match caught(body) {
        Ok(()) => TENURE_OK,
        Err(error) => {
            let status = error.status as tenure_status;
            remember(error);
            status
        }
    }
}

/// Runs the body of a function that returns a value, `failed` if there is none.
pub(super) fn guard_or<T>(failed: T, body: impl FnOnce() -> Result<T, Error>) -> T {
    let _uncancelled = Uncancelled::begin();
    caught(body).unwrap_or_else(|error| {
        remember(error);
        failed
    })
}

/// The text of this thread's last failed call; valid until the next call fails.
pub(super) fn last_error() -> *const c_char {
    // A thread that is ending has no text left.
    LAST_ERROR.try_with(|text| text.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

/// Why the lease of this thread's last failed call had ended; 0 if that call was about no lease.
pub(super) fn last_reason() -> i32 {
    LAST_REASON.get()
}

/// Runs the host's log callback. Calls of the library from within it are refused: one of ours is
/// under way.
pub(super) fn in_callback(callback: impl FnOnce()) {
    IN_CALLBACK.with(|inside| {
        inside.set(true);
        callback();
        inside.set(false);
    });
}

/// The error of functions that are in the header for later versions.
pub(super) fn unsupported(what: &str) -> Error {
    Error::new(Status::Unsupported, format!("this version of Tenure has no {what}"))
}

/// Refuses options that set a field on which this version does not act.
pub(super) fn check_unset(options: &str, fields: &[(&str, bool)]) -> Result<(), Error> {
    match fields.iter().find(|(_, is_set)| *is_set) {
        Some((field, _)) => Err(unsupported(&format!("such {field} in {options}"))),
        None => Ok(()),
    }
}

fn caught<T>(body: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    if IN_CALLBACK.with(Cell::get) {
        return Err(Error::new(Status::Invalid, "a log callback must not call tenure_ functions"));
    }
    // Unwind safety: the visit (`table`) marks an object in which a call panicked as broken, and no
    // call enters it again.
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(internal(panic.as_ref())))
}

fn internal(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic");
    Error::new(Status::Internal, format!("a bug in Tenure, please report it: {text}"))
}

fn remember(error: Error) {
    LAST_REASON.set(error.reason);
    let mut text = error.to_string().into_bytes();
    text.retain(|byte| *byte != 0);
    let text = CString::new(text).expect("the NULs were taken out");
    let _ending = LAST_ERROR.try_with(|last| *last.borrow_mut() = text);
}

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::new(CStr::to_owned(c""));
    static LAST_REASON: Cell<i32> = const { Cell::new(0) };
    static IN_CALLBACK: Cell<bool> = const { Cell::new(false) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_text() -> String {
        // SAFETY: the text lives until this thread's next failed call.
        unsafe { CStr::from_ptr(last_error()) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn the_text_of_a_failure_stands_until_the_next_failure_of_this_thread() {
        std::thread::spawn(|| {
            assert_eq!(last_text(), "");
            assert_eq!(guard(|| Err(Error::new(Status::Io, "dis\0k"))), 60);
            assert_eq!(guard(|| Ok(())), TENURE_OK);
            assert_eq!(last_text(), "dis\\u{0}k");
            assert_eq!(guard_or(-1, || Err(Status::Held.into())), -1);
            assert_eq!(last_text(), Status::Held.text());
        })
        .join()
        .unwrap();
        assert_eq!(last_text(), "");
    }

    #[test]
    fn a_panic_is_an_internal_error_with_its_text() {
        let panic = || std::panic::resume_unwind(Box::new("planted"));
        assert_eq!(guard(panic), Status::Internal as i32);
        assert!(last_text().ends_with("planted"), "{}", last_text());
    }

    #[test]
    fn calls_from_a_log_callback_are_refused() {
        let mut inside = TENURE_OK;
        in_callback(|| inside = guard(|| Ok(())));
        assert_eq!(inside, Status::Invalid as i32);
        assert_eq!(guard(|| Ok(())), TENURE_OK);
    }
}
