//! Elections, for later versions. A lock of the same name is the same thing, and serves until then.

use super::client::tenure_client;
use super::guard::{guard, unsupported};
use super::lease::tenure_lease;
use super::lock::nothing_yet;
use super::pending::tenure_pending;
use super::status::tenure_status;
use std::ffi::{c_char, c_void};

/// For later versions: waits to be elected. This version returns TENURE_UNSUPPORTED; tenure_acquire with a value
/// does the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_campaign(
    client: *mut tenure_client,
    name: *const c_char,
    wait_ms: i64,
    value: *const c_void,
    value_len: usize,
    out: *mut *mut tenure_lease,
) -> tenure_status {
    let _not_used = (client, name, wait_ms, value, value_len);
    // SAFETY: the caller passes a place for the handle.
    guard(|| unsafe { nothing_yet(out, "tenure_campaign") })
}

/// For later versions: tenure_campaign without blocking. This version returns TENURE_UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_campaign_start(
    client: *mut tenure_client,
    name: *const c_char,
    wait_ms: i64,
    value: *const c_void,
    value_len: usize,
    out: *mut *mut tenure_pending,
) -> tenure_status {
    let _not_used = (client, name, wait_ms, value, value_len);
    // SAFETY: the caller passes a place for the handle.
    guard(|| unsafe { nothing_yet(out, "tenure_campaign_start") })
}

/// For later versions: changes the value that others see. This version returns TENURE_UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_proclaim(
    lease: *mut tenure_lease,
    value: *const c_void,
    value_len: usize,
) -> tenure_status {
    let _not_used = (lease, value, value_len);
    guard(|| Err(unsupported("tenure_proclaim")))
}
