//! Observers, for later versions.

use super::client::tenure_client;
use super::guard::{guard, guard_or, unsupported};
use super::holder::tenure_holder;
use super::lock::nothing_yet;
use super::status::tenure_status;
use std::ffi::{c_char, c_int};

/// Follows who holds a lock. For later versions. One reader.
#[derive(Debug)]
pub struct tenure_observer {
    _opaque: [u8; 0],
}

/// For later versions: follows who holds `name`. This version returns TENURE_UNSUPPORTED; see tenure_holder_of.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_observe(
    client: *mut tenure_client,
    name: *const c_char,
    out: *mut *mut tenure_observer,
) -> tenure_status {
    let _not_used = (client, name);
    // SAFETY: the caller passes a place for the handle.
    guard(|| unsafe { nothing_yet(out, "tenure_observe; ask tenure_holder_of") })
}

/// For later versions: readable while tenure_observer_next has something. This version returns -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_observer_fd(observer: *const tenure_observer) -> c_int {
    let _not_used = observer;
    guard_or(-1, || Err(unsupported("tenure_observer_fd")))
}

/// For later versions: the next change. This version returns TENURE_UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_observer_next(
    observer: *mut tenure_observer,
    wait_ms: i64,
    out: *mut *mut tenure_holder,
) -> tenure_status {
    let _not_used = (observer, wait_ms);
    // SAFETY: the caller passes a place for the handle.
    guard(|| unsafe { nothing_yet(out, "tenure_observer_next") })
}

/// For later versions: frees an observer. This version has none to free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_observer_free(observer: *mut tenure_observer) {
    let _not_used = observer;
}
