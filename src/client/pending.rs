//! Acquires: what one asks for, and one that is under way.

use super::api::{Client, Handle};
use super::calls::{bug, checked_name, until};
use super::core::{AcquireCall, CallId, Wait};
use super::data::AcquireOptions;
use super::driver::{CallResult, Promise, Taken};
use super::lease::Lease;
use super::sentences::{Subject, of_late_campaign};
use crate::base::limits::NAMES_PER_ACQUIRE_MAX;
use crate::base::locks::Name;
use crate::{Error, Status};
use std::collections::BTreeSet;
use std::os::fd::RawFd;
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
        self.start((checked_name(name)?, Vec::new()), wait, options, Kind::Acquire)
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
        self.start(checked_names(names)?, wait, options, Kind::Acquire)
    }

    /// Of a name and the others to lock with it.
    pub(super) fn start(
        &self,
        (name, also): (Name, Vec<Name>),
        wait: Wait,
        options: AcquireOptions,
        kind: Kind,
    ) -> Result<Pending, Error> {
        let AcquireOptions { value, owner, mode, limit, permits, lock_delay } = options;
        let delay_ms = u32::try_from(lock_delay.as_millis()).unwrap_or(u32::MAX);
        let permits = permits.max(1);
        let names = std::iter::once(&name).chain(&also).cloned().collect();
        let subject = Subject::new(names, wait);
        let wish = AcquireCall { name, also, wait, value, owner, mode, limit, permits, delay_ms };
        let (call, promise) = self.handle.shared.call(|core, now| core.acquire(now, wish))?;
        Ok(Pending { handle: Arc::clone(&self.handle), call, promise, kind, subject })
    }
}

/// What an acquire is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
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
    kind: Kind,
    pub(super) subject: Subject,
}

impl Pending {
    /// Readable once decided; `None` when the process has no file descriptor left.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        self.handle.shared.event_fd(&self.promise)
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
        let ended = if self.kind == Kind::Campaign { lease.ended() } else { None };
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
        let _ = self.handle.shared.with(|inner, now| match self.promise.take() {
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

fn checked_names(names: &[&str]) -> Result<(Name, Vec<Name>), Error> {
    let invalid = |text| Err(Error::new(Status::Invalid, text));
    if names.len() > NAMES_PER_ACQUIRE_MAX {
        let text = format!("{} names; at most {NAMES_PER_ACQUIRE_MAX} in one step", names.len());
        return invalid(text);
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(**name)) {
        return invalid(format!("{twice:?} is there twice"));
    }
    let mut names = names.iter().map(|name| checked_name(name));
    match names.next() {
        Some(first) => Ok((first?, names.collect::<Result<_, _>>()?)),
        None => invalid("no names".to_owned()),
    }
}
