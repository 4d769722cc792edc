//! A lease as all threads see it: its token, its end, and its loss timer.

use super::published::Published;
use super::shared_deadline::SharedDeadline;
use crate::base::Token;
use crate::base::locks::Name;
use crate::client::core::{Deadline, EndReason, LeaseId};
use crate::client::data;
use crate::sys::timer::{Before, TimerFd};
use crate::sys::{Descriptor, clock};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct SharedLease {
    pub(crate) id: LeaseId,
    pub(crate) name: Name,
    pub(crate) token: Token,
    pub(super) published: Arc<Published>,
    /// 0, then for good the number of the reason.
    ended: AtomicI32,
    asked: SharedDeadline,
    /// The order to end, as the holder reads it.
    order: Mutex<Option<Box<data::Asked>>>,
    timer: OnceLock<Arc<TimerFd>>,
}

impl SharedLease {
    pub(super) fn new(id: LeaseId, name: Name, token: Token, published: Arc<Published>) -> Self {
        let (ended, asked, timer) = (AtomicI32::new(0), SharedDeadline::new(), OnceLock::new());
        let order = Mutex::new(None);
        Self { id, name, token, published, ended, asked, order, timer }
    }

    /// How long the lease may still be believed in: as long as the session, and until its deadline
    /// (L23). The lease is read before the clocks and after them (L6).
    pub(crate) fn remaining(&self) -> Duration {
        if self.ended().is_some() {
            return Duration::ZERO;
        }
        let mut remaining = self.published.remaining();
        if remaining.is_zero() {
            // The timer may be moved at this moment: the descriptor must be readable no later than
            // zero is seen.
            self.fire();
        } else if let Some(left) = self.asked.remaining() {
            remaining = remaining.min(left);
            if left.is_zero() {
                // For good (L24), whatever the next reading of the clocks gives. The core ends the
                // lease by itself.
                self.end(EndReason::Broken);
            }
        }
        if self.ended().is_some() { Duration::ZERO } else { remaining }
    }

    /// Whether the holder was asked to end.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.is_asked()
    }

    /// Whether the holder was asked to end and has not seen that: the descriptor is readable for
    /// that.
    pub(crate) fn is_unread(&self) -> bool {
        self.asked.is_unread()
    }

    /// The holder has seen the order: the descriptor is readable again at the end. Gives when to
    /// arm the timer again. Under the client's mutex, as all moves of the timer to a later instant.
    pub(super) fn read(&self) -> Option<u64> {
        if !self.is_unread() {
            return None;
        }
        self.asked.read();
        self.arm(self.timer.get()?)
    }

    /// The order to end, if there was one.
    pub(crate) fn order(&self) -> Option<data::Asked> {
        self.order.lock().as_deref().cloned()
    }

    /// Why the lease ended, if an end was noted.
    pub(crate) fn ended(&self) -> Option<EndReason> {
        EndReason::numbered(self.ended.load(Ordering::SeqCst))
    }

    /// Ends the lease for good; the first reason counts.
    pub(super) fn end(&self, reason: EndReason) {
        let first =
            self.ended.compare_exchange(0, reason as i32, Ordering::SeqCst, Ordering::SeqCst);
        if first.is_ok() {
            self.fire();
        }
    }

    /// Asks the holder to end; the descriptor is readable until the holder has seen that. `Idle`:
    /// the timer had fired for the session before, and that end is final (L24).
    pub(super) fn ask(&self, deadline: &Deadline, reason: &str) -> Before {
        let fired_for_that = self.is_unread();
        let armed_for = self.asked.fires_at();
        let (grace, reason) = (deadline.length, reason.to_owned());
        *self.order.lock() = Some(Box::new(data::Asked { grace, reason }));
        // First, so that a woken thread finds the order.
        self.asked.ask(deadline);
        if fired_for_that { Before::Pending } else { self.judge(self.fire(), armed_for) }
    }

    /// The descriptor, made and armed at the first call, under the client's mutex, so that no
    /// extension comes between; and when to arm it again. `None`: the process has no descriptor
    /// left.
    pub(super) fn timer_fd(&self) -> Option<(Descriptor, Option<u64>)> {
        if let Some(timer) = self.timer.get() {
            return Some((Descriptor::of(Arc::clone(timer)), None));
        }
        let timer = Arc::new(TimerFd::new().ok()?);
        let timer = self.timer.get_or_init(|| timer);
        Some((Descriptor::of(Arc::clone(timer)), self.arm(timer)))
    }

    /// Moves the timer to a later instant, the session's or the deadline's. `Idle`: it had fired
    /// for the session, and that end is final (L24). A timer that has fired for an order to end
    /// stays as it is.
    pub(super) fn extend(&self, fires_at: u64) -> Before {
        let Some(timer) = self.timer.get().filter(|_| !self.is_unread()) else {
            return Before::Pending;
        };
        let armed_for = self.asked.fires_at();
        self.judge(timer.arm(fires_at.min(armed_for)), armed_for)
    }

    /// Moves the timer of a lease that was asked to end nearer to its deadline. Gives when to do so
    /// again.
    pub(super) fn approach(&self) -> Option<u64> {
        let timer = self.timer.get().filter(|_| !self.is_over() && !self.is_unread())?;
        let (armed_for, armed) = (self.asked.fires_at(), self.asked.armed()?);
        let before = timer.arm(self.published.fires_at().min(armed.fires_at));
        // The timer first: that it had fired must be seen before readers see the new instant.
        if self.judge(before, armed_for) == Before::Idle {
            self.published.lapse();
            self.fire();
        }
        if self.is_over() {
            return None;
        }
        self.asked.publish(armed.fires_at);
        armed.again_at
    }

    /// Arms the timer for the next end or order. Gives when to arm it again.
    fn arm(&self, timer: &TimerFd) -> Option<u64> {
        let armed = self.asked.armed();
        if self.is_over() || self.is_unread() {
            timer.arm(IN_THE_PAST);
            return None;
        }
        match armed {
            Some(armed) => {
                timer.arm(self.published.fires_at().min(armed.fires_at));
                self.asked.publish(armed.fires_at);
            }
            None => {
                timer.arm(self.published.fires_at());
            }
        }
        // A reader that saw zero meanwhile may have fired the timer before it was armed.
        if self.is_over() {
            self.fire();
        }
        armed.and_then(|armed| armed.again_at)
    }

    /// Judges a timer that was just moved: whether it had fired for the session. `armed_for`: it
    /// was also armed for the deadline of an order, whose passing is the lease's own end.
    fn judge(&self, before: Before, armed_for: u64) -> Before {
        if self.ended().is_some() {
            // A reader saw the end, and fired the timer, perhaps before the move.
            self.fire();
            return Before::Pending;
        }
        if before == Before::Idle && armed_for <= clock::boot_nanos() {
            self.end(EndReason::Broken);
            return Before::Pending;
        }
        before
    }

    fn is_over(&self) -> bool {
        self.ended().is_some() || self.published.is_lapsed()
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
    use crate::client::driver::reactor::Bell;
    use crate::net::{Key, Poller};
    use crate::sys::clock;
    use crate::sys::poll::{self, Interest, Ready};
    use std::os::fd::{AsRawFd, RawFd};

    const HOUR: Duration = Duration::from_secs(3600);

    /// A lease whose session is believed in for an hour, with a loss timer for then.
    fn lease(poller: &Poller) -> SharedLease {
        let fires_at = clock::boot_nanos() + 3_600_000_000_000;
        let (session, start) = (SessionId(1), clock::sample());
        let belief = Belief { session, start, length: HOUR, fires_at };
        let published = Published::new(&belief, Bell::alone(poller.wake(Key(0)).unwrap()));
        let name = "a".try_into().unwrap();
        SharedLease::new(LeaseId(1), name, Token(1), Arc::new(published))
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

    fn fd_of(lease: &SharedLease) -> RawFd {
        lease.timer_fd().unwrap().0.as_raw_fd()
    }

    #[test]
    fn the_descriptor_of_an_asked_lease_is_readable_until_that_is_read_and_is_no_lapse() {
        let poller = Poller::new(1).unwrap();
        let lease = lease(&poller);
        let fd = fd_of(&lease);
        assert!(!is_readable(fd));
        assert_eq!(lease.ask(&within(HOUR), ""), Before::Pending);
        assert!(is_readable(fd));
        assert_eq!(lease.extend(clock::boot_nanos() + 7_200_000_000_000), Before::Pending);
        assert!(is_readable(fd), "a renewal does not make it told");
        assert!(lease.read().is_some());
        assert!(!is_readable(fd));
        assert_eq!(lease.extend(clock::boot_nanos() + 7_200_000_000_000), Before::Pending);
        assert!(!is_readable(fd) && lease.read().is_none());
        assert_eq!(lease.ask(&within(HOUR / 2), "sooner"), Before::Pending);
        assert!(is_readable(fd), "a sooner end is news");
        lease.read();
        lease.end(EndReason::Released);
        assert!(is_readable(fd));
        assert_eq!(lease.extend(clock::boot_nanos() + 7_200_000_000_000), Before::Pending);
        assert!(lease.approach().is_none());
        lease.ask(&within(HOUR / 4), "late");
        lease.read();
        assert!(is_readable(fd), "for good");
    }

    #[test]
    fn the_end_of_a_lease_that_was_told_is_armed_in_the_kernel_and_is_no_lapse_of_the_session() {
        let poller = Poller::new(1).unwrap();
        let lease = lease(&poller);
        let fd = fd_of(&lease);
        lease.ask(&within(Duration::from_millis(50)), "");
        lease.read();
        // No thread looks at the lease: only the kernel's timer.
        let mut set = [(fd, Interest::Read, Ready::default())];
        poll::wait(&mut set, None).unwrap();
        assert_eq!(lease.extend(clock::boot_nanos() + 3_600_000_000_000), Before::Pending);
        assert_eq!(lease.ended(), Some(EndReason::Broken), "what has fired has ended");
        assert_eq!(lease.remaining(), Duration::ZERO);
        assert!(is_readable(fd));
        assert!(!lease.published.is_lapsed(), "the session goes on");
    }

    #[test]
    fn the_timer_of_a_deadline_is_armed_anew_before_it_fires() {
        let poller = Poller::new(1).unwrap();
        let lease = lease(&poller);
        fd_of(&lease);
        lease.ask(&within(HOUR / 2), "");
        let first = lease.read().unwrap();
        let before = lease.remaining();
        assert!(before <= HOUR / 2 * 7 / 8);
        let second = lease.approach().unwrap();
        assert!(second >= first);
        let other = Poller::new(1).unwrap();
        let lapsed = self::lease(&other);
        fd_of(&lapsed);
        lapsed.ask(&within(HOUR / 2), "");
        lapsed.read();
        lapsed.timer.get().unwrap().arm(IN_THE_PAST);
        is_readable(fd_of(&lapsed));
        assert!(lapsed.approach().is_none());
        assert!(lapsed.published.is_lapsed(), "the timer had fired for the session");
    }

    #[test]
    fn a_descriptor_that_is_made_when_the_lease_is_asked_is_readable_until_that_is_read() {
        let poller = Poller::new(1).unwrap();
        let lease = lease(&poller);
        lease.ask(&within(HOUR), "");
        assert!(is_readable(fd_of(&lease)));
        lease.read();
        assert!(!is_readable(fd_of(&lease)));
        let other = Poller::new(1).unwrap();
        let told = self::lease(&other);
        told.ask(&within(HOUR), "");
        assert!(told.read().is_none(), "there is no timer yet");
        let (fd, again_at) = told.timer_fd().unwrap();
        assert!(!is_readable(fd.as_raw_fd()) && again_at.is_some());
    }

    #[test]
    fn a_timer_that_had_fired_before_the_lease_is_asked_is_a_lapse() {
        let poller = Poller::new(1).unwrap();
        let lease = lease(&poller);
        let fd = fd_of(&lease);
        assert_eq!(lease.extend(IN_THE_PAST), Before::Pending);
        assert!(is_readable(fd));
        assert_eq!(lease.ask(&within(HOUR), ""), Before::Idle);
    }
}
