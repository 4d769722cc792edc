//! The holder of a lock, as read or observed.

use super::client::{ClientObject, tenure_client};
use super::guard::{guard, guard_or};
use super::handle::{enter, export, free};
use super::status::tenure_status;
use super::strings::{NAME, c_string, optional_out, out, text};
use crate::Status;
use crate::client::Holder;
use std::ffi::{CString, c_char, c_void};

/// The holder of a lock, as read or observed. Immutable: any thread.
#[derive(Debug)]
pub struct tenure_holder {
    _opaque: [u8; 0],
}

/// Reads the holder of `name`, linearizably: as of some instant during the call. On success *out is
/// a holder that you free with tenure_holder_free; else it is NULL.
///
/// ```c
/// tenure_holder *holder;
/// if (tenure_holder_of(client, "jobs/nightly", &holder) == TENURE_OK) {
///     printf("%s under %" PRIu64 "\n", tenure_holder_client(holder), tenure_holder_token(holder));
///     tenure_holder_free(holder);
/// }
/// ```
///
/// Statuses: TENURE_NOT_FOUND (nobody holds it), TENURE_DENIED (rights are on, and the call needs
/// `read`: the text says who lacks it), TENURE_UNAVAILABLE, TENURE_INVALID, TENURE_CLOSED,
/// TENURE_FORKED. Any thread; blocks up to request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_holder_of(
    client: *mut tenure_client,
    name: *const c_char,
    out: *mut *mut tenure_holder,
) -> tenure_status {
    guard(|| {
        // SAFETY: the caller passes a place for the handle.
        let out = unsafe { self::out(out, "out") }?;
        *out = std::ptr::null_mut();
        let client = enter::<ClientObject>(client)?;
        // SAFETY: the caller passes a string.
        let name = unsafe { text(name, NAME) }?;
        let holder = client.0.holder_of(name)?.ok_or(Status::NotFound)?;
        *out = export(HolderObject::new(Some(holder), 0))?;
        Ok(())
    })
}

/// The token of the grant, of the oldest if there are several; 0 = nobody holds the lock, or this
/// is not a holder. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_holder_token(holder: *const tenure_holder) -> u64 {
    guard_or(0, || Ok(enter::<HolderObject>(holder)?.holder.token.0))
}

/// The name of the client that holds the lock, "" if nobody does; NULL if this is not a holder.
/// Valid until the holder is freed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_holder_client(holder: *const tenure_holder) -> *const c_char {
    guard_or(std::ptr::null(), || Ok(enter::<HolderObject>(holder)?.client.as_ptr()))
}

/// The value that came with the acquire or the last tenure_proclaim, *len bytes (`len` may be NULL); NULL and 0 if
/// this is not a holder. Valid until the holder is freed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_holder_value(
    holder: *const tenure_holder,
    len: *mut usize,
) -> *const c_void {
    guard_or(std::ptr::null(), || {
        // SAFETY: the caller passes NULL or a place for the length.
        let mut len = unsafe { optional_out(len, "len") }?;
        if let Some(len) = &mut len {
            **len = 0;
        }
        let entered = enter::<HolderObject>(holder)?;
        let value = &entered.holder.value;
        if let Some(len) = len {
            *len = value.len();
        }
        Ok(value.as_ptr().cast())
    })
}

/// The time of the grant, in milliseconds since 1970 by the wall clock of the server that led then:
/// for people only. 0 if this is not a holder. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_holder_since_unix_ms(holder: *const tenure_holder) -> i64 {
    guard_or(0, || {
        let since = enter::<HolderObject>(holder)?.holder.since_unix_ms;
        Ok(i64::try_from(since).unwrap_or(i64::MAX))
    })
}

/// At least how many changes before this one the observer missed: they were not read in time, or no
/// server remembers them. 0 from tenure_holder_of, and if this is not a holder. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_holder_missed(holder: *const tenure_holder) -> u64 {
    guard_or(0, || Ok(enter::<HolderObject>(holder)?.missed))
}

/// Frees a holder. NULL, and a holder that was freed already, are harmless. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_holder_free(holder: *mut tenure_holder) {
    guard_or((), || free::<HolderObject>(holder, |_| {}));
}

/// The object of a `tenure_holder` handle.
#[derive(Debug)]
pub(super) struct HolderObject {
    holder: Holder,
    client: CString,
    missed: u64,
}

impl HolderObject {
    /// `None`: nobody holds the lock, which C sees as the token 0.
    pub fn new(holder: Option<Holder>, missed: u64) -> Self {
        let holder = holder.unwrap_or_default();
        Self { client: c_string(&holder.client), holder, missed }
    }
}
