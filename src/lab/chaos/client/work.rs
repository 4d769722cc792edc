//! The work of clients: each kind on a thread of its own and under a lock of its own, until the run
//! is over.

use super::holding::{Belief, Holding};
use super::taking;
use super::{CATALOG, ELECTION, POOL, Post, TTL};
use crate::lab::chaos::resource::{Access, FENCED, PLAIN};
use crate::lab::verify::line::{Line, Mode as LineMode};
use std::time::Duration;
use tenure::base::rng::Rng;
use tenure::client::{AcquireOptions, BreakOptions, Grace, Kind, Wait};

/// A lock around a set that ignores tokens: written only under belief.
pub(super) fn plain_set(post: &Post, mut rng: Rng) {
    let mut access = access(post);
    while !post.is_over() {
        let Some(mut holding) = exclusive(post, PLAIN) else { continue };
        let adds = access.read(PLAIN, holding.token()).unwrap_or(0);
        if holding.work(work_time(&mut rng)) == Belief::Stands {
            access.write(PLAIN, holding.token(), adds, &post.name);
        }
        holding.release();
        post.pause(rng.duration(PAUSE.0, PAUSE.1));
    }
}

/// A lock around a set that checks tokens: each holder writes, late or not, and the set refuses.
/// One write of ten is delayed until others may have been granted. Now and then a client breaks the
/// lock at once, after which only the set's check protects it.
pub(super) fn fenced_set(post: &Post, mut rng: Rng) {
    let mut access = access(post);
    while !post.is_over() {
        let start = || post.client.acquire_start(FENCED, Wait::Forever, AcquireOptions::default());
        // The TTL bounds how long a holder whose lock was taken may believe on.
        let line = Line { ttl_ms: Some(TTL.as_millis() as u32), ..of(FENCED) };
        let Some(mut holding) = post.wait_for(line, start) else { continue };
        let token = holding.token();
        let adds = access.read(FENCED, token);
        holding.work(work_time(&mut rng));
        let is_late = rng.chance(1, 10);
        if let Some(adds) = adds.filter(|_| !is_late) {
            access.write(FENCED, token, adds, &post.name);
        }
        holding.release();
        post.pause(rng.duration(PAUSE.0, PAUSE.1));
        if let Some(adds) = adds.filter(|_| is_late) {
            access.write(FENCED, token, adds, &post.name);
        }
        if rng.chance(1, 5) {
            taking::take_at_once(post, FENCED);
        }
    }
}

/// Campaigns, leads for a while and proclaims, then resigns or hands over, to the next or to a
/// named waiter; now and then asks the leader to end (L23).
pub(super) fn election(post: &Post, mut rng: Rng) {
    let mut terms = 0;
    while !post.is_over() {
        let start = || post.client.campaign_start(ELECTION, Wait::Forever, post.name.as_bytes());
        let Some(mut holding) = post.wait_for(of(ELECTION), start) else { continue };
        terms += 1;
        if rng.chance(1, 2) {
            // The outcome may be unknown: values are not checked, only holders.
            let _ = holding.lease().proclaim(format!("{} {terms}", post.name).as_bytes());
        }
        holding.work(work_time(&mut rng));
        match rng.below(4) {
            0 => holding.hand_over(),
            1 => taking::hand_to_the_last(post, ELECTION, holding),
            _ => holding.release(),
        }
        post.pause(rng.duration(PAUSE.0, PAUSE.1));
        if rng.chance(1, 20) {
            let grace = Grace::For(rng.duration(Duration::ZERO, WORK.1));
            // There may be nobody to ask.
            let _ = post.client.break_lock(ELECTION, BreakOptions::new().grace(grace));
        }
    }
}

/// The other kinds of locks in turn: a semaphore, and readers with a writer now and then.
pub(super) fn kinds(post: &Post, mut rng: Rng) {
    while !post.is_over() {
        for lock in [POOL, CATALOG] {
            let holding = if lock == POOL { pool(post, &mut rng) } else { catalog(post, &mut rng) };
            let Some(mut holding) = holding else { continue };
            holding.work(work_time(&mut rng));
            holding.release();
        }
        post.pause(rng.duration(PAUSE.0, PAUSE.1));
    }
}

fn pool<'a>(post: &'a Post, rng: &mut Rng) -> Option<Holding<'a>> {
    let permits = rng.between(1, 2) as u32;
    let line = Line { permits: Some(permits), limit: Some(POOL_LIMIT), ..of(POOL) };
    let options = AcquireOptions::semaphore(POOL_LIMIT, permits);
    post.wait_for(line, || post.client.acquire_start(POOL, Wait::Forever, options))
}

fn catalog<'a>(post: &'a Post, rng: &mut Rng) -> Option<Holding<'a>> {
    let (kind, word) = match rng.chance(3, 4) {
        true => (Kind::Shared, LineMode::Shared),
        false => (Kind::Exclusive, LineMode::Exclusive),
    };
    let line = Line { mode: Some(word), ..of(CATALOG) };
    let options = AcquireOptions::new().kind(kind);
    post.wait_for(line, || post.client.acquire_start(CATALOG, Wait::Forever, options))
}

fn exclusive<'a>(post: &'a Post, lock: &str) -> Option<Holding<'a>> {
    let options = AcquireOptions::default();
    post.wait_for(of(lock), || post.client.acquire_start(lock, Wait::Forever, options))
}

/// Mostly short, for many grants; now and then long, so that a belief meets a fault that lasts for
/// a TTL.
pub(super) fn work_time(rng: &mut Rng) -> Duration {
    let (least, most) = if rng.chance(1, 30) { LONG_WORK } else { WORK };
    rng.duration(least, most)
}

pub(super) fn of(lock: &str) -> Line {
    Line { lock: Some(lock.to_owned()), ..Line::default() }
}

fn access(post: &Post) -> Access {
    Access::open(&post.sets)
        .unwrap_or_else(|error| panic!("the sets at {} are gone: {error}", post.sets.display()))
}

const POOL_LIMIT: u32 = 3;
pub(super) const WORK: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(60));
const LONG_WORK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(8));
pub(super) const PAUSE: (Duration, Duration) =
    (Duration::from_millis(5), Duration::from_millis(100));
