//! A few clients with very much under way each, driven by the loop of one act.

use super::stage::{Cast, Stage};
use crate::cli::failure::Failure;
use crate::lab::bench::driven::{Decision, Driven, no_poll};
use std::time::{Duration, Instant};
use tenure::base::SessionId;
use tenure::client::core::{AcquireCall, CallId, Done, LeaseId, Wait};
use tenure::lock::{Mode, Name};
use tenure::net::Poller;
use tenure::sys::clock;
use tenure::wire::Query;

/// The clients. Dropped, their sockets are closed without a word.
#[derive(Debug)]
pub struct Party {
    poller: Poller,
    members: Vec<Driven>,
    /// What was decided and not looked at: whose, and what became of it.
    decided: Vec<(usize, Decision)>,
    look_at: Instant,
    moved_at: Instant,
}

impl Party {
    /// So many clients, each called by its place, with sessions of this TTL.
    pub fn new(
        stage: &Stage<'_>,
        count: u64,
        name: impl Fn(u64) -> String,
        ttl: Duration,
    ) -> Result<Self, Failure> {
        let poller = Poller::new(READY_MAX).map_err(no_poll)?;
        let to = stage.at_leader()?;
        let member = |place| Driven::new(place, &name(place), ttl, &to);
        Ok(Self {
            poller,
            members: (0..count).map(member).collect(),
            decided: Vec::new(),
            look_at: Instant::now(),
            moved_at: Instant::now(),
        })
    }

    /// One of them.
    pub fn member(&mut self, place: usize) -> &mut Driven {
        &mut self.members[place]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// What all of them were told together.
    pub fn sum(&self, of: impl Fn(&Driven) -> u64) -> u64 {
        self.members.iter().map(of).sum()
    }

    /// Wants locks, all in one step, until they are granted.
    pub fn want(&mut self, place: usize, wish: AcquireCall) -> CallId {
        self.members[place].core.acquire(&clock::sample(), wish)
    }

    /// Asks for something that is to be read.
    pub fn read(&mut self, place: usize, query: Query) -> CallId {
        self.members[place].core.read(&clock::sample(), query)
    }

    /// Gives a lock back.
    pub fn release(&mut self, place: usize, lease: LeaseId) -> CallId {
        self.members[place].core.release(&clock::sample(), lease)
    }

    /// The session of one of them, once it has one.
    pub fn session(&mut self, place: usize) -> Result<SessionId, Failure> {
        self.until("has its session", |party| {
            Ok(party.members[place].core.session(&clock::sample()).1)
        })
    }

    /// Drives them until `look` finds something, which it is asked after each turn.
    ///
    /// # Errors
    /// Nothing happens for long; `what` says which of them does not.
    pub fn until<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut(&mut Self) -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        self.moved_at = Instant::now();
        self.settle_all();
        loop {
            if let Some(found) = look(self)? {
                return Ok(found);
            }
            if self.moved_at.elapsed() > PATIENCE {
                let why = self.members[0].why_unavailable();
                return Err(Failure::unavailable(format!("no client {what}: {why}")));
            }
            self.turn()?;
        }
    }

    /// What was decided since this was asked last.
    pub fn take_decided(&mut self) -> Vec<(usize, Decision)> {
        std::mem::take(&mut self.decided)
    }

    /// Drives them until so many locks were granted to them: to whom, as which call, under which lease and token, in the
    /// order in which they heard of it.
    pub fn grants(&mut self, count: usize) -> Result<Vec<Grant>, Failure> {
        let mut grants = Vec::new();
        self.until("is granted what it waits for", |party| {
            for (place, (call, result)) in party.take_decided() {
                if let Done::Acquired { lease, token, .. } = result? {
                    grants.push(Grant { place, call, lease, token: token.0 });
                }
            }
            Ok((grants.len() >= count).then_some(()))
        })?;
        Ok(grants)
    }

    /// Ends without a word: their sockets are closed, and nothing is renewed.
    pub fn vanish(&mut self) {
        self.members.clear();
    }

    /// Ends all sessions, and waits until the server has.
    pub fn close(&mut self) -> Result<(), Failure> {
        let mut left = self.members.len();
        for member in &mut self.members {
            member.core.close(&clock::sample());
        }
        self.until("hears that its session is closed", |party| {
            for (_, (_, result)) in party.take_decided() {
                // What still waited is decided, too: as closed.
                left -= usize::from(matches!(result, Ok(Done::Closed)));
            }
            Ok((left == 0).then_some(()))
        })
    }

    fn turn(&mut self) -> Result<(), Failure> {
        self.poller.wait(Some(LOOK_EVERY)).map_err(no_poll)?;
        let ready: Vec<_> = self.poller.ready().collect();
        for ready in ready {
            let (place, link) = Driven::place_of(ready.key);
            self.members[place].receive(link);
            self.settle(place);
        }
        if self.look_at <= Instant::now() {
            self.settle_all();
        }
        Ok(())
    }

    /// Sends what they want by now.
    pub fn settle_all(&mut self) {
        self.look_at = Instant::now() + LOOK_EVERY;
        (0..self.members.len()).for_each(|place| self.settle(place));
    }

    fn settle(&mut self, place: usize) {
        while let Some(decided) = self.members[place].settle(&self.poller) {
            if !decided.is_empty() {
                self.moved_at = Instant::now();
            }
            self.decided.extend(decided.into_iter().map(|one| (place, one)));
        }
    }
}

impl Cast for Party {
    fn drive(&mut self, time: Duration) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            self.turn()?;
            if begun.elapsed() >= time {
                return Ok(());
            }
        }
    }
}

/// A lock that was granted.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    pub place: usize,
    pub call: CallId,
    pub lease: LeaseId,
    pub token: u64,
}

/// A wish for several locks in one step, of an owner of its own.
pub fn all_of(mut names: Vec<Name>) -> AcquireCall {
    let first = names.remove(0);
    AcquireCall { also: names, ..AcquireCall::lock(first, Wait::Forever) }
}

/// A wish for one lock, with others.
pub fn shared(name: Name) -> AcquireCall {
    AcquireCall { mode: Mode::Shared, ..AcquireCall::lock(name, Wait::Forever) }
}

/// The `number`-th name of those that begin so.
pub fn name(of: &str, number: u64) -> Name {
    Name::try_from(format!("cruel/{of}/{number:07}")).expect("a short name")
}

const READY_MAX: usize = 256;
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long nothing may be decided: more than any TTL of an act, and any election.
const PATIENCE: Duration = Duration::from_secs(60);
