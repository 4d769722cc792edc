//! A client: the real core, and a program that wants one lock once.

use crate::lease_model::clock::Clock;
use crate::lease_model::node::{NODES, address};
use std::time::Duration;
use tenure::base::{NodeId, SessionKey, Token};
use tenure::client::core::{
    AcquireCall, CallId, Core, CoreAction, CoreOptions, Done, LeaseId, Wait,
};
use tenure::lock::Name;
use tenure::wire::Request;

/// One client process.
#[derive(Clone, Debug)]
pub struct Client {
    pub core: Core,
    pub clock: Clock,
    pub program: Program,
    /// Stopped between two steps.
    pub paused: bool,
    /// The newest renewal that left: for a weakening.
    pub newest_renewal: u64,
}

/// Where the program stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    Idle,
    Waits(CallId),
    Holds {
        lease: LeaseId,
        token: Token,
        seen_over: bool,
    },
    /// A program that breaks L13: it goes on as if it held, until the release is answered.
    Lingers {
        release: CallId,
        token: Token,
    },
    Over,
}

/// A deliberate mistake of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Belief ends with the call.
    EndsBelief,
    /// The program goes on until the release is answered (against L13).
    Lingers,
}

impl Client {
    pub fn new(number: usize, ttl: Duration, clock: Clock) -> Self {
        let options = CoreOptions {
            endpoints: (1..=NODES).map(|node| address(NodeId(node))).collect(),
            pin: None,
            client: format!("client-{number}"),
            ttl,
            connect_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(30),
            progress: None,
            key: SessionKey([number as u8; 16]),
            seed: number as u64 + 1,
        };
        let core = Core::new(options, &clock.sample(0));
        Self { core, clock, program: Program::Idle, paused: false, newest_renewal: 0 }
    }

    pub fn next_instant(&self) -> u64 {
        if self.paused { u64::MAX } else { self.clock.instant_of(self.core.next_deadline()) }
    }

    pub fn acquire(&mut self, real: u64) {
        let call = AcquireCall::lock(lock_name(), Wait::Forever);
        let now = self.clock.sample(real);
        self.program = Program::Waits(self.core.acquire(&now, call));
    }

    /// Gives the lock back, if it holds it.
    pub fn release(&mut self, real: u64, how: Release) {
        let Program::Holds { lease, token, .. } = self.program else { return };
        let release = self.core.release(&self.clock.sample(real), lease);
        self.program = match how {
            Release::EndsBelief => Program::Over,
            Release::Lingers => Program::Lingers { release, token },
        };
    }

    /// Wants the lock no more.
    pub fn give_up(&mut self, real: u64) {
        if let Program::Waits(call) = self.program {
            self.core.cancel(&self.clock.sample(real), call);
            self.program = Program::Over;
        }
    }

    /// What the driver must do about the network. The rest is told to the program, which may be told of a
    /// grant; its token then.
    pub fn drain(&mut self, real: u64) -> (Vec<CoreAction>, Option<Token>) {
        let mut granted = None;
        let mut actions = self.core.take_actions(&self.clock.sample(real));
        actions.retain(|action| match action {
            CoreAction::Decided { call, result } => {
                granted = granted.or(self.program.handle_decided(*call, result.as_ref().ok()));
                false
            }
            CoreAction::LeaseEnded { lease, .. } => {
                self.program.handle_ended(*lease);
                false
            }
            CoreAction::Send { request: Request::Renew { number, .. }, .. } => {
                self.newest_renewal = *number;
                true
            }
            CoreAction::Extend(_)
            | CoreAction::SessionChanged { .. }
            | CoreAction::LeaseAsked { .. }
            | CoreAction::Observed { .. }
            | CoreAction::ObserverFailed { .. } => false,
            CoreAction::Dial { .. } | CoreAction::Hangup { .. } | CoreAction::Send { .. } => true,
        });
        (actions, granted)
    }

    /// The token under which the program believes, at this instant, that it holds the lock.
    pub fn believes(&self, real: u64) -> Option<Token> {
        let now = self.clock.sample(real);
        let (token, remaining) = match self.program {
            Program::Holds { lease, token, .. } => (token, self.core.remaining(&now, lease)),
            Program::Lingers { token, .. } => (token, self.core.session_remaining(&now)),
            Program::Idle | Program::Waits(_) | Program::Over => return None,
        };
        (!remaining.is_zero()).then_some(token)
    }

    /// Whether the belief in what it holds was seen to be over.
    pub fn was_over(&self) -> bool {
        matches!(self.program, Program::Holds { seen_over: true, .. })
    }

    /// The belief is seen to be over; it must not come back (L24).
    pub fn note_over(&mut self) {
        if let Program::Holds { seen_over, .. } = &mut self.program {
            *seen_over = true;
        }
    }
}

impl Program {
    fn handle_decided(&mut self, call: CallId, done: Option<&Done>) -> Option<Token> {
        match (&self, done) {
            (Self::Waits(waits), Some(Done::Acquired { lease, token, .. })) if *waits == call => {
                *self = Self::Holds { lease: *lease, token: *token, seen_over: false };
                Some(*token)
            }
            (Self::Waits(waits), _) if *waits == call => {
                *self = Self::Over;
                None
            }
            (Self::Lingers { release, .. }, _) if *release == call => {
                *self = Self::Over;
                None
            }
            _ => None,
        }
    }

    fn handle_ended(&mut self, ended: LeaseId) {
        if matches!(self, Self::Holds { lease, .. } if *lease == ended) {
            *self = Self::Over;
        }
    }
}

pub fn lock_name() -> Name {
    Name::try_from("jobs").expect("a valid name")
}
