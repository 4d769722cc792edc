//! Acquires: what one asks for, and one that is under way.

use super::api::{Client, Handle};
use super::calls::{bug, checked_name, until};
use super::core::{AcquireCall, CallId, Wait};
use super::data::{AcquireOptions, Kind};
use super::driver::{CallResult, Promise, Taken};
use super::lease::Lease;
use super::sentences::{Subject, of_late_campaign};
use crate::base::locks::{Mode, Name, distinct};
use crate::sys::Descriptor;
use crate::{Error, Status};
use std::num::NonZeroU64;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

impl Client {
    /// Acquires `name`: [`Client::acquire_start`], then [`Pending::take`].
    ///
    /// # Errors
    /// TIMEOUT, HELD (a try), DEADLOCK (who waits for whom is in its text), UNAVAILABLE, INVALID, CLOSED,
    /// SESSION_EXPIRED, …
    pub fn acquire(&self, name: &str, wait: Wait, options: AcquireOptions) -> Result<Lease, Error> {
        self.acquire_start(name, wait, options)?.take(Wait::Forever)
    }

    /// Begins to acquire `name` and returns at once.
    ///
    /// # Errors
    /// INVALID, CLOSED, FORKED.
    pub fn acquire_start(
        &self,
        name: &str,
        wait: Wait,
        options: AcquireOptions,
    ) -> Result<Pending, Error> {
        self.start((checked_name(name)?, Vec::new()), wait, options, Purpose::Acquire)
    }

    /// Acquires all of `names` in one step, under one lease and token: all or nothing, queued as one, so that
    /// whoever asks for some of them in another order is no danger.
    ///
    /// # Errors
    /// As for `acquire`; INVALID also for no names, more than 32, or one that is there twice.
    pub fn acquire_all(
        &self,
        names: &[&str],
        wait: Wait,
        options: AcquireOptions,
    ) -> Result<Lease, Error> {
        self.acquire_all_start(names, wait, options)?.take(Wait::Forever)
    }

    /// Begins to acquire all of `names` and returns at once.
    ///
    /// # Errors
    /// As for `acquire_all` and `acquire_start`.
    pub fn acquire_all_start(
        &self,
        names: &[&str],
        wait: Wait,
        options: AcquireOptions,
    ) -> Result<Pending, Error> {
        self.start(checked_names(names)?, wait, options, Purpose::Acquire)
    }

    /// Of a name and the others to lock with it.
    pub(super) fn start(
        &self,
        (name, also): (Name, Vec<Name>),
        wait: Wait,
        options: AcquireOptions,
        purpose: Purpose,
    ) -> Result<Pending, Error> {
        let AcquireOptions { value, owner, kind, lock_delay } = options;
        let (mode, limit, permits) = shares(kind)?;
        let owner = owner.map_or(0, NonZeroU64::get);
        let delay_ms = u32::try_from(lock_delay.as_millis()).unwrap_or(u32::MAX);
        let subject = Subject::new(name.clone(), also.clone(), wait);
        let wish = AcquireCall { name, also, wait, value, owner, mode, limit, permits, delay_ms };
        let (call, promise) =
            self.handle.shared.call_corked(|core, now| core.acquire(now, wish))?;
        Ok(Pending { handle: Arc::clone(&self.handle), call, promise, purpose, subject })
    }
}

/// What an acquire is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A lock. Whoever takes it asks the lease how long it may be believed in.
    Acquire,
    /// An election. Whoever takes it begins to lead: so it must be held at that instant.
    Campaign,
}

/// An acquire that is under way. Dropped before it is taken it is withdrawn, or released.
pub struct Pending {
    pub(super) handle: Arc<Handle>,
    call: CallId,
    pub(super) promise: Arc<Promise>,
    purpose: Purpose,
    pub(super) subject: Subject,
}

impl Pending {
    /// Readable once decided; `None` when the process has no file descriptor left.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        self.descriptor().ok().map(|descriptor| descriptor.as_raw_fd())
    }

    /// The same descriptor as [`fd`](Self::fd), kept open by what is returned.
    ///
    /// # Errors
    /// LIMIT: the process has no descriptor left; CLOSED, FORKED.
    pub fn descriptor(&self) -> Result<Descriptor, Error> {
        self.handle.shared.described(|shared| shared.event_fd(&self.promise))
    }

    /// The lease, or why there is none; waits at most `wait` for the decision (AGAIN after it).
    ///
    /// # Errors
    /// AGAIN while undecided; else as for `acquire`. Once: INVALID afterwards.
    pub fn take(&self, wait: Wait) -> Result<Lease, Error> {
        if self.handle.shared.is_forked() {
            return Err(Status::Forked.into());
        }
        if wait != Wait::Try {
            self.handle.shared.wait_for(&self.promise, until(wait))?;
        }
        match self.promise.take() {
            Taken::Decided(CallResult::Lease(state)) => {
                self.still_held(Lease::new(Arc::clone(&self.handle), state))
            }
            Taken::Failed(error) => Err(self.subject.not_granted(error)),
            Taken::Undecided => Err(Status::Again.into()),
            Taken::Nothing => {
                let text = format!("the decision on {} was taken before", self.subject.names());
                Err(Error::new(Status::Invalid, text))
            }
            other => Err(bug(&other)),
        }
    }

    /// A campaign that is taken late, by a thread that was stopped, may have been lost meanwhile.
    fn still_held(&self, lease: Lease) -> Result<Lease, Error> {
        let ended = if self.purpose == Purpose::Campaign { lease.ended() } else { None };
        match ended {
            Some(reason) => Err(of_late_campaign(&lease.state, reason)),
            None => Ok(lease),
        }
    }

    /// Withdraws it, from any thread; `take` gives CANCELLED.
    pub fn cancel(&self) {
        // In a forked child there is nothing to withdraw.
        let _ = self.handle.shared.with(|inner, now| inner.core.cancel(now, self.call));
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.promise.is_taken() || self.handle.shared.is_forked() {
            return;
        }
        // After a failure there is nothing to withdraw.
        let _ = self.handle.shared.with_corked(|inner, now| match self.promise.take() {
            Taken::Undecided => {
                inner.forget(self.call);
                inner.core.cancel(now, self.call);
            }
            Taken::Decided(CallResult::Lease(state)) => {
                inner.core.release(now, state.id);
            }
            _ => {}
        });
    }
}

/// How frames say it: mode, limit (0: no semaphore) and permits.
fn shares(kind: Kind) -> Result<(Mode, u32, u32), Error> {
    match kind {
        Kind::Exclusive => Ok((Mode::Exclusive, 0, 1)),
        Kind::Shared => Ok((Mode::Shared, 0, 1)),
        Kind::Semaphore { limit: 0, .. } => {
            let text = "a semaphore has at least one permit, not 0: give it a limit";
            Err(Error::new(Status::Invalid, text))
        }
        Kind::Semaphore { limit, permits } => Ok((Mode::Exclusive, limit, permits)),
    }
}

fn checked_names(names: &[&str]) -> Result<(Name, Vec<Name>), Error> {
    let invalid = |why: String| Error::new(Status::Invalid, why);
    let names: Vec<Name> = names.iter().map(|name| checked_name(name)).collect::<Result<_, _>>()?;
    distinct(names.iter()).map_err(|why| invalid(why.to_string()))?;
    let mut names = names.into_iter();
    let first = names.next().ok_or_else(|| invalid("no names".to_owned()))?;
    Ok((first, names.collect()))
}
