//! Memory that was let go of and that the allocator keeps.

/// Gives unused memory back to the system, where the allocator is one that can be asked: some milliseconds for a heap of many
/// megabytes.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes and gives no pointer; the allocator's own locks guard what it does.
    unsafe {
        libc::malloc_trim(KEPT_BYTES);
    }
}

/// What the allocator keeps at the end of its heap for what comes next.
#[cfg(target_env = "gnu")]
const KEPT_BYTES: usize = 4 << 20;
