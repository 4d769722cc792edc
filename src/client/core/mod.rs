//! The client's half of the safety proof, sans IO: sessions, renewals with their send times, the request
//! window, and the belief in each lease. Driven by `client::driver` and by the simulator.
//!
//! The driver passes in each event with a sample of the clocks, and then drains [`Core::take_actions`],
//! whose `now` is sampled before any of the bytes leave (safety L19). In the drained actions ends of belief
//! come before sends, so that belief ends before the bytes leave (L13).

mod acquire;
mod acquire_call;
mod actions;
mod answers;
mod asked;
mod back_off;
mod belief;
mod endpoints;
mod identity;
mod leaders;
mod lease;
mod links;
mod observers;
mod orders;
mod progress;
mod reads;
mod refusal;
mod renewal;
mod repeats;
mod requests;
mod retiring;
mod session;
mod silence;
mod slot;
mod standing;
mod transfer;
mod transmit;
mod tries;
mod types;
mod words;

pub use types::{
    AcquireCall, Belief, BreakCall, CallId, CoreAction, CoreOptions, Deadline, Done, EndReason,
    LeaseId, LinkId, ObserverId, Seen, SessionState, Wait,
};
pub use words::{Words, not_pinned};

use crate::base::rng::Rng;
use crate::base::{Sample, SessionId, Token};
use crate::wire::{ClientHello, Refused, ServerMessage, Welcomed};
use crate::{Error, Status};
use acquire::Acquires;
use asked::{AskedGrant, Disowned};
use leaders::Leaders;
use lease::Leases;
use links::{Heard, Links};
use observers::{Changed, Observers};
use orders::Orders;
use progress::Progress;
use reads::Reads;
use retiring::Retiring;
use session::{Opening, Reopening, Session};
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
    /// Present while a session is wanted and missing.
    opening: Option<Opening>,
    reopening: Reopening,
    /// Sessions that ended here, and may not have at the server.
    retiring: Vec<Retiring>,
    acquires: Acquires,
    leases: Leases,
    disowned: Disowned,
    orders: Orders,
    reads: Reads,
    observers: Observers,
    progress: Progress,
    timers: BTreeSet<(u64, Timer)>,
    /// The number of the last transmission of a creation or renewal: never reused (L7).
    last_number: u64,
    last_call: u64,
    /// The largest token that this client was ever told: a grant to a later request is larger (L3).
    largest_token: Token,
    life: Life,
    /// The link to a leader with a shortage, and its reason for refusing operations that add to the
    /// state.
    shortage: Option<(LinkId, String)>,
    /// No session so far: the first one may take until `opens_until`, a reading of BOOTTIME.
    is_new: bool,
    opens_until: u64,
    /// The loss of the last leader, or the start of the client.
    leaderless_since: Sample,
    reported: (SessionState, Option<SessionId>),
    actions: Vec<CoreAction>,
}

/// Timers of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The wait of an acquire is over.
    WaitOver(CallId),
    /// An acquire whose grant had ended is asked again.
    AskAgain(CallId),
    /// The time of a read is over.
    ReadOver(CallId),
    /// The time of a proclamation or a break is over.
    OrderOver(CallId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Open,
    /// Closed by `close`, for good.
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
            opening: Some(Opening::new(now.boot())),
            reopening: Reopening::new(),
            retiring: Vec::new(),
            acquires: Acquires::default(),
            leases: Leases::default(),
            disowned: Disowned::default(),
            orders: Orders::default(),
            reads: Reads::new(),
            observers: Observers::new(),
            progress: Progress::new(options.progress),
            timers: BTreeSet::new(),
            last_number: 0,
            last_call: 0,
            largest_token: Token(0),
            life: Life::Open,
            shortage: None,
            is_new: true,
            opens_until: now.hint(options.connect_timeout),
            leaderless_since: *now,
            reported: (SessionState::Ended, None),
            actions: Vec::new(),
            options,
        }
    }

    /// The first message on a link.
    #[must_use]
    pub fn hello(&self) -> ClientHello {
        // No cluster: a node of another cluster refuses one that names a cluster, and then does not
        // say its own.
        ClientHello { client: self.options.client.clone(), cluster: None }
    }

    /// The connection of `link` is established: its welcome is awaited, and the link not dialed a second
    /// time.
    pub fn handle_connected(&mut self, link: LinkId) {
        self.links.handle_connected(link, &mut self.actions);
    }

    /// The node behind `link` welcomed the client (the driver has sent the hello).
    pub fn handle_welcome(&mut self, now: &Sample, link: LinkId, welcomed: Welcomed) {
        self.check_belief(now);
        self.take_welcome(now, link, welcomed);
    }

    /// The node behind `link` refused the client; the driver closes the link.
    pub fn handle_refused(&mut self, now: &Sample, link: LinkId, refused: Refused) {
        self.handle_closed(now, link, &refused.text);
    }

    /// `link` could not be dialed, or was closed by the other side; `why` in words.
    pub fn handle_closed(&mut self, now: &Sample, link: LinkId, why: &str) {
        self.check_belief(now);
        self.links.handle_closed(now, (link, why), &mut self.actions);
    }

    /// A message of a server. `now` was sampled after it was read (L19).
    pub fn handle_message(&mut self, now: &Sample, link: LinkId, message: ServerMessage) {
        // First of all: a message after the end of belief extends and grants nothing (L24).
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
                self.note_standing(link, session, &answer);
                self.handle_answer(now, session, request, answer);
            }
            ServerMessage::Read { read, index, answer } => {
                self.handle_read(now, link, (read, index, answer));
            }
            ServerMessage::Leader(hint) => {
                if self.links.handle_hint(now, link, hint) == Heard::HomeRepeated {
                    self.bound.rebind_later(now, &mut self.rng);
                }
            }
            ServerMessage::Attached { session } => self.handle_attached(link, session),
            ServerMessage::Standing { session } => self.handle_standing(link, session),
            ServerMessage::Asked { session, name, token, grace_ms, reason } => {
                let grace = Duration::from_millis(u64::from(grace_ms));
                self.handle_asked(now, AskedGrant { session, name, token, grace, reason });
            }
            ServerMessage::Changed { read, index, holder, gap } => {
                self.handle_changed(link, read, Changed { index, holder, gap });
            }
            ServerMessage::Described { read: 0, values } => self.handle_shortage(link, &values),
            ServerMessage::Denied { session, request, text } => self.deny(session, request, text),
            ServerMessage::Condition(values) => self.handle_condition(now, link, &values),
            ServerMessage::Status { .. }
            | ServerMessage::Described { .. }
            | ServerMessage::Ordered { .. } => {}
        }
    }

    /// Runs the timers that are due at `now`.
    pub fn handle_deadline(&mut self, now: &Sample) {
        self.check_belief(now);
        while let Some((at, timer)) = self.timers.first().copied() {
            if at > now.boot() {
                break;
            }
            self.timers.remove(&(at, timer));
            match timer {
                Timer::WaitOver(call) => self.handle_wait_over(now, call),
                Timer::AskAgain(call) => self.acquires.make_ready(call),
                Timer::ReadOver(call) => self.handle_read_over(call),
                Timer::OrderOver(call) => self.handle_order_over(call),
            }
        }
    }

    /// A loss timer of `session` has fired, or a reader of its belief has seen that nothing remains: that
    /// end is final, whatever was acknowledged since (L24).
    pub fn handle_lapsed(&mut self, now: &Sample, session: SessionId) {
        self.check_belief(now);
        if self.session.as_ref().is_some_and(|current| current.id == session) {
            self.lose_session(now, session::EndedBy::Lapse);
        }
    }

    /// Gives up an undecided call: withdrawn under its id (L14), decided as CANCELLED. A request that frees a
    /// lock, or may have been done already, goes on without a caller.
    pub fn cancel(&mut self, now: &Sample, call: CallId) {
        self.check_belief(now);
        let is_given_up = self.forget_order(call).is_some()
            || self.session.as_mut().is_some_and(|session| session.window.forget_waiter(call))
            || self.reads.remove(call)
            || self.withdraw(call);
        if is_given_up {
            self.decide(call, Err(Status::Cancelled.into()));
        }
    }

    /// Ends the session and everything in it; decided as `Done::Closed`. Undecided calls become CLOSED.
    pub fn close(&mut self, now: &Sample) -> CallId {
        self.check_belief(now);
        let id = self.new_call();
        self.start_close(now, id);
        id
    }

    /// The latest time of the next `handle_deadline` and `take_actions`, as a reading of BOOTTIME; a
    /// hint.
    #[must_use]
    pub fn next_deadline(&self) -> u64 {
        let timer = self.timers.first().map_or(u64::MAX, |(at, _)| *at);
        let session = self.session_deadline().min(self.transmit_deadline());
        timer.min(session).min(self.links.next_deadline())
    }

    /// The rest of the belief in `lease` at `now`; zero for good once it has been zero (L24).
    #[must_use]
    pub fn remaining(&self, now: &Sample, lease: LeaseId) -> Duration {
        match (&self.session, self.leases.token(lease)) {
            (Some(session), Some(token)) => {
                session.belief.remaining(now).min(self.leases.remaining(now, token))
            }
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

    /// The rest of the belief in the session in force.
    #[must_use]
    pub fn session_remaining(&self, now: &Sample) -> Duration {
        self.session.as_ref().map_or(Duration::ZERO, |session| session.belief.remaining(now))
    }

    /// The number of leases that have not ended.
    #[must_use]
    pub fn lease_count(&self) -> usize {
        self.leases.len()
    }

    /// The link to the leader.
    #[must_use]
    pub fn home(&self) -> Option<LinkId> {
        self.links.home().map(|home| home.link)
    }

    /// Whether the client is closed, and nothing is left to do, for good.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.life == Life::Closed && self.retiring.is_empty()
    }

    /// The TTL of the session in force, else the one to ask for.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.session.as_ref().map_or(self.options.ttl, |session| session.ttl)
    }

    /// The reason for the lack of a leader or a session, node by node, for error texts.
    #[must_use]
    pub fn why_unavailable(&self) -> String {
        if let Some(text) = self.contradiction() {
            return text;
        }
        if let Some((_, condition)) = self.links.condition() {
            return condition.text.clone();
        }
        match self.opening.as_ref().and_then(|opening| opening.refusal) {
            Some(refusal) => {
                format!("the leader refuses a session: {}", self.refusal_sentence(refusal))
            }
            None if self.session.is_none() && self.reopening.is_in_vain() => {
                "the leader ends each session as soon as it is made; its log may say why".to_owned()
            }
            None if self.links.home().is_some() => {
                format!("the leader has not answered: {}", self.links.describe())
            }
            None => format!("no leader: {}", self.links.describe()),
        }
    }

    /// Whether the program closed this client.
    pub fn is_closed(&self) -> bool {
        self.life == Life::Closed
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
        self.actions.push(CoreAction::Decided { call, result });
    }
}
