//! The client core against a server that is played by hand: safety L4, L6, L7, L13, L14, L17–L21, L24.

use std::collections::BTreeMap;
use std::time::Duration;
use tenure::base::rng::Rng;
use tenure::base::time::{RHO_PPM, belief};
use tenure::base::{
    ClusterId, Index, NodeId, RequestId, Sample, SessionId, SessionKey, Term, Token,
};
use tenure::client::core::{
    AcquireCall, Action, CallId, Core, CoreOptions, Done, EndReason, LeaseId, LinkId, SessionState,
    Wait,
};
use tenure::lock::{Answer, Operation, Refusal};
use tenure::wire::{ClientWelcome, LeaderHint, Query, ReadAnswer, Request, ServerMessage};
use tenure::{Error, Status};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
const TTL: Duration = Duration::from_secs(10);
const SESSION: SessionId = SessionId(100);

/// A core, a clock, and what the core did.
struct Rig {
    core: Core,
    now: u64,
    links: BTreeMap<String, LinkId>,
    hung_up: Vec<LinkId>,
    /// What was sent and not looked at yet.
    sent: Vec<(LinkId, Request)>,
    decided: BTreeMap<CallId, Result<Done, Error>>,
    ended: Vec<(LeaseId, EndReason)>,
    states: Vec<SessionState>,
    extended: usize,
    /// All actions in order, in words.
    log: Vec<String>,
}

impl Rig {
    fn new() -> Self {
        let options = CoreOptions {
            endpoints: vec!["n1:1".into(), "n2:1".into(), "n3:1".into()],
            client: "test".into(),
            ttl: TTL,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
            key: SessionKey([7; 16]),
            seed: 1,
        };
        let mut rig = Self {
            core: Core::new(options, &Sample::at(0)),
            now: 0,
            links: BTreeMap::new(),
            hung_up: Vec::new(),
            sent: Vec::new(),
            decided: BTreeMap::new(),
            ended: Vec::new(),
            states: Vec::new(),
            extended: 0,
            log: Vec::new(),
        };
        rig.drain();
        rig
    }

    /// Three nodes, the first leads in term 1, and there is a session.
    fn with_session() -> Self {
        let mut rig = Self::new();
        rig.welcome_all();
        let number = rig.creation();
        rig.open(number);
        rig.sent.clear();
        rig
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
                Action::Dial { link, endpoint } => {
                    self.links.insert(endpoint, link);
                }
                Action::Hangup { link } => self.hung_up.push(link),
                Action::Send { link, request } => self.sent.push((link, request)),
                Action::Extend(_) => self.extended += 1,
                Action::LeaseEnded { lease, reason } => self.ended.push((lease, reason)),
                Action::SessionChanged { state, .. } => self.states.push(state),
                Action::Decided { call, result } => {
                    let before = self.decided.insert(call, result);
                    assert!(before.is_none(), "{call:?} was decided twice");
                }
            }
        }
    }

    fn welcome(&mut self, node: u64, leader: LeaderHint) {
        self.welcome_in(None, node, leader);
    }

    fn welcome_in(&mut self, cluster: Option<ClusterId>, node: u64, leader: LeaderHint) {
        let welcome = ClientWelcome { node: NodeId(node), cluster, leader };
        self.core.handle_welcome(&self.now(), self.link(node), welcome);
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
        let wish = AcquireCall { name, wait, value: Vec::new(), owner };
        let call = self.core.acquire(&self.now(), wish);
        self.drain();
        call
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

fn hint(term: u64, leader: Option<u64>) -> LeaderHint {
    let leader = leader.map(|node| (NodeId(node), format!("n{node}:1")));
    LeaderHint { term: Term(term), leader }
}

fn leader(term: u64, node: Option<u64>) -> ServerMessage {
    ServerMessage::Leader(hint(term, node))
}

fn ids(submitted: &[(u64, u64, Operation)]) -> Vec<u64> {
    submitted.iter().map(|(id, ..)| *id).collect()
}

fn v() -> Duration {
    belief(TTL, RHO_PPM, RHO_PPM)
}

// ---- belief ----

#[test]
fn belief_in_a_new_session_counts_from_the_send_of_its_creation() {
    let mut rig = Rig::new();
    rig.welcome_all();
    let number = rig.creation();
    rig.now = 2 * SECOND;
    rig.open(number);
    let lease = rig.held("a", 1, 1);
    assert!(rig.remaining(lease) <= v() - Duration::from_secs(2), "{:?}", rig.remaining(lease));
    assert!(rig.remaining(lease) > Duration::from_secs(6));
    // On a machine whose BOOTTIME is slewed the timer comes late: V itself must count from the send too.
    let raw = u64::try_from(v().as_nanos()).unwrap();
    let slewed = raw - 17 * SECOND / 10;
    let now = Sample { boot_before: slewed, monotonic: slewed, raw, boot_after: slewed };
    assert_eq!(rig.core.remaining(&now, lease), Duration::ZERO);
}

#[test]
fn belief_is_over_after_v_since_the_send_and_so_before_the_ttl() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let raw = u64::try_from(v().as_nanos()).unwrap();
    let slewed = raw * 85 / 100;
    let at = |raw| Sample { boot_before: slewed, monotonic: slewed, raw, boot_after: slewed };
    assert_eq!(rig.core.remaining(&at(raw), lease), Duration::ZERO);
    assert_eq!(rig.core.remaining(&at(raw - 1), lease), Duration::from_nanos(1));
    assert!(v() < TTL * 99 / 101);
}

#[test]
fn an_acknowledgement_counts_from_the_send_of_its_number_and_not_from_its_arrival() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.pass(3_400 * MS);
    let first = rig.renewal();
    rig.sent.clear();
    rig.pass(6_000 * MS);
    let sent_at = rig.now;
    rig.pass(6_800 * MS);
    let second = rig.renewal();
    let before = rig.remaining(lease);
    rig.say(1, ServerMessage::Renewed { session: SESSION, number: first });
    let after = rig.remaining(lease);
    // The first was sent before 3.4 s: at 6.8 s less than V − 3.4 s remains.
    assert!(after > before && after < v() - Duration::from_millis(3_400), "{after:?}");
    rig.say(1, ServerMessage::Renewed { session: SESSION, number: second });
    assert!(rig.remaining(lease) > after && sent_at < rig.now);
    assert!(rig.remaining(lease) < v() / 8 * 7, "the second was sent before it arrived");
}

#[test]
fn an_acknowledgement_of_a_number_never_sent_or_seen_before_extends_nothing() {
    let mut rig = Rig::with_session();
    rig.pass(3_400 * MS);
    let number = rig.renewal();
    rig.say(1, ServerMessage::Renewed { session: SESSION, number });
    let extended = rig.extended;
    for other in [number, number + 1, 0, u64::MAX] {
        rig.say(1, ServerMessage::Renewed { session: SESSION, number: other });
        rig.say(1, ServerMessage::Renewed { session: SessionId(9), number: other });
    }
    assert_eq!(rig.extended, extended);
}

#[test]
fn an_acknowledgement_after_the_end_revives_nothing_and_the_session_is_closed() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.pass(3_400 * MS);
    let number = rig.renewal();
    let extended = rig.extended;
    rig.now = 9_900 * MS;
    rig.say(1, ServerMessage::Renewed { session: SESSION, number });
    assert_eq!(rig.remaining(lease), Duration::ZERO);
    assert_eq!(rig.ended, [(lease, EndReason::Expired)]);
    assert_eq!(rig.extended, extended);
    assert_eq!(rig.core.session(&rig.now()), (SessionState::Ended, None));
    let closed = rig.submitted();
    assert!(matches!(closed[..], [(2, 2, Operation::Close)]), "{closed:?}");
    rig.pass(60 * SECOND);
    let renewed = |(_, request): &(LinkId, Request)| matches!(request, Request::Renew { .. });
    assert!(!rig.take_sent().iter().any(renewed), "a session called lost is renewed no more");
}

#[test]
fn a_lost_session_is_replaced_by_the_next_call_with_a_number_of_its_own() {
    let mut rig = Rig::new();
    rig.welcome_all();
    let first = rig.creation();
    rig.open(first);
    rig.say(1, ServerMessage::SessionEnded { session: SESSION });
    rig.sent.clear();
    rig.pass(rig.now + SECOND);
    assert!(rig.take_sent().is_empty());
    rig.acquire("a", Wait::Forever);
    assert!(rig.creation() > first);
    rig.open(first);
    assert_eq!(rig.core.session(&rig.now()).0, SessionState::Ended, "an old number opens nothing");
}

#[test]
fn a_timer_that_has_fired_ends_the_session_whatever_was_acknowledged() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.core.handle_lapsed(&rig.now(), SessionId(9));
    assert!(!rig.remaining(lease).is_zero());
    rig.core.handle_lapsed(&rig.now(), SESSION);
    rig.drain();
    assert_eq!(rig.ended, [(lease, EndReason::Expired)]);
    assert_eq!(rig.remaining(lease), Duration::ZERO);
}

#[test]
fn the_echoed_ttl_is_clamped_to_what_was_asked() {
    let mut rig = Rig::new();
    rig.welcome_all();
    let (number, session) = (rig.creation(), SESSION);
    let (ttl_ms, rho_ppm) = (u32::MAX, 0);
    rig.say(1, ServerMessage::SessionOpened { number, session, ttl_ms, rho_ppm });
    let lease = rig.held("a", 1, 1);
    assert!(rig.remaining(lease) <= TTL);
}

#[test]
fn a_session_with_a_ttl_of_nothing_is_never_believed_in() {
    let mut rig = Rig::new();
    rig.welcome_all();
    let (number, session) = (rig.creation(), SESSION);
    rig.say(1, ServerMessage::SessionOpened { number, session, ttl_ms: 0, rho_ppm: u32::MAX });
    assert_eq!((rig.extended, rig.states.len()), (0, 0));
    rig.pass(SECOND);
    assert!(rig.creation() > number);
}

#[test]
fn a_renewal_that_is_overdue_is_jeopardy_and_its_acknowledgement_ends_that() {
    let mut rig = Rig::with_session();
    rig.pass(6_800 * MS);
    let number = rig.renewal();
    rig.say(1, ServerMessage::Renewed { session: SESSION, number });
    assert_eq!(rig.states, [SessionState::Valid, SessionState::Jeopardy, SessionState::Valid]);
}

#[test]
fn jeopardy_begins_when_two_thirds_of_the_ttl_have_passed_since_the_send() {
    let mut rig = Rig::with_session();
    let begins = 10 * SECOND / 3 * 2;
    rig.now = begins - 1;
    assert_eq!(rig.core.session(&rig.now()).0, SessionState::Valid);
    rig.now = begins;
    assert_eq!(rig.core.session(&rig.now()).0, SessionState::Jeopardy);
}

#[test]
fn an_acknowledgement_counts_while_its_send_is_one_of_the_last_64() {
    let mut rig = Rig::with_session();
    rig.pass(3_400 * MS);
    let first = rig.renewal();
    for term in 2..=65 {
        rig.say(2, leader(term, Some(2)));
    }
    assert_eq!(rig.renewal(), first + 64, "one more to each new home");
    let extended = rig.extended;
    rig.say(2, ServerMessage::Renewed { session: SESSION, number: first });
    assert_eq!(rig.extended, extended, "the 65th last");
    rig.say(2, ServerMessage::Renewed { session: SESSION, number: first + 1 });
    assert_eq!(rig.extended, extended + 1);
}

#[test]
fn a_renewed_session_outlives_its_ttl() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.pass_renewed(100 * SECOND);
    assert!(!rig.remaining(lease).is_zero());
    assert_eq!(rig.states, [SessionState::Valid]);
}

// ---- requests ----

#[test]
fn a_grant_is_a_lease_and_a_repeated_one_is_harmless() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 5);
    rig.answer(1, 1, Answer::Granted { token: Token(5) });
    assert_eq!(rig.core.token(lease), Some(Token(5)));
    rig.release(lease);
    rig.answer(1, 1, Answer::Granted { token: Token(5) });
    assert_eq!(rig.core.token(lease), None);
    assert_eq!(rig.decided.len(), 1);
}

#[test]
fn a_token_that_ended_here_or_is_no_token_is_never_believed() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 5);
    rig.release(lease);
    rig.answer(1, 2, Answer::Done);
    let again = rig.acquire("a", Wait::Forever);
    for token in [5, 4, 0, 1 << 63, u64::MAX] {
        rig.answer(1, 3, Answer::Granted { token: Token(token) });
        assert!(!rig.decided.contains_key(&again), "token {token}");
    }
    rig.answer(1, 3, Answer::Granted { token: Token(6) });
    rig.lease(again);
}

#[test]
fn each_request_names_the_lowest_id_without_a_first_reply() {
    let mut rig = Rig::with_session();
    rig.acquire("a", Wait::Forever);
    rig.acquire("b", Wait::Forever);
    rig.answer(1, 2, Answer::Granted { token: Token(1) });
    rig.acquire("c", Wait::Forever);
    rig.answer(1, 1, Answer::Queued { ahead: 0 });
    rig.acquire("d", Wait::Forever);
    let floors: Vec<_> = rig.submitted().iter().map(|(id, floor, _)| (*id, *floor)).collect();
    assert_eq!(floors, [(1, 1), (2, 1), (3, 1), (4, 3)]);
}

#[test]
fn a_new_leader_gets_everything_again_under_the_same_ids_in_order_without_any_timer() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.release(lease);
    rig.acquire("b", Wait::Forever);
    rig.answer(1, 3, Answer::Queued { ahead: 0 });
    rig.acquire("c", Wait::Forever);
    rig.sent.clear();
    rig.close_link(1);
    assert!(rig.take_sent().is_empty());
    rig.say(3, leader(2, Some(2)));
    let sent = rig.take_sent();
    assert!(sent.iter().all(|(link, _)| *link == rig.link(2)), "{sent:?}");
    assert!(matches!(sent[0].1, Request::Attach { session: SESSION, .. }), "{sent:?}");
    rig.sent = sent;
    let submitted = rig.submitted();
    assert_eq!(ids(&submitted), [2, 3, 4]);
    assert_eq!(rig.now, 0, "no timer");
}

#[test]
fn a_renewal_without_an_answer_is_sent_again_at_a_new_leader_under_a_new_number() {
    let mut rig = Rig::with_session();
    rig.pass(3_400 * MS);
    let number = rig.renewal();
    rig.sent.clear();
    rig.say(2, leader(2, Some(2)));
    assert!(rig.renewal() > number);
}

#[test]
fn a_wait_that_is_over_is_a_timeout_and_a_withdrawal_that_is_retried_until_answered() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::For(Duration::from_millis(50)));
    rig.answer(1, 1, Answer::Queued { ahead: 1 });
    rig.sent.clear();
    rig.pass(60 * MS);
    assert_eq!(rig.status(call), Some(Status::Timeout));
    let withdrawal = |submitted: Vec<(u64, u64, Operation)>| {
        let acquire = RequestId(1);
        let [(2, _, Operation::Withdraw { acquire: of })] = submitted[..] else {
            panic!("{submitted:?}")
        };
        assert_eq!(of, acquire);
    };
    withdrawal(rig.submitted());
    rig.say(2, leader(2, Some(2)));
    withdrawal(rig.submitted());
    rig.answer(2, 2, Answer::Withdrawn);
    rig.say(3, leader(3, Some(3)));
    assert!(rig.submitted().is_empty());
}

#[test]
fn a_grant_after_the_withdrawal_is_never_believed() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Forever);
    rig.cancel(call);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    rig.answer(1, 2, Answer::Withdrawn);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    assert_eq!(rig.status(call), Some(Status::Cancelled));
    assert!(rig.core.token(LeaseId(1)).is_none());
}

#[test]
fn a_withdrawn_acquire_keeps_the_floor_until_the_withdrawal_is_answered() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Forever);
    rig.cancel(call);
    rig.acquire("b", Wait::Forever);
    let floors: Vec<_> = rig.submitted().iter().map(|(_, floor, _)| *floor).collect();
    assert_eq!(floors, [1, 1, 1]);
    rig.answer(1, 2, Answer::Withdrawn);
    rig.acquire("c", Wait::Forever);
    assert_eq!(rig.submitted()[0].1, 3);
}

#[test]
fn a_release_ends_belief_before_the_bytes_leave_and_is_retried_until_answered() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.log.clear();
    let call = rig.release(lease);
    assert!(rig.log[0].starts_with("LeaseEnded"), "{:?}", rig.log);
    assert!(rig.log[1].starts_with("Send"), "{:?}", rig.log);
    assert_eq!(rig.remaining(lease), Duration::ZERO);
    rig.answer(1, 2, Answer::Refused(Refusal::Busy));
    rig.sent.clear();
    rig.pass(SECOND);
    assert_eq!(ids(&rig.submitted()), [2]);
    rig.answer(1, 2, Answer::Done);
    assert_eq!(rig.decided[&call], Ok(Done::Released));
    rig.say(2, leader(2, Some(2)));
    assert!(rig.submitted().is_empty());
}

#[test]
fn a_cancelled_release_goes_on() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let call = rig.release(lease);
    rig.cancel(call);
    assert_eq!(rig.status(call), Some(Status::Cancelled));
    rig.sent.clear();
    rig.say(2, leader(2, Some(2)));
    assert_eq!(ids(&rig.submitted()), [2]);
}

#[test]
fn a_release_of_what_had_ended_is_lost() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let first = rig.release(lease);
    let second = rig.release(lease);
    rig.answer(1, 2, Answer::NotHeld);
    assert_eq!((rig.status(first), rig.status(second)), (Some(Status::Lost), Some(Status::Lost)));
    let lease = rig.held("b", 3, 2);
    rig.now = 20 * SECOND;
    let late = rig.release(lease);
    assert_eq!(rig.status(late), Some(Status::Lost));
    let released = |(.., what): &(u64, u64, Operation)| matches!(what, Operation::Release { .. });
    assert!(!rig.submitted().iter().any(released));
}

#[test]
fn no_acquire_leaves_while_an_earlier_request_of_its_owner_about_that_lock_is_undecided() {
    let mut rig = Rig::with_session();
    let first = rig.acquire_as(7, "a", Wait::Forever);
    rig.acquire_as(7, "a", Wait::Forever);
    rig.acquire_as(7, "b", Wait::Forever);
    rig.acquire_as(8, "a", Wait::Forever);
    assert_eq!(ids(&rig.submitted()), [1, 2, 3]);
    rig.cancel(first);
    assert_eq!(ids(&rig.submitted()), [4], "only the withdrawal");
    rig.answer(1, 4, Answer::Withdrawn);
    assert_eq!(ids(&rig.submitted()), [5]);
}

#[test]
fn an_acquire_waits_for_its_owners_release_of_that_lock() {
    let mut rig = Rig::with_session();
    let first = rig.acquire_as(7, "a", Wait::Forever);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    rig.release(rig.lease(first));
    rig.acquire_as(7, "a", Wait::Forever);
    assert_eq!(ids(&rig.submitted()), [1, 2]);
    rig.answer(1, 2, Answer::Done);
    assert_eq!(ids(&rig.submitted()), [3]);
}

#[test]
fn an_owner_re_enters_here_and_the_last_handle_releases() {
    let mut rig = Rig::with_session();
    let first = rig.acquire_as(7, "a", Wait::Forever);
    let second = rig.acquire_as(7, "a", Wait::Try);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    let (first, second) = (rig.lease(first), rig.lease(second));
    rig.sent.clear();
    let shared = rig.release(first);
    assert_eq!(rig.decided[&shared], Ok(Done::Released));
    assert_eq!(rig.remaining(first), Duration::ZERO);
    assert!(!rig.remaining(second).is_zero());
    assert!(rig.submitted().is_empty());
    rig.release(second);
    assert_eq!(ids(&rig.submitted()), [2]);
}

#[test]
fn an_acquire_whose_request_came_to_nothing_is_asked_again_under_a_new_id() {
    let answers = [
        Answer::Ended { token: Token(1) },
        Answer::Withdrawn,
        Answer::Refused(Refusal::BelowFloor),
    ];
    for answer in answers {
        let mut rig = Rig::with_session();
        let call = rig.acquire("a", Wait::Forever);
        rig.answer(1, 1, answer.clone());
        assert_eq!(ids(&rig.submitted()), [1, 2], "{answer:?}: the first time at once");
        rig.answer(1, 2, answer.clone());
        rig.pass(99 * MS);
        assert!(rig.submitted().is_empty(), "{answer:?}: then after a pause");
        rig.pass(100 * MS);
        assert_eq!(ids(&rig.submitted()), [3], "{answer:?}");
        rig.answer(1, 3, Answer::Granted { token: Token(2) });
        rig.lease(call);
    }
}

#[test]
fn an_answer_that_is_none_to_an_acquire_says_nothing() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Forever);
    rig.sent.clear();
    for answer in [Answer::Held { client: "other".into() }, Answer::Done, Answer::NotHeld] {
        rig.answer(1, 1, answer);
        assert!(rig.decided.is_empty() && rig.sent.is_empty(), "{:?}", rig.decided);
    }
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    rig.lease(call);
}

#[test]
fn ids_from_the_floor_on_are_bounded_and_not_ids_since_the_beginning() {
    const SPAN: u64 = 16_384;
    let mut rig = Rig::with_session();
    rig.acquire("a", Wait::Forever);
    for request in 2..=SPAN {
        rig.acquire("b", Wait::Try);
        rig.answer(1, request, Answer::Held { client: "other".into() });
        assert_eq!(rig.submitted().last().map(|(id, ..)| *id), Some(request));
    }
    rig.acquire("c", Wait::Forever);
    assert!(rig.submitted().is_empty(), "the first has no reply yet");
    rig.answer(1, 1, Answer::Queued { ahead: 0 });
    assert_eq!(ids(&rig.submitted()), [SPAN + 1]);
}

#[test]
fn a_value_beyond_its_limit_is_invalid_and_never_leaves() {
    for (bytes, status, sent) in [(4096, None, 1), (4097, Some(Status::Invalid), 0)] {
        let mut rig = Rig::with_session();
        let name = "a".try_into().unwrap();
        let wish = AcquireCall { name, wait: Wait::Forever, value: vec![7; bytes], owner: 0 };
        let call = rig.core.acquire(&rig.now(), wish);
        rig.drain();
        assert_eq!((rig.status(call), rig.submitted().len()), (status, sent), "{bytes} bytes");
    }
}

#[test]
fn a_try_behind_an_undecided_request_of_its_owner_is_held() {
    let mut rig = Rig::with_session();
    rig.acquire_as(7, "a", Wait::Forever);
    let call = rig.acquire_as(7, "a", Wait::Try);
    rig.pass_renewed(4_900 * MS);
    assert_eq!(rig.status(call), None);
    rig.pass_renewed(5 * SECOND);
    assert_eq!(rig.status(call), Some(Status::Held));
}

#[test]
fn a_wait_that_is_over_says_what_was_missing() {
    let text = |rig: &mut Rig, call: CallId| {
        rig.pass(rig.now + 60 * MS);
        let error = rig.decided[&call].clone().unwrap_err();
        assert_eq!(error.status, Status::Timeout);
        error.message
    };
    let wait = Wait::For(Duration::from_millis(50));
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", wait);
    let queued = text(&mut rig, call);
    assert!(!queued.contains("leader"), "{queued}");
    let call = rig.acquire("a", wait);
    rig.say(1, leader(2, None));
    let leaderless = text(&mut rig, call);
    assert!(leaderless.contains("no leader: n1:1: "), "{leaderless}");
    let mut rig = Rig::new();
    rig.welcome_all();
    let call = rig.acquire("a", wait);
    rig.refuse(rig.creation(), Refusal::Busy);
    let refused = text(&mut rig, call);
    assert!(refused.contains("the leader refuses a session"), "{refused}");
}

#[test]
fn a_refusal_for_load_is_retried_under_its_id_until_the_wait_is_over() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::For(Duration::from_millis(500)));
    for _ in 0..3 {
        assert_eq!(ids(&rig.submitted()), [1]);
        rig.answer(1, 1, Answer::Refused(Refusal::Busy));
        rig.pass(rig.now + 100 * MS);
    }
    rig.answer(1, 1, Answer::Refused(Refusal::Busy));
    rig.pass(600 * MS);
    assert_eq!(rig.status(call), Some(Status::Busy));
}

#[test]
fn pauses_double_up_to_a_tenth_of_a_second() {
    let mut rig = Rig::with_session();
    rig.acquire("a", Wait::Forever);
    for longest in [5, 10, 20, 40, 80, 100, 100].map(|millis| millis * MS) {
        rig.answer(1, 1, Answer::Refused(Refusal::Busy));
        let pause = rig.core.next_deadline() - rig.now;
        assert!((longest / 2..=longest).contains(&pause), "{pause} of {longest} ns");
        rig.pass(rig.now + pause);
    }
}

#[test]
fn a_withdrawal_is_tried_again_unless_it_is_refused_for_good() {
    for (refusal, again) in [(Refusal::Limit, vec![2]), (Refusal::BelowFloor, vec![])] {
        let mut rig = Rig::with_session();
        let call = rig.acquire("a", Wait::Forever);
        rig.cancel(call);
        rig.sent.clear();
        rig.answer(1, 2, Answer::Refused(refusal));
        rig.pass(100 * MS);
        assert_eq!(ids(&rig.submitted()), again, "{refusal:?}");
    }
}

#[test]
fn a_refused_acquire_that_left_twice_is_withdrawn() {
    let mut rig = Rig::with_session();
    let (once, twice) = (rig.acquire("a", Wait::Forever), rig.acquire("b", Wait::Forever));
    rig.answer(1, 1, Answer::Refused(Refusal::Limit));
    rig.say(2, leader(2, Some(2)));
    rig.sent.clear();
    rig.answer(2, 2, Answer::Refused(Refusal::Limit));
    assert_eq!((rig.status(once), rig.status(twice)), (Some(Status::Limit), Some(Status::Limit)));
    let submitted = rig.submitted();
    assert!(matches!(submitted[..], [(3, _, Operation::Withdraw { .. })]), "{submitted:?}");
}

#[test]
fn a_try_is_held_when_somebody_has_it() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Try);
    let submitted = rig.submitted();
    assert!(matches!(&submitted[0].2, Operation::Acquire(acquire) if acquire.try_only));
    rig.answer(1, 1, Answer::Held { client: "other".into() });
    assert_eq!(rig.status(call), Some(Status::Held));
}

#[test]
fn a_try_without_a_leader_is_unavailable_and_names_each_endpoint() {
    let mut rig = Rig::new();
    rig.welcome(2, hint(0, None));
    rig.close_link(1);
    let call = rig.acquire("a", Wait::Try);
    rig.pass(4 * SECOND);
    assert_eq!(rig.status(call), None);
    rig.pass(5 * SECOND);
    let error = rig.decided[&call].clone().unwrap_err();
    assert_eq!(error.status, Status::Unavailable);
    let parts: Vec<&str> = error.message.split("; ").collect();
    assert_eq!(parts.len(), 3, "{}", error.message);
    assert!(parts[0].starts_with("no leader: n1:1: "), "{}", error.message);
    assert_eq!(parts[1], "n2:1: knows no leader");
    assert!(parts[2].starts_with("n3:1: no"), "{}", error.message);
}

// ---- sessions that end ----

#[test]
fn when_the_session_ends_leases_and_calls_end_and_an_acquire_queues_again_in_the_next() {
    let mut rig = Rig::with_session();
    let held = rig.held("a", 1, 1);
    let released = rig.held("b", 2, 2);
    let release = rig.release(released);
    let waits = rig.acquire("c", Wait::Forever);
    let tries = rig.acquire("d", Wait::Try);
    rig.sent.clear();
    rig.say(1, ServerMessage::SessionEnded { session: SESSION });
    assert!(rig.ended.contains(&(held, EndReason::Expired)));
    assert_eq!(rig.status(release), Some(Status::SessionExpired));
    assert_eq!(rig.status(tries), Some(Status::SessionExpired));
    rig.answer(1, 4, Answer::Granted { token: Token(3) });
    assert!(!rig.decided.contains_key(&waits), "a grant in a session that ended");
    rig.open_next();
    assert_eq!(ids(&rig.submitted()), [1]);
    let (request, answer) = (RequestId(1), Answer::Granted { token: Token(9) });
    rig.say(1, ServerMessage::Answered { session: SessionId(101), request, answer });
    rig.lease(waits);
}

#[test]
fn an_acquire_that_was_held_back_in_a_session_that_ended_queues_in_the_next() {
    let mut rig = Rig::with_session();
    let first = rig.acquire_as(7, "a", Wait::Forever);
    rig.acquire_as(7, "a", Wait::Forever);
    rig.cancel(first);
    assert_eq!(ids(&rig.submitted()), [1, 2], "it waits for the withdrawal");
    rig.say(1, ServerMessage::SessionEnded { session: SESSION });
    rig.open_next();
    assert_eq!(ids(&rig.submitted()), [1]);
}

#[test]
fn a_session_that_is_refused_for_load_is_asked_for_again_after_a_pause() {
    let mut rig = Rig::new();
    rig.welcome_all();
    let call = rig.acquire("a", Wait::Forever);
    let number = rig.creation();
    rig.refuse(number, Refusal::Busy);
    rig.sent.retain(|(_, request)| !matches!(request, Request::OpenSession { .. }));
    rig.pass(100 * MS);
    assert!(rig.creation() > number);
    assert_eq!(rig.status(call), None);
    rig.open_next();
    assert_eq!(ids(&rig.submitted()), [1]);
}

#[test]
fn a_session_that_is_refused_for_good_fails_what_waits_and_is_asked_for_again() {
    let mut rig = Rig::new();
    rig.welcome_all();
    let call = rig.acquire("a", Wait::Forever);
    let number = rig.creation();
    rig.refuse(number + 1, Refusal::Limit);
    assert_eq!(rig.status(call), None, "no creation of that number was sent");
    rig.refuse(number, Refusal::Limit);
    assert_eq!(rig.status(call), Some(Status::Limit));
    rig.sent.clear();
    rig.pass(SECOND);
    assert!(rig.creation() > number);
}

#[test]
fn a_grant_that_arrives_when_belief_is_over_is_no_lease() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Forever);
    rig.now = 20 * SECOND;
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    assert!(!rig.decided.contains_key(&call));
    let submitted = rig.submitted();
    assert!(matches!(submitted[..], [(1, ..), (2, 1, Operation::Close)]), "{submitted:?}");
}

#[test]
fn close_ends_leases_first_then_the_session_and_calls_are_closed() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let waits = rig.acquire("b", Wait::Forever);
    rig.answer(1, 2, Answer::Queued { ahead: 0 });
    rig.sent.clear();
    rig.log.clear();
    let close = rig.core.close(&rig.now());
    rig.drain();
    assert!(rig.log[0].starts_with("LeaseEnded"), "{:?}", rig.log);
    assert_eq!(rig.ended, [(lease, EndReason::SessionClosed)]);
    assert_eq!(rig.status(waits), Some(Status::Closed));
    let submitted = rig.submitted();
    assert!(matches!(submitted[..], [(3, _, Operation::Close)]), "{submitted:?}");
    rig.answer(1, 3, Answer::Done);
    assert_eq!(rig.decided[&close], Ok(Done::Closed));
    let after = rig.acquire("c", Wait::Forever);
    assert_eq!(rig.status(after), Some(Status::Closed));
    assert_eq!((rig.hung_up.len(), rig.core.next_deadline()), (3, u64::MAX));
}

#[test]
fn close_is_retried_at_a_new_leader() {
    let mut rig = Rig::with_session();
    rig.core.close(&rig.now());
    rig.drain();
    rig.sent.clear();
    rig.say(2, leader(2, Some(2)));
    let sent = rig.take_sent();
    let home = rig.link(2);
    assert!(matches!(sent[0], (link, Request::Attach { .. }) if link == home), "{sent:?}");
    let Request::Submit { operation: Operation::Close, .. } = &sent[1].1 else {
        panic!("{sent:?}")
    };
}

#[test]
fn a_close_that_is_refused_for_load_is_sent_again_after_a_pause() {
    let mut rig = Rig::with_session();
    let close = rig.core.close(&rig.now());
    rig.drain();
    assert_eq!(ids(&rig.submitted()), [1]);
    rig.answer(1, 1, Answer::Refused(Refusal::Busy));
    assert!(rig.submitted().is_empty());
    rig.pass(100 * MS);
    assert_eq!(ids(&rig.submitted()), [1]);
    rig.answer(1, 1, Answer::Done);
    assert_eq!(rig.decided[&close], Ok(Done::Closed));
}

#[test]
fn a_close_that_nobody_answers_is_unknown_when_the_servers_have_surely_ended_the_session() {
    let mut rig = Rig::with_session();
    rig.say(1, leader(2, None));
    let close = rig.core.close(&rig.now());
    rig.drain();
    rig.pass(3 * 10 * SECOND - 1);
    assert!(!rig.decided.contains_key(&close) && !rig.core.is_finished());
    rig.pass(3 * 10 * SECOND);
    assert_eq!(rig.status(close), Some(Status::Unknown));
    assert!(rig.core.is_finished());
}

// ---- reads ----

#[test]
fn a_read_is_asked_again_at_a_new_leader_and_never_answered_by_an_older_state() {
    let mut rig = Rig::with_session();
    let answer = |call: CallId, index: u64| {
        let (index, answer) = (Index(index), ReadAnswer::Valid(true));
        ServerMessage::Read { read: call.0, index, answer }
    };
    let first = rig.read();
    rig.say(1, answer(first, 10));
    let second = rig.read();
    rig.sent.clear();
    rig.say(2, leader(2, Some(2)));
    assert!(rig.take_sent().iter().any(|(_, request)| matches!(request, Request::Read { .. })));
    rig.say(2, answer(second, 9));
    assert!(!rig.decided.contains_key(&second));
    rig.pass(SECOND);
    rig.say(2, answer(second, 11));
    assert!(matches!(rig.decided[&second], Ok(Done::Read { index: Index(11), .. })));
}

#[test]
fn a_read_that_nobody_answers_is_unavailable_after_the_request_timeout() {
    let mut rig = Rig::with_session();
    let (kept, cancelled) = (rig.read(), rig.read());
    rig.cancel(cancelled);
    assert_eq!(rig.status(cancelled), Some(Status::Cancelled));
    rig.pass_renewed(4_900 * MS);
    assert_eq!(rig.status(kept), None);
    rig.pass_renewed(5 * SECOND);
    assert_eq!(rig.status(kept), Some(Status::Unavailable));
}

#[test]
fn reads_without_an_answer_are_bounded() {
    let mut rig = Rig::with_session();
    let calls: Vec<CallId> = (0..1024).map(|_| rig.read()).collect();
    assert!(rig.decided.is_empty());
    let one_more = rig.read();
    assert_eq!(rig.status(one_more), Some(Status::Limit));
    rig.cancel(calls[0]);
    let again = rig.read();
    assert_eq!(rig.status(again), None);
}

// ---- links ----

#[test]
fn all_endpoints_are_dialed_at_once_and_home_is_the_leader_of_the_highest_term() {
    let mut rig = Rig::new();
    assert_eq!(rig.links.len(), 3);
    rig.welcome(1, hint(4, Some(1)));
    rig.welcome(2, hint(5, Some(3)));
    rig.sent.clear();
    rig.welcome(3, hint(5, Some(3)));
    let sent = rig.take_sent();
    assert!(!sent.is_empty() && sent.iter().all(|(link, _)| *link == rig.link(3)), "{sent:?}");
    assert_eq!(rig.core.home(), Some(rig.link(3)));
    rig.say(1, leader(4, Some(1)));
    assert!(rig.take_sent().is_empty());
}

#[test]
fn a_leader_at_an_address_that_is_not_configured_is_dialed() {
    let mut rig = Rig::new();
    rig.welcome(1, hint(1, Some(9)));
    assert!(rig.links.contains_key("n9:1"));
    rig.welcome(9, hint(1, Some(9)));
    assert_eq!(rig.sent[0].0, rig.link(9));
    let old = rig.link(9);
    rig.welcome(2, hint(2, Some(2)));
    assert_eq!(rig.hung_up, [old]);
}

#[test]
fn a_silent_home_is_hung_up() {
    let mut rig = Rig::with_session();
    let home = rig.link(1);
    rig.pass(3_400 * MS);
    assert!(rig.hung_up.is_empty());
    rig.pass(7 * SECOND);
    assert_eq!(rig.hung_up, [home]);
    assert_ne!(rig.link(1), home, "it is dialed again");
}

#[test]
fn a_home_without_a_session_is_asked_whether_it_lives() {
    let mut rig = Rig::with_session();
    let home = rig.link(1);
    rig.say(1, ServerMessage::SessionEnded { session: SESSION });
    rig.pass(10 * SECOND - 1);
    assert!(rig.take_sent().is_empty());
    rig.pass(10 * SECOND);
    let sent = rig.take_sent();
    assert!(matches!(sent[..], [(link, Request::Status { .. })] if link == home), "{sent:?}");
    rig.pass(10 * SECOND + 3_300 * MS);
    assert!(rig.hung_up.is_empty());
    rig.pass(10 * SECOND + 3_400 * MS);
    assert_eq!(rig.hung_up, [home]);
}

#[test]
fn a_dial_that_stays_silent_is_given_up_after_the_connect_timeout() {
    let mut rig = Rig::new();
    rig.pass(5 * SECOND - 1);
    assert!(rig.hung_up.is_empty());
    rig.pass(5 * SECOND);
    assert_eq!(rig.hung_up, [LinkId(1), LinkId(2), LinkId(3)]);
}

#[test]
fn a_node_of_another_cluster_is_hung_up() {
    let mut rig = Rig::new();
    assert_eq!(rig.core.hello().cluster, None);
    let (ours, other) = (ClusterId([1; 16]), ClusterId([2; 16]));
    rig.welcome_in(Some(ours), 1, hint(1, Some(1)));
    rig.welcome_in(Some(other), 2, hint(9, Some(2)));
    rig.welcome_in(Some(ours), 3, hint(1, Some(1)));
    assert_eq!((rig.hung_up.len(), rig.core.home()), (1, Some(rig.link(1))));
    assert_eq!(rig.core.hello().cluster, Some(ours), "what each later node is told");
}

#[test]
fn a_named_leader_that_cannot_be_reached_does_not_hide_one_that_can() {
    let mut rig = Rig::with_session();
    rig.say(2, leader(99, Some(9)));
    rig.close_link(9);
    rig.acquire("a", Wait::Forever);
    let home = rig.link(1);
    let sent = rig.take_sent();
    assert!(matches!(sent.last(), Some((link, Request::Submit { .. })) if *link == home));
}

#[test]
fn a_home_that_repeats_that_it_leads_gets_everything_again_after_a_pause() {
    let mut rig = Rig::with_session();
    rig.acquire("a", Wait::Forever);
    rig.sent.clear();
    rig.say(1, leader(1, Some(1)));
    assert!(rig.submitted().is_empty());
    rig.pass(100 * MS);
    assert_eq!(ids(&rig.submitted()), [1]);
}

#[test]
fn a_home_that_resigns_is_left_until_a_leader_is_known() {
    let mut rig = Rig::with_session();
    rig.say(1, leader(2, None));
    rig.acquire("a", Wait::Forever);
    assert!(rig.take_sent().is_empty());
    rig.say(2, leader(2, Some(1)));
    let sent = rig.take_sent();
    assert!(sent.iter().all(|(link, _)| *link == rig.link(1)) && sent.len() == 2, "{sent:?}");
}

#[test]
fn a_home_that_says_later_than_others_that_it_leads_stays_home() {
    let mut rig = Rig::new();
    rig.welcome(1, hint(1, None));
    rig.welcome(2, hint(1, Some(1)));
    assert_eq!(rig.core.home(), Some(rig.link(1)));
    rig.say(1, leader(1, Some(1)));
    assert_eq!(rig.core.home(), Some(rig.link(1)));
}

#[test]
fn a_leader_that_denied_it_is_believed_in_again_after_a_second() {
    let mut rig = Rig::with_session();
    rig.say(1, leader(1, None));
    assert_eq!(rig.core.home(), None, "though the others still name it");
    rig.pass(SECOND - 1);
    assert_eq!(rig.core.home(), None);
    rig.pass(SECOND);
    assert_eq!(rig.core.home(), Some(rig.link(1)));
}

// ---- anything at all ----

fn any_answer(rng: &mut Rng) -> Answer {
    let token = if rng.chance(1, 5) { Token(rng.number()) } else { Token(rng.below(200)) };
    match rng.below(14) {
        0 => Answer::Queued { ahead: 1 },
        1 => Answer::Held { client: "x".into() },
        2 => Answer::Ended { token },
        3 => Answer::Withdrawn,
        4 => Answer::Done,
        5 => Answer::NotHeld,
        6 if rng.chance(1, 4) => Answer::SessionExpired,
        7 => Answer::Refused(Refusal::Busy),
        8 if rng.chance(1, 4) => Answer::Refused(Refusal::Limit),
        _ => Answer::Granted { token },
    }
}

/// Any message, about what exists and what does not.
fn anything(rng: &mut Rng) -> ServerMessage {
    let session = SessionId(rng.between(99, 102));
    let number = rng.below(40);
    match rng.below(12) {
        0 | 1 => {
            let ttl_ms = u32::try_from(rng.below(20_000)).unwrap();
            ServerMessage::SessionOpened { number, session, ttl_ms, rho_ppm: RHO_PPM }
        }
        2 => ServerMessage::SessionRefused { number, refusal: Refusal::Limit },
        3 if rng.chance(1, 4) => ServerMessage::SessionEnded { session },
        4 | 5 => ServerMessage::Renewed { session, number },
        6 => leader(rng.below(9), Some(rng.between(1, 3))),
        7 => leader(rng.below(9), None),
        8 => {
            let (index, answer) = (Index(rng.number()), ReadAnswer::Valid(true));
            ServerMessage::Read { read: rng.below(40), index, answer }
        }
        _ => {
            let (request, answer) = (RequestId(rng.below(40)), any_answer(rng));
            ServerMessage::Answered { session, request, answer }
        }
    }
}

/// An answer of some kind to one of the last requests that were sent.
fn reply(rig: &mut Rig, rng: &mut Rng) {
    let late = rig.sent.len().saturating_sub(8);
    rig.sent.drain(..late);
    if rig.sent.is_empty() {
        return;
    }
    let at = usize::try_from(rng.below(rig.sent.len() as u64)).unwrap();
    let (link, request) = rig.sent[at].clone();
    let message = match request {
        Request::OpenSession { number, .. } => {
            let session = SessionId(rng.between(99, 102));
            ServerMessage::SessionOpened { number, session, ttl_ms: 10_000, rho_ppm: RHO_PPM }
        }
        Request::Renew { session, number } => ServerMessage::Renewed { session, number },
        Request::Submit { session, request, .. } => {
            ServerMessage::Answered { session, request, answer: any_answer(rng) }
        }
        _ => anything(rng),
    };
    rig.say_on(link, message);
}

/// One random input. `calls` are those made so far.
fn stir(rig: &mut Rig, rng: &mut Rng, calls: &mut Vec<CallId>, leases: u64) {
    let node = rng.between(1, 3);
    match rng.below(16) {
        0 => rig.welcome(node, hint(rng.below(9), Some(rng.between(1, 3)))),
        1 if rng.chance(1, 3) => rig.close_link(node),
        2 => calls.push(rig.acquire_as(rng.below(3), "a", Wait::Forever)),
        3 => calls.push(rig.acquire("b", Wait::For(Duration::from_millis(rng.below(900))))),
        4 if leases > 0 => {
            rig.release(LeaseId(rng.between(1, leases)));
        }
        5 if !calls.is_empty() => {
            let call = calls[usize::try_from(rng.below(calls.len() as u64)).unwrap()];
            rig.cancel(call);
        }
        6 => rig.pass(rig.now + rng.below(4 * SECOND)),
        7 | 8 => rig.say(node, anything(rng)),
        _ => reply(rig, rng),
    }
}

#[test]
fn whatever_a_server_says_an_end_is_final_and_no_belief_reaches_the_ttl() {
    let mut granted = 0;
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let mut rig = Rig::new();
        rig.welcome_all();
        let mut alive: BTreeMap<LeaseId, bool> = BTreeMap::new();
        let mut calls = Vec::new();
        for _ in 0..200 {
            stir(&mut rig, &mut rng, &mut calls, alive.len() as u64);
            for result in rig.decided.values().flatten() {
                if let Done::Acquired { lease, .. } = result {
                    alive.entry(*lease).or_insert(true);
                }
            }
            for (lease, alive) in &mut alive {
                let remaining = rig.remaining(*lease);
                assert!(*alive || remaining.is_zero(), "seed {seed}: {lease:?} was revived");
                assert!(remaining < TTL, "seed {seed}");
                *alive = !remaining.is_zero();
            }
        }
        granted += alive.len();
    }
    assert!(granted > 300, "only {granted} grants were tried");
}
