//! A lease: what a grant is to its holder.

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

/// A grant, as long as it may be believed in. Thread-safe. Dropped it is released in the background.
pub struct Lease {
    pub(super) handle: Arc<Handle>,
    pub(super) state: Arc<SharedLease>,
}

impl Lease {
    pub(super) fn new(handle: Arc<Handle>, state: Arc<SharedLease>) -> Self {
        Self { handle, state }
    }

    /// What is held.
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
    /// The first is the read, and fences off earlier holders: a late write between a plain `SELECT` and the second would
    /// be accepted, and undone by it. No row: refused.
    #[must_use]
    pub fn token(&self) -> Token {
        self.state.token
    }

    /// How long it may still be believed in; zero means never again. Local and lock-free: two atomic
    /// loads around a reading of the clocks.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        if self.handle.shared.is_forked() { Duration::ZERO } else { self.state.remaining() }
    }

    /// As [`Lease::remaining`], in nanoseconds.
    #[must_use]
    pub fn remaining_ns(&self) -> u64 {
        nanos(self.remaining())
    }

    /// Held, asked to end, or ended and why. That it was asked is told with this: until then `fd` is readable for it.
    #[must_use]
    pub fn state(&self) -> LeaseState {
        if self.handle.shared.is_forked() {
            return LeaseState::Ended(EndReason::Forked);
        }
        self.handle.shared.tell(&self.state);
        self.look()
    }

    /// As `state`, for ourselves: the program was not told.
    fn look(&self) -> LeaseState {
        if !self.state.remaining().is_zero() {
            return if self.state.is_asked() { LeaseState::Asked } else { LeaseState::Held };
        }
        if self.state.ended().is_none() {
            // A reader saw it first: the core knows why. After a failure nobody does.
            let _ = self.handle.shared.with(|_, _| ());
        }
        LeaseState::Ended(self.state.ended().unwrap_or(EndReason::Expired))
    }

    /// What its holder was asked, if it was asked to end: how long it may go on, and why. Of several orders the one that
    /// leaves it the least time. It stays readable after the end. `None` in a forked child. Tells it as `state` does.
    #[must_use]
    pub fn asked(&self) -> Option<Asked> {
        if self.handle.shared.is_forked() {
            return None;
        }
        self.handle.shared.tell(&self.state);
        self.state.order()
    }

    /// Readable no later than `remaining` reaches zero, and from then on for good; and from when it is asked to end until
    /// the program was told: until `state` or `asked` is called. `None` when the process has no descriptor left.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        self.descriptor().ok().map(|descriptor| descriptor.as_raw_fd())
    }

    /// The same descriptor as [`fd`](Self::fd), kept open by what is returned.
    ///
    /// # Errors
    /// LIMIT: the process has no descriptor left; CLOSED, FORKED.
    pub fn descriptor(&self) -> Result<Descriptor, Error> {
        self.handle.shared.described(|shared| shared.timer_fd(&self.state))
    }

    /// Releases it: belief ends at once, then waits at most `wait` for the server's word. With a wait of
    /// zero (`Wait::Try`) it returns at once and the release goes on in the background. What this client reads and
    /// acquires later comes behind it.
    ///
    /// # Errors
    /// LOST if it had ended, by an earlier release too: the text says by what; UNKNOWN: not answered in time, going on in
    /// the background.
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

    /// Why it has ended, if it has.
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
        // After a failure there is nothing to release.
        let _ = self.handle.shared.with_corked(|inner, now| inner.core.release(now, self.state.id));
    }
}
