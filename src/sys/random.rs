//! Random bytes from the kernel: for identities, keys and seeds.

/// 16 bytes from getrandom(2).
///
/// # Panics
/// If the kernel gives none, which it does not once it has booted.
#[must_use]
pub fn bytes16() -> [u8; 16] {
    bytes()
}

/// 32 bytes from getrandom(2).
///
/// # Panics
/// As for [`bytes16`].
#[must_use]
pub fn bytes32() -> [u8; 32] {
    bytes()
}

fn bytes<const N: usize>() -> [u8; N] {
    const { assert!(N <= 256, "longer requests may be cut short") };
    let mut bytes = [0u8; N];
    // SAFETY: `bytes` is `N` writable bytes.
    let count = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), N, 0) };
    assert_eq!(usize::try_from(count), Ok(N), "the kernel gives no random bytes");
    bytes
}

/// A random seed.
#[must_use]
pub fn seed() -> u64 {
    let bytes = bytes16();
    u64::from_le_bytes(bytes[..8].try_into().expect("8 of 16 bytes"))
}
