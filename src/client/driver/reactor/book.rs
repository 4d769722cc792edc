//! The members of a reactor, and when each is due: one timer of the kernel for all.
//!
//! The timer is on BOOTTIME: epoll's timeout does not count suspend, and would be late by that.

use super::bell::Ring;
use super::{Member, Shared};
use crate::sys::timer::TimerFd;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

/// The book. Instants are readings of BOOTTIME; `u64::MAX`: never.
pub(super) struct Book {
    places: Vec<Place>,
    free: Vec<Member>,
    rings: Vec<Arc<Ring>>,
    due: BTreeSet<(u64, Member)>,
    timer: TimerFd,
    armed_for: u64,
}

/// A place of a member, or a free one.
struct Place {
    client: Option<Arc<Shared>>,
    due: u64,
}

impl Book {
    /// # Errors
    /// The process has no file descriptor left.
    pub(super) fn new() -> io::Result<Self> {
        let (places, free, rings, due) = (Vec::new(), Vec::new(), Vec::new(), BTreeSet::new());
        Ok(Self { places, free, rings, due, timer: TimerFd::new()?, armed_for: u64::MAX })
    }

    pub(super) fn timer_fd(&self) -> RawFd {
        self.timer.as_raw_fd()
    }

    /// Reserves a place for a new member, with the ring of its bell.
    pub(super) fn reserve(&mut self) -> (Member, Arc<Ring>) {
        let member = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { client: None, due: u64::MAX });
            Member(self.places.len() - 1)
        });
        let ring = member.0 / Ring::LEN;
        if ring == self.rings.len() {
            self.rings.push(Arc::default());
        }
        (member, Arc::clone(&self.rings[ring]))
    }

    pub(super) fn put(&mut self, member: Member, client: Arc<Shared>) {
        self.places[member.0].client = Some(client);
    }

    pub(super) fn client(&self, member: Member) -> Option<Arc<Shared>> {
        self.places.get(member.0)?.client.clone()
    }

    pub(super) fn members(&self) -> Vec<Arc<Shared>> {
        self.places.iter().filter_map(|place| place.client.clone()).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.places.len()
    }

    /// Removes a member; gives its client.
    pub(super) fn remove(&mut self, member: Member) -> Option<Arc<Shared>> {
        self.set_due(member, u64::MAX);
        let client = self.places[member.0].client.take()?;
        self.free.push(member);
        Some(client)
    }

    /// When `member` is to be served.
    pub(super) fn set_due(&mut self, member: Member, due: u64) {
        let place = &mut self.places[member.0];
        if place.due == due {
            return;
        }
        self.due.remove(&(place.due, member));
        place.due = due;
        if due != u64::MAX {
            self.due.insert((due, member));
        }
        if due < self.armed_for {
            self.arm(due);
        }
    }

    /// Takes the next member that is due at `now`.
    pub(super) fn take_due(&mut self, now: u64) -> Option<Member> {
        let (at, member) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(at, member));
        self.places[member.0].due = u64::MAX;
        Some(member)
    }

    /// Before the thread sleeps: arms the timer for the next due member.
    pub(super) fn arm_for_next(&mut self) {
        let next = self.due.first().map_or(u64::MAX, |(at, _)| *at);
        if next != self.armed_for {
            self.arm(next);
        }
    }

    /// After the timer has fired: it must be armed again for members that are due, or become due,
    /// at that instant.
    pub(super) fn handle_alarm(&mut self) {
        self.armed_for = u64::MAX;
    }

    fn arm(&mut self, at: u64) {
        self.timer.arm(at);
        self.armed_for = at;
    }

    /// The members whose bells rang.
    pub(super) fn hear(&self) -> Vec<Member> {
        let heard = |(at, ring): (usize, &Arc<Ring>)| {
            ring.hear().map(move |number| Member(at * Ring::LEN + number))
        };
        self.rings.iter().enumerate().flat_map(heard).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Key, Poller};
    use crate::sys::clock;
    use crate::sys::poll::{self, Interest, Ready};
    use std::time::Duration;

    const HOUR: u64 = 3_600_000_000_000;

    fn rings(book: &Book, timeout: Option<Duration>) -> bool {
        let mut set = [(book.timer_fd(), Interest::Read, Ready::default())];
        poll::wait(&mut set, timeout).unwrap();
        set[0].2.readable
    }

    #[test]
    fn the_timer_fires_at_the_earliest_instant_that_anybody_is_due() {
        let mut book = Book::new().unwrap();
        let (one, two) = (book.reserve().0, book.reserve().0);
        let now = clock::boot_nanos();
        book.set_due(one, now + HOUR);
        book.set_due(two, now + 1);
        book.set_due(one, now + 2 * HOUR);
        assert!(rings(&book, None));
        assert_eq!(book.take_due(clock::boot_nanos()), Some(two));
        assert_eq!(book.take_due(clock::boot_nanos()), None);
        book.arm_for_next();
        assert!(!rings(&book, Some(Duration::ZERO)));
        assert_eq!(book.take_due(now + 3 * HOUR), Some(one));
    }

    #[test]
    fn whoever_is_due_again_behind_an_alarm_that_fired_is_armed_for() {
        let mut book = Book::new().unwrap();
        let (one, _) = book.reserve();
        book.set_due(one, 1);
        assert_eq!(book.take_due(2), Some(one));
        book.set_due(one, clock::boot_nanos() + 1_000_000);
        book.arm_for_next();
        assert!(rings(&book, None));
    }

    #[test]
    fn whoever_is_due_again_at_the_instant_of_an_alarm_that_fired_is_armed_for_too() {
        let (mut book, mut poller) = (Book::new().unwrap(), Poller::new(1).unwrap());
        poller.add_timer(book.timer_fd(), Key(1)).unwrap();
        let (one, _) = book.reserve();
        for _ in 0..3 {
            book.set_due(one, 1);
            book.arm_for_next();
            poller.wait(None).unwrap();
            book.handle_alarm();
            assert_eq!(book.take_due(2), Some(one));
        }
    }

    #[test]
    fn a_place_that_is_free_is_the_next_ones_with_nothing_due() {
        let mut book = Book::new().unwrap();
        let members: Vec<Member> = (0..130).map(|_| book.reserve().0).collect();
        assert_eq!(book.rings.len(), 3);
        book.set_due(members[7], 1);
        book.free.push(members[7]);
        book.set_due(members[7], u64::MAX);
        assert_eq!(book.reserve().0, members[7]);
        assert_eq!(book.take_due(u64::MAX), None);
    }
}
