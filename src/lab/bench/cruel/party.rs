//! A few clients with very many requests under way each, driven by the loop of one act.

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

/// The clients. A drop closes their sockets without ending the sessions.
#[derive(Debug)]
pub struct Party {
    poller: Poller,
    members: Vec<Driven>,
    /// Decisions not yet taken: the client's place, and the decision.
    decided: Vec<(usize, Decision)>,
    look_at: Instant,
    moved_at: Instant,
}

impl Party {
    /// `count` clients, each named by its place, with sessions of TTL `ttl`.
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

    /// The client at `place`.
    pub fn member(&mut self, place: usize) -> &mut Driven {
        &mut self.members[place]
    }

    /// The number of clients.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// The sum of `of` over all clients.
    pub fn sum(&self, of: impl Fn(&Driven) -> u64) -> u64 {
        self.members.iter().map(of).sum()
    }

    /// Begins an acquire that waits until it is granted.
    pub fn want(&mut self, place: usize, wish: AcquireCall) -> CallId {
        self.members[place].core.acquire(&clock::sample(), wish)
    }

    /// Begins a read.
    pub fn read(&mut self, place: usize, query: Query) -> CallId {
        self.members[place].core.read(&clock::sample(), query)
    }

    /// Begins a release.
    pub fn release(&mut self, place: usize, lease: LeaseId) -> CallId {
        self.members[place].core.release(&clock::sample(), lease)
    }

    /// Waits for the session of one client.
    pub fn session(&mut self, place: usize) -> Result<SessionId, Failure> {
        self.until("has its session", |party| {
            Ok(party.members[place].core.session(&clock::sample()).1)
        })
    }

    /// Drives the clients until `look`, called after each turn, finds something.
    ///
    /// # Errors
    /// Nothing is decided for [`PATIENCE`]; `what` names what was waited for.
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

    /// The decisions since the last call.
    pub fn take_decided(&mut self) -> Vec<(usize, Decision)> {
        std::mem::take(&mut self.decided)
    }

    /// Drives the clients until `count` acquires are granted; gives the grants in the order of
    /// their arrival.
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

    /// Ends without a farewell: sockets are closed, and sessions are not renewed.
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
                // Waiting acquires are decided by the close, too.
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

    /// Obeys all cores: sends what is due.
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

/// A granted lock.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    pub place: usize,
    pub call: CallId,
    pub lease: LeaseId,
    pub token: u64,
}

/// An acquire of several locks in one step, under an owner of its own.
pub fn all_of(mut names: Vec<Name>) -> AcquireCall {
    let first = names.remove(0);
    AcquireCall { also: names, ..AcquireCall::lock(first, Wait::Forever) }
}

/// A shared acquire of one lock.
pub fn shared(name: Name) -> AcquireCall {
    AcquireCall { mode: Mode::Shared, ..AcquireCall::lock(name, Wait::Forever) }
}

/// The `number`-th name with the prefix `of`.
pub fn name(of: &str, number: u64) -> Name {
    Name::try_from(format!("cruel/{of}/{number:07}")).expect("a short name")
}

const READY_MAX: usize = 256;
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The longest time without a decision: more than any TTL of an act, and any election.
const PATIENCE: Duration = Duration::from_secs(60);
