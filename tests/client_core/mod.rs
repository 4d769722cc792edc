//! The client core against a server that is played by hand: safety L4, L6, L7, L13, L14, L17–L21, L23, L24.

mod anything;
mod asked;
mod belief;
mod endings;
mod identity;
mod kinds;
mod links;
mod news;
mod observers;
mod orders;
mod progress;
mod reads;
mod requests;
mod silence;
mod standing;
mod transfer;
mod tries;

use std::collections::BTreeMap;
use std::time::Duration;
use tenure::base::rng::Rng;
use tenure::base::time::{RHO_PPM, belief};
use tenure::base::{
    Ancestors, ClusterId, ClusterPin, Index, NodeId, RequestId, Sample, SessionId, SessionKey,
    Term, Token,
};
use tenure::client::core::{
    AcquireCall, BreakCall, CallId, Core, CoreAction, CoreOptions, Deadline, Done, EndReason,
    LeaseId, LinkId, ObserverId, Seen, SessionState, Wait,
};
use tenure::lock::{Answer, BreakWay, Mode, Name, Operation, Refusal};
use tenure::wire::{
    ClientWelcome, HolderSaid, LeaderHint, Query, ReadAnswer, Request, ServerMessage, Speech,
    Welcomed,
};
use tenure::{Error, Status};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
const TTL: Duration = Duration::from_secs(10);
const CLUSTER: ClusterId = ClusterId([0xaa; 16]);
const SESSION: SessionId = SessionId(100);

/// A core, a clock, and what the core did.
struct Rig {
    core: Core,
    now: u64,
    links: BTreeMap<String, LinkId>,
    dialed: Vec<(LinkId, String)>,
    hung_up: Vec<LinkId>,
    /// What was sent and not looked at yet.
    sent: Vec<(LinkId, Request)>,
    decided: BTreeMap<CallId, Result<Done, Error>>,
    ended: Vec<(LeaseId, EndReason)>,
    asked: Vec<(LeaseId, Deadline, String)>,
    observed: Vec<(ObserverId, Seen)>,
    /// The numbers under which observers were asked for.
    askings: Vec<u64>,
    failed: Vec<(ObserverId, Status)>,
    states: Vec<SessionState>,
    extended: usize,
    /// All actions in order, in words.
    log: Vec<String>,
}

impl Rig {
    fn new() -> Self {
        Self::with_progress(None)
    }

    fn with_progress(progress: Option<Duration>) -> Self {
        Self::with(progress, None)
    }

    fn pinned(pin: Option<ClusterPin>) -> Self {
        Self::with(None, pin)
    }

    fn with(progress: Option<Duration>, pin: Option<ClusterPin>) -> Self {
        let options = CoreOptions {
            endpoints: vec!["n1:1".into(), "n2:1".into(), "n3:1".into()],
            pin,
            client: "test".into(),
            ttl: TTL,
            connect_timeout: Duration::from_secs(5),
            progress,
            request_timeout: Duration::from_secs(5),
            key: SessionKey([7; 16]),
            seed: 1,
        };
        let mut rig = Self {
            core: Core::new(options, &Sample::at(0)),
            now: 0,
            links: BTreeMap::new(),
            dialed: Vec::new(),
            hung_up: Vec::new(),
            sent: Vec::new(),
            decided: BTreeMap::new(),
            ended: Vec::new(),
            asked: Vec::new(),
            observed: Vec::new(),
            askings: Vec::new(),
            failed: Vec::new(),
            states: Vec::new(),
            extended: 0,
            log: Vec::new(),
        };
        rig.drain();
        rig
    }

    /// Three nodes, the first leads in term 1, and there is a session.
    fn with_session() -> Self {
        Self::new().in_session()
    }

    fn in_session(mut self) -> Self {
        self.welcome_all();
        let number = self.creation();
        self.open(number);
        self.sent.clear();
        self
    }

    fn welcome_all(&mut self) {
        for node in 1..=3 {
            self.welcome(node, hint(1, Some(1)));
        }
    }

    fn now(&self) -> Sample {
        Sample::at(self.now)
    }

    fn link(&self, node: u64) -> LinkId {
        self.links[&format!("n{node}:1")]
    }

    fn drain(&mut self) {
        for action in self.core.take_actions(&Sample::at(self.now)) {
            self.log.push(format!("{action:?}"));
            match action {
                CoreAction::Dial { link, endpoint } => {
                    self.dialed.push((link, endpoint.clone()));
                    self.links.insert(endpoint, link);
                }
                CoreAction::Hangup { link } => self.hung_up.push(link),
                CoreAction::Send { link, request } => {
                    if let Request::Observe { read, .. } = &request {
                        self.askings.push(*read);
                    }
                    self.sent.push((link, request));
                }
                CoreAction::Extend(_) => self.extended += 1,
                CoreAction::LeaseEnded { lease, reason } => self.ended.push((lease, reason)),
                CoreAction::SessionChanged { state, .. } => self.states.push(state),
                CoreAction::LeaseAsked { lease, deadline, reason } => {
                    self.asked.push((lease, deadline, reason));
                }
                CoreAction::Observed { observer, seen } => self.observed.push((observer, seen)),
                CoreAction::ObserverFailed { observer, error } => {
                    self.failed.push((observer, error.status));
                }
                CoreAction::Decided { call, result } => {
                    let before = self.decided.insert(call, result);
                    assert!(before.is_none(), "{call:?} was decided twice");
                }
            }
        }
    }

    fn welcome(&mut self, node: u64, leader: LeaderHint) {
        self.welcome_in(Some(CLUSTER), node, leader);
    }

    fn welcome_in(&mut self, cluster: Option<ClusterId>, node: u64, leader: LeaderHint) {
        self.welcome_restored(cluster, &[], (node, leader));
    }

    /// Of a cluster that was restored from these.
    fn welcome_restored(
        &mut self,
        cluster: Option<ClusterId>,
        ancestors: &[ClusterId],
        (node, leader): (u64, LeaderHint),
    ) {
        let mut welcomed = welcome(node, leader);
        welcomed.welcome.cluster = cluster;
        welcomed.ancestors = Ancestors::new(ancestors.iter().copied());
        self.core.handle_welcome(&self.now(), self.link(node), welcomed);
        self.drain();
    }

    fn say(&mut self, node: u64, message: ServerMessage) {
        self.say_on(self.link(node), message);
    }

    fn say_on(&mut self, link: LinkId, message: ServerMessage) {
        self.core.handle_message(&self.now(), link, message);
        self.drain();
    }

    fn open(&mut self, number: u64) {
        let (session, ttl_ms, rho_ppm) = (SESSION, 10_000, RHO_PPM);
        self.say(1, ServerMessage::SessionOpened { number, session, ttl_ms, rho_ppm });
    }

    fn refuse(&mut self, number: u64, refusal: Refusal) {
        self.say(1, ServerMessage::SessionRefused { number, refusal });
    }

    /// Answers the last creation with another session than the first.
    fn open_next(&mut self) {
        let (number, session) = (self.creation(), SessionId(SESSION.0 + 1));
        self.sent.clear();
        let (ttl_ms, rho_ppm) = (10_000, RHO_PPM);
        self.say(1, ServerMessage::SessionOpened { number, session, ttl_ms, rho_ppm });
    }

    fn answer(&mut self, node: u64, request: u64, answer: Answer) {
        let request = RequestId(request);
        self.say(node, ServerMessage::Answered { session: SESSION, request, answer });
    }

    fn close_link(&mut self, node: u64) {
        self.core.handle_closed(&self.now(), self.link(node), "connection refused");
        self.drain();
    }

    /// Lets time pass until `until`, stopping at each deadline of the core.
    fn pass(&mut self, until: u64) {
        while self.core.next_deadline() <= until {
            let due = self.core.next_deadline().max(self.now);
            self.now = due;
            self.core.handle_deadline(&self.now());
            self.drain();
            assert!(self.core.next_deadline() > due, "the core spins at {due}");
        }
        self.now = until;
    }

    /// The others have had their time to say of which cluster they are.
    fn compare(&mut self) {
        self.pass(self.now + 10 * MS);
    }

    /// Passes time, and acknowledges each renewal as soon as it is sent.
    fn pass_renewed(&mut self, until: u64) {
        while self.now < until {
            self.pass((self.now + 100 * MS).min(until));
            for (_, request) in self.take_sent() {
                if let Request::Renew { session, number } = request {
                    self.say(1, ServerMessage::Renewed { session, number });
                }
            }
        }
    }

    fn take_sent(&mut self) -> Vec<(LinkId, Request)> {
        std::mem::take(&mut self.sent)
    }

    /// The number of the last creation that was sent.
    fn creation(&self) -> u64 {
        let number = |(_, request): &(LinkId, Request)| match request {
            Request::OpenSession { number, .. } => Some(*number),
            _ => None,
        };
        self.sent.iter().rev().find_map(number).expect("a creation was sent")
    }

    /// The number of the last renewal that was sent.
    fn renewal(&self) -> u64 {
        let number = |(_, request): &(LinkId, Request)| match request {
            Request::Renew { number, .. } => Some(*number),
            _ => None,
        };
        self.sent.iter().rev().find_map(number).expect("a renewal was sent")
    }

    /// Ids, floors and operations of what was submitted, in order.
    fn submitted(&mut self) -> Vec<(u64, u64, Operation)> {
        let submitted = |(_, request)| match request {
            Request::Submit { request, floor, operation, .. } => {
                Some((request.0, floor.0, operation))
            }
            _ => None,
        };
        self.take_sent().into_iter().filter_map(submitted).collect()
    }

    fn acquire(&mut self, name: &str, wait: Wait) -> CallId {
        self.acquire_as(0, name, wait)
    }

    fn acquire_as(&mut self, owner: u64, name: &str, wait: Wait) -> CallId {
        let name = name.try_into().unwrap();
        let wish = AcquireCall { owner, ..AcquireCall::lock(name, wait) };
        let call = self.core.acquire(&self.now(), wish);
        self.drain();
        call
    }

    fn acquire_call(&mut self, wish: AcquireCall) -> CallId {
        let call = self.core.acquire(&self.now(), wish);
        self.drain();
        call
    }

    fn transfer(&mut self, lease: LeaseId, to: Option<&str>) -> CallId {
        let call = self.core.transfer(&self.now(), lease, to.map(str::to_owned));
        self.drain();
        call
    }

    fn proclaim(&mut self, lease: LeaseId, value: &[u8]) -> CallId {
        let call = self.core.proclaim(&self.now(), lease, value.to_vec());
        self.drain();
        call
    }

    fn break_lock(&mut self, locked: &str) -> CallId {
        let (way, reason) = (BreakWay::Now, "it hangs".to_owned());
        let call = BreakCall { name: name(locked), token: Token(0), way, to: None, reason };
        let call = self.core.break_lock(&self.now(), call);
        self.drain();
        call
    }

    fn observe(&mut self, observed: &str) -> ObserverId {
        let observer = self.core.observe(&self.now(), name(observed));
        self.drain();
        observer
    }

    /// The number under which an observer was asked for last.
    fn newest_asking(&self) -> u64 {
        *self.askings.last().expect("it was asked for")
    }

    /// The leader asks the holder of "a" under `token` to end.
    fn ask(&mut self, token: u64, grace: Duration) {
        let grace_ms = u32::try_from(grace.as_millis()).unwrap();
        let (name, token, reason) = (name("a"), Token(token), "drained".to_owned());
        self.say(1, ServerMessage::Asked { session: SESSION, name, token, grace_ms, reason });
    }

    fn cancel(&mut self, call: CallId) {
        self.core.cancel(&self.now(), call);
        self.drain();
    }

    fn release(&mut self, lease: LeaseId) -> CallId {
        let call = self.core.release(&self.now(), lease);
        self.drain();
        call
    }

    fn read(&mut self) -> CallId {
        let query = Query::Lock { name: "a".try_into().unwrap() };
        let call = self.core.read(&self.now(), query);
        self.drain();
        call
    }

    /// Acquires and is granted; gives the lease.
    fn held(&mut self, name: &str, request: u64, token: u64) -> LeaseId {
        let call = self.acquire(name, Wait::Forever);
        self.answer(1, request, Answer::Granted { token: Token(token) });
        self.sent.clear();
        self.lease(call)
    }

    fn lease(&self, call: CallId) -> LeaseId {
        match self.decided.get(&call) {
            Some(Ok(Done::Acquired { lease, .. })) => *lease,
            other => panic!("{call:?} is not granted: {other:?}"),
        }
    }

    fn status(&self, call: CallId) -> Option<Status> {
        self.decided.get(&call)?.as_ref().err().map(|error| error.status)
    }

    fn remaining(&self, lease: LeaseId) -> Duration {
        self.core.remaining(&self.now(), lease)
    }
}

fn welcome(node: u64, leader: LeaderHint) -> Welcomed {
    let welcome = ClientWelcome { node: NodeId(node), cluster: Some(CLUSTER), leader };
    Welcomed { welcome, speech: Speech::own(), ancestors: Ancestors::NONE }
}

fn hint(term: u64, leader: Option<u64>) -> LeaderHint {
    let leader = leader.map(|node| (NodeId(node), format!("n{node}:1")));
    LeaderHint { term: Term(term), leader }
}

fn leader(term: u64, node: Option<u64>) -> ServerMessage {
    ServerMessage::Leader(hint(term, node))
}

fn name(text: &str) -> Name {
    text.try_into().unwrap()
}

/// The token of the only release that was submitted.
#[track_caller]
fn released(submitted: &[(u64, u64, Operation)]) -> Token {
    match submitted {
        [(.., Operation::Release { token, .. })] => *token,
        _ => panic!("not one release: {submitted:?}"),
    }
}

fn ids(submitted: &[(u64, u64, Operation)]) -> Vec<u64> {
    submitted.iter().map(|(id, ..)| *id).collect()
}

fn v() -> Duration {
    belief(TTL, RHO_PPM, RHO_PPM)
}
