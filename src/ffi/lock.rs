//! Acquiring locks.

use super::client::{ClientObject, tenure_client};
use super::guard::{guard, unsupported};
use super::handle::{enter, export};
use super::lease::{LeaseObject, tenure_lease};
use super::pending::{PendingObject, tenure_pending};
use super::sized::{self, Sized32};
use super::status::tenure_status;
use super::strings::{NAME, out, text, value};
use super::wait::wait;
use crate::Error;
use crate::client::AcquireOptions;
use std::ffi::{c_char, c_void};
use std::mem::offset_of;

/// One holder.
pub const TENURE_EXCLUSIVE: i32 = 0;
/// Many holders, for later versions.
pub const TENURE_SHARED: i32 = 1;

/// How a lock is acquired. Begin with TENURE_ACQUIRE_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct tenure_acquire_options {
    pub struct_size: u32,
    /// TENURE_EXCLUSIVE. This version has no other.
    pub mode: i32,
    /// 0 or 1. This version has no other.
    pub permits: u32,
    /// 0 = a lock. This version has no other.
    pub limit: u32,
    /// Shown to whoever asks who holds it; copied; at most 4096 bytes.
    pub value: *const c_void,
    pub value_len: usize,
    /// 0 = an owner of its own: threads that share a client exclude each other as processes do. The same other
    /// number in one session enters again, under the same token.
    pub owner: u64,
    /// 0. This version has no other.
    pub lock_delay_ms: u32,
    /// 0. This version has no other.
    pub flags: u32,
}

/// Acquires the lock `name` (UTF-8, 1 to 255 bytes).
///
/// `wait_ms`: TENURE_FOREVER, 0 = try, else how long to wait. A wait ends by its time, by tenure_client_close or
/// by the decision, never by a signal. On success *out is a lease that you free with tenure_lease_free; else it
/// is NULL. `options` may be NULL.
///
/// ```c
/// tenure_lease *lease;
/// if (tenure_acquire(client, "jobs/nightly", 5000, NULL, &lease) == TENURE_OK) {
///     write_row(row, tenure_lease_token(lease));
///     tenure_release(lease, 1000);
///     tenure_lease_free(lease);
/// }
/// ```
///
/// Statuses: TENURE_TIMEOUT, TENURE_HELD (a try), TENURE_UNAVAILABLE, TENURE_BUSY, TENURE_SESSION_EXPIRED,
/// TENURE_CLOSED, TENURE_LIMIT, TENURE_INVALID, TENURE_UNSUPPORTED, TENURE_FORKED. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_acquire(
    client: *mut tenure_client,
    name: *const c_char,
    wait_ms: i64,
    options: *const tenure_acquire_options,
    out: *mut *mut tenure_lease,
) -> tenure_status {
    guard(|| {
        // SAFETY: the caller passes a place for the handle.
        let out = unsafe { self::out(out, "out") }?;
        *out = std::ptr::null_mut();
        let client = enter::<ClientObject>(client)?;
        // SAFETY: the caller passes a string, and NULL or options that begin with their size.
        let (name, options) = unsafe { (text(name, NAME)?, acquire_options(options)?) };
        *out = export(LeaseObject::new(client.0.acquire(name, wait(wait_ms)?, options)?))?;
        Ok(())
    })
}

/// For later versions: several locks in one step, under one lease and token. This version returns
/// TENURE_UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_acquire_all(
    client: *mut tenure_client,
    names: *const *const c_char,
    count: usize,
    wait_ms: i64,
    options: *const tenure_acquire_options,
    out: *mut *mut tenure_lease,
) -> tenure_status {
    let _not_used = (client, names, count, wait_ms, options);
    // SAFETY: the caller passes a place for the handle.
    guard(|| unsafe { nothing_yet(out, "tenure_acquire_all") })
}

/// Begins to acquire the lock `name` and returns at once: tenure_acquire without blocking. `wait_ms` is how long
/// the request may wait for the lock.
///
/// On success *out is a pending that you free with tenure_pending_free; else it is NULL. `options` may be NULL,
/// and is not needed after the call.
///
/// ```c
/// tenure_pending *pending;
/// tenure_lease *lease;
/// if (tenure_acquire_start(client, "jobs/nightly", TENURE_FOREVER, NULL, &pending) == TENURE_OK) {
///     struct pollfd wait = { tenure_pending_fd(pending), POLLIN, 0 };
///     poll(&wait, 1, -1);
///     if (tenure_pending_take(pending, 0, &lease) == TENURE_OK)
///         use(lease);
///     tenure_pending_free(pending);
/// }
/// ```
///
/// Statuses: TENURE_INVALID, TENURE_UNSUPPORTED, TENURE_CLOSED, TENURE_FORKED, TENURE_LIMIT. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_acquire_start(
    client: *mut tenure_client,
    name: *const c_char,
    wait_ms: i64,
    options: *const tenure_acquire_options,
    out: *mut *mut tenure_pending,
) -> tenure_status {
    guard(|| {
        // SAFETY: the caller passes a place for the handle.
        let out = unsafe { self::out(out, "out") }?;
        *out = std::ptr::null_mut();
        let client = enter::<ClientObject>(client)?;
        // SAFETY: the caller passes a string, and NULL or options that begin with their size.
        let (name, options) = unsafe { (text(name, NAME)?, acquire_options(options)?) };
        *out = export(PendingObject(client.0.acquire_start(name, wait(wait_ms)?, options)?))?;
        Ok(())
    })
}

/// For later versions: tenure_acquire_all without blocking. This version returns TENURE_UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_acquire_all_start(
    client: *mut tenure_client,
    names: *const *const c_char,
    count: usize,
    wait_ms: i64,
    options: *const tenure_acquire_options,
    out: *mut *mut tenure_pending,
) -> tenure_status {
    let _not_used = (client, names, count, wait_ms, options);
    // SAFETY: the caller passes a place for the handle.
    guard(|| unsafe { nothing_yet(out, "tenure_acquire_all_start") })
}

/// The answer of a constructor that this version does not have.
///
/// # Safety
/// `out` is NULL or a place for a handle.
pub(super) unsafe fn nothing_yet<T>(out: *mut *mut T, what: &str) -> Result<(), Error> {
    // SAFETY: the caller's promise.
    *unsafe { self::out(out, "out") }? = std::ptr::null_mut();
    Err(unsupported(what))
}

/// # Safety
/// `options` is NULL or begins with its size.
unsafe fn acquire_options(options: *const tenure_acquire_options) -> Result<AcquireOptions, Error> {
    // SAFETY: the caller's promise.
    let given = unsafe { sized::read(options) }?;
    let refused = [
        ("mode", given.mode != TENURE_EXCLUSIVE),
        ("permits", given.permits > 1),
        ("limit", given.limit != 0),
        ("lock_delay_ms", given.lock_delay_ms != 0),
        ("flags", given.flags != 0),
    ];
    if let Some((field, _)) = refused.iter().find(|(_, refused)| *refused) {
        return Err(unsupported(&format!("such {field} in tenure_acquire_options")));
    }
    // SAFETY: the caller passes NULL or `value_len` bytes.
    let value = unsafe { value(given.value, given.value_len) }?;
    Ok(AcquireOptions { value, owner: given.owner, ..AcquireOptions::default() })
}

// SAFETY: repr(C), no padding (asserted below), numbers and a pointer that may be anything.
unsafe impl Sized32 for tenure_acquire_options {
    const FIRST_SIZE: usize = 48;
}

const _: () = {
    assert!(offset_of!(tenure_acquire_options, struct_size) == 0);
    assert!(offset_of!(tenure_acquire_options, mode) == 4);
    assert!(offset_of!(tenure_acquire_options, permits) == 8);
    assert!(offset_of!(tenure_acquire_options, limit) == 12);
    assert!(offset_of!(tenure_acquire_options, value) == 16);
    assert!(offset_of!(tenure_acquire_options, value_len) == 24);
    assert!(offset_of!(tenure_acquire_options, owner) == 32);
    assert!(offset_of!(tenure_acquire_options, lock_delay_ms) == 40);
    assert!(offset_of!(tenure_acquire_options, flags) == 44);
    assert!(size_of::<tenure_acquire_options>() == 48);
};
