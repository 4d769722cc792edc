//! Very many sessions in one loop. They speak the protocol by hand: a client of the library keeps
//! connections to all nodes, but here a thousand sessions share one connection, or ten thousand
//! have one each.
//!
//! A connection is bound to one session at a time (docs/developers/wire-protocol.md). So the sessions of one
//! connection attach in turn, each before its renewal; these requests are pipelined.

use super::line::{Line, Said};
use super::party;
use super::stage::Cast;
use crate::cli::failure::Failure;
use crate::lab::bench::driven::no_poll;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tenure::base::{Owner, RequestId, SessionId, SessionKey};
use tenure::lock::{Acquire, Mode, Name, Operation};
use tenure::net::{Key, Poller};
use tenure::sys::random;
use tenure::wire::{Request, ServerMessage};

/// The shape of a herd.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub connections: usize,
    /// Sessions per connection.
    pub sessions: usize,
    pub ttl: Duration,
    /// The prefix of lock names: each session holds the lock with its number.
    pub locks: Option<&'static str>,
}

/// The sessions and their connections.
#[derive(Debug)]
pub struct Herd {
    poller: Poller,
    kind: Kind,
    key: SessionKey,
    endpoints: Vec<String>,
    lines: Vec<Line>,
    members: Vec<Member>,
    places: BTreeMap<SessionId, usize>,
    numbers: u64,
    /// Acknowledged renewals.
    pub renewed: u64,
}

/// One session.
#[derive(Clone, Debug)]
struct Member {
    session: Option<SessionId>,
    stage: Stage,
    due: Instant,
}

/// The state of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unopened,
    /// The session, or its lock, is asked for.
    Opening,
    /// Open, with its lock, and renewed when due.
    Standing,
    /// Not renewed yet by the present leader.
    Returning,
    /// Ended by the server, though wanted.
    Lost,
}

impl Herd {
    /// Opens all sessions.
    ///
    /// # Errors
    /// A connection or a request is refused, or not answered.
    pub fn open(kind: Kind, endpoints: &str, leader: &str) -> Result<Self, Failure> {
        let total = kind.connections * kind.sessions;
        let new = Member { session: None, stage: Stage::Unopened, due: Instant::now() };
        let line = |place: usize| {
            let mut line = Line::new(source_of(place * kind.sessions, total), leader);
            line.queue.extend(place * kind.sessions..(place + 1) * kind.sessions);
            line
        };
        let mut herd = Self {
            poller: Poller::new(READY_MAX).map_err(no_poll)?,
            key: SessionKey(random::bytes16()),
            endpoints: endpoints.split(',').map(str::to_owned).collect(),
            lines: (0..kind.connections).map(line).collect(),
            members: vec![new; total],
            places: BTreeMap::new(),
            numbers: 0,
            renewed: 0,
            kind,
        };
        herd.until("is opened", |herd| herd.count(Stage::Standing) == total)?;
        Ok(herd)
    }

    /// Renews the sessions in time until `is_over`.
    pub fn run(&mut self, is_over: &AtomicBool) -> Result<(), Failure> {
        while !is_over.load(Ordering::Relaxed) {
            self.turn()?;
        }
        Ok(())
    }

    /// Moves all sessions to the leader of a term after `term`, and renews them there, at once.
    pub fn come_back(&mut self, term: u64) -> Result<(), Failure> {
        self.until("is renewed by the new leader", |herd| {
            let is_back = |line: &Line| line.home().is_some_and(|home| home > term);
            herd.lines.iter().all(is_back)
                && herd.count(Stage::Standing) + herd.lost() == herd.members.len()
        })
    }

    /// Asks for the end of all sessions; says how many there were. Their end shows in the nodes'
    /// status.
    pub fn close(&mut self) -> Result<usize, Failure> {
        for place in 0..self.members.len() {
            let Some(session) = self.members[place].session else { continue };
            let (request, floor, key) = (RequestId(2), RequestId(1), self.key);
            let line = &mut self.lines[place / self.kind.sessions];
            line.bind(session, key);
            let operation = Operation::Close;
            line.send(&Request::Submit { session, request, floor, operation });
            line.queue.clear();
            if place % WINDOW == WINDOW - 1 {
                self.turn()?;
            }
        }
        self.turn()?;
        Ok(self.places.len())
    }

    /// How many sessions were lost.
    pub fn lost(&self) -> usize {
        self.count(Stage::Lost)
    }

    fn count(&self, stage: Stage) -> usize {
        self.members.iter().filter(|member| member.stage == stage).count()
    }

    fn until(&mut self, what: &str, is_done: impl Fn(&Self) -> bool) -> Result<(), Failure> {
        let (mut moved, mut at, mut looked) = (0, Instant::now(), Instant::now());
        loop {
            self.turn()?;
            if looked.elapsed() < LOOK_EVERY {
                continue;
            }
            looked = Instant::now();
            if is_done(self) {
                return Ok(());
            }
            let standing = self.count(Stage::Standing);
            if standing != moved {
                (moved, at) = (standing, Instant::now());
            } else if at.elapsed() > PATIENCE {
                let total = self.members.len();
                let text = format!("of {total} sessions not one more {what} within {PATIENCE:?}");
                return Err(Failure::unavailable(text));
            }
        }
    }

    /// One turn: polls, handles what arrived, sends what is due.
    fn turn(&mut self) -> Result<(), Failure> {
        self.poller.wait(Some(LOOK_EVERY)).map_err(no_poll)?;
        let ready: Vec<Key> = self.poller.ready().map(|ready| ready.key).collect();
        for Key(number) in ready {
            let place = usize::try_from(number).expect("a place");
            for said in self.lines[place].receive() {
                match said {
                    Said::Home => self.return_all(place),
                    Said::Message(message) => self.handle(place, message)?,
                }
            }
            self.lines[place].flush();
        }
        for place in 0..self.lines.len() {
            self.lines[place].dial_due(&self.poller, Key(place as u64), &self.endpoints)?;
            self.send_due(place);
        }
        Ok(())
    }

    /// The connection has found the leader: all its returning sessions are due.
    fn return_all(&mut self, place: usize) {
        let of = self.members_of(place);
        self.lines[place].queue = of.clone().collect();
        for member in &mut self.members[of] {
            member.due = Instant::now();
            member.stage = match (member.stage, member.session) {
                (Stage::Lost, _) => Stage::Lost,
                (_, None) => Stage::Unopened,
                (_, Some(_)) => Stage::Returning,
            };
        }
    }

    fn handle(&mut self, place: usize, message: ServerMessage) -> Result<(), Failure> {
        match message {
            ServerMessage::SessionOpened { number, session, .. } => {
                let at = usize::try_from(number).expect("a place");
                self.places.insert(session, at);
                self.members[at].session = Some(session);
                self.lines[place].note_opened(session);
                match self.kind.locks {
                    Some(of) => {
                        self.lines[place].send(&lock_of(session, party::name(of, number)));
                    }
                    None => self.note_standing(place, session),
                }
            }
            ServerMessage::SessionRefused { refusal, .. } => {
                let text = format!("one of many sessions is refused: {refusal:?}");
                return Err(Failure::unavailable(text));
            }
            ServerMessage::Renewed { session, .. } => {
                self.renewed += 1;
                self.note_standing(place, session);
            }
            ServerMessage::Answered { session, .. } => {
                let at = self.places.get(&session);
                if at.is_some_and(|at| self.members[*at].stage == Stage::Opening) {
                    self.note_standing(place, session);
                }
            }
            ServerMessage::SessionEnded { session } | ServerMessage::AttachDenied { session } => {
                if let Some(at) = self.places.get(&session) {
                    self.members[*at].stage = Stage::Lost;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The requests of a session are answered. First renewals are spread over a third of the TTL.
    fn note_standing(&mut self, place: usize, session: SessionId) {
        let Some(at) = self.places.get(&session).copied() else { return };
        let (member, line) = (&mut self.members[at], &mut self.lines[place]);
        if member.stage == Stage::Opening {
            let part = at as f64 / self.kind.connections as f64 / self.kind.sessions as f64;
            member.due = Instant::now() + (self.kind.ttl / 6).mul_f64(1.0 + part);
        }
        member.stage = Stage::Standing;
        line.under_way = line.under_way.saturating_sub(1);
        line.queue.push_back(at);
    }

    fn members_of(&self, place: usize) -> Range<usize> {
        place * self.kind.sessions..(place + 1) * self.kind.sessions
    }

    /// Sends the due requests of one connection, up to [`WINDOW`] under way.
    fn send_due(&mut self, place: usize) {
        let (now, period, line) = (Instant::now(), self.kind.ttl / 3, &mut self.lines[place]);
        while let Some(at) = line.queue.front().copied()
            && line.home().is_some()
            && line.under_way < WINDOW
            && self.members[at].due <= now
        {
            line.queue.pop_front();
            let member = &mut self.members[at];
            match (member.stage, member.session) {
                (Stage::Unopened, _) => {
                    member.stage = Stage::Opening;
                    line.send(&open(at, self.kind.ttl, self.key));
                }
                (Stage::Standing | Stage::Returning, Some(session)) => {
                    member.due = now + period;
                    line.bind(session, self.key);
                    self.numbers += 1;
                    line.send(&Request::Renew { session, number: self.numbers });
                }
                _ => continue,
            }
            line.under_way += 1;
        }
        line.flush();
    }
}

impl Cast for Herd {
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

fn open(place: usize, ttl: Duration, key: SessionKey) -> Request {
    let ttl_ms = u32::try_from(ttl.as_millis()).unwrap_or(u32::MAX);
    Request::OpenSession { number: place as u64, ttl_ms, key, client: "cruel/herd".to_owned() }
}

fn lock_of(session: SessionId, name: Name) -> Request {
    let (value, mode, owner) = (Vec::new(), Mode::Exclusive, Owner(0));
    let (limit, permits, delay_ms, try_only) = (0, 1, 0, false);
    let acquire = Acquire { name, value, mode, limit, permits, owner, delay_ms, try_only };
    let (request, floor) = (RequestId(1), RequestId(1));
    Request::Submit { session, request, floor, operation: Operation::Acquire(acquire) }
}

/// The source address of a connection. One address may open only a share of the free sessions, so
/// large herds use several.
fn source_of(place: usize, total: usize) -> Option<Ipv4Addr> {
    let number = u8::try_from(place / PER_SOURCE).expect("no more sessions than there may be");
    (total > PER_SOURCE).then(|| Ipv4Addr::new(127, 0, 0, 2 + number))
}

const READY_MAX: usize = 1024;
const LOOK_EVERY: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(60);
/// Requests under way on one connection, an attach and a renewal each.
const WINDOW: usize = 512;
/// Less than half of the share of a single address.
const PER_SOURCE: usize = 15_000;
