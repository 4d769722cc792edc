//! One lease as all threads see it: its token, whether it has ended, and its loss timer.

use super::published::Published;
use crate::base::Token;
use crate::client::core::{EndReason, LeaseId};
use crate::lock::Name;
use crate::sys::timer::{Before, TimerFd};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct LeaseState {
    pub(crate) id: LeaseId,
    pub(crate) name: Name,
    pub(crate) token: Token,
    pub(super) published: Arc<Published>,
    /// 0, then the number of the reason for good.
    ended: AtomicI32,
    timer: OnceLock<TimerFd>,
}

impl LeaseState {
    pub(super) fn new(id: LeaseId, name: Name, token: Token, published: Arc<Published>) -> Self {
        let (ended, timer) = (AtomicI32::new(0), OnceLock::new());
        Self { id, name, token, published, ended, timer }
    }

    /// How long it may still be believed in: the lease is read, the clocks, the lease again (L6).
    pub(crate) fn remaining(&self) -> Duration {
        if self.ended().is_some() {
            return Duration::ZERO;
        }
        let remaining = self.published.remaining();
        if remaining.is_zero() {
            // The timer may just now be moved: whatever is readable no later than this must be.
            self.fire();
        }
        if self.ended().is_some() { Duration::ZERO } else { remaining }
    }

    /// Why it ended, as far as somebody said so.
    pub(crate) fn ended(&self) -> Option<EndReason> {
        match self.ended.load(Ordering::SeqCst) {
            0 => None,
            reason if reason == EndReason::Released as i32 => Some(EndReason::Released),
            reason if reason == EndReason::SessionClosed as i32 => Some(EndReason::SessionClosed),
            reason if reason == EndReason::Broken as i32 => Some(EndReason::Broken),
            reason if reason == EndReason::Transferred as i32 => Some(EndReason::Transferred),
            reason if reason == EndReason::Stalled as i32 => Some(EndReason::Stalled),
            _ => Some(EndReason::Expired),
        }
    }

    /// Ends it for good; the first reason stands.
    pub(super) fn end(&self, reason: EndReason) {
        let first =
            self.ended.compare_exchange(0, reason as i32, Ordering::SeqCst, Ordering::SeqCst);
        if first.is_ok() {
            self.fire();
        }
    }

    /// Its file descriptor, made and armed at the first call, under the client's mutex, so that no
    /// extension comes between. `None`: the process has none left.
    pub(super) fn timer_fd(&self) -> Option<RawFd> {
        if let Some(timer) = self.timer.get() {
            return Some(timer.as_raw_fd());
        }
        let timer = TimerFd::new().ok()?;
        let at = if self.ended().is_some() || self.published.is_lapsed() {
            IN_THE_PAST
        } else {
            self.published.fires_at()
        };
        timer.arm(at);
        let timer = self.timer.get_or_init(|| timer);
        // A reader that saw zero before the timer was there could not fire it.
        if self.ended().is_some() || self.published.is_lapsed() {
            self.fire();
        }
        Some(timer.as_raw_fd())
    }

    /// Moves the timer to a later instant. `Idle`: it had fired, and that end stands (L24).
    pub(super) fn extend(&self, fires_at: u64) -> Before {
        self.timer.get().map_or(Before::Pending, |timer| timer.arm(fires_at))
    }

    fn fire(&self) {
        if let Some(timer) = self.timer.get() {
            timer.arm(IN_THE_PAST);
        }
    }
}

/// A reading of BOOTTIME long ago.
const IN_THE_PAST: u64 = 1;
