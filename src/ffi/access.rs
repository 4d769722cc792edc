//! Access rules and credentials: changes and questions.

use super::client::{ClientObject, tenure_client};
use super::guard::guard;
use super::handle::enter;
use super::status::tenure_status;
use super::strings::{
    NAME, NAMES, PRINCIPAL, RIGHT, RIGHTS, c_string, give, optional_text, out, text,
};
use crate::base::SECRET_BYTES;
use crate::base::limits::NAME_BYTES_MAX;
use crate::base::principal::PRINCIPAL_NAME_BYTES_MAX;
use crate::client::Access;
use crate::{Error, Status};
use std::ffi::c_char;

/// From now on whatever no rule allows is denied, to all clients of the cluster. Idempotent.
///
/// Give somebody "admin" first, and users of locks the rights that they need:
///
/// ```c
/// tenure_access_allow(client, "operator/alice", "admin,operate", NULL);
/// tenure_access_allow(client, "client/billing", "acquire,read", "jobs/");
/// tenure_access_on(client);
/// ```
///
/// Statuses: TENURE_UNAVAILABLE (surely not done; the text says why: nobody would have "admin", a
/// node takes connections without TLS, not every node runs a version that has rights, or no leader
/// could be reached), TENURE_DENIED (the call needs "admin", or while rights are off the
/// certificate or credential of an operator: the text says who lacks what), TENURE_UNKNOWN (it may
/// have been done: call again), TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to
/// request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_access_on(client: *mut tenure_client) -> tenure_status {
    guard(|| access(client)?.turn_on().map(drop))
}

/// From now on the kind of identity alone decides: operators may do all, clients use locks. Rules
/// and credentials stay. Idempotent.
///
/// Statuses: TENURE_UNAVAILABLE (surely not done), and else as for tenure_access_on. Any thread; blocks up to
/// request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_access_off(client: *mut tenure_client) -> tenure_status {
    guard(|| access(client)?.turn_off().map(drop))
}

/// Allows `rights` of `names` to `principal`; rights that it has already stay. Rules are in force
/// after tenure_access_on.
///
/// `principal`: "client/NAME", "operator/NAME", "local/N", "anonymous", or the begin of one and a "*", as "client/bill*";
/// "*" alone is everybody. `rights`: "acquire", "read" and "break", with commas between, of a name ("jobs/nightly"), of a
/// prefix ("jobs/" is jobs and all below it), or of "*", every name; or "operate" and "admin", which are of the cluster:
/// `names` is NULL then.
///
/// Statuses: TENURE_INVALID (also: no valid rule; the text says why), TENURE_UNAVAILABLE (surely
/// not done; also: there are as many rules as there may be, or not every node runs a version that
/// has rights), and else as for tenure_access_on. Any thread; blocks up to request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_access_allow(
    client: *mut tenure_client,
    principal: *const c_char,
    rights: *const c_char,
    names: *const c_char,
) -> tenure_status {
    guard(|| {
        let access = access(client)?;
        // SAFETY: the caller passes two strings, and NULL or a string.
        let (principal, rights, names) = unsafe { rule(principal, rights, names) }?;
        access.allow(principal, rights, names).map(drop)
    })
}

/// Takes `rights` away from the rule of exactly this `principal` and `names`, written as for
/// tenure_access_allow. Waiters and observers that have lost the right are refused; locks that are
/// held stay held until released or broken.
///
/// Another rule may still allow some of `rights`. Such a rule is written to the buffer `still`, as
/// "client/bill* acquire,read jobs/" (its principal, its rights and, unless these are of the
/// cluster, its names, with spaces between); "" if there is none. `still` is written with TENURE_OK
/// and with TENURE_NOT_FOUND. *len is the size of the buffer, at least 512; afterwards it is what
/// the text takes, with the NUL that ends it. Both may be NULL.
///
/// ```c
/// char still[512];
/// size_t len = sizeof still;
/// tenure_status status = tenure_access_deny(client, "client/billing", "acquire", "jobs/", still, &len);
/// if ((status == TENURE_OK || status == TENURE_NOT_FOUND) && *still != 0)
///     fprintf(stderr, "still allowed by %s\n", still);
/// ```
///
/// Statuses: TENURE_NOT_FOUND (there was no such rule, or it allowed none of these rights: nothing was taken away),
/// TENURE_TOO_SMALL (the buffer is smaller than 512, which *len is now: surely not done), and else as for
/// tenure_access_allow. Any thread; blocks up to request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_access_deny(
    client: *mut tenure_client,
    principal: *const c_char,
    rights: *const c_char,
    names: *const c_char,
    still: *mut c_char,
    len: *mut usize,
) -> tenure_status {
    guard(|| {
        let access = access(client)?;
        // SAFETY: the caller passes two strings, and NULL or a string.
        let (principal, rights, names) = unsafe { rule(principal, rights, names) }?;
        // SAFETY: the caller passes a place for the length, or NULL.
        let room = unsafe { room(still, len, RULE_BYTES) }?;
        let changed = access.deny(principal, rights, names)?;
        let other = changed.still.map(|rule| rule.to_string()).unwrap_or_default();
        if let Some(len) = room {
            // SAFETY: the caller passes a buffer of `*len` bytes.
            unsafe { give(&c_string(&other), still, len) }?;
        }
        match changed.is_changed {
            true => Ok(()),
            false => Err(no_rule(&words(principal, rights, names), &other)),
        }
    })
}

/// Whether the rules allow `right` ("acquire", …) of the lock `name` to `principal`
/// ("client/billing"), whether rights are on or off: writes 1 or 0 to *is_allowed. `name` is NULL
/// for "operate" and "admin".
///
/// Statuses: TENURE_INVALID, TENURE_DENIED (the call needs "admin"), TENURE_UNAVAILABLE,
/// TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_access_test(
    client: *mut tenure_client,
    principal: *const c_char,
    right: *const c_char,
    name: *const c_char,
    is_allowed: *mut i32,
) -> tenure_status {
    guard(|| {
        let access = access(client)?;
        // SAFETY: the caller passes two strings, NULL or a string, and a place for the answer.
        let (principal, right, name, is_allowed) = unsafe {
            (
                text(principal, PRINCIPAL)?,
                text(right, RIGHT)?,
                optional_text(name, NAME)?,
                out(is_allowed, "is_allowed")?,
            )
        };
        *is_allowed = i32::from(access.test(principal, right, name)?);
        Ok(())
    })
}

/// Creates a credential of `principal` ("client/billing", "operator/alice"): a client that shows it
/// is that principal, without a certificate. An earlier credential of `principal` is void, and
/// clients connected by it are disconnected. The credential is written to the buffer `line`, once:
/// the cluster keeps only a hash of its secret. Store it as the one line of a file that only its
/// user reads: credential_file of tenure_client_options, --credential-file of the program.
///
/// *len is the size of the buffer; afterwards it is what the line takes, with the NUL that ends it:
/// 66 bytes and the principal. With 0 the buffer may be NULL.
///
/// Statuses: TENURE_TOO_SMALL (*len says what is needed, and no credential was created),
/// TENURE_INVALID (also: the principal is neither a client nor an operator), TENURE_UNAVAILABLE
/// (surely not done; also: not every node runs a version that has credentials), TENURE_DENIED (the
/// call needs "admin", or while rights are off an operator), TENURE_UNKNOWN (an earlier credential
/// may be void: create another), TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to
/// request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_credential_create(
    client: *mut tenure_client,
    principal: *const c_char,
    line: *mut c_char,
    len: *mut usize,
) -> tenure_status {
    guard(|| {
        let access = access(client)?;
        // SAFETY: the caller passes a string.
        let principal = unsafe { text(principal, PRINCIPAL) }?;
        // Before a credential is created that would be lost.
        let needed = principal.len() + LINE_BYTES;
        // SAFETY: the caller passes a place for the length.
        let len = unsafe { room(line, len, needed) }?
            .ok_or_else(|| Error::new(Status::Invalid, "line and len are NULL"))?;
        let created = access.create_credential(principal)?;
        // SAFETY: the caller passes a buffer of `*len` bytes.
        unsafe { give(&c_string(&created), line, len) }
    })
}

/// Revokes the credential of `principal`: clients connected by it are disconnected, and refused
/// from then on. Their locks stay held until the session ends, or somebody breaks them.
///
/// Statuses: TENURE_NOT_FOUND (`principal` has no credential), TENURE_INVALID, and else as for
/// tenure_access_off. Any thread; blocks up to request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_credential_revoke(
    client: *mut tenure_client,
    principal: *const c_char,
) -> tenure_status {
    guard(|| {
        let access = access(client)?;
        // SAFETY: the caller passes a string.
        let principal = unsafe { text(principal, PRINCIPAL) }?;
        access.revoke_credential(principal).map(drop)
    })
}

fn access(client: *mut tenure_client) -> Result<Access, Error> {
    Ok(enter::<ClientObject>(client)?.0.access())
}

type RuleTexts<'a> = (&'a str, &'a str, Option<&'a str>);

/// # Safety As for [`text`] and [`optional_text`].
unsafe fn rule<'a>(
    principal: *const c_char,
    rights: *const c_char,
    names: *const c_char,
) -> Result<RuleTexts<'a>, Error> {
    // SAFETY: the caller's promise.
    unsafe {
        Ok((text(principal, PRINCIPAL)?, text(rights, RIGHTS)?, optional_text(names, NAMES)?))
    }
}

/// The place for a length, if there is a buffer; a buffer of less than `needed` bytes is refused.
///
/// # Safety `len` is NULL, or as for [`out`].
unsafe fn room<'a>(
    buffer: *const c_char,
    len: *mut usize,
    needed: usize,
) -> Result<Option<&'a mut usize>, Error> {
    if buffer.is_null() && len.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    let len = unsafe { out(len, "len") }?;
    if buffer.is_null() && *len != 0 {
        return Err(Error::new(Status::Invalid, "the buffer is NULL, and its length is not 0"));
    }
    let room = *len;
    if room < needed {
        *len = needed;
        let text =
            format!("nothing was done: the text may take {needed} bytes, the buffer has {room}");
        return Err(Error::new(Status::TooSmall, text));
    }
    Ok(Some(len))
}

fn no_rule(what: &str, other: &str) -> Error {
    let still = match other {
        "" => String::new(),
        other => format!("; another rule still allows some of it: {other}"),
    };
    let text = format!("there was no rule for {what}: nothing was taken away{still}");
    Error::new(Status::NotFound, text)
}

/// A rule as the words of a command line.
fn words(principal: &str, rights: &str, names: Option<&str>) -> String {
    let words = [Some(principal), Some(rights), names];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The longest text of a rule, with its NUL: promised by the header.
const RULE_BYTES: usize = 512;
/// Bytes of a credential beside its principal: a colon, the hex digits of the secret, a NUL.
const LINE_BYTES: usize = 1 + 2 * SECRET_BYTES + 1;

const _: () = {
    let principal = "operator/".len() + PRINCIPAL_NAME_BYTES_MAX + "*".len();
    let rights = "acquire,read,break".len();
    let names = NAME_BYTES_MAX + "/".len();
    let between_and_nul = 3;
    assert!(principal + rights + names + between_and_nul <= RULE_BYTES);
    assert!(LINE_BYTES == 66);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_may_be_too_small_is_refused_before_anything_is_done() {
        let mut buffer: [c_char; 4] = [7; 4];
        let (buffer, null) = (buffer.as_mut_ptr(), std::ptr::null_mut());
        let status = |buffer, len: *mut usize| {
            // SAFETY: `len` is NULL or a place.
            unsafe { room(buffer, len, 4) }.map(|len| len.is_some()).map_err(|error| error.status)
        };
        assert_eq!(status(null, std::ptr::null_mut()), Ok(false));
        for (buffer, given, expected, after) in [
            (buffer, 4, Ok(true), 4),
            (buffer, 3, Err(Status::TooSmall), 4),
            (null, 0, Err(Status::TooSmall), 4),
            (null, 4, Err(Status::Invalid), 4),
        ] {
            let mut len = given;
            assert_eq!((status(buffer, &mut len), len), (expected, after), "{given}");
        }
        assert_eq!(status(buffer, std::ptr::null_mut()), Err(Status::Invalid));
    }

    #[test]
    fn a_rule_is_shown_as_it_is_typed() {
        let rule = |names| crate::client::rule("client/a*", "read,acquire", names).unwrap();
        let shown = rule(Some("jobs of a/")).to_string();
        assert_eq!(shown, "client/a* acquire,read jobs of a/");
        assert_eq!(words("client/a*", "acquire,read", Some("jobs of a/")), shown);
        let of_cluster = crate::client::rule("*", "admin", None).unwrap();
        assert_eq!(of_cluster.to_string(), words("*", "admin", None));
        let error = no_rule("client/a read x", "* read *");
        assert_eq!(error.status, Status::NotFound);
        assert!(error.message.ends_with("another rule still allows some of it: * read *"));
    }
}
