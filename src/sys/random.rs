//! Random bytes from the kernel: for identities, keys and seeds.

/// 16 bytes from getrandom(2).
///
/// # Panics
/// If the kernel gives none, which it does not once it has booted.
#[must_use]
pub fn bytes16() -> [u8; 16] {
    let mut bytes = [0u8; 16];
    // SAFETY: `bytes` is 16 writable bytes. Requests of up to 256 bytes are never cut short.
    let count = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    assert_eq!(count, 16, "the kernel gives no random bytes");
    bytes
}

/// A seed.
#[must_use]
pub fn seed() -> u64 {
    let bytes = bytes16();
    u64::from_le_bytes(bytes[..8].try_into().expect("8 of 16 bytes"))
}
