//! One lease as all threads see it: its token, whether it has ended, and its loss timer.

use super::asked::Asked;
use super::published::Published;
use crate::base::Token;
use crate::client::core::{Deadline, EndReason, LeaseId};
use crate::client::data;
use crate::lock::Name;
use crate::sys::timer::{Before, TimerFd};
use parking_lot::Mutex;
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
    asked: Asked,
    /// What its holder was told with that.
    order: Mutex<Option<Box<data::Asked>>>,
    timer: OnceLock<TimerFd>,
}

impl LeaseState {
    pub(super) fn new(id: LeaseId, name: Name, token: Token, published: Arc<Published>) -> Self {
        let (ended, asked, timer) = (AtomicI32::new(0), Asked::new(), OnceLock::new());
        let order = Mutex::new(None);
        Self { id, name, token, published, ended, asked, order, timer }
    }

    /// How long it may still be believed in: as long as the session, and until its deadline (L23). The lease is
    /// read, the clocks, the lease again (L6).
    pub(crate) fn remaining(&self) -> Duration {
        if self.ended().is_some() {
            return Duration::ZERO;
        }
        let mut remaining = self.published.remaining();
        if remaining.is_zero() {
            // The timer may just now be moved: whatever is readable no later than this must be.
            self.fire();
        } else if let Some(left) = self.asked.remaining() {
            remaining = remaining.min(left);
            if left.is_zero() {
                // For good (L24), whatever the next reading of the clocks gives. The core ends it by itself.
                self.end(EndReason::Broken);
            }
        }
        if self.ended().is_some() { Duration::ZERO } else { remaining }
    }

    /// Whether its holder was asked to end.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.is_asked()
    }

    /// What its holder was asked, if it was.
    pub(crate) fn order(&self) -> Option<data::Asked> {
        self.order.lock().as_deref().cloned()
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

    /// Its holder is asked to end, and its file descriptor is readable from now on. `Idle`: the timer had fired for
    /// the session before, and that end stands (L24).
    pub(super) fn ask(&self, deadline: &Deadline, reason: &str) -> Before {
        let fire_once = !self.is_asked();
        let (grace, reason) = (deadline.length, reason.to_owned());
        *self.order.lock() = Some(Box::new(data::Asked { grace, reason }));
        // First of all, so that whoever is woken finds it asked.
        self.asked.ask(deadline);
        if fire_once { self.fire() } else { Before::Pending }
    }

    /// Its file descriptor, made and armed at the first call, under the client's mutex, so that no
    /// extension comes between. `None`: the process has none left.
    pub(super) fn timer_fd(&self) -> Option<RawFd> {
        if let Some(timer) = self.timer.get() {
            return Some(timer.as_raw_fd());
        }
        let timer = TimerFd::new().ok()?;
        timer.arm(if self.is_over_or_asked() { IN_THE_PAST } else { self.published.fires_at() });
        let timer = self.timer.get_or_init(|| timer);
        // A reader that saw zero before the timer was there could not fire it.
        if self.is_over_or_asked() {
            self.fire();
        }
        Some(timer.as_raw_fd())
    }

    /// Moves the timer to a later instant. `Idle`: it had fired, and that end stands (L24). The timer of a lease that
    /// was asked to end has fired for that, and stays as it is.
    pub(super) fn extend(&self, fires_at: u64) -> Before {
        let timer = self.timer.get().filter(|_| !self.is_asked());
        timer.map_or(Before::Pending, |timer| timer.arm(fires_at))
    }

    fn is_over_or_asked(&self) -> bool {
        self.ended().is_some() || self.published.is_lapsed() || self.is_asked()
    }

    fn fire(&self) -> Before {
        self.timer.get().map_or(Before::Pending, |timer| timer.arm(IN_THE_PAST))
    }
}

/// A reading of BOOTTIME long ago.
const IN_THE_PAST: u64 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SessionId;
    use crate::client::core::Belief;
    use crate::net::{Key, Poller};
    use crate::sys::clock;
    use crate::sys::poll::{self, Interest, Ready};

    const HOUR: Duration = Duration::from_secs(3600);

    /// A lease whose session is believed in for an hour, with a loss timer for then.
    fn lease(poller: &Poller) -> LeaseState {
        let fires_at = clock::boot_nanos() + 3_600_000_000_000;
        let (session, start) = (SessionId(1), clock::sample());
        let belief = Belief { session, start, length: HOUR, fires_at };
        let published = Published::new(&belief, poller.wake(Key(0)).unwrap());
        let name = "a".try_into().unwrap();
        LeaseState::new(LeaseId(1), name, Token(1), Arc::new(published))
    }

    fn within(length: Duration) -> Deadline {
        Deadline { start: clock::sample(), length }
    }

    fn is_readable(fd: RawFd) -> bool {
        let mut set = [(fd, Interest::Read, Ready::default())];
        poll::wait(&mut set, Some(Duration::ZERO)).unwrap();
        set[0].2.readable
    }

    #[test]
    fn an_asked_lease_ends_at_its_deadline_for_good() {
        let poller = Poller::new(1).unwrap();
        let lease = lease(&poller);
        lease.ask(&within(HOUR / 2), "maintenance");
        let remaining = lease.remaining();
        assert!(!remaining.is_zero() && remaining <= HOUR / 2);
        assert_eq!(lease.order().unwrap().reason, "maintenance");
        assert_eq!(lease.ended(), None);
        lease.ask(&within(Duration::ZERO), "");
        assert_eq!(lease.remaining(), Duration::ZERO);
        assert_eq!(lease.ended(), Some(EndReason::Broken));
        lease.ask(&within(HOUR), "");
        lease.end(EndReason::Expired);
        assert_eq!(lease.remaining(), Duration::ZERO);
        assert_eq!(lease.ended(), Some(EndReason::Broken), "the first reason stands");
        assert!(!lease.published.is_lapsed(), "the session goes on");
    }

    #[test]
    fn the_descriptor_of_an_asked_lease_stays_readable_and_is_no_lapse() {
        let poller = Poller::new(1).unwrap();
        let lease = lease(&poller);
        let fd = lease.timer_fd().unwrap();
        assert!(!is_readable(fd));
        assert_eq!(lease.ask(&within(HOUR), ""), Before::Pending);
        assert!(is_readable(fd));
        assert_eq!(lease.extend(clock::boot_nanos() + 7_200_000_000_000), Before::Pending);
        assert_eq!(lease.ask(&within(HOUR / 2), ""), Before::Pending);
        assert!(is_readable(fd));
    }

    #[test]
    fn a_descriptor_that_is_made_when_the_lease_is_asked_is_readable_at_once() {
        let poller = Poller::new(1).unwrap();
        let lease = lease(&poller);
        lease.ask(&within(HOUR), "");
        assert!(is_readable(lease.timer_fd().unwrap()));
    }

    #[test]
    fn a_timer_that_had_fired_before_the_lease_is_asked_is_a_lapse() {
        let poller = Poller::new(1).unwrap();
        let lease = lease(&poller);
        let fd = lease.timer_fd().unwrap();
        assert_eq!(lease.extend(IN_THE_PAST), Before::Pending);
        assert!(is_readable(fd));
        assert_eq!(lease.ask(&within(HOUR), ""), Before::Idle);
    }
}
