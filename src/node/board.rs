//! The board: the loop posts leadership and its own end, and programs read them and wait for
//! changes.

use crate::base::error::{Error, Status};
use crate::base::{Sample, Term, Token};
use crate::node::leadership::{Claim, Leadership, Published, Slots};
use crate::raft::LeaderLease;
use crate::sys::Descriptor;
use crate::sys::clock;
use crate::sys::watch::WatchFd;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Shared by the loop, which posts, and the handles, which read and wait.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// A program has asked for leadership.
    asked: AtomicBool,
    /// Turns of the loop.
    turns: AtomicU64,
    slots: Slots,
    /// The members' addresses for clients.
    endpoints: Mutex<String>,
    watchers: Mutex<Watchers>,
    changed: Condvar,
}

/// The posted state, and what `next` has given out of it.
#[derive(Debug, Default)]
struct Watchers {
    posted: Published,
    /// How many claims were gained: a claim that lapsed and was gained again is a change, though it
    /// looks the same.
    claims_gained: u64,
    given: Option<Given>,
    ended: Option<End>,
    watch: Option<Arc<WatchFd>>,
    /// A thread is in `next`.
    is_read: bool,
}

/// The state that `next` gave out last: any difference from it is a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Given {
    leadership: Leadership,
    claims_gained: u64,
}

/// The end of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The program stopped the node.
    Stopped,
    /// The node could not go on (W2).
    Failed(Error),
}

impl Board {
    /// Notes that a program asks. True the first time: until then the loop posts no claims.
    pub(super) fn note_asked(&self) -> bool {
        !self.asked.load(Ordering::Relaxed) && !self.asked.swap(true, Ordering::SeqCst)
    }

    /// Whether a program has asked.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Counts a turn of the loop.
    pub(super) fn count_turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of turns begun.
    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Posts the present term, leader and claim (under `token`). Cheap when nothing changed.
    pub(super) fn post(
        &self,
        token: Token,
        term: Term,
        leader: Option<crate::base::NodeId>,
        lease: Option<LeaderLease>,
        now: &Sample,
    ) {
        let claim = lease.and_then(|lease| Claim::new(&lease, now));
        let next = Published { token, term, leader, claim };
        let mut watchers = self.watchers.lock();
        let last = watchers.posted;
        if (last.term, last.leader) == (term, leader) && is_covered(&last, &next, now) {
            return;
        }
        let had_claim = last.at(now).is_leader && last.term == term;
        if claim.is_some() && !had_claim {
            watchers.claims_gained += 1;
        }
        watchers.posted = next;
        self.slots.store(next);
        watchers.refresh(now);
        self.changed.notify_all();
    }

    /// Posts the end: leadership reads 0 from here on. The first end counts.
    pub(super) fn post_end(&self, end: End) {
        let mut watchers = self.watchers.lock();
        let posted = Published { leader: None, claim: None, ..watchers.posted };
        watchers.posted = posted;
        watchers.ended.get_or_insert(end);
        self.slots.store(posted);
        watchers.refresh(&clock::sample_end());
        self.changed.notify_all();
    }

    /// Posts the members' addresses.
    pub(super) fn post_endpoints(&self, endpoints: String) {
        *self.endpoints.lock() = endpoints;
    }

    /// The members' addresses as posted last.
    pub(super) fn endpoints(&self) -> String {
        self.endpoints.lock().clone()
    }

    /// The leadership at one instant, without a lock.
    pub(super) fn leadership(&self) -> Leadership {
        self.slots.load()
    }

    /// Why the node ended by itself.
    pub(super) fn failure(&self) -> Option<Error> {
        match &self.watchers.lock().ended {
            Some(End::Failed(error)) => Some(error.clone()),
            _ => None,
        }
    }

    /// The descriptor that is readable while `next` has a change. Made at the first call.
    pub(super) fn descriptor(&self) -> Option<Descriptor> {
        let mut watchers = self.watchers.lock();
        if watchers.watch.is_none() {
            watchers.watch = WatchFd::new().ok().map(Arc::new);
            watchers.refresh(&clock::sample_end());
        }
        watchers.watch.clone().map(Descriptor::of)
    }

    /// The next change, waiting at most `wait`. INVALID if another thread waits already.
    pub(super) fn next(&self, wait: Option<Duration>) -> Result<Leadership, Error> {
        let mut watchers = self.watchers.lock();
        if std::mem::replace(&mut watchers.is_read, true) {
            let text = "another thread waits in this call already: one at a time";
            return Err(Error::new(Status::Invalid, text));
        }
        let change = self.wait_for_change(&mut watchers, wait);
        watchers.is_read = false;
        change
    }

    fn wait_for_change(
        &self,
        watchers: &mut MutexGuard<'_, Watchers>,
        wait: Option<Duration>,
    ) -> Result<Leadership, Error> {
        let deadline = wait.and_then(|wait| Instant::now().checked_add(wait));
        loop {
            let now = clock::sample_end();
            match &watchers.ended {
                Some(End::Stopped) => return Err(Status::Closed.into()),
                Some(End::Failed(error)) => return Err(error.clone()),
                None => {}
            }
            if let Some(leadership) = watchers.take_change(&now) {
                return Ok(leadership);
            }
            let lapse = Some(watchers.posted.at(&now).remaining).filter(|left| !left.is_zero());
            let lapse = lapse.map(|left| Instant::now() + left);
            match (deadline, lapse) {
                (Some(deadline), _) if deadline <= Instant::now() => {
                    return Err(Status::Again.into());
                }
                (None, None) => self.changed.wait(watchers),
                (one, other) => {
                    let until = one.into_iter().chain(other).min().expect("one of them is there");
                    self.changed.wait_until(watchers, until);
                }
            }
        }
    }
}

/// Whether `last` equals `next`, but for a little time.
fn is_covered(last: &Published, next: &Published, now: &Sample) -> bool {
    match (&last.claim, &next.claim) {
        (None, None) => true,
        (Some(last), Some(next)) => !last.remaining(now).is_zero() && last.nearly_covers(next),
        _ => false,
    }
}

impl Watchers {
    /// The change that `next` has to give out at `now`.
    fn change(&self, now: &Sample) -> Option<Given> {
        let leadership = self.posted.at(now);
        let present = Given { leadership, claims_gained: self.claims_gained };
        let is_new = self.given.is_none_or(|given| {
            let seen = |leadership: &Leadership| {
                (leadership.term, leadership.leader, leadership.is_leader)
            };
            seen(&given.leadership) != seen(&leadership)
                || given.claims_gained != self.claims_gained
        });
        is_new.then_some(present)
    }

    fn take_change(&mut self, now: &Sample) -> Option<Leadership> {
        let given = self.change(now);
        if given.is_some() {
            self.given = given;
        }
        self.refresh(now);
        given.map(|given| given.leadership)
    }

    /// Sets or clears the descriptor by the present state, and arms it for the end of the claim.
    fn refresh(&self, now: &Sample) {
        let Some(watch) = &self.watch else { return };
        if self.ended.is_some() || self.change(now).is_some() {
            watch.set();
        } else {
            watch.clear();
        }
        match &self.posted.claim {
            Some(claim) if !claim.remaining(now).is_zero() => watch.arm(claim.ends_at()),
            _ => watch.disarm(),
        }
    }
}

#[cfg(test)]
mod tests;
