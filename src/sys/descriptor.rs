//! A descriptor that others poll, kept open as long as somebody may.

use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

/// An open file descriptor to poll: for `poll`, mio, or tokio's `AsyncFd`. Clones share it, and it is closed with the last of them and of
/// what it is about, so an event loop never polls a number that is another's by now. It is only polled: bytes are neither read nor written.
#[derive(Clone)]
pub struct Descriptor(Arc<dyn AsFd + Send + Sync>);

impl Descriptor {
    /// What is said where none can be made.
    pub(crate) const NONE_LEFT: &str = "this process has no file descriptor left to be told by: close some, or raise its limit (RLIMIT_NOFILE)";

    pub(crate) fn of(shared: Arc<impl AsFd + Send + Sync + 'static>) -> Self {
        Self(shared)
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Descriptor").field(&self.as_raw_fd()).finish()
    }
}
