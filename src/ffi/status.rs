//! Versions, status numbers, and the text of the last failure.

use super::guard::{guard_or, last_error, last_reason};
use crate::Status;
use std::ffi::{CStr, CString, c_char};
use std::sync::OnceLock;

/// How a call ended: TENURE_OK, or one of the numbers below, which are never reused.
///
/// 1 to 19 are outcomes, 20 to 39 may be tried again later, 40 to 59 are errors of the caller, 60
/// and more failures of Tenure or of the machine.
pub type tenure_status = i32;

/// The version of this header's ABI: compare it with tenure_abi_version() when a library is
/// replaced without recompiling.
pub const TENURE_ABI_VERSION: u32 = 1;

/// Done.
pub const TENURE_OK: i32 = 0;
/// The wait was over before the lock was granted; the request is withdrawn.
pub const TENURE_TIMEOUT: i32 = 1;
/// A try found that somebody holds the lock.
pub const TENURE_HELD: i32 = 2;
/// The lease has ended, or the token does not hold.
pub const TENURE_LOST: i32 = 3;
/// The wait was cancelled.
pub const TENURE_CANCELLED: i32 = 4;
/// Waiting would close a cycle of waiters.
pub const TENURE_DEADLOCK: i32 = 5;
/// The session ended while the call waited in it; the next call opens a new one.
pub const TENURE_SESSION_EXPIRED: i32 = 6;
/// No such lock, waiter, member, rule or the like.
pub const TENURE_NOT_FOUND: i32 = 7;
/// Not decided yet: wait on the file descriptor and ask again.
pub const TENURE_AGAIN: i32 = 8;
/// No leader could be reached: the request was surely not carried out.
pub const TENURE_UNAVAILABLE: i32 = 20;
/// Refused for load.
pub const TENURE_BUSY: i32 = 21;
/// Sent and not answered: the request may have been carried out.
pub const TENURE_UNKNOWN: i32 = 22;
/// An argument is not valid; this is also the answer to a handle that is NULL, freed or of another type.
pub const TENURE_INVALID: i32 = 40;
/// Not allowed.
pub const TENURE_DENIED: i32 = 41;
/// A limit was reached.
pub const TENURE_LIMIT: i32 = 42;
/// The handle was closed.
pub const TENURE_CLOSED: i32 = 43;
/// The handle belongs to the parent process: after fork(2) it can only be freed.
pub const TENURE_FORKED: i32 = 44;
/// This version does not support it.
pub const TENURE_UNSUPPORTED: i32 = 45;
/// The buffer is too small; its length is now the length that is needed.
pub const TENURE_TOO_SMALL: i32 = 46;
/// Reading or writing failed.
pub const TENURE_IO: i32 = 60;
/// Stored data is damaged.
pub const TENURE_CORRUPT: i32 = 61;
/// A bug in Tenure. The handle in which it happened answers this from then on; free it.
pub const TENURE_INTERNAL: i32 = 62;

/// The version of the library, as "0.1.0". Static text. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn tenure_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The TENURE_ABI_VERSION of the library. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn tenure_abi_version() -> u32 {
    TENURE_ABI_VERSION
}

/// The name of a status, as "TENURE_TIMEOUT"; "TENURE_?" for an unknown number. Static text. Any
/// thread.
#[unsafe(no_mangle)]
pub extern "C" fn tenure_status_name(status: tenure_status) -> *const c_char {
    described(status, |text| &text.name, c"TENURE_?")
}

/// One sentence about a status, for people. Static text. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn tenure_status_text(status: tenure_status) -> *const c_char {
    described(status, |text| &text.text, c"not a status of this version")
}

/// What went wrong in this thread's last failed call, in a sentence that names the lock and says
/// what to do; "" if no call has failed. One line without control characters, of at most 4 KiB,
/// whatever a server said. Valid until this thread's next tenure_ call: copy it to keep it. Never
/// NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tenure_last_error() -> *const c_char {
    last_error()
}

/// Why the lease had ended about which this thread's last failed call returned TENURE_LOST
/// (TENURE_REASON_...): also if that call gave no lease to ask, as a campaign that was won and lost
/// before it returned. TENURE_REASON_NONE if no call has failed, or the last failure was about no
/// lease whose end is known here. Valid until this thread's next call fails.
#[unsafe(no_mangle)]
pub extern "C" fn tenure_last_reason() -> i32 {
    last_reason()
}

/// The name and the sentence of one status.
struct Described {
    status: tenure_status,
    name: CString,
    text: CString,
}

fn described(
    status: tenure_status,
    of: impl Fn(&'static Described) -> &'static CString,
    unknown: &'static CStr,
) -> *const c_char {
    static ALL: OnceLock<Vec<Described>> = OnceLock::new();
    guard_or(unknown.as_ptr(), || {
        let all = ALL.get_or_init(describe_all);
        let found = all.iter().find(|described| described.status == status);
        Ok(found.map_or(unknown.as_ptr(), |found| of(found).as_ptr()))
    })
}

fn describe_all() -> Vec<Described> {
    let text = |text: &str| CString::new(text).expect("texts of statuses have no NUL");
    let ok = Described { status: TENURE_OK, name: text("TENURE_OK"), text: text("done") };
    let others = Status::ALL.iter().map(|status| Described {
        status: *status as tenure_status,
        name: text(&format!("TENURE_{}", status.name())),
        text: text(status.text()),
    });
    std::iter::once(ok).chain(others).collect()
}

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("the version has a NUL"),
    };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_the_numbers_and_names_of_the_statuses() {
        let constants = [
            (TENURE_TIMEOUT, "TIMEOUT"),
            (TENURE_HELD, "HELD"),
            (TENURE_LOST, "LOST"),
            (TENURE_CANCELLED, "CANCELLED"),
            (TENURE_DEADLOCK, "DEADLOCK"),
            (TENURE_SESSION_EXPIRED, "SESSION_EXPIRED"),
            (TENURE_NOT_FOUND, "NOT_FOUND"),
            (TENURE_AGAIN, "AGAIN"),
            (TENURE_UNAVAILABLE, "UNAVAILABLE"),
            (TENURE_BUSY, "BUSY"),
            (TENURE_UNKNOWN, "UNKNOWN"),
            (TENURE_INVALID, "INVALID"),
            (TENURE_DENIED, "DENIED"),
            (TENURE_LIMIT, "LIMIT"),
            (TENURE_CLOSED, "CLOSED"),
            (TENURE_FORKED, "FORKED"),
            (TENURE_UNSUPPORTED, "UNSUPPORTED"),
            (TENURE_TOO_SMALL, "TOO_SMALL"),
            (TENURE_IO, "IO"),
            (TENURE_CORRUPT, "CORRUPT"),
            (TENURE_INTERNAL, "INTERNAL"),
        ];
        let statuses: Vec<(i32, &str)> =
            Status::ALL.iter().map(|status| (*status as i32, status.name())).collect();
        assert_eq!(constants.as_slice(), statuses);
    }
}
