//! Questions to the server about locks, sessions and the cluster; breaking a lock.

use super::client::{ClientObject, tenure_client};
use super::guard::guard;
use super::handle::enter;
use super::status::tenure_status;
use super::strings::{NAME, REASON, WHAT, c_string, give, optional_text, out, text};
use crate::base::Token;
use crate::client::{BreakOptions, Grace};
use crate::{Error, Status};
use std::ffi::c_char;
use std::time::Duration;

/// Asks the server whether `token` holds `name` at this instant. A resource that cannot remember
/// the highest token can ask this before it writes; remembering is better.
///
/// Statuses: TENURE_OK (the token holds), TENURE_LOST (it does not), TENURE_DENIED (rights are on,
/// and the call needs `read`), TENURE_UNAVAILABLE, TENURE_INVALID, TENURE_CLOSED, TENURE_FORKED.
/// Any thread; blocks up to request_timeout_ms.
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
            return Err(not_a_token(token));
        }
        match client.0.validate(name, Token(token))? {
            true => Ok(()),
            false => {
                Err(Error::new(Status::Lost, format!("the token {token} does not hold {name:?}")))
            }
        }
    })
}

/// Takes the lock `name` from the holder with this `token`; 0: from all holders. `reason` (at most
/// 255 bytes; NULL for none) is for people.
///
/// `grace_ms` is how long a holder may go on after it hears of this: -1 = for its session's TTL, 1
/// to 3600000 (an hour) = for so many milliseconds. The holder sees TENURE_LEASE_STATE_ASKED, its
/// tenure_lease_fd is readable, and tenure_lease_asked says why; the lock is free when the holder
/// releases it, when the grace is over at the holder's side, or when its session ends. 0 = at once:
/// the lock is free though its holder may not know yet, and only tokens protect from then on. Any
/// other grace is TENURE_INVALID.
///
/// Statuses: TENURE_OK (the holder is asked, or the lock is free), TENURE_NOT_FOUND (nobody holds
/// it, or not under that token), TENURE_DENIED (over TLS a grace of 0 needs the certificate of an
/// operator; with rights on, any grace needs the right `break`: the text says who lacks it),
/// TENURE_UNAVAILABLE (surely not done), TENURE_UNKNOWN (it may have been done), TENURE_INVALID,
/// TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_break(
    client: *mut tenure_client,
    name: *const c_char,
    token: u64,
    grace_ms: i64,
    reason: *const c_char,
) -> tenure_status {
    guard(|| {
        let client = enter::<ClientObject>(client)?;
        // SAFETY: the caller passes a string, and NULL or a string.
        let (name, reason) = unsafe { (text(name, NAME)?, optional_text(reason, REASON)?) };
        if token > TOKEN_MAX {
            return Err(not_a_token(token));
        }
        let options = BreakOptions {
            token: (token != 0).then_some(Token(token)),
            grace: grace(grace_ms)?,
            to: None,
            reason: reason.unwrap_or_default().to_owned(),
        };
        client.0.break_lock(name, options)
    })
}

/// The state of locks, a session or the cluster as JSON, the text that the tenure program prints
/// with --json. `what` is "locks" (all whose names begin with `name`; NULL or "": all), "lock" (the
/// one called `name`), "session" (the one whose id is `name` in digits; NULL or "": this client's),
/// "cluster", "members" (their addresses, votes, and how far each log is), "access" ({"on",
/// "rules": [{"principal", "rights": [], "names"}], "credentials": []}; names are null in a rule of
/// the cluster), "condition" (this client's cluster, why the client has no session, and what keeps
/// the cluster from granting, as far as the client knows), or "client" (its own counters: dials,
/// requests by kind, renewals, sessions, leases granted and ended by reason, failed calls by
/// status). The last two ask no server and do not use `name`. A value that is not UTF-8 has its
/// bytes in "value_hex", else that is null.
///
/// *len is the size of the buffer `json`; afterwards it is what the text needs, with the NUL that
/// ends it. With 0 the buffer may be NULL. The text may grow between two calls:
///
/// ```c
/// char *json = NULL;
/// size_t len = 0;
/// while (tenure_describe(client, "locks", "jobs/", json, &len) == TENURE_TOO_SMALL)
///     json = realloc(json, len);
/// ```
///
/// Statuses: TENURE_TOO_SMALL (*len says what is needed; the buffer is as it was), TENURE_DENIED (the text says who lacks
/// which right; of all locks, those that may not be read are left out), TENURE_UNAVAILABLE, TENURE_INVALID, TENURE_CLOSED,
/// TENURE_FORKED. A missing object is an empty list or null in the text. Any thread; blocks up to
/// request_timeout_ms for each page of locks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_describe(
    client: *mut tenure_client,
    what: *const c_char,
    name: *const c_char,
    json: *mut c_char,
    len: *mut usize,
) -> tenure_status {
    guard(|| {
        let client = enter::<ClientObject>(client)?;
        // SAFETY: the caller passes a string, and NULL or a string.
        let (what, name) = unsafe { (text(what, WHAT)?, optional_text(name, NAME)?) };
        // SAFETY: the caller passes a place for the length.
        let len = unsafe { out(len, "len") }?;
        if json.is_null() && *len != 0 {
            return Err(Error::new(Status::Invalid, "the buffer is NULL, and its length is not 0"));
        }
        let text = c_string(&client.0.describe(what, name.unwrap_or_default())?);
        // SAFETY: the caller passes a buffer of `*len` bytes.
        unsafe { give(&text, json, len) }
    })
}

pub(super) fn grace(grace_ms: i64) -> Result<Grace, Error> {
    match u64::try_from(grace_ms) {
        Ok(0) => Ok(Grace::Now),
        Ok(grace_ms) => Ok(Grace::For(Duration::from_millis(grace_ms))),
        Err(_) if grace_ms == GRACE_TTL => Ok(Grace::Ttl),
        Err(_) => {
            let text = format!("grace_ms is {grace_ms}: it must be -1, 0, or positive");
            Err(Error::new(Status::Invalid, text))
        }
    }
}

fn not_a_token(token: u64) -> Error {
    Error::new(Status::Invalid, format!("{token} is not a token"))
}

/// The text that refuses a handover with a grace of 0.
pub(super) const TOKENS_ALONE: &str = "grace_ms is 0: who hands over is given time to end, -1 or positive; to take a lock at once, so that only \
     tokens protect, call tenure_break";
const TOKEN_MAX: u64 = i64::MAX as u64;
/// `grace_ms` for the TTL of the holder's session.
const GRACE_TTL: i64 = -1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grace_is_minus_one_zero_or_positive() {
        assert_eq!(grace(-1), Ok(Grace::Ttl));
        assert_eq!(grace(0), Ok(Grace::Now));
        assert_eq!(grace(1500), Ok(Grace::For(Duration::from_millis(1500))));
        for grace_ms in [-2, i64::MIN] {
            assert_eq!(grace(grace_ms).unwrap_err().status, Status::Invalid);
        }
    }

    #[test]
    fn a_text_fits_with_its_nul_or_says_what_it_needs() {
        let mut buffer: [c_char; 4] = [7; 4];
        for room in [0, 3] {
            let mut len = room;
            // SAFETY: the buffer has more bytes than `len` says.
            let given = unsafe { give(c"abc", buffer.as_mut_ptr(), &mut len) };
            assert_eq!((given.unwrap_err().status, len), (Status::TooSmall, 4));
            assert_eq!(buffer, [7; 4]);
        }
        let mut len = 4;
        // SAFETY: the buffer has four bytes.
        assert_eq!(unsafe { give(c"abc", buffer.as_mut_ptr(), &mut len) }, Ok(()));
        assert_eq!((buffer.map(|byte| byte as u8), len), (*b"abc\0", 4));
    }
}
