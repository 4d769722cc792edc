//! The client's half of the safety proof, sans IO: sessions, renewals with their send times, the request
//! window, and what each lease may believe. Driven by `client::driver` and by the simulator.
//!
//! Whoever drives it hands in what happened, each time with a sample of the clocks, and then drains
//! [`Core::take_actions`], whose `now` is sampled before any of the bytes leave (safety L19). Ends of belief
//! come before sends in what is drained, so that belief ends before the bytes leave (L13).

mod acquire;
mod answers;
mod back_off;
mod belief;
mod endpoints;
mod lease;
mod links;
mod reads;
mod renewal;
mod requests;
mod session;
mod transmit;
mod types;

pub use types::{
    AcquireCall, Action, Belief, BreakCall, CallId, CoreOptions, Deadline, Done, EndReason,
    LeaseId, LinkId, ObserverId, Seen, SessionState, Wait,
};

use crate::base::limits::REQUESTS_PER_SESSION_MAX;
use crate::base::rng::Rng;
use crate::base::{Sample, SessionId, Token};
use crate::lock::{Name, Refusal};
use crate::wire::{ClientHello, ClientWelcome, Query, ReadAnswer, Refused, ServerMessage};
use crate::{Error, Status};
use acquire::Acquires;
use lease::Leases;
use links::{Heard, Links};
use reads::{Answered, Reads};
use session::{Opening, Retiring, Session};
use std::collections::BTreeSet;
use std::time::Duration;
use transmit::Bound;

/// One client. All methods that take input leave their effects in [`Core::take_actions`].
#[derive(Clone, Debug)]
pub struct Core {
    options: CoreOptions,
    rng: Rng,
    links: Links,
    bound: Bound,
    /// The session in force, if there is one.
    session: Option<Session>,
    /// Present while a session is wanted and there is none.
    opening: Option<Opening>,
    /// Sessions that ended here and perhaps not yet at the server.
    retiring: Vec<Retiring>,
    acquires: Acquires,
    leases: Leases,
    reads: Reads,
    timers: BTreeSet<(u64, Timer)>,
    /// The number of the last transmission of a creation or renewal: never reused (L7).
    last_number: u64,
    last_call: u64,
    /// The largest token that this client was ever told: a grant to a later request is larger (L3).
    largest_token: Token,
    life: Life,
    reported: (SessionState, Option<SessionId>),
    actions: Vec<Action>,
}

/// What is due at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The wait of an acquire is over.
    WaitOver(CallId),
    /// An acquire that found its grant ended is asked again.
    AskAgain(CallId),
    /// A read was tried long enough.
    ReadOver(CallId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Open,
    /// By `close`, for good.
    Closed,
}

impl Core {
    /// A client that is not yet connected; dials with the first `take_actions`.
    #[must_use]
    pub fn new(options: CoreOptions, now: &Sample) -> Self {
        let mut rng = Rng::new(options.seed);
        let options = CoreOptions { ttl: session::clamp_ttl(options.ttl), ..options };
        Self {
            links: Links::new(&options, rng.fork()),
            rng,
            bound: Bound::default(),
            session: None,
            opening: Some(Opening::new(now)),
            retiring: Vec::new(),
            acquires: Acquires::default(),
            leases: Leases::default(),
            reads: Reads::new(),
            timers: BTreeSet::new(),
            last_number: 0,
            last_call: 0,
            largest_token: Token(0),
            life: Life::Open,
            reported: (SessionState::Ended, None),
            actions: Vec::new(),
            options,
        }
    }

    /// What to say first on a link.
    #[must_use]
    pub fn hello(&self) -> ClientHello {
        ClientHello { client: self.options.client.clone(), cluster: self.links.cluster() }
    }

    /// The node behind `link` welcomed us (the driver has sent the hello).
    pub fn handle_welcome(&mut self, now: &Sample, link: LinkId, welcome: ClientWelcome) {
        self.check_belief(now);
        self.links.handle_welcome(now, link, welcome, &mut self.actions);
    }

    /// The node behind `link` refused us; the driver closes it.
    pub fn handle_refused(&mut self, now: &Sample, link: LinkId, refused: Refused) {
        self.handle_closed(now, link, &refused.text);
    }

    /// `link` could not be dialed, or is closed by the other side; `why` in words.
    pub fn handle_closed(&mut self, now: &Sample, link: LinkId, why: &str) {
        self.check_belief(now);
        self.links.handle_closed(now, link, why);
    }

    /// A message came. `now` was sampled after it was read (L19).
    pub fn handle_message(&mut self, now: &Sample, link: LinkId, message: ServerMessage) {
        // First of all, so that nothing that comes after an end extends or grants anything (L24).
        self.check_belief(now);
        self.links.handle_sign_of_life(now, link);
        match message {
            ServerMessage::SessionOpened { number, session, ttl_ms, rho_ppm } => {
                self.handle_session_opened(now, link, number, (session, ttl_ms, rho_ppm));
            }
            ServerMessage::SessionRefused { number, refusal } => {
                self.handle_session_refused(now, number, refusal);
            }
            ServerMessage::Renewed { session, number } => self.handle_renewed(now, session, number),
            ServerMessage::SessionEnded { session } | ServerMessage::AttachDenied { session } => {
                self.handle_session_ended(now, session);
            }
            ServerMessage::Answered { session, request, answer } => {
                self.handle_answer(now, session, request, answer);
            }
            ServerMessage::Read { read, index, answer } => {
                let answered = self.reads.handle_answer(now, &mut self.rng, (read, index, answer));
                self.decide_read(answered);
            }
            ServerMessage::Leader(hint) => {
                if self.links.handle_hint(now, link, hint) == Heard::HomeRepeated {
                    self.bound.rebind_later(now, &mut self.rng);
                }
            }
            ServerMessage::Standing { .. }
            | ServerMessage::Asked { .. }
            | ServerMessage::Changed { .. } => todo!("client core"),
            ServerMessage::Attached { .. }
            | ServerMessage::Status { .. }
            | ServerMessage::Ordered { .. } => {}
        }
    }

    /// Time has passed; does what is due.
    pub fn handle_deadline(&mut self, now: &Sample) {
        self.check_belief(now);
        while let Some((at, timer)) = self.timers.first().copied() {
            if at > now.boot() {
                break;
            }
            self.timers.remove(&(at, timer));
            match timer {
                Timer::WaitOver(call) => self.handle_wait_over(call),
                Timer::AskAgain(call) => self.acquires.make_ready(call),
                Timer::ReadOver(call) => self.handle_read_over(call),
            }
        }
    }

    /// A loss timer of `session` has fired, or a reader of its belief has seen that nothing remains: that
    /// end stands, whatever was acknowledged since (L24).
    pub fn handle_lapsed(&mut self, now: &Sample, session: SessionId) {
        self.check_belief(now);
        if self.session.as_ref().is_some_and(|current| current.id == session) {
            self.lose_session(now, session::EndedBy::Lapse);
        }
    }

    /// Wants a lock. Decided by `Action::Decided`.
    pub fn acquire(&mut self, now: &Sample, call: AcquireCall) -> CallId {
        self.check_belief(now);
        let id = self.new_call();
        self.start_acquire(now, id, call);
        id
    }

    /// Gives up a call that is undecided: withdrawn under its id (L14), decided as CANCELLED. A release
    /// goes on, nobody waiting for it.
    pub fn cancel(&mut self, now: &Sample, call: CallId) {
        self.check_belief(now);
        let release =
            self.session.as_mut().is_some_and(|session| session.window.forget_waiter(call));
        if release || self.reads.remove(call) || self.withdraw(call) {
            self.decide(call, Err(Status::Cancelled.into()));
        }
    }

    /// Ends belief in `lease` at once (L13) and releases it at the server; decided as `Done::Released`, or
    /// LOST if it had ended. The release goes on until answered, whoever waits.
    pub fn release(&mut self, now: &Sample, lease: LeaseId) -> CallId {
        self.check_belief(now);
        let id = self.new_call();
        self.start_release(id, lease);
        id
    }

    /// Replaces the value that others see of what `lease` holds; decided as `Done::Obeyed`, or LOST if it had
    /// ended; UNKNOWN or UNAVAILABLE after the request timeout.
    pub fn proclaim(&mut self, now: &Sample, lease: LeaseId, value: Vec<u8>) -> CallId {
        let _ = (now, lease, value);
        todo!("client core")
    }

    /// Ends belief in `lease` and all other handles on its grant (L13), and hands it to a waiter whose client is
    /// called `to`; `None`: to the next. Decided as `Done::Obeyed`; NOT_FOUND if there was no such waiter: then it
    /// is released all the same; LOST if it had ended.
    pub fn transfer(&mut self, now: &Sample, lease: LeaseId, to: Option<String>) -> CallId {
        let _ = (now, lease, to);
        todo!("client core")
    }

    /// Takes a lock from its holder (L23). Decided as `Done::Obeyed`; NOT_FOUND if nobody holds it so, or if nobody
    /// waits of the name that it names; UNKNOWN or UNAVAILABLE after the request timeout.
    pub fn break_lock(&mut self, now: &Sample, call: BreakCall) -> CallId {
        let _ = (now, call);
        todo!("client core")
    }

    /// The program says that it moves: with `CoreOptions::progress` the session is renewed only as long as it does.
    pub fn progress(&mut self, now: &Sample) {
        let _ = now;
        todo!("client core")
    }

    /// Follows who holds `name`: `Action::Observed` says it, first as it is, then each change, through reconnects
    /// and changes of leader, until `unobserve`.
    pub fn observe(&mut self, now: &Sample, name: Name) -> ObserverId {
        let _ = (now, name);
        todo!("client core")
    }

    /// No more of that.
    pub fn unobserve(&mut self, now: &Sample, observer: ObserverId) {
        let _ = (now, observer);
        todo!("client core")
    }

    /// A linearizable read.
    pub fn read(&mut self, now: &Sample, query: Query) -> CallId {
        self.check_belief(now);
        let id = self.new_call();
        if self.life == Life::Closed {
            self.decide(id, Err(Status::Closed.into()));
        } else if self.reads.len() >= READS_MAX {
            let text = format!("{READS_MAX} reads of this client are not answered yet");
            self.decide(id, Err(Error::new(Status::Limit, text)));
        } else {
            self.reads.ask(id, query);
            self.timers.insert((now.hint(self.options.request_timeout), Timer::ReadOver(id)));
        }
        id
    }

    /// Ends the session and everything in it; decided as `Done::Closed`. Undecided calls become CLOSED.
    pub fn close(&mut self, now: &Sample) -> CallId {
        self.check_belief(now);
        let id = self.new_call();
        self.start_close(now, id);
        id
    }

    /// What to do, in order. `now` is sampled before any of the sends leave.
    pub fn take_actions(&mut self, now: &Sample) -> Vec<Action> {
        self.check_belief(now);
        self.transmit(now);
        self.report_state(now);
        std::mem::take(&mut self.actions)
    }

    /// When to call `handle_deadline` and `take_actions` at the latest, as a reading of BOOTTIME; a hint.
    #[must_use]
    pub fn next_deadline(&self) -> u64 {
        let timer = self.timers.first().map_or(u64::MAX, |(at, _)| *at);
        let session = self.session_deadline().min(self.transmit_deadline());
        timer.min(session).min(self.links.next_deadline())
    }

    /// How long `lease` may still be believed in, at `now`; zero for good once it has been zero (L24).
    #[must_use]
    pub fn remaining(&self, now: &Sample, lease: LeaseId) -> Duration {
        match &self.session {
            Some(session) if self.leases.token(lease).is_some() => session.belief.remaining(now),
            _ => Duration::ZERO,
        }
    }

    /// The token of a lease that has not ended.
    #[must_use]
    pub fn token(&self, lease: LeaseId) -> Option<Token> {
        self.leases.token(lease)
    }

    /// The session in force, and its state at `now`.
    #[must_use]
    pub fn session(&self, now: &Sample) -> (SessionState, Option<SessionId>) {
        match &self.session {
            Some(session) => (session.state(now), Some(session.id)),
            None => (SessionState::Ended, None),
        }
    }

    /// How long the session in force may still be believed in.
    #[must_use]
    pub fn session_remaining(&self, now: &Sample) -> Duration {
        self.session.as_ref().map_or(Duration::ZERO, |session| session.belief.remaining(now))
    }

    /// How many leases have not ended.
    #[must_use]
    pub fn lease_count(&self) -> usize {
        self.leases.len()
    }

    /// The link to the leader.
    #[must_use]
    pub fn home(&self) -> Option<LinkId> {
        self.links.home().map(|home| home.link)
    }

    /// Whether it is closed and nothing is left to do, for good.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.life == Life::Closed && self.retiring.is_empty()
    }

    /// The TTL of the session in force, else the one that will be asked for.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.session.as_ref().map_or(self.options.ttl, |session| session.ttl)
    }

    /// Why there is no leader or no session, node by node, for error texts.
    #[must_use]
    pub fn why_unavailable(&self) -> String {
        match self.opening.as_ref().and_then(|opening| opening.refusal) {
            Some(refusal) => format!("the leader refuses a session: {}", refusal_text(refusal)),
            None => format!("no leader: {}", self.links.describe()),
        }
    }

    fn new_call(&mut self) -> CallId {
        self.last_call += 1;
        CallId(self.last_call)
    }

    fn new_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn decide(&mut self, call: CallId, result: Result<Done, Error>) {
        self.actions.push(Action::Decided { call, result });
    }

    fn decide_read(&mut self, answered: Answered) {
        let Answered::Decided(call, index, answer) = answered else { return };
        let result = match answer {
            ReadAnswer::Refused(refusal) => Err(refusal_error(refusal)),
            answer => Ok(Done::Read { index, answer }),
        };
        self.decide(call, result);
    }

    fn handle_read_over(&mut self, call: CallId) {
        if self.reads.remove(call) {
            let text = self.why_unavailable();
            self.decide(call, Err(Error::new(Status::Unavailable, text)));
        }
    }

    fn report_state(&mut self, now: &Sample) {
        let (state, session) = self.session(now);
        if self.reported != (state, session) {
            self.reported = (state, session);
            self.actions.push(Action::SessionChanged { state, session });
        }
    }
}

/// The error of a refused request, with a sentence.
fn refusal_error(refusal: Refusal) -> Error {
    let status = match refusal {
        Refusal::Unsupported => Status::Unsupported,
        Refusal::Invalid => Status::Invalid,
        Refusal::Limit => Status::Limit,
        Refusal::Busy => Status::Busy,
        Refusal::Denied => Status::Denied,
        Refusal::BelowFloor => Status::Internal,
    };
    Error::new(status, refusal_text(refusal))
}

fn refusal_text(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Unsupported => "the server does not act on an option of this request",
        Refusal::Invalid => "the server finds an argument out of range",
        Refusal::Limit => "a limit of the server is reached; release something or try later",
        Refusal::Busy => "the server refused it for load; try again later",
        Refusal::Denied => "the server says that the connection is not bound to this session",
        Refusal::BelowFloor => "the server has forgotten this request; please report it",
    }
}

/// Reads that are not answered, of one client.
const READS_MAX: usize = 1024;
const _: () = assert!(READS_MAX < REQUESTS_PER_SESSION_MAX);
