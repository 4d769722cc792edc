//! Acquiring locks.

use super::client::{ClientObject, tenure_client};
use super::guard::{guard, unsupported};
use super::handle::{enter, export};
use super::lease::{LeaseObject, tenure_lease};
use super::pending::{PendingObject, tenure_pending};
use super::sized::{self, Sized32};
use super::status::tenure_status;
use super::strings::{NAME, out, text, texts, value};
use super::wait::wait;
use crate::client::{AcquireOptions, Kind};
use crate::{Error, Status};
use std::ffi::{c_char, c_void};
use std::mem::offset_of;
use std::num::NonZeroU64;
use std::time::Duration;

/// One holder.
pub const TENURE_EXCLUSIVE: i32 = 0;
/// Many holders, all of them readers. A reader that arrives behind a waiting writer queues behind
/// it.
pub const TENURE_SHARED: i32 = 1;

/// How a lock is acquired. Begin with TENURE_ACQUIRE_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct tenure_acquire_options {
    pub struct_size: u32,
    /// TENURE_EXCLUSIVE or TENURE_SHARED; TENURE_EXCLUSIVE for a semaphore.
    pub mode: i32,
    /// How many permits of a semaphore to take; 0 = 1. A lock has 1.
    pub permits: u32,
    /// 0 = a lock, else a semaphore of so many permits. The present holders and waiters have fixed
    /// it: another limit is TENURE_INVALID.
    pub limit: u32,
    /// The value that readers and observers of the lock see; copied; at most 4096 bytes.
    pub value: *const c_void,
    pub value_len: usize,
    /// 0 = each acquire is an owner of its own: threads that share a client exclude each other as
    /// processes do. Acquires of one session with the same other number are reentrant, under one
    /// token; the lock is free with the last of their leases. Deadlocks are found only among owners
    /// other than 0: of an owner 0 nobody knows whether it holds another lock.
    pub owner: u64,
    /// If this lease expires, the lock stays taken for so much longer; at most 3600000.
    pub lock_delay_ms: u32,
    /// 0. This version has no flags.
    pub flags: u32,
}

/// Acquires the lock `name` (UTF-8, 1 to 255 bytes).
///
/// `wait_ms`: TENURE_FOREVER, 0 = try, else how long to wait. A wait ends by its time, by tenure_client_close or
/// by the decision, never by a signal. On success *out is a lease that you free with tenure_lease_free; else it
/// is NULL. `options` may be NULL.
///
/// A try waits for no holder, only for the leader's answer. Without a leader a try waits for one,
/// for at most a second (an election takes a third of that); then it is TENURE_UNAVAILABLE, and the
/// text says why. A client that was opened in the background tries until its connect timeout is
/// over.
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
/// Statuses: TENURE_TIMEOUT, TENURE_HELD (a try), TENURE_DEADLOCK (this wait would have closed a circle of owners
/// that are not 0; the text says who waits for whom), TENURE_DENIED (rights are on: the text says who lacks which right
/// for which name; also of a wait whose right was taken away), TENURE_UNAVAILABLE, TENURE_BUSY, TENURE_SESSION_EXPIRED,
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

/// Acquires `count` locks (1 to 32, none twice) in one step, under one lease and token: all or
/// nothing, and queued as one, so that clients which want the same locks in another order do not
/// deadlock. The options hold for each of the locks. Releasing the lease frees all; its name is the
/// first.
///
/// ```c
/// const char *names[] = { "accounts/17", "accounts/42" };
/// tenure_lease *lease;
/// if (tenure_acquire_all(client, names, 2, TENURE_FOREVER, NULL, &lease) == TENURE_OK) {
///     move_money(tenure_lease_token(lease));
///     tenure_lease_free(lease);
/// }
/// ```
///
/// For all else, and the statuses, see tenure_acquire. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_acquire_all(
    client: *mut tenure_client,
    names: *const *const c_char,
    count: usize,
    wait_ms: i64,
    options: *const tenure_acquire_options,
    out: *mut *mut tenure_lease,
) -> tenure_status {
    guard(|| {
        // SAFETY: the caller passes a place for the handle.
        let out = unsafe { self::out(out, "out") }?;
        *out = std::ptr::null_mut();
        let client = enter::<ClientObject>(client)?;
        // SAFETY: the caller passes `count` strings, and NULL or options that begin with their size.
        let (names, options) = unsafe { (texts(names, count)?, acquire_options(options)?) };
        let lease = client.0.acquire_all(&names, wait(wait_ms)?, options)?;
        *out = export(LeaseObject::new(lease))?;
        Ok(())
    })
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

/// Begins to acquire `count` locks in one step and returns at once: tenure_acquire_all without blocking. See
/// tenure_acquire_start, whose example and statuses are those of this function. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_acquire_all_start(
    client: *mut tenure_client,
    names: *const *const c_char,
    count: usize,
    wait_ms: i64,
    options: *const tenure_acquire_options,
    out: *mut *mut tenure_pending,
) -> tenure_status {
    guard(|| {
        // SAFETY: the caller passes a place for the handle.
        let out = unsafe { self::out(out, "out") }?;
        *out = std::ptr::null_mut();
        let client = enter::<ClientObject>(client)?;
        // SAFETY: the caller passes `count` strings, and NULL or options that begin with their size.
        let (names, options) = unsafe { (texts(names, count)?, acquire_options(options)?) };
        let pending = client.0.acquire_all_start(&names, wait(wait_ms)?, options)?;
        *out = export(PendingObject(pending))?;
        Ok(())
    })
}

/// # Safety
/// `options` is NULL or begins with its size.
unsafe fn acquire_options(options: *const tenure_acquire_options) -> Result<AcquireOptions, Error> {
    // SAFETY: the caller's promise.
    let given = unsafe { sized::read(options) }?;
    let kind = kind(&given)?;
    if given.flags != 0 {
        return Err(unsupported(&format!("flags {:#x} in tenure_acquire_options", given.flags)));
    }
    // SAFETY: the caller passes NULL or `value_len` bytes.
    let value = unsafe { value(given.value, given.value_len) }?;
    let lock_delay = Duration::from_millis(u64::from(given.lock_delay_ms));
    Ok(AcquireOptions { value, owner: NonZeroU64::new(given.owner), kind, lock_delay })
}

/// The kind of lock that C describes by a mode, a limit (0: none) and permits (0: one).
fn kind(given: &tenure_acquire_options) -> Result<Kind, Error> {
    let (mode, permits) = (given.mode, given.permits.max(1));
    match (mode, given.limit) {
        (TENURE_EXCLUSIVE | TENURE_SHARED, 0) if permits > 1 => {
            let text = format!("a lock has one permit, not {permits}; a semaphore has a limit");
            Err(Error::new(Status::Invalid, text))
        }
        (TENURE_EXCLUSIVE, 0) => Ok(Kind::Exclusive),
        (TENURE_SHARED, 0) => Ok(Kind::Shared),
        (TENURE_EXCLUSIVE, limit) => Ok(Kind::Semaphore { limit, permits }),
        (TENURE_SHARED, _) => {
            Err(Error::new(Status::Invalid, "a semaphore is not shared: it has permits"))
        }
        _ => Err(unsupported(&format!("mode {mode} in tenure_acquire_options"))),
    }
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
