//! Elections: an election is a lock with a value, and shares the names of locks.

use super::client::{ClientObject, tenure_client};
use super::guard::guard;
use super::handle::{enter, export};
use super::lease::{LeaseObject, tenure_lease};
use super::pending::{PendingObject, tenure_pending};
use super::status::tenure_status;
use super::strings::{NAME, out, text, value as copied};
use super::wait::wait;
use std::ffi::{c_char, c_void};

/// Waits to be elected in the election `name`, and returns only while the lease may still be
/// believed in: a lease that ended in between is TENURE_LOST. `value` (copied, at most 4096 bytes;
/// NULL for none) is what others see of the elected. To resign, release the lease.
///
/// ```c
/// tenure_lease *lease;
/// while (tenure_campaign(client, "scheduler", TENURE_FOREVER, "host-1", 6, &lease) == TENURE_OK) {
///     while (tenure_lease_remaining_ns(lease) > 0)
///         schedule_next(tenure_lease_token(lease));
///     tenure_lease_free(lease);
/// }
/// ```
///
/// On success *out is a lease that you free with tenure_lease_free; else it is NULL.
///
/// Statuses: TENURE_LOST (tenure_last_reason says why), and those of tenure_acquire. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_campaign(
    client: *mut tenure_client,
    name: *const c_char,
    wait_ms: i64,
    value: *const c_void,
    value_len: usize,
    out: *mut *mut tenure_lease,
) -> tenure_status {
    guard(|| {
        // SAFETY: the caller passes a place for the handle.
        let out = unsafe { self::out(out, "out") }?;
        *out = std::ptr::null_mut();
        let client = enter::<ClientObject>(client)?;
        // SAFETY: the caller passes a string, and NULL or `value_len` bytes.
        let (name, value) = unsafe { (text(name, NAME)?, copied(value, value_len)?) };
        *out = export(LeaseObject::new(client.0.campaign(name, wait(wait_ms)?, &value)?))?;
        Ok(())
    })
}

/// Begins to campaign and returns at once: tenure_campaign without blocking. See tenure_acquire_start, whose
/// example is that of this function too.
///
/// On success *out is a pending that you free with tenure_pending_free; else it is NULL. `value` is not needed
/// after the call.
///
/// Statuses: those of tenure_acquire_start. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_campaign_start(
    client: *mut tenure_client,
    name: *const c_char,
    wait_ms: i64,
    value: *const c_void,
    value_len: usize,
    out: *mut *mut tenure_pending,
) -> tenure_status {
    guard(|| {
        // SAFETY: the caller passes a place for the handle.
        let out = unsafe { self::out(out, "out") }?;
        *out = std::ptr::null_mut();
        let client = enter::<ClientObject>(client)?;
        // SAFETY: the caller passes a string, and NULL or `value_len` bytes.
        let (name, value) = unsafe { (text(name, NAME)?, copied(value, value_len)?) };
        *out = export(PendingObject(client.0.campaign_start(name, wait(wait_ms)?, &value)?))?;
        Ok(())
    })
}

/// Replaces the value of the lease (copied, at most 4096 bytes; NULL for none). Observers are
/// notified.
///
/// Statuses: TENURE_LOST (the lease had ended), TENURE_UNAVAILABLE (surely not done), TENURE_UNKNOWN (it may have
/// been done), TENURE_INVALID, TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_proclaim(
    lease: *mut tenure_lease,
    value: *const c_void,
    value_len: usize,
) -> tenure_status {
    guard(|| {
        let lease = enter::<LeaseObject>(lease)?;
        // SAFETY: the caller passes NULL or `value_len` bytes.
        let value = unsafe { copied(value, value_len) }?;
        lease.lease.proclaim(&value)
    })
}
