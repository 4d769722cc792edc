//! Questions and orders to the server about a lock.

use super::client::{ClientObject, tenure_client};
use super::guard::{guard, unsupported};
use super::handle::enter;
use super::status::tenure_status;
use super::strings::{NAME, text};
use crate::base::Token;
use crate::{Error, Status};
use std::ffi::c_char;

/// Asks the server whether `token` holds `name` at this instant. A resource that cannot remember the highest
/// token can ask this before it writes; remembering is better.
///
/// Statuses: TENURE_OK (it holds), TENURE_LOST (it does not), TENURE_UNAVAILABLE, TENURE_INVALID, TENURE_CLOSED,
/// TENURE_FORKED. Any thread; blocks up to request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_validate(
    client: *mut tenure_client,
    name: *const c_char,
    token: u64,
) -> tenure_status {
    guard(|| {
        let client = enter::<ClientObject>(client)?;
        // SAFETY: the caller passes a string.
        let name = unsafe { text(name, NAME) }?;
        if token == 0 || token > TOKEN_MAX {
            return Err(Error::new(Status::Invalid, format!("{token} is not a token")));
        }
        match client.0.validate(name, Token(token))? {
            true => Ok(()),
            false => {
                Err(Error::new(Status::Lost, format!("the token {token} does not hold {name:?}")))
            }
        }
    })
}

/// For later versions: takes a lock from its holder. This version returns TENURE_UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_break(
    client: *mut tenure_client,
    name: *const c_char,
    token: u64,
    grace_ms: i64,
    reason: *const c_char,
) -> tenure_status {
    let _not_used = (client, name, token, grace_ms, reason);
    guard(|| Err(unsupported("tenure_break")))
}

/// For later versions: "locks", "lock", "session" or "cluster" as JSON. This version returns TENURE_UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_describe(
    client: *mut tenure_client,
    what: *const c_char,
    name: *const c_char,
    json: *mut c_char,
    len: *mut usize,
) -> tenure_status {
    let _not_used = (client, what, name, json, len);
    guard(|| Err(unsupported("tenure_describe; use the tenure program")))
}

const TOKEN_MAX: u64 = i64::MAX as u64;
