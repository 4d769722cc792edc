//! Text and bytes from C, and text to C.

use crate::base::limits::{
    CLIENT_NAME_BYTES_MAX, NAME_BYTES_MAX, NAMES_PER_ACQUIRE_MAX, VALUE_BYTES_MAX,
};
use crate::{Error, Status};
use std::ffi::{CStr, CString, c_char, c_void};

/// A kind of string: its name in messages, and its largest length in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    what: &'static str,
    bytes_max: usize,
}

pub(super) const NAME: Text = Text { what: "name", bytes_max: NAME_BYTES_MAX };
pub(super) const CLIENT_NAME: Text = Text { what: "client name", bytes_max: CLIENT_NAME_BYTES_MAX };
pub(super) const ENDPOINTS: Text = Text { what: "list of endpoints", bytes_max: 16 << 10 };
pub(super) const CLUSTER_ID: Text = Text { what: "cluster id", bytes_max: 1 << 10 };
pub(super) const CLUSTER: Text = Text { what: "cluster", bytes_max: 16 << 10 };
pub(super) const JOIN: Text = Text { what: "list of nodes to join", bytes_max: 16 << 10 };
pub(super) const ADDRESS: Text = Text { what: "listen address", bytes_max: 1 << 10 };
pub(super) const ADMIN: Text = Text { what: "admin address", bytes_max: 1 << 10 };
pub(super) const REASON: Text = Text { what: "reason", bytes_max: 255 };
pub(super) const WHAT: Text = Text { what: "kind of description", bytes_max: 64 };
pub(super) const MEMBER_ADDRESS: Text = Text { what: "address", bytes_max: 1 << 10 };
pub(super) const PRINCIPAL: Text = Text { what: "principal", bytes_max: 1 << 10 };
pub(super) const RIGHTS: Text = Text { what: "list of rights", bytes_max: 1 << 10 };
pub(super) const RIGHT: Text = Text { what: "right", bytes_max: 1 << 10 };
pub(super) const NAMES: Text = Text { what: "pattern of names", bytes_max: 1 << 10 };
pub(super) const SNAPSHOT: Text = Text { what: "path", bytes_max: 4 << 10 };
pub(super) const ANCESTORS: Text = Text { what: "list of ancestors", bytes_max: 16 << 10 };
pub(super) const CA: Text = Text { what: "ca", bytes_max: 4 << 10 };
pub(super) const CERT: Text = Text { what: "cert", bytes_max: 4 << 10 };
pub(super) const CREDENTIAL_FILE: Text = Text { what: "credential_file", bytes_max: 4 << 10 };
pub(super) const KEY: Text = Text { what: "key", bytes_max: 4 << 10 };
pub(super) const CLIENT_CA: Text = Text { what: "client_ca", bytes_max: 4 << 10 };
pub(super) const CRL: Text = Text { what: "crl", bytes_max: 4 << 10 };
pub(super) const AUDIT: Text = Text { what: "audit", bytes_max: 4 << 10 };
pub(super) const DIRECTORY: Text = Text { what: "directory", bytes_max: 4 << 10 };
pub(super) const CA_DIRECTORY: Text = Text { what: "ca_dir", bytes_max: 4 << 10 };
pub(super) const SUBJECT: Text = Text { what: "identity", bytes_max: 1 << 10 };
pub(super) const HOSTS: Text = Text { what: "list of hosts", bytes_max: 16 << 10 };
pub(super) const PATH: Text = Text { what: "data_dir", bytes_max: 4 << 10 };

/// The string at `pointer`.
///
/// # Safety
/// `pointer` is NULL, or points to a string that ends with NUL and does not change during `'a`.
pub(super) unsafe fn text<'a>(pointer: *const c_char, text: Text) -> Result<&'a str, Error> {
    // SAFETY: the caller's promise.
    unsafe { optional_text(pointer, text) }?
        .ok_or_else(|| Error::new(Status::Invalid, format!("the {} is NULL", text.what)))
}

/// The string at `pointer`, or `None` for NULL.
///
/// # Safety
/// As for [`text`].
pub(super) unsafe fn optional_text<'a>(
    pointer: *const c_char,
    text: Text,
) -> Result<Option<&'a str>, Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    let Text { what, bytes_max } = text;
    // SAFETY: the string ends with NUL, or is at least as long as what is looked at.
    let len = unsafe { libc::strnlen(pointer, bytes_max + 1) };
    if len > bytes_max {
        let message = format!("the {what} is longer than {bytes_max} bytes");
        return Err(Error::new(Status::Invalid, message));
    }
    // SAFETY: `len` bytes before the NUL are readable, and unchanged during 'a.
    let bytes = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), len) };
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Error::new(Status::Invalid, format!("the {what} is not UTF-8")))?;
    Ok(Some(text))
}

/// The names in the array of `count` strings at `pointer`.
///
/// # Safety
/// `pointer` is NULL, or points to `count` pointers of which each is as for [`text`].
pub(super) unsafe fn texts<'a>(
    pointer: *const *const c_char,
    count: usize,
) -> Result<Vec<&'a str>, Error> {
    if count > NAMES_PER_ACQUIRE_MAX {
        let message = format!("{count} names: at most {NAMES_PER_ACQUIRE_MAX} in one step");
        return Err(Error::new(Status::Invalid, message));
    }
    if pointer.is_null() || !pointer.is_aligned() {
        return Err(Error::new(Status::Invalid, "the array of names is NULL or not aligned"));
    }
    // SAFETY: aligned, and the caller promises `count` pointers.
    let pointers = unsafe { std::slice::from_raw_parts(pointer, count) };
    // SAFETY: the caller's promise of each of them.
    pointers.iter().map(|pointer| unsafe { text(*pointer, NAME) }).collect()
}

/// A copy of the `len` bytes at `pointer`; NULL is allowed for none.
///
/// # Safety
/// `pointer` is NULL, or points to `len` readable bytes.
pub(super) unsafe fn value(pointer: *const c_void, len: usize) -> Result<Vec<u8>, Error> {
    if len > VALUE_BYTES_MAX {
        let message = format!("a value has at most {VALUE_BYTES_MAX} bytes; this one has {len}");
        return Err(Error::new(Status::Invalid, message));
    }
    if len == 0 {
        return Ok(Vec::new());
    }
    if pointer.is_null() {
        return Err(Error::new(Status::Invalid, "the value is NULL and its length is not 0"));
    }
    // SAFETY: not NULL, and `len` bytes are readable by the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), len) }.to_vec())
}

/// A copy of `text` for C; a NUL in it, which no C program can have put there, shows as "?".
pub(super) fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "?")).expect("the NULs were replaced")
}

/// The place for a result.
///
/// # Safety
/// `out` is NULL, or points to a `T` that nobody else uses during `'a`.
pub(super) unsafe fn out<'a, T>(out: *mut T, what: &str) -> Result<&'a mut T, Error> {
    if out.is_null() || !out.is_aligned() {
        return Err(Error::new(Status::Invalid, format!("{what} is NULL or not aligned")));
    }
    // SAFETY: not NULL, aligned, and the caller's promise.
    Ok(unsafe { &mut *out })
}

/// The place for a result that the caller may not want: `None` for NULL.
///
/// # Safety
/// As for [`out`].
pub(super) unsafe fn optional_out<'a, T>(
    out: *mut T,
    what: &str,
) -> Result<Option<&'a mut T>, Error> {
    // SAFETY: the caller's promise.
    (!out.is_null()).then(|| unsafe { self::out(out, what) }).transpose()
}

/// Copies `text` with its NUL to the `*len` bytes at `buffer`; `*len` says in any case how many it takes.
///
/// # Safety
/// `buffer` has `*len` writable bytes.
pub(super) unsafe fn give(text: &CStr, buffer: *mut c_char, len: &mut usize) -> Result<(), Error> {
    let bytes = text.to_bytes_with_nul();
    let room = std::mem::replace(len, bytes.len());
    if room < bytes.len() {
        let text = format!("the text takes {} bytes, the buffer has {room}", bytes.len());
        return Err(Error::new(Status::TooSmall, text));
    }
    // SAFETY: the caller's promise, and the text is our own.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), buffer, bytes.len()) };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status<T>(result: Result<T, Error>) -> Option<Status> {
        result.err().map(|error| error.status)
    }

    #[test]
    fn text_ends_at_its_nul_and_is_utf8_within_its_bound() {
        let long = CString::new(vec![b'a'; NAME_BYTES_MAX + 1]).unwrap();
        // SAFETY: all of them end with NUL and live through the test.
        unsafe {
            assert_eq!(text(c"jobs/ä".as_ptr(), NAME), Ok("jobs/ä"));
            assert_eq!(text(long.as_ptr().add(1), NAME).map(str::len), Ok(NAME_BYTES_MAX));
            assert_eq!(status(text(long.as_ptr(), NAME)), Some(Status::Invalid));
            assert_eq!(status(text(c"\xff".as_ptr(), NAME)), Some(Status::Invalid));
            assert_eq!(status(text(std::ptr::null(), NAME)), Some(Status::Invalid));
            assert_eq!(optional_text(std::ptr::null(), NAME), Ok(None));
        }
    }

    #[test]
    fn a_value_is_copied_only_if_its_length_can_be_true() {
        let bytes = [1u8, 2, 3];
        let null = std::ptr::null();
        // SAFETY: lengths beyond the bound are refused before anything is read.
        unsafe {
            assert_eq!(value(bytes.as_ptr().cast(), 3), Ok(vec![1, 2, 3]));
            assert_eq!(value(null, 0), Ok(vec![]));
            assert_eq!(status(value(null, 1)), Some(Status::Invalid));
            let longest = bytes.as_ptr().cast();
            assert_eq!(status(value(longest, VALUE_BYTES_MAX + 1)), Some(Status::Invalid));
            assert_eq!(status(value(longest, usize::MAX)), Some(Status::Invalid));
        }
    }

    #[test]
    fn an_unaligned_place_is_refused() {
        let mut places = [0u64; 2];
        let odd = places.as_mut_ptr().cast::<u8>().wrapping_add(1).cast::<u64>();
        // SAFETY: nothing is written through a pointer that is not aligned.
        unsafe {
            assert_eq!(status(out(odd, "out")), Some(Status::Invalid));
            assert!(out(places.as_mut_ptr(), "out").is_ok());
        }
    }
}
