//! Structs that begin with their own size, so that old programs work with new libraries and the
//! other way round.
//!
//! By the rule of openat2(2): an older caller passes a prefix, and the rest is 0, the default of
//! every field. A newer caller is accepted as long as the fields that we do not know are 0.

use crate::{Error, Status};
use std::mem::MaybeUninit;

/// A struct of the header that begins with `struct_size`.
///
/// # Safety
/// The type is `repr(C)`, has no padding, begins with a `u32` of its size, and is valid for any bytes.
pub(super) unsafe trait Sized32: Copy {
    /// The size in the first version that had the struct: no lawful caller passes less.
    const FIRST_SIZE: usize;
}

/// The options at `pointer`; all zero for NULL.
///
/// # Safety
/// `pointer` is NULL, or points to as many readable bytes as its `struct_size` says.
pub(super) unsafe fn read<T: Sized32>(pointer: *const T) -> Result<T, Error> {
    let mut value = MaybeUninit::<T>::zeroed();
    if !pointer.is_null() {
        // SAFETY: the caller's promise.
        let given = unsafe { given_size(pointer) }?;
        let known = given.min(size_of::<T>());
        // SAFETY: `known` bytes are readable there and fit here.
        unsafe {
            std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), value.as_mut_ptr().cast(), known);
        }
    }
    // SAFETY: zeroed, partly overwritten, and valid for any bytes.
    Ok(unsafe { value.assume_init() })
}

/// Checks that `pointer` has room for a result: to be called before any step that cannot be undone.
///
/// # Safety
/// As for [`read`].
pub(super) unsafe fn check_room<T: Sized32>(pointer: *const T) -> Result<(), Error> {
    if pointer.is_null() {
        return Err(Error::new(Status::Invalid, "the struct for the result is NULL"));
    }
    // SAFETY: the caller's promise.
    unsafe { given_size(pointer) }.map(drop)
}

/// Writes `value` to the struct at `pointer`, as far as the caller's version of it goes; its
/// `struct_size` stays.
///
/// # Safety
/// `check_room` accepted `pointer`, which is writable as far as its `struct_size` says.
pub(super) unsafe fn write<T: Sized32>(pointer: *mut T, value: &T) -> Result<(), Error> {
    // SAFETY: the caller's promise.
    let given = unsafe { given_size(pointer) }?;
    let known = given.min(size_of::<T>()) - size_of::<u32>();
    let from = std::ptr::from_ref(value).cast::<u8>();
    // SAFETY: `known` bytes behind the first field are readable here and writable there.
    unsafe {
        std::ptr::copy_nonoverlapping(
            from.add(size_of::<u32>()),
            pointer.cast::<u8>().add(size_of::<u32>()),
            known,
        );
    }
    Ok(())
}

/// The size of the caller's struct, if it is one that we can serve.
///
/// # Safety
/// As for [`read`], and not NULL.
unsafe fn given_size<T: Sized32>(pointer: *const T) -> Result<usize, Error> {
    if !pointer.is_aligned() {
        return Err(Error::new(Status::Invalid, "the pointer to the struct is not aligned"));
    }
    // SAFETY: aligned, not NULL, and every such struct begins with its size.
    let given = unsafe { *pointer.cast::<u32>() } as usize;
    // No compiler makes a size that ends within a field.
    if !(T::FIRST_SIZE..=SIZE_MAX).contains(&given) || !given.is_multiple_of(align_of::<T>()) {
        let message = format!("struct_size is {given}: begin with the TENURE_…_INIT macro");
        return Err(Error::new(Status::Invalid, message));
    }
    let known = given.min(size_of::<T>());
    // SAFETY: the struct has `given` bytes.
    let tail =
        unsafe { std::slice::from_raw_parts(pointer.cast::<u8>().add(known), given - known) };
    if tail.iter().any(|byte| *byte != 0) {
        let message = "the struct has fields that this version of Tenure does not know";
        return Err(Error::new(Status::Unsupported, message));
    }
    Ok(given)
}

/// Larger than the struct of any version: a greater size is garbage.
const SIZE_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// The second version of a struct that began with 8 bytes.
    #[repr(C, align(8))]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Grown {
        struct_size: u32,
        first: u32,
        second: u64,
    }

    // SAFETY: repr(C), 4 + 4 + 8 bytes, numbers only.
    unsafe impl Sized32 for Grown {
        const FIRST_SIZE: usize = 8;
    }

    fn read_words(words: &[u64]) -> Result<Grown, Error> {
        // SAFETY: the tests give as many words as the first of them says.
        unsafe { read(words.as_ptr().cast::<Grown>()) }
    }

    fn head(struct_size: u32, first: u32) -> u64 {
        u64::from_ne_bytes(
            [struct_size.to_ne_bytes(), first.to_ne_bytes()].concat().try_into().unwrap(),
        )
    }

    #[test]
    fn an_older_caller_gives_a_prefix_and_gets_one() {
        let mut words = [head(8, 5), 77];
        let read = read_words(&words).unwrap();
        assert_eq!(read, Grown { struct_size: 8, first: 5, second: 0 });
        // SAFETY: two words are writable, more than the first of them says.
        unsafe { write(words.as_mut_ptr().cast(), &Grown { first: 6, second: 9, ..read }) }
            .unwrap();
        assert_eq!(words, [head(8, 6), 77]);
    }

    #[test]
    fn a_newer_caller_is_accepted_while_its_tail_is_zero() {
        assert_eq!(read_words(&[head(24, 1), 2, 0]).unwrap().second, 2);
        let error = read_words(&[head(24, 1), 2, 1 << 63]).unwrap_err();
        assert_eq!(error.status, Status::Unsupported);
    }

    #[test]
    fn sizes_that_no_caller_can_mean_are_invalid() {
        for struct_size in [0, 4, 7, 9, 15, 4097, u32::MAX] {
            let error = read_words(&[head(struct_size, 0), 0]).unwrap_err();
            assert_eq!(error.status, Status::Invalid, "{struct_size}");
        }
    }

    #[test]
    fn no_options_are_all_defaults_and_no_result_is_invalid() {
        let null = std::ptr::null::<Grown>();
        // SAFETY: NULL is allowed.
        unsafe {
            assert_eq!(read(null), Ok(Grown { struct_size: 0, first: 0, second: 0 }));
            assert_eq!(check_room(null).unwrap_err().status, Status::Invalid);
        }
    }
}
