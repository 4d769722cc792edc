//! What is done when the process ends by `exit`, or by a return from `main`.

/// Lets the C library call `last` then, or when it unloads us; not when a signal or `_exit` ends the process. It must not
/// unwind.
pub fn at_exit(last: extern "C" fn()) {
    // SAFETY: the function is static, takes nothing, and an `extern "C" fn` of Rust aborts rather than unwinds.
    // Where there is no room for it, it is not called.
    unsafe { libc::atexit(last) };
}
