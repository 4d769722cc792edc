//! The mark of a fork: handles made before it are dead in the child (safety L20), which lets go of their descriptors.

use super::inherited;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);
static INSTALL: Once = Once::new();

/// The number of forks between the first process that called this and the present one. Remember it in a
/// handle, and compare at each use: reading it costs one load.
#[must_use]
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Makes forks count from now on. Idempotent; call before the first handle is made.
pub fn watch() {
    extern "C" fn before() {
        inherited::before_fork();
    }
    extern "C" fn in_parent() {
        inherited::in_parent();
    }
    extern "C" fn in_child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
        inherited::in_child();
    }
    INSTALL.call_once(|| {
        // SAFETY: the handlers change atomics and make system calls, all of them async-signal-safe.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    });
}
