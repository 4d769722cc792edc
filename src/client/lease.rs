//! A lease: a grant as its holder sees it.

use super::api::Handle;
use super::calls::wait_for_done;
use super::core::{EndReason, Wait};
use super::data::{Asked, LeaseState};
use super::driver::{SharedLease, Taken};
use super::sentences::of_lease;
use crate::base::Token;
use crate::base::time::nanos;
use crate::sys::Descriptor;
use crate::{Error, Status};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

/// A grant, as long as it may be believed in. Thread-safe. A drop releases it in the background.
pub struct Lease {
    pub(super) handle: Arc<Handle>,
    pub(super) state: Arc<SharedLease>,
}

impl Lease {
    pub(super) fn new(handle: Arc<Handle>, state: Arc<SharedLease>) -> Self {
        Self { handle, state }
    }

    /// The name of the lock, of several the first.
    #[must_use]
    pub fn name(&self) -> &str {
        self.state.name.as_str()
    }

    /// The fencing token: send it with every read and every write, and let the resource refuse smaller ones than it has
    /// seen.
    ///
    /// ```sql
    /// UPDATE account SET fence = :token WHERE id = :id AND fence <= :token RETURNING balance;
    /// UPDATE account SET balance = :balance, fence = :token WHERE id = :id AND fence <= :token;
    /// ```
    ///
    /// The first statement is the read, and fences off earlier holders: after a plain `SELECT` a
    /// late write of theirs would be accepted, and then overwritten by the second statement. No
    /// row: refused.
    #[must_use]
    pub fn token(&self) -> Token {
        self.state.token
    }

    /// How long the lease may still be believed in; zero is for good. Local and lock-free: two
    /// atomic loads around a reading of the clocks.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        if self.handle.shared.is_forked() { Duration::ZERO } else { self.state.remaining() }
    }

    /// As [`Lease::remaining`], in nanoseconds.
    #[must_use]
    pub fn remaining_ns(&self) -> u64 {
        nanos(self.remaining())
    }

    /// Held, asked to end, or ended and why. After a call that tells an order to end, `fd` is not
    /// readable for it any more.
    #[must_use]
    pub fn state(&self) -> LeaseState {
        if self.handle.shared.is_forked() {
            return LeaseState::Ended(EndReason::Forked);
        }
        self.handle.shared.tell(&self.state);
        self.look()
    }

    /// As `state`, for internal use: the order stays unseen.
    fn look(&self) -> LeaseState {
        if !self.state.remaining().is_zero() {
            return if self.state.is_asked() { LeaseState::Asked } else { LeaseState::Held };
        }
        if self.state.ended().is_none() {
            // A reader saw the end first: the core knows the reason, unless it has failed.
            let _ = self.handle.shared.with(|_, _| ());
        }
        LeaseState::Ended(self.state.ended().unwrap_or(EndReason::Expired))
    }

    /// The order to end, if there was one: how long the holder may go on, and why. Of several
    /// orders the one that leaves the least time. It stays readable after the end. `None` in a
    /// forked child. Counts as seen, as after `state`.
    #[must_use]
    pub fn asked(&self) -> Option<Asked> {
        if self.handle.shared.is_forked() {
            return None;
        }
        self.handle.shared.tell(&self.state);
        self.state.order()
    }

    /// Readable no later than `remaining` reaches zero, and from then on for good; also from an
    /// order to end until `state` or `asked` is called. `None` when the process has no descriptor
    /// left.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        self.descriptor().ok().map(|descriptor| descriptor.as_raw_fd())
    }

    /// The same descriptor as [`fd`](Self::fd), kept open as long as the returned value.
    ///
    /// # Errors
    /// LIMIT: the process has no descriptor left; CLOSED, FORKED.
    pub fn descriptor(&self) -> Result<Descriptor, Error> {
        self.handle.shared.described(|shared| shared.timer_fd(&self.state))
    }

    /// Releases the lease: belief ends at once; then waits at most `wait` for the server's answer.
    /// With a wait of zero (`Wait::Try`) it returns at once and the release goes on in the
    /// background. Later reads and acquires of this client come after the release.
    ///
    /// # Errors
    /// LOST if the lease had ended, by an earlier release too: the text says by what; UNKNOWN: not
    /// answered in time, going on in the background.
    pub fn release(&self, wait: Wait) -> Result<(), Error> {
        let lease = self.state.id;
        if wait == Wait::Try {
            let said = self.handle.shared.call_unattended(|core, now| core.release(now, lease))?;
            // Where it fails at once it had ended: by what, it says by now.
            return match said {
                Taken::Failed(error) => Err(of_lease(&self.state, self.state.ended(), error)),
                _ => Ok(()),
            };
        }
        let before = self.ended();
        let (call, promise) =
            self.handle.shared.call_corked(|core, now| core.release(now, lease))?;
        let done = wait_for_done(&self.handle, call, &promise, wait)?;
        let done = done.unwrap_or_else(|| {
            let text = "the release is not answered yet; it goes on in the background";
            Err(Error::new(Status::Unknown, text))
        });
        done.map_err(|error| of_lease(&self.state, before, error))
    }

    /// Why the lease has ended, if it has.
    pub(super) fn ended(&self) -> Option<EndReason> {
        match self.look() {
            LeaseState::Ended(reason) => Some(reason),
            LeaseState::Held | LeaseState::Asked => None,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.handle.shared.is_forked() || self.state.ended().is_some() {
            return;
        }
        // A failed client has no lease to release.
        let _ = self.handle.shared.with_corked(|inner, now| inner.core.release(now, self.state.id));
    }
}
