//! Observers of a lock or an election.

use super::client::{ClientObject, tenure_client};
use super::guard::{guard, guard_or};
use super::handle::{enter, export, free};
use super::holder::{HolderObject, tenure_holder};
use super::lease::no_descriptor;
use super::status::tenure_status;
use super::strings::{NAME, out, text};
use super::wait::wait;
use crate::client::Observer;
use std::ffi::{c_char, c_int};

/// Follows the holders of one lock, or the leaders of one election. One reader.
#[derive(Debug)]
pub struct tenure_observer {
    _opaque: [u8; 0],
}

/// Follows the holders of `name`, any lock or election: tenure_observer_next gives the present
/// holder, and then each change, in order, through reconnects and changes of leader.
///
/// On success *out is an observer that you free with tenure_observer_free; else it is NULL.
///
/// ```c
/// tenure_observer *observer;
/// tenure_holder *holder;
/// if (tenure_observe(client, "scheduler", &observer) == TENURE_OK) {
///     while (tenure_observer_next(observer, TENURE_FOREVER, &holder) == TENURE_OK) {
///         if (tenure_holder_token(holder) != 0)
///             printf("%s leads\n", tenure_holder_client(holder));
///         tenure_holder_free(holder);
///     }
///     tenure_observer_free(observer);
/// }
/// ```
///
/// Statuses: TENURE_INVALID, TENURE_CLOSED, TENURE_LIMIT, TENURE_FORKED. Any thread; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_observe(
    client: *mut tenure_client,
    name: *const c_char,
    out: *mut *mut tenure_observer,
) -> tenure_status {
    guard(|| {
        // SAFETY: the caller passes a place for the handle.
        let out = unsafe { self::out(out, "out") }?;
        *out = std::ptr::null_mut();
        let client = enter::<ClientObject>(client)?;
        // SAFETY: the caller passes a string.
        let name = unsafe { text(name, NAME) }?;
        *out = export(ObserverObject(client.0.observe(name)?))?;
        Ok(())
    })
}

/// A descriptor that is readable while tenure_observer_next has a holder. Borrowed: poll it; never
/// read it, close it, or keep it after the observer is freed. -1 if the process has no descriptor
/// left, or this is not an observer. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_observer_fd(observer: *const tenure_observer) -> c_int {
    guard_or(-1, || {
        let observer = enter::<ObserverObject>(observer)?;
        observer.0.fd().ok_or_else(no_descriptor)
    })
}

/// The holder: first the present one, then each change; waits at most `wait_ms` for one. The token
/// is 0 when nobody holds the lock. Beyond 1024 unread changes the newest replaces the one before
/// it, and tenure_holder_missed counts the replaced ones.
///
/// On success *out is a holder that you free with tenure_holder_free; else it is NULL.
///
/// Statuses: TENURE_AGAIN (no change within `wait_ms`), TENURE_CLOSED (all changes are read, and
/// the client is closed), TENURE_DENIED (rights are on, and the client lacks `read`, or has lost
/// it: the text says who lacks it; nothing follows), TENURE_INVALID (also: another thread is in
/// this call), TENURE_FORKED. One thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_observer_next(
    observer: *mut tenure_observer,
    wait_ms: i64,
    out: *mut *mut tenure_holder,
) -> tenure_status {
    guard(|| {
        // SAFETY: the caller passes a place for the handle.
        let out = unsafe { self::out(out, "out") }?;
        *out = std::ptr::null_mut();
        let observer = enter::<ObserverObject>(observer)?;
        let observed = observer.0.next(wait(wait_ms)?)?;
        *out = export(HolderObject::new(observed.holder, observed.missed))?;
        Ok(())
    })
}

/// Frees an observer; a thread that waits in tenure_observer_next gets TENURE_CLOSED. NULL, and an observer that was
/// freed already, are harmless. Any thread; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_observer_free(observer: *mut tenure_observer) {
    guard_or((), || free::<ObserverObject>(observer, |observer| observer.0.close()));
}

/// The object of a `tenure_observer` handle.
#[derive(Debug)]
pub(super) struct ObserverObject(pub Observer);
