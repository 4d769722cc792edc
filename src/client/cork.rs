//! A cork: many calls of one thread leave together.

use super::api::{Client, Handle};
use crate::sys::thread;
use crate::{Error, Status};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// While it lives, what this thread acquires and releases with its client leaves together: in fewer packets and system calls, at a
/// fraction of the processor time of both sides. Everything leaves at the latest when it is dropped, also by a panic.
///
/// ```no_run
/// # use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};
/// # let client = Client::open("127.0.0.1:7401", ClientOptions::default())?;
/// let corked = client.cork();
/// let pending: Vec<_> = ["a", "b", "c"]
///     .into_iter()
///     .map(|name| client.acquire_start(name, Wait::Forever, AcquireOptions::default()))
///     .collect::<Result<_, _>>()?;
/// drop(corked);
/// for pending in pending {
///     pending.take(Wait::Forever)?.release(Wait::Try)?;
/// }
/// # Ok::<(), tenure::Error>(())
/// ```
///
/// The calls leave earlier as soon as 64 of them have come together, 5 ms have passed, this thread or another waits for
/// anything of this client (every call that waits does, [`Pending::take`](super::Pending::take) among them), another thread calls, or the
/// client has something else to send: a renewal never waits. A file descriptor that the program polls itself is no such wait: drop the
/// cork, or [`flush`](Self::flush), before. A release ends the lease at once, corked or not.
///
/// The end of a process by a return from `main` or by `exit` sends the calls that are left. A kill or an abort drops them, as if
/// the process had been killed before these calls.
#[must_use = "dropped at once it corks nothing"]
pub struct Cork {
    handle: Arc<Handle>,
    thread: u64,
    /// It is of the thread that made it.
    _stays: PhantomData<*const ()>,
}

impl Client {
    /// Lets what this thread acquires and releases from now on leave together, until the [`Cork`] is dropped. Corks may be
    /// nested: the outermost counts. The calls of other threads, and their waits, are held up by none.
    pub fn cork(&self) -> Cork {
        // In a forked child, and after a failure, nothing leaves anyway.
        let _ = self.handle.shared.cork();
        Cork { handle: Arc::clone(&self.handle), thread: thread::number(), _stays: PhantomData }
    }
}

// For bindings, whose guards are their own.
#[cfg_attr(not(feature = "capi"), expect(dead_code))]
impl Client {
    pub(crate) fn cork_thread(&self) -> Result<(), Error> {
        self.handle.shared.cork()
    }

    pub(crate) fn uncork_thread(&self) -> Result<(), Error> {
        if self.handle.shared.uncork(thread::number())? {
            return Ok(());
        }
        let text = "this thread has not corked the client: the thread that corks it uncorks it, once for each time";
        Err(Error::new(Status::Invalid, text))
    }

    pub(crate) fn flush(&self) -> Result<(), Error> {
        self.handle.shared.flush_corked()
    }
}

impl Cork {
    /// Sends now what has come together, and goes on.
    ///
    /// # Errors
    /// FORKED; INTERNAL: a bug in Tenure ended the client.
    pub fn flush(&self) -> Result<(), Error> {
        self.handle.shared.flush_corked()
    }
}

impl Drop for Cork {
    fn drop(&mut self) {
        let _ = self.handle.shared.uncork(self.thread);
    }
}

impl fmt::Debug for Cork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cork").field("thread", &self.thread).finish_non_exhaustive()
    }
}
