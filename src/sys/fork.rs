//! The mark of a fork: handles made before it are dead in the child (safety L20), which gives up their descriptors.

use super::inherited;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

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

/// One value for all threads of a process, made at its first use. A forked child makes its own: the parent's may be locked
/// by a thread that the child does not have. Never freed.
#[derive(Debug)]
pub struct OfProcess<T: 'static>(AtomicPtr<Made<T>>);

#[derive(Debug)]
struct Made<T> {
    generation: u32,
    value: T,
}

impl<T> OfProcess<T> {
    /// Not made yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }
}

impl<T: Default + Send + Sync> OfProcess<T> {
    /// That of the process as it is since the last fork.
    pub fn value(&'static self) -> &'static T {
        watch();
        let generation = generation();
        let present = self.0.load(Ordering::Acquire);
        // SAFETY: the pointer's target is never freed.
        if let Some(made) = unsafe { present.as_ref() }
            && made.generation == generation
        {
            return &made.value;
        }
        let new = Box::into_raw(Box::new(Made { generation, value: T::default() }));
        let exchanged = self.0.compare_exchange(present, new, Ordering::AcqRel, Ordering::Acquire);
        let made = exchanged.map_or_else(
            |other| {
                // SAFETY: `new` came from a box, and nobody else was given it.
                drop(unsafe { Box::from_raw(new) });
                other
            },
            |_| new,
        );
        // SAFETY: it is not null, and never freed.
        &unsafe { &*made }.value
    }
}

impl<T> Default for OfProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}
