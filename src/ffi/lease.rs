//! A lease: a grant as its holder sees it.

use super::client::nanos;
use super::guard::{guard, guard_or};
use super::handle::{enter, free};
use super::status::tenure_status;
use super::strings::{CLIENT_NAME, c_string, give, optional_out, optional_text};
use super::wait::wait;
use crate::client::{Lease, LeaseState};
use std::ffi::{CString, c_char, c_int};

/// Held, as far as it is known here.
pub const TENURE_LEASE_STATE_HELD: i32 = 1;
/// Held, and asked to be given up: remaining_ns says how soon it ends. Finish, then release it.
pub const TENURE_LEASE_STATE_ASKED: i32 = 2;
/// Ended, for good.
pub const TENURE_LEASE_STATE_ENDED: i32 = 3;

/// The lease has not ended.
pub const TENURE_REASON_NONE: i32 = 0;
/// tenure_release.
pub const TENURE_REASON_RELEASED: i32 = 1;
/// The session was not renewed in time, or the server expired it.
pub const TENURE_REASON_EXPIRED: i32 = 2;
/// tenure_client_close.
pub const TENURE_REASON_SESSION_CLOSED: i32 = 3;
/// The lock was broken: at once, or its grace was over (tenure_break).
pub const TENURE_REASON_BROKEN: i32 = 4;
/// tenure_transfer.
pub const TENURE_REASON_TRANSFERRED: i32 = 5;
/// The program did not call tenure_client_progress within progress_ms.
pub const TENURE_REASON_STALLED: i32 = 6;
/// The process was forked; this is the child.
pub const TENURE_REASON_FORKED: i32 = 7;

/// A grant, as long as it may be believed in. Thread-safe.
#[derive(Debug)]
pub struct tenure_lease {
    _opaque: [u8; 0],
}

/// The name of the lock, of several the first; NULL if this is not a lease. Valid until the lease
/// is freed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_lease_name(lease: *const tenure_lease) -> *const c_char {
    guard_or(std::ptr::null(), || Ok(enter::<LeaseObject>(lease)?.name.as_ptr()))
}

/// The fencing token, 1 to 2^63-1: send it with every read and every write, and let the resource
/// refuse tokens smaller than the largest it has seen. It stays readable after the end. 0 = not a
/// lease. Any thread.
///
/// ```text
/// UPDATE account SET fence = :token WHERE id = :id AND fence <= :token RETURNING balance;
/// UPDATE account SET balance = :balance, fence = :token WHERE id = :id AND fence <= :token;
/// ```
///
/// The first statement is the read, and fences off earlier holders: after a plain SELECT a late
/// write of theirs would be accepted, and then overwritten by the second statement. No row:
/// refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_lease_token(lease: *const tenure_lease) -> u64 {
    guard_or(0, || Ok(enter::<LeaseObject>(lease)?.lease.token().0))
}

/// How long the lease may still be believed in, in nanoseconds, by the clocks of this machine. 0 =
/// it has ended, for good; also if this is not a lease. Takes no lock, waits for no other thread,
/// and may be called in a signal handler and by a thread of any priority; about 0.2 us.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_lease_remaining_ns(lease: *const tenure_lease) -> u64 {
    guard_or(0, || Ok(nanos(enter::<LeaseObject>(lease)?.lease.remaining())))
}

/// A descriptor that is readable no later than remaining_ns reaches 0, also when this process's own
/// threads are stuck, since a timer of the kernel serves it; from then on it stays readable. It is
/// also readable from when the lease is asked to end (once more if it is asked to end sooner) until
/// tenure_lease_state or tenure_lease_asked is called. So it suits loops of level-triggered and of
/// edge-triggered events: call one of these two when it is readable. Borrowed: poll it; never read
/// it, close it, or keep it after the lease is freed. -1 if the process has no descriptor left, or
/// this is not a lease. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_lease_fd(lease: *const tenure_lease) -> c_int {
    guard_or(-1, || {
        let lease = enter::<LeaseObject>(lease)?;
        lease.lease.fd().ok_or_else(no_descriptor)
    })
}

/// Writes TENURE_LEASE_STATE_... to *state, and why the lease ended (TENURE_REASON_...) to *reason;
/// either may be NULL.
///
/// ```c
/// int32_t state, reason;
/// if (tenure_lease_state(lease, &state, &reason) == TENURE_OK && state == TENURE_LEASE_STATE_ASKED)
///     finish_within(tenure_lease_remaining_ns(lease));
/// ```
///
/// A call that tells TENURE_LEASE_STATE_ASKED makes tenure_lease_fd unreadable until a sooner
/// order, or the end.
///
/// Statuses: TENURE_INVALID, TENURE_FORKED. Any thread; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_lease_state(
    lease: *const tenure_lease,
    state: *mut i32,
    reason: *mut i32,
) -> tenure_status {
    guard(|| {
        let (now, why) = match enter::<LeaseObject>(lease)?.lease.state() {
            LeaseState::Held => (TENURE_LEASE_STATE_HELD, TENURE_REASON_NONE),
            LeaseState::Asked => (TENURE_LEASE_STATE_ASKED, TENURE_REASON_NONE),
            LeaseState::Ended(reason) => (TENURE_LEASE_STATE_ENDED, reason as i32),
        };
        // SAFETY: the caller passes NULL or places for numbers. Both are looked at before one is written.
        let (state, reason) =
            unsafe { (optional_out(state, "state")?, optional_out(reason, "reason")?) };
        for (place, value) in [(state, now), (reason, why)] {
            if let Some(place) = place {
                *place = value;
            }
        }
        Ok(())
    })
}

/// The order to end that this lease was given (tenure_break): writes to *grace_ms the time that it
/// left the holder from when the holder heard of it, 0 if the lock was taken at once, and to the
/// buffer `reason` why, for people. Of several orders it is the one that leaves the least time;
/// tenure_lease_remaining_ns says how much is left. The order stays readable after the end.
///
/// *len is the size of the buffer; afterwards it is what the text needs, with the NUL that ends it: at most 256. With 0
/// the buffer may be NULL. `grace_ms` may be NULL, and `len` too if only the grace is wanted.
///
/// ```c
/// char reason[256];
/// size_t len = sizeof reason;
/// int64_t grace_ms;
/// if (tenure_lease_asked(lease, &grace_ms, reason, &len) == TENURE_OK)
///     printf("asked to end within %" PRId64 " ms: %s\n", grace_ms, reason);
/// ```
///
/// Statuses: TENURE_NOT_FOUND (there was no order, or the lock was taken while this client could
/// not be reached), TENURE_TOO_SMALL (*len says what is needed, and nothing else is written),
/// TENURE_INVALID, TENURE_FORKED. Any thread; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_lease_asked(
    lease: *const tenure_lease,
    grace_ms: *mut i64,
    reason: *mut c_char,
    len: *mut usize,
) -> tenure_status {
    guard(|| {
        let lease = enter::<LeaseObject>(lease)?;
        // SAFETY: the caller passes NULL or places for numbers.
        let (grace_ms, len) =
            unsafe { (optional_out(grace_ms, "grace_ms")?, optional_out(len, "len")?) };
        let room = len.as_deref().copied();
        if room.map_or(!reason.is_null(), |room| room != 0 && reason.is_null()) {
            let text = "a buffer goes with its length, and a length with a buffer";
            return Err(crate::Error::new(crate::Status::Invalid, text));
        }
        let asked = lease.lease.asked().ok_or_else(not_asked)?;
        if let Some(len) = len {
            // SAFETY: the caller passes a buffer of `*len` bytes.
            unsafe { give(&c_string(&asked.reason), reason, len) }?;
        }
        if let Some(grace_ms) = grace_ms {
            *grace_ms = asked.grace.as_millis() as i64;
        }
        Ok(())
    })
}

/// Hands the lock over, in one step: this lease ends (reason TENURE_REASON_TRANSFERRED, as do all
/// handles of the same owner on it), and the first waiter whose client has the name `to_client` has
/// the lock; NULL: the next in the queue. Waiters for several locks at once do not count. The
/// handle is still to be freed.
///
/// Statuses: TENURE_NOT_FOUND (nobody of that name waits: the lease goes on, or, if the waiter left
/// at that very moment, was released; tenure_lease_state says which), TENURE_LOST (the lease had
/// ended before), TENURE_UNAVAILABLE (the lease goes on), TENURE_UNKNOWN (the lease has ended here,
/// and the handover goes on in the background), TENURE_INVALID, TENURE_CLOSED, TENURE_FORKED. Any
/// thread; blocks up to request_timeout_ms for each of two questions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_transfer(
    lease: *mut tenure_lease,
    to_client: *const c_char,
) -> tenure_status {
    guard(|| {
        let lease = enter::<LeaseObject>(lease)?;
        // SAFETY: the caller passes NULL or a string.
        let to_client = unsafe { optional_text(to_client, CLIENT_NAME) }?;
        lease.lease.transfer(to_client)
    })
}

/// Releases the lock: remaining_ns is 0 from now on; then waits at most `wait_ms` (0: not at all)
/// for the server's answer. Whatever the status, the release goes on in the background until the
/// server knows or the session ends; later reads and acquires of this client come after it. The
/// handle is still to be freed.
///
/// Statuses: TENURE_LOST (the lease had ended before: harmless, but your last work may not have
/// been protected; the text and tenure_lease_state say by what: expired, broken, handed over,
/// closed, or an earlier release, which is no loss), TENURE_UNKNOWN (not answered in time),
/// TENURE_CLOSED (the client was closed meanwhile), TENURE_INVALID, TENURE_FORKED. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_release(lease: *mut tenure_lease, wait_ms: i64) -> tenure_status {
    guard(|| {
        let wait = wait(wait_ms)?;
        enter::<LeaseObject>(lease)?.lease.release(wait)
    })
}

/// Frees a lease, and releases it in the background if it was not released. NULL, and a lease that was freed
/// already, are harmless. Any thread; never blocks. In a forked child only the handle is forgotten:
/// the parent keeps its lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_lease_free(lease: *mut tenure_lease) {
    guard_or((), || free::<LeaseObject>(lease, |_| {}));
}

/// The object of a `tenure_lease` handle.
#[derive(Debug)]
pub(super) struct LeaseObject {
    pub lease: Lease,
    name: CString,
}

impl LeaseObject {
    pub fn new(lease: Lease) -> Self {
        let name = c_string(lease.name());
        Self { lease, name }
    }
}

fn not_asked() -> crate::Error {
    crate::Error::new(crate::Status::NotFound, "this lease was not asked to end")
}

/// The error where a call needs a descriptor and the process has none left.
pub(super) fn no_descriptor() -> crate::Error {
    crate::Error::new(crate::Status::Limit, "this process has no file descriptor left")
}
