//! Visitors: clients of another making. They speak the protocol by themselves, and ask for things that servers allow
//! and our own client never asks for: an owner enters again at the server, handle upon handle; the handles are given
//! up in any order, by releases and by withdrawals, of which some arrive before their acquires; a grant is taken by a
//! break, and asked for once more under its old id; and nobody renews.
//!
//! Some are thieves: they know the key of a session that an earlier one opened, and attach to it as somebody else.
//!
//! They have locks of their own, so that the searches over what our own clients were told stay complete.

use crate::base::rng::Rng;
use crate::base::{Owner, RequestId, SessionId, SessionKey, Token};
use crate::lock::{Acquire, Answer, BreakWay, Mode, Name, Operation, Refusal};
use crate::sim::network::{Arrival, HostId, LineId, Network, Side};
use crate::sim::node::talk::{client_hello, frame, read_frames};
use crate::wire::{Form, Frame, FrameDecoder, FrameKind, Query, Request, ServerMessage};
use std::collections::BTreeMap;

/// The visitors' machine.
#[derive(Debug)]
pub struct Visitors {
    /// Its place in the network.
    pub host_id: HostId,
    visits: BTreeMap<LineId, Visit>,
    /// The session that was opened last, and its key.
    opened: Option<(SessionId, SessionKey)>,
}

/// One connection, one session, one owner.
#[derive(Debug)]
struct Visit {
    decoder: FrameDecoder,
    /// Form of its hello.
    form: Form,
    rng: Rng,
    ttl_ms: u32,
    next: RequestId,
    /// Locks that it asks for, again and again.
    acquire: Acquire,
    also: Vec<Name>,
    key: SessionKey,
    opened: Option<(SessionId, SessionKey)>,
    /// The session of another client, to attach to.
    loot: Option<(SessionId, SessionKey)>,
    /// What was denied, and how often it reads before it asks for that again.
    denied: Option<(SessionId, RequestId, u64)>,
}

impl Visitors {
    /// A machine that nobody uses.
    #[must_use]
    pub fn new(host_id: HostId) -> Self {
        Self { host_id, visits: BTreeMap::new(), opened: None }
    }

    /// The lines on which somebody is.
    #[must_use]
    pub fn lines(&self) -> Vec<LineId> {
        self.visits.keys().copied().collect()
    }

    /// Somebody comes to the node at `to`, for a session of that TTL.
    pub fn come(
        &mut self,
        now: u64,
        (to, ttl_ms): (HostId, u32),
        rng: Rng,
        network: &mut Network,
    ) -> LineId {
        let line = network.dial(now, self.host_id, to);
        let mut visit = Visit::new(ttl_ms, rng);
        visit.loot = self.opened.filter(|_| visit.rng.chance(1, 3));
        self.visits.insert(line, visit);
        line
    }

    /// Nothing of this visit is on its way any more; its session ends by itself.
    pub fn leave(&mut self, now: u64, line: LineId, network: &mut Network) {
        if self.visits.remove(&line).is_some() {
            network.abandon(now, line, Side::Dialer);
        }
    }

    /// Something came in.
    pub fn handle_arrival(
        &mut self,
        now: u64,
        line: LineId,
        arrival: Arrival,
        network: &mut Network,
    ) {
        let Some(visit) = self.visits.get_mut(&line) else { return };
        match arrival {
            Arrival::Accepted => {
                let name = if visit.loot.is_some() { THIEF } else { NAME };
                network.send(now, line, Side::Dialer, client_hello(visit.form, name, None));
            }
            Arrival::Bytes(bytes) => {
                let mut frames = Vec::new();
                read_frames(&mut visit.decoder, &bytes, &mut frames).expect("our own codec");
                let answers = frames.iter().flat_map(|frame| visit.handle_frame(frame));
                let requests: Vec<Request> = answers.collect();
                self.opened = visit.opened.or(self.opened);
                for request in requests {
                    network.send(now, line, Side::Dialer, frame(FrameKind::Request, &request));
                }
            }
            Arrival::Refused | Arrival::TimedOut | Arrival::ClosedByPeer | Arrival::Reset => {
                self.visits.remove(&line);
            }
        }
    }
}

impl Visit {
    fn new(ttl_ms: u32, mut rng: Rng) -> Self {
        let (limit, permits) = if rng.chance(1, 3) { (2, 1) } else { (0, 1) };
        let mode = if limit == 0 && rng.chance(1, 3) { Mode::Shared } else { Mode::Exclusive };
        let (name, other) =
            if limit == 0 { ("visited-1", "visited-2") } else { ("visited-3", "visited-4") };
        let also = if rng.chance(1, 3) { vec![name_of(other)] } else { Vec::new() };
        let acquire = Acquire {
            name: name_of(name),
            value: Vec::new(),
            mode,
            limit,
            permits,
            owner: Owner(1),
            delay_ms: 0,
            try_only: rng.chance(1, 4),
        };
        let form = if rng.chance(1, 2) { Form::Fixed } else { Form::Named };
        let (decoder, next) = (FrameDecoder::new(), RequestId(1));
        let (key, opened, loot, denied) = (SessionKey([0; 16]), None, None, None);
        Self { decoder, form, rng, ttl_ms, next, acquire, also, key, opened, loot, denied }
    }

    fn handle_frame(&mut self, frame: &Frame) -> Vec<Request> {
        match frame.kind {
            FrameKind::ClientWelcome | FrameKind::Welcome => {
                if let Some((session, key)) = self.loot {
                    return vec![Request::Attach { session, key }];
                }
                let (ttl_ms, key) = (self.ttl_ms, SessionKey(self.rng.bytes16()));
                self.key = key;
                let client = NAME.to_owned();
                vec![Request::OpenSession { number: 1, ttl_ms, key, client }]
            }
            FrameKind::Server => match frame.decode().expect("our own codec") {
                ServerMessage::SessionOpened { session, .. } => {
                    self.opened = Some((session, self.key));
                    self.enter(session)
                }
                ServerMessage::Answered { session, request, answer: Answer::Granted { token } } => {
                    self.handle_grant(session, request, token)
                }
                // As it is said to a client that knows no denials, too.
                ServerMessage::Denied { session, request, .. }
                | ServerMessage::Answered {
                    session,
                    request,
                    answer: Answer::Refused(Refusal::Unsupported),
                } if self.denied.is_none() => {
                    self.denied = Some((session, request, self.rng.between(1, READS_MAX)));
                    self.ask_again()
                }
                ServerMessage::Read { .. } => self.ask_again(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// Reads for a while, and asks then under the same id for what was denied: it stays so, though the right to it may have been given
    /// back meanwhile (L17).
    fn ask_again(&mut self) -> Vec<Request> {
        let operation = self.wish();
        match &mut self.denied {
            Some((session, request, 0)) => {
                let (session, request) = (*session, *request);
                vec![Request::Submit { session, request, floor: RequestId(1), operation }]
            }
            Some((_, _, reads)) => {
                *reads -= 1;
                let name = self.acquire.name.clone();
                vec![Request::Read { read: *reads, query: Query::Lock { name } }]
            }
            None => Vec::new(),
        }
    }

    /// The same acquire several times, and withdrawals of some, in about that order.
    fn enter(&mut self, session: SessionId) -> Vec<Request> {
        let mut requests: Vec<Request> = Vec::new();
        let acquires = self.rng.between(2, 4);
        for _ in 0..acquires {
            let operation = self.wish();
            requests.push(self.submit(session, operation));
        }
        for acquire in (1..=acquires).map(RequestId) {
            if self.rng.chance(1, 3) {
                requests.push(self.submit(session, Operation::Withdraw { acquire }));
            }
        }
        for at in 1..requests.len() {
            if self.rng.chance(1, 3) {
                requests.swap(at - 1, at);
            }
        }
        // An id that was used is used once more, for another lock: nothing may come of it.
        if self.rng.chance(1, 4) {
            let name = name_of("visited-5");
            let request = RequestId(self.rng.between(1, acquires));
            let operation = Operation::Acquire(Acquire { name, ..self.acquire.clone() });
            requests.push(Request::Submit { session, request, floor: RequestId(1), operation });
        }
        requests
    }

    /// One more handle, or the first; what is given back is one of them, whichever.
    fn handle_grant(
        &mut self,
        session: SessionId,
        request: RequestId,
        token: Token,
    ) -> Vec<Request> {
        let name = self.acquire.name.clone();
        let operation = match self.rng.below(16) {
            0..=7 => Operation::Release { name, token },
            8 => Operation::Proclaim { name, token, value: vec![1] },
            9 => Operation::Transfer { name, token, to: Some(NAME.to_owned()) },
            10 => Operation::Close,
            11..=13 => return self.take(session, request, token),
            _ => return Vec::new(),
        };
        vec![self.submit(session, operation)]
    }

    /// Takes the grant from itself, and asks for it again under the id of the acquire that it was given to: that is
    /// answered from memory.
    fn take(&mut self, session: SessionId, acquire: RequestId, token: Token) -> Vec<Request> {
        let name = self.acquire.name.clone();
        let way = BreakWay::Now;
        let broken = Operation::Break { name, token, way, to: None, reason: String::new() };
        let again = Request::Submit {
            session,
            request: acquire,
            floor: RequestId(1),
            operation: self.wish(),
        };
        vec![self.submit(session, broken), again]
    }

    fn wish(&self) -> Operation {
        let acquire = self.acquire.clone();
        if self.also.is_empty() {
            Operation::Acquire(acquire)
        } else {
            Operation::AcquireAll { acquire, also: self.also.clone() }
        }
    }

    fn submit(&mut self, session: SessionId, operation: Operation) -> Request {
        let request = self.next;
        self.next = request.next();
        Request::Submit { session, request, floor: RequestId(1), operation }
    }
}

fn name_of(text: &str) -> Name {
    Name::try_from(text.to_owned()).expect("a short name")
}

/// Between a denial and its repetition: each is a round trip or two.
const READS_MAX: u64 = 60;
/// What all of them are called.
const NAME: &str = "visitor";
/// But for these.
const THIEF: &str = "thief";
