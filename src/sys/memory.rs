//! Memory that was freed and that the allocator keeps.

/// Gives unused memory back to the system, where the allocator is one that can be asked: some milliseconds for a heap of many
/// megabytes.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no pointer goes in or out; the allocator takes its own locks.
    unsafe {
        libc::malloc_trim(KEPT_BYTES);
    }
}

/// Bytes that the allocator keeps at the end of its heap for later.
#[cfg(target_env = "gnu")]
const KEPT_BYTES: usize = 4 << 20;
