//! Clients that ask for as much as they may, and nothing that they may not: one has all the names, another waits for all of them
//! hundreds of times, loses its connection, comes back, reads, and is never heard of again; many read behind one door, which
//! opens for all at once, and then go, all at once. They speak the protocol by themselves, as visitors do.

use crate::base::limits::{LOCKS_PER_READ_MAX, NAMES_PER_ACQUIRE_MAX};
use crate::base::rng::Rng;
use crate::base::{Owner, RequestId, SessionId, SessionKey, Token};
use crate::lock::{Acquire, Answer, BreakWay, Mode, Name, Operation};
use crate::sim::network::{Arrival, HostId, LineId, Network, Side};
use crate::sim::node::talk::{client_hello, frame, read_frames};
use crate::wire::{Form, Frame, FrameDecoder, FrameKind, Query, Request, ServerMessage};
use std::collections::{BTreeMap, BTreeSet};

/// The machine of the crowd.
#[derive(Debug)]
pub struct Guests {
    host_id: HostId,
    guests: BTreeMap<LineId, Guest>,
    /// Sessions that came back to as many waits as they may have, and doors that opened.
    pub reached: [u64; 2],
}

/// Roles in a crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Holds all the names, and the door.
    Holder,
    /// Waits for all the names, again and again.
    Waiter,
    /// Reads behind the door, many times; closes its session in the end, or vanishes.
    Reader,
}

/// One connection, one session.
#[derive(Debug)]
struct Guest {
    decoder: FrameDecoder,
    part: Part,
    rng: Rng,
    to: HostId,
    ttl_ms: u32,
    waits: u64,
    key: SessionKey,
    session: Option<SessionId>,
    next: RequestId,
    /// Still to be asked for.
    left: u64,
    /// Asked for, and not answered.
    under_way: BTreeSet<RequestId>,
    /// How many it asks for in all, and how many of them were granted.
    all: u64,
    granted: u64,
    /// The holder's, of the door.
    door: Option<Token>,
}

/// Steps that follow for others, or from the end of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    OthersCome,
    ComeBack,
    OpenTheDoor,
}

impl Guests {
    /// A machine that nobody uses yet.
    #[must_use]
    pub fn new(host_id: HostId) -> Self {
        Self { host_id, guests: BTreeMap::new(), reached: [0; 2] }
    }

    /// Whether one of them is on this line.
    #[must_use]
    pub fn are_on(&self, line: LineId) -> bool {
        self.guests.contains_key(&line)
    }

    /// The holder comes to the node at `to`, and once it has all the others do: for sessions of that TTL that nobody
    /// renews, and so many waits each. The holder's session lasts twice as long.
    pub fn come(
        &mut self,
        now: u64,
        (to, ttl_ms, waits): (HostId, u32, u64),
        rng: Rng,
        network: &mut Network,
    ) {
        let guest = Guest::new(Part::Holder, (to, 2 * ttl_ms, waits), rng);
        self.let_in(now, guest, network);
    }

    fn let_in(&mut self, now: u64, guest: Guest, network: &mut Network) {
        let line = network.dial(now, self.host_id, guest.to);
        self.guests.insert(line, guest);
    }

    /// None of them is there any more; gives their lines.
    pub fn leave(&mut self, now: u64, network: &mut Network) -> Vec<LineId> {
        let lines: Vec<LineId> = std::mem::take(&mut self.guests).into_keys().collect();
        lines.iter().for_each(|line| network.abandon(now, *line, Side::Dialer));
        lines
    }

    /// Something came in.
    pub fn handle_arrival(
        &mut self,
        now: u64,
        line: LineId,
        arrival: Arrival,
        network: &mut Network,
    ) {
        let Some(guest) = self.guests.get_mut(&line) else { return };
        let bytes = match arrival {
            Arrival::Accepted => {
                let hello = client_hello(Form::Named, NAME, None);
                return network.send(now, line, Side::Dialer, hello);
            }
            Arrival::Bytes(bytes) => bytes,
            Arrival::Refused | Arrival::TimedOut | Arrival::ClosedByPeer | Arrival::Reset => {
                self.guests.remove(&line);
                return;
            }
        };
        let mut frames = Vec::new();
        read_frames(&mut guest.decoder, &bytes, &mut frames).expect("our own codec");
        for arrived in frames {
            let Some(guest) = self.guests.get_mut(&line) else { return };
            let (requests, next) = guest.handle_frame(&arrived);
            for request in requests {
                network.send(now, line, Side::Dialer, frame(FrameKind::Request, &request));
            }
            match next {
                Next::Nothing => {}
                Next::OthersCome => self.let_others_in(now, line, network),
                Next::ComeBack => self.come_back(now, line, network),
                Next::OpenTheDoor => self.open_the_door(now, network),
            }
        }
    }

    fn come_back(&mut self, now: u64, line: LineId, network: &mut Network) {
        let Some(guest) = self.guests.remove(&line) else { return };
        self.reached[0] += 1;
        network.close(now, line, Side::Dialer);
        self.let_in(now, Guest { decoder: FrameDecoder::new(), ..guest }, network);
    }

    fn let_others_in(&mut self, now: u64, line: LineId, network: &mut Network) {
        let Some(holder) = self.guests.get_mut(&line) else { return };
        let (to, ttl_ms, waits) = (holder.to, holder.ttl_ms / 2, holder.waits);
        let others = [Part::Waiter, Part::Reader]
            .map(|part| Guest::new(part, (to, ttl_ms, waits), holder.rng.fork()));
        others.into_iter().for_each(|guest| self.let_in(now, guest, network));
    }

    fn open_the_door(&mut self, now: u64, network: &mut Network) {
        let mut guests = self.guests.iter_mut();
        let holder = guests.find(|(_, guest)| guest.part == Part::Holder);
        let Some((line, guest)) = holder else { return };
        let (Some(session), Some(token)) = (guest.session, guest.door.take()) else { return };
        self.reached[1] += 1;
        let release = guest.submit(session, Operation::Release { name: name_of(DOOR), token });
        network.send(now, *line, Side::Dialer, frame(FrameKind::Request, &release));
    }
}

impl Guest {
    fn new(part: Part, (to, ttl_ms, waits): (HostId, u32, u64), mut rng: Rng) -> Self {
        let all = match part {
            Part::Holder => 2,
            Part::Waiter => waits,
            // Each waits for one name, so that they cost little.
            Part::Reader => 2 * waits,
        };
        Self {
            decoder: FrameDecoder::new(),
            part,
            key: SessionKey(rng.bytes16()),
            rng,
            to,
            ttl_ms,
            session: None,
            next: RequestId(1),
            waits,
            all,
            left: all,
            under_way: BTreeSet::new(),
            granted: 0,
            door: None,
        }
    }

    fn handle_frame(&mut self, frame: &Frame) -> (Vec<Request>, Next) {
        match frame.kind {
            FrameKind::ClientWelcome | FrameKind::Welcome => (vec![self.begin()], Next::Nothing),
            FrameKind::Server => match frame.decode().expect("our own codec") {
                ServerMessage::SessionOpened { session, .. } => {
                    self.session = Some(session);
                    (self.ask(session), Next::Nothing)
                }
                // It was told of its waits.
                ServerMessage::Standing { .. } => (read_all(), Next::Nothing),
                ServerMessage::Answered { session, request, answer } => {
                    self.handle_answer(session, request, &answer)
                }
                _ => (Vec::new(), Next::Nothing),
            },
            _ => (Vec::new(), Next::Nothing),
        }
    }

    fn begin(&self) -> Request {
        let (key, ttl_ms) = (self.key, self.ttl_ms);
        match self.session {
            Some(session) => Request::Attach { session, key },
            None => Request::OpenSession { number: 1, ttl_ms, key, client: NAME.to_owned() },
        }
    }

    fn handle_answer(
        &mut self,
        session: SessionId,
        request: RequestId,
        answer: &Answer,
    ) -> (Vec<Request>, Next) {
        let is_first = self.under_way.remove(&request);
        let mut requests = self.ask(session);
        let is_last = is_first && self.left == 0 && self.under_way.is_empty();
        if let Answer::Granted { token } = *answer {
            self.granted += 1;
            self.door = Some(token).filter(|_| request == DOORS_REQUEST);
        }
        let has_all = self.granted == self.all;
        let next = match self.part {
            Part::Holder if is_last && has_all => Next::OthersCome,
            Part::Waiter if is_last => Next::ComeBack,
            Part::Reader if is_last => Next::OpenTheDoor,
            _ => Next::Nothing,
        };
        let is_done = *answer == Answer::Done;
        if self.part == Part::Reader
            && has_all
            && (is_done || matches!(answer, Answer::Granted { .. }))
        {
            requests.extend(self.break_the_door(session, is_done));
        }
        // Half of them end their work; of the others nobody hears any more.
        if self.part == Part::Reader && has_all && self.rng.chance(1, 2) {
            requests.push(self.submit(session, Operation::Close));
        }
        (requests, next)
    }

    /// At times the door is broken when all have it: they are asked, or lose it, or lose it while they are asked.
    fn break_the_door(&mut self, session: SessionId, are_asked: bool) -> Option<Request> {
        let way = match (are_asked, self.rng.below(3)) {
            (_, 0) => BreakWay::Now,
            (false, 1) => BreakWay::Ask { grace_ms: None },
            _ => return None,
        };
        let (name, reason) = (name_of(DOOR), "the door is repaired".to_owned());
        Some(
            self.submit(session, Operation::Break { name, token: Token(0), way, to: None, reason }),
        )
    }

    /// Asks for more, as long as little is under way.
    fn ask(&mut self, session: SessionId) -> Vec<Request> {
        let mut requests = Vec::new();
        while self.left > 0 && self.under_way.len() < UNDER_WAY_MAX {
            let operation = match self.part {
                Part::Holder if self.next == DOORS_REQUEST => plain(name_of(DOOR), Mode::Exclusive),
                Part::Reader => plain(name_of(DOOR), Mode::Shared),
                Part::Holder | Part::Waiter => all_names(),
            };
            self.left -= 1;
            self.under_way.insert(self.next);
            requests.push(self.submit(session, operation));
        }
        requests
    }

    fn submit(&mut self, session: SessionId, operation: Operation) -> Request {
        let request = self.next;
        self.next = request.next();
        Request::Submit { session, request, floor: RequestId(1), operation }
    }
}

fn plain(name: Name, mode: Mode) -> Operation {
    Operation::Acquire(acquire(name, mode))
}

fn all_names() -> Operation {
    let mut names = (0..NAMES_PER_ACQUIRE_MAX).map(|number| name_of(&format!("hall-{number:02}")));
    let acquire = acquire(names.next().expect("there are some"), Mode::Exclusive);
    Operation::AcquireAll { acquire, also: names.collect() }
}

fn acquire(name: Name, mode: Mode) -> Acquire {
    Acquire {
        name,
        value: Vec::new(),
        mode,
        limit: 0,
        permits: 1,
        owner: Owner(0),
        delay_ms: 0,
        try_only: false,
    }
}

/// As many reads of as many locks as one connection may have under way.
fn read_all() -> Vec<Request> {
    let limit = u32::try_from(LOCKS_PER_READ_MAX).expect("few");
    let query = || Query::Locks { prefix: "hall".to_owned(), after: None, limit };
    (1..=READS).map(|read| Request::Read { read, query: query() }).collect()
}

fn name_of(text: &str) -> Name {
    Name::try_from(text.to_owned()).expect("a short name")
}

/// Client name of the whole crowd.
const NAME: &str = "guest";
const DOOR: &str = "door";
/// The holder's second request is for the door.
const DOORS_REQUEST: RequestId = RequestId(2);
/// A hundredth of `limits::REQUESTS_IN_FLIGHT_MAX`, where machines are a hundred times slower.
const UNDER_WAY_MAX: usize = 20;
const READS: u64 = 20;
