//! How many file descriptors this process may have.

/// The soft limit of open files (RLIMIT_NOFILE).
#[must_use]
pub fn limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit for the kernel to write to, and lives through the call.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    assert_eq!(result, 0, "the limit of open files cannot be read");
    limit.rlim_cur
}
