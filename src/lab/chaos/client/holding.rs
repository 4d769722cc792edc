//! One grant in a client's life, with the log lines that the checker needs: waiting, granted, held, ended.

use super::Post;
use crate::lab::verify::line::{Kind, Line};
use std::time::{Duration, Instant};
use tenure::client::{Lease, Pending, Wait};
use tenure::sys::clock;
use tenure::{Error, Status};

/// A lease that is believed in, and its log.
#[derive(Debug)]
pub struct Holding<'a> {
    post: &'a Post,
    line: Line,
    lease: Lease,
    /// The last instant at which the lease surely stood.
    stood: u64,
    /// The newest such instant in the log.
    logged: u64,
}

/// Whether a lease may be believed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belief {
    Stands,
    Over,
}

impl Post {
    /// Waits for the acquire that `start` begins; `None`: not granted, or the run is over. `line`
    /// says how the lock is held.
    pub fn wait_for(
        &self,
        line: Line,
        start: impl FnOnce() -> Result<Pending, Error>,
    ) -> Option<Holding<'_>> {
        let principal = self.principal.clone();
        let line = Line { client: Some(self.name.clone()), principal, ..line };
        let session = self.session();
        self.log.write(&Line { session, ..stamped(&line, Kind::Waiting, clock::boot_nanos()) });
        let lease = start().and_then(|pending| self.take(&pending));
        // After the grant and before the look at the lease: if the lease stands then, it stood at
        // the stamp.
        let at = clock::boot_nanos();
        match lease {
            Ok(lease) => {
                let remaining = lease.remaining();
                if remaining.is_zero() {
                    // Over before the first look: nobody believed in it.
                    self.log.write(&stamped(&line, Kind::GaveUp, at));
                    return None;
                }
                let line = Line { token: Some(lease.token().0), ..line };
                let session = self.session();
                self.log.write(&Line { session, ..standing(&line, Kind::Granted, at, remaining) });
                Some(Holding { post: self, line, lease, stood: at, logged: at })
            }
            Err(error) => {
                let note = Some(error.to_string().into());
                let denied = (error.status == Status::Denied).then_some(true);
                self.log.write(&Line { note, denied, ..stamped(&line, Kind::GaveUp, at) });
                self.pause(AFTER_ERROR);
                None
            }
        }
    }

    /// The client's present session; `None` before the first.
    fn session(&self) -> Option<u64> {
        self.client.session().session.map(|session| session.0)
    }

    fn take(&self, pending: &Pending) -> Result<Lease, Error> {
        loop {
            match pending.take(Wait::For(LOOK_EVERY)) {
                Err(error) if error.status == Status::Again => {}
                decided => return decided,
            }
            if self.is_over() {
                pending.cancel();
            }
        }
    }

    /// Does nothing for a while, or until the run is over.
    pub fn pause(&self, long: Duration) {
        let end = Instant::now() + long;
        while !self.is_over() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }
}

impl Holding<'_> {
    #[must_use]
    pub fn token(&self) -> u64 {
        self.lease.token().0
    }

    #[must_use]
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Looks whether the lease stands. The stamp is read first: at that instant the lease surely
    /// stood.
    pub fn look(&mut self) -> Belief {
        let at = clock::boot_nanos();
        let remaining = self.lease.remaining();
        if remaining.is_zero() {
            return Belief::Over;
        }
        self.stood = at;
        if at - self.logged > LOG_EVERY.as_nanos() as u64 {
            self.logged = at;
            self.post.log.write(&standing(&self.line, Kind::Held, at, remaining));
        }
        Belief::Stands
    }

    /// Works under the lease for so long, and says whether it still stands.
    pub fn work(&mut self, long: Duration) -> Belief {
        let end = Instant::now() + long;
        while self.look() == Belief::Stands {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Belief::Stands;
            }
            std::thread::sleep(left.min(BELIEF_LOOK_EVERY));
        }
        Belief::Over
    }

    /// Releases the lease.
    pub fn release(mut self) {
        self.end();
        // Whatever the answer, the release goes on in the background until it is decided.
        let _ = self.lease.release(Wait::For(RELEASE_WAIT));
    }

    /// Hands the lock to the next waiter; releases it if nobody waits.
    pub fn hand_over(mut self) {
        self.end();
        if self.lease.transfer(None).is_err() {
            let _ = self.lease.release(Wait::For(RELEASE_WAIT));
        }
    }

    /// Hands the lock to the waiter whose client is called `to`, and logs that once it is known;
    /// releases it if there is none.
    pub fn hand_over_to(mut self, to: String) {
        self.end();
        if self.lease.transfer(Some(&to)).is_err() {
            let _ = self.lease.release(Wait::For(RELEASE_WAIT));
            return;
        }
        let line = Line { to: Some(to), ..self.line };
        self.post.log.write(&stamped(&line, Kind::Handed, clock::boot_nanos()));
    }

    /// Asks the server for each name whether the token holds it.
    pub fn validate(&mut self) {
        let names = self.line.lock.iter().chain(&self.line.also);
        for name in names {
            let answer = self.post.client.validate(name, self.lease.token());
            let at = clock::boot_nanos();
            if let Ok(holds) = answer {
                let (lock, accepted) = (Some(name.clone()), Some(holds));
                let line = Line { lock, accepted, also: Vec::new(), ..self.line.clone() };
                self.post.log.write(&stamped(&line, Kind::Validated, at));
            }
        }
        self.look();
    }

    /// Logs the last look. A belief beyond it is not logged, and so not judged.
    fn end(&mut self) {
        self.look();
        self.post.log.write(&stamped(&self.line, Kind::Ended, self.stood));
    }
}

/// A line that says how long the lease stands if left alone, for a lock that leaves a delay and
/// that nobody asks to end.
fn standing(line: &Line, event: Kind, at: u64, remaining: Duration) -> Line {
    let remaining_ms = line.delay_ms.map(|_| remaining.as_millis() as u32);
    Line { remaining_ms, ..stamped(line, event, at) }
}

fn stamped(line: &Line, event: Kind, at: u64) -> Line {
    Line { event, at: Some(at), ..line.clone() }
}

const LOOK_EVERY: Duration = Duration::from_millis(100);
const BELIEF_LOOK_EVERY: Duration = Duration::from_millis(2);
const LOG_EVERY: Duration = Duration::from_millis(100);
const AFTER_ERROR: Duration = Duration::from_millis(50);
const RELEASE_WAIT: Duration = Duration::from_millis(500);
