//! pthread_cancel kept out: a thread that is cancelled inside a call would be unwound through frames that cannot be.

use std::ffi::c_int;
use std::marker::PhantomData;

unsafe extern "C" {
    /// pthread_setcancelstate(3), which the libc crate does not have.
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}

/// While it lives, this thread is not cancelled: a cancellation is acted on at its next cancellation point after that.
#[derive(Debug)]
pub struct Uncancelled {
    before: c_int,
    /// The state is this thread's.
    of_thread: PhantomData<*const ()>,
}

impl Uncancelled {
    /// Begins it; they may be nested.
    #[must_use]
    pub fn begin() -> Self {
        let mut before = DISABLE;
        // SAFETY: `before` is writable and lives through the call.
        unsafe { pthread_setcancelstate(DISABLE, &raw mut before) };
        Self { before, of_thread: PhantomData }
    }
}

impl Drop for Uncancelled {
    fn drop(&mut self) {
        let mut ours = DISABLE;
        // SAFETY: `ours` is writable and lives through the call; the state is one that the system gave. With the
        // cancellation type "deferred" nothing is acted on here.
        unsafe { pthread_setcancelstate(self.before, &raw mut ours) };
    }
}

/// PTHREAD_CANCEL_DISABLE, of glibc and musl alike.
const DISABLE: c_int = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> c_int {
        let mut now = DISABLE;
        let mut ours = DISABLE;
        // SAFETY: both are writable; the state before is put back at once.
        unsafe {
            pthread_setcancelstate(DISABLE, &raw mut now);
            pthread_setcancelstate(now, &raw mut ours);
        }
        now
    }

    #[test]
    fn the_state_of_before_comes_back() {
        let before = state();
        let outer = Uncancelled::begin();
        {
            let _inner = Uncancelled::begin();
            assert_eq!(state(), DISABLE);
        }
        assert_eq!(state(), DISABLE);
        drop(outer);
        assert_eq!(state(), before);
    }
}
