//! Whatever a server says: a hostile or confused one extends no belief beyond what the rules allow, and brings
//! nobody down.

use super::*;

fn any_token(rng: &mut Rng) -> Token {
    match rng.below(8) {
        0 => Token(rng.number()),
        1 => Token(0),
        2 => Token(u64::MAX / 2 + rng.below(2)),
        _ => Token(rng.below(200)),
    }
}

fn any_refusal(rng: &mut Rng) -> Refusal {
    let all = [
        Refusal::Unsupported,
        Refusal::Invalid,
        Refusal::Limit,
        Refusal::Busy,
        Refusal::Busy,
        Refusal::Denied,
        Refusal::BelowFloor,
    ];
    all[usize::try_from(rng.below(all.len() as u64)).unwrap()]
}

fn any_answer(rng: &mut Rng) -> Answer {
    let token = any_token(rng);
    match rng.below(18) {
        0 => Answer::Queued { ahead: 1 },
        1 => Answer::Held { client: "x".into() },
        2 => Answer::Ended { token },
        3 => Answer::Withdrawn,
        4 | 5 => Answer::Done,
        6 => Answer::NotHeld,
        7 if rng.chance(1, 4) => Answer::SessionExpired,
        8 => Answer::Refused(any_refusal(rng)),
        9 => Answer::NoWaiter,
        10 => Answer::Deadlock { circle: "x".into() },
        _ => Answer::Granted { token },
    }
}

fn any_ttl(rng: &mut Rng) -> u32 {
    match rng.below(6) {
        0 => 0,
        1 => u32::MAX,
        _ => u32::try_from(rng.below(20_000)).unwrap(),
    }
}

fn any_grace(rng: &mut Rng) -> u32 {
    match rng.below(6) {
        0 => 0,
        1 => u32::MAX,
        _ => u32::try_from(rng.below(3_000)).unwrap(),
    }
}

fn any_holder(rng: &mut Rng) -> Option<HolderSaid> {
    let token = any_token(rng);
    let (client, value) = ("x".to_owned(), vec![u8::try_from(rng.below(3)).unwrap()]);
    rng.chance(2, 3).then_some(HolderSaid { token, client, value, since_unix_ms: 0 })
}

/// Any message, about what exists and what does not.
fn anything(rng: &mut Rng) -> ServerMessage {
    let session = SessionId(rng.between(99, 102));
    let number = rng.below(40);
    match rng.below(22) {
        0 | 1 => {
            let (ttl_ms, rho_ppm) = (any_ttl(rng), [0, RHO_PPM, u32::MAX][rng.below(3) as usize]);
            ServerMessage::SessionOpened { number, session, ttl_ms, rho_ppm }
        }
        2 => ServerMessage::SessionRefused { number, refusal: any_refusal(rng) },
        3 if rng.chance(1, 4) => ServerMessage::SessionEnded { session },
        4 | 5 => ServerMessage::Renewed { session, number },
        6 => leader(rng.below(9), Some(rng.between(1, 3))),
        7 => leader(rng.below(9), None),
        8 => {
            let (index, answer) = (Index(rng.number()), ReadAnswer::Valid(true));
            ServerMessage::Read { read: rng.below(40), index, answer }
        }
        9 => {
            let (index, answer) = (Index(0), ReadAnswer::Refused(any_refusal(rng)));
            ServerMessage::Read { read: rng.below(40), index, answer }
        }
        10 | 11 => ServerMessage::Attached { session },
        12 | 13 => ServerMessage::Standing { session },
        14 | 15 => {
            let (token, grace_ms) = (any_token(rng), any_grace(rng));
            let (name, reason) = (name("a"), String::new());
            ServerMessage::Asked { session, name, token, grace_ms, reason }
        }
        16 | 17 => {
            let (read, index) = (rng.below(40), Index(rng.below(30)));
            let (holder, gap) = (any_holder(rng), rng.chance(1, 3));
            ServerMessage::Changed { read, index, holder, gap }
        }
        18 if rng.chance(1, 4) => ServerMessage::AttachDenied { session },
        _ => {
            let (request, answer) = (RequestId(rng.below(40)), any_answer(rng));
            ServerMessage::Answered { session, request, answer }
        }
    }
}

/// What a client may believe of it, as it is known from what was sent and said.
#[derive(Default)]
struct Allowed {
    /// When each renewal or creation was sent.
    sent: BTreeMap<u64, u64>,
    /// V, and until when each session may be believed in.
    sessions: BTreeMap<SessionId, (Duration, u64)>,
    /// Until when each lease that is asked to end.
    asked: BTreeMap<LeaseId, u64>,
    /// Tokens that were given back.
    ended: Vec<Token>,
    /// What each observer was told last.
    told: BTreeMap<ObserverId, Option<(Token, Vec<u8>)>>,
}

impl Allowed {
    fn handle_sent(&mut self, now: u64, request: &Request) {
        if let Request::Submit { request, floor, .. } = request {
            // Whatever it was told, its ids count from 1, and no floor of its own shuts it out (L17).
            assert!(
                (1..=request.0).contains(&floor.0) && request.0 < 10_000,
                "{request:?} {floor:?}"
            );
        }
        match request {
            Request::OpenSession { number, .. } | Request::Renew { number, .. } => {
                assert_eq!(self.sent.insert(*number, now), None, "L7: {number} was used");
            }
            Request::Submit {
                operation: Operation::Release { token, .. } | Operation::Transfer { token, .. },
                ..
            } => self.ended.push(*token),
            _ => {}
        }
    }

    fn handle_said(&mut self, rig: &Rig, leases: &[LeaseId], message: &ServerMessage) {
        let at = |number: &u64| self.sent.get(number).copied();
        match message {
            ServerMessage::SessionOpened { number, session, ttl_ms, rho_ppm } => {
                let ttl = Duration::from_millis(u64::from(*ttl_ms)).min(TTL);
                let Some(at) = at(number) else { return };
                let length = belief(ttl, RHO_PPM, *rho_ppm);
                let known = self.sessions.entry(*session).or_default();
                known.0 = known.0.max(length);
                known.1 = known.1.max(at + nanos(length));
            }
            ServerMessage::Renewed { session, number } => {
                let Some(at) = at(number) else { return };
                let known = self.sessions.entry(*session).or_default();
                known.1 = known.1.max(at + nanos(known.0));
            }
            ServerMessage::Asked { session, token, grace_ms, .. } => {
                let until = rig.now + u64::from(*grace_ms) * MS;
                let current = rig.core.session(&rig.now()).1 == Some(*session);
                let asked = leases.iter().filter(|lease| rig.core.token(**lease) == Some(*token));
                for lease in asked.filter(|_| current) {
                    let known = self.asked.entry(*lease).or_insert(until);
                    *known = until.min(*known);
                }
            }
            _ => {}
        }
    }

    fn check(&mut self, rig: &mut Rig, leases: &[LeaseId]) {
        let session = rig.core.session(&rig.now()).1;
        let until = session.map_or(0, |session| self.sessions[&session].1);
        let believed: Vec<LeaseId> =
            leases.iter().copied().filter(|lease| !rig.remaining(*lease).is_zero()).collect();
        for lease in believed {
            let until = until.min(self.asked.get(&lease).copied().unwrap_or(u64::MAX));
            assert!(rig.now + nanos(rig.remaining(lease)) <= until, "{lease:?} is believed beyond");
            let token = rig.core.token(lease).unwrap();
            assert!((1..1 << 63).contains(&token.0), "{token:?}");
            assert!(!self.ended.contains(&token), "L13: {token:?} was given back");
        }
        for (observer, seen) in std::mem::take(&mut rig.observed) {
            let holder = seen.holder.map(|holder| (holder.token, holder.value));
            let before = self.told.insert(observer, holder.clone());
            assert_ne!(before, Some(holder), "{observer:?} was told the same twice");
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

/// A rig, what may be believed, and what was made so far.
struct Trial {
    rig: Rig,
    rng: Rng,
    allowed: Allowed,
    calls: Vec<CallId>,
    observers: Vec<ObserverId>,
    leases: Vec<LeaseId>,
    /// The last requests that were sent.
    sent: Vec<(LinkId, Request)>,
}

impl Trial {
    fn new(seed: u64) -> Self {
        let progress = seed.is_multiple_of(3).then_some(Duration::from_secs(2));
        let mut rig = Rig::with_progress(progress);
        rig.welcome_all();
        Self {
            rig,
            rng: Rng::new(seed),
            allowed: Allowed::default(),
            calls: Vec::new(),
            observers: Vec::new(),
            leases: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn say_on(&mut self, link: LinkId, message: ServerMessage) {
        self.allowed.handle_said(&self.rig, &self.leases, &message);
        self.rig.say_on(link, message);
    }

    /// An answer of some kind to one of the last requests that were sent.
    fn reply(&mut self) {
        let late = self.sent.len().saturating_sub(8);
        self.sent.drain(..late);
        if self.sent.is_empty() {
            return;
        }
        let at = usize::try_from(self.rng.below(self.sent.len() as u64)).unwrap();
        let (link, request) = self.sent[at].clone();
        let rng = &mut self.rng;
        let message = match request {
            Request::OpenSession { number, .. } => {
                let session = SessionId(rng.between(99, 102));
                ServerMessage::SessionOpened { number, session, ttl_ms: 10_000, rho_ppm: RHO_PPM }
            }
            Request::Attach { session, .. } => ServerMessage::Attached { session },
            Request::Renew { session, number } => ServerMessage::Renewed { session, number },
            Request::Submit { session, request, .. } => {
                ServerMessage::Answered { session, request, answer: any_answer(rng) }
            }
            Request::Observe { read, .. } => {
                let (index, holder) = (Index(rng.below(30)), any_holder(rng));
                ServerMessage::Changed { read, index, holder, gap: rng.chance(1, 3) }
            }
            _ => anything(rng),
        };
        self.say_on(link, message);
    }

    fn ask_a_holder(&mut self) {
        let Some(lease) = self.any_lease() else { return };
        let session = self.rig.core.session(&self.rig.now()).1;
        let (Some(token), Some(session)) = (self.rig.core.token(lease), session) else { return };
        let (grace_ms, name, reason) = (any_grace(&mut self.rng), name("a"), String::new());
        let link = self.rig.link(self.rng.between(1, 3));
        self.say_on(link, ServerMessage::Asked { session, name, token, grace_ms, reason });
    }

    fn any_lease(&mut self) -> Option<LeaseId> {
        let recent = self.leases.len().saturating_sub(3);
        let recent = &self.leases[recent..];
        let at = self.rng.below(recent.len().max(1) as u64);
        recent.get(usize::try_from(at).unwrap()).copied()
    }

    fn acquire(&mut self) {
        let rng = &mut self.rng;
        let wait = match rng.below(3) {
            0 => Wait::For(Duration::from_millis(rng.below(900))),
            1 => Wait::Try,
            _ => Wait::Forever,
        };
        let also = if rng.chance(1, 3) { vec![name("b")] } else { Vec::new() };
        let mode = if rng.chance(1, 3) { Mode::Shared } else { Mode::Exclusive };
        let owner = rng.below(3);
        let wish = AcquireCall { also, owner, mode, ..AcquireCall::lock(name("a"), wait) };
        self.calls.push(self.rig.acquire_call(wish));
    }

    fn use_lease(&mut self) {
        let Some(lease) = self.any_lease() else { return };
        let call = match self.rng.below(4) {
            0 => self.rig.transfer(lease, None),
            1 => self.rig.proclaim(lease, b"x"),
            _ => self.rig.release(lease),
        };
        self.calls.push(call);
    }

    fn follow(&mut self) {
        if self.rng.chance(1, 2) || self.observers.is_empty() {
            self.observers.push(self.rig.observe("a"));
        } else if let Some(observer) = self.observers.pop() {
            self.rig.core.unobserve(&self.rig.now(), observer);
            self.rig.drain();
        }
    }

    /// One random input.
    fn stir(&mut self) {
        let node = self.rng.between(1, 3);
        match self.rng.below(22) {
            0 => {
                let hint = hint(self.rng.below(9), Some(self.rng.between(1, 3)));
                self.rig.welcome(node, hint);
            }
            1 if self.rng.chance(1, 3) => self.rig.close_link(node),
            2 | 3 => self.acquire(),
            4 => self.use_lease(),
            5 if !self.calls.is_empty() => {
                let at = usize::try_from(self.rng.below(self.calls.len() as u64)).unwrap();
                self.rig.cancel(self.calls[at]);
            }
            6 => self.pass(),
            7 if self.rng.chance(1, 2) => self.calls.push(self.rig.break_lock("a")),
            8 => self.follow(),
            9 => {
                self.rig.core.progress(&self.rig.now());
                self.rig.drain();
            }
            10 => self.ask_a_holder(),
            11 | 12 => {
                let (link, message) = (self.rig.link(node), anything(&mut self.rng));
                self.say_on(link, message);
            }
            _ => self.reply(),
        }
        self.check();
    }

    /// In steps, so that the instants at which things are sent are known.
    fn pass(&mut self) {
        let until = self.rig.now + self.rng.below(4 * SECOND);
        while self.rig.now < until {
            let due = self.rig.core.next_deadline().max(self.rig.now + 1);
            self.rig.pass(due.min(until));
            self.check();
        }
    }

    fn check(&mut self) {
        for (link, request) in self.rig.take_sent() {
            self.allowed.handle_sent(self.rig.now, &request);
            self.sent.push((link, request));
        }
        for result in self.rig.decided.values().flatten() {
            if let Done::Acquired { lease, .. } = result
                && !self.leases.contains(lease)
            {
                self.leases.push(*lease);
            }
        }
        self.allowed.check(&mut self.rig, &self.leases);
    }
}

#[test]
fn whatever_a_server_says_an_end_is_final_and_no_belief_exceeds_what_was_acknowledged() {
    let (mut granted, mut asked, mut observed) = (0, 0, 0);
    for seed in 0..300 {
        let mut trial = Trial::new(seed);
        let mut alive: BTreeMap<LeaseId, bool> = BTreeMap::new();
        for _ in 0..250 {
            trial.stir();
            for lease in &trial.leases {
                let remaining = trial.rig.remaining(*lease);
                let alive = alive.entry(*lease).or_insert(true);
                assert!(*alive || remaining.is_zero(), "seed {seed}: {lease:?} was revived");
                *alive = !remaining.is_zero();
            }
        }
        granted += alive.len();
        asked += trial.rig.asked.len();
        observed += trial.allowed.told.len();
    }
    let tried = (granted, asked, observed);
    assert!(granted > 300 && asked > 100 && observed > 100, "too little was tried: {tried:?}");
}
