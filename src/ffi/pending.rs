//! A pending acquire.

use super::guard::{guard, guard_or};
use super::handle::{enter, export, free};
use super::lease::{LeaseObject, no_descriptor, tenure_lease};
use super::status::tenure_status;
use super::strings::out;
use super::wait::wait;
use crate::client::Pending;
use std::ffi::c_int;

/// An acquire that is under way. One thread takes; any may cancel.
#[derive(Debug)]
pub struct tenure_pending {
    _opaque: [u8; 0],
}

/// A descriptor that is readable once tenure_pending_take will decide. Borrowed: poll it; never read it, close
/// it, or keep it after the pending is freed. -1 if the process has no descriptor left, or this is not a
/// pending. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_pending_fd(pending: *const tenure_pending) -> c_int {
    guard_or(-1, || {
        let pending = enter::<PendingObject>(pending)?;
        pending.0.fd().ok_or_else(no_descriptor)
    })
}

/// The lease, or why there is none; waits at most `wait_ms` for the decision, which can be taken
/// once. On success *out is a lease that you free with tenure_lease_free; else it is NULL. The
/// pending is still to be freed.
///
/// Statuses: TENURE_AGAIN (not decided yet), TENURE_CANCELLED, and those of tenure_acquire;
/// TENURE_INVALID if the decision was taken before, or another thread waits for it. One thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_pending_take(
    pending: *mut tenure_pending,
    wait_ms: i64,
    out: *mut *mut tenure_lease,
) -> tenure_status {
    guard(|| {
        // SAFETY: the caller passes a place for the handle.
        let out = unsafe { self::out(out, "out") }?;
        *out = std::ptr::null_mut();
        let wait = wait(wait_ms)?;
        *out = export(LeaseObject::new(enter::<PendingObject>(pending)?.0.take(wait)?))?;
        Ok(())
    })
}

/// Withdraws the request: tenure_pending_take returns TENURE_CANCELLED, also to a thread that waits
/// already, unless the request was decided before. Any thread; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_pending_cancel(pending: *mut tenure_pending) {
    guard_or((), || {
        enter::<PendingObject>(pending)?.0.cancel();
        Ok(())
    });
}

/// Frees a pending: withdraws the request, or releases a lease that was granted and not taken.
/// NULL, and a pending that was freed already, are harmless. Any thread; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_pending_free(pending: *mut tenure_pending) {
    guard_or((), || free::<PendingObject>(pending, |pending| pending.0.cancel()));
}

/// The object of a `tenure_pending` handle.
#[derive(Debug)]
pub(super) struct PendingObject(pub Pending);
