//! One client of the generator: it acquires and releases one lock in a loop.

use super::driven::{Decision, Driven};
use crate::cli::connect::Connection as Options;
use crate::cli::failure::Failure;
use std::time::{Duration, Instant};
use tenure::Status;
use tenure::client::core::{AcquireCall, CallId, Done, LeaseId, Wait};
use tenure::lock::Name;
use tenure::net::Poller;
use tenure::sys::clock;

/// A client, and its present cycle.
#[derive(Debug)]
pub struct Member {
    pub driven: Driven,
    name: Name,
    /// How long it keeps its lock.
    hold: Duration,
    cycle: Option<Cycle>,
    closed: bool,
}

#[derive(Debug)]
struct Cycle {
    call: CallId,
    begun: Instant,
    granted: Option<Instant>,
    /// The lease, and when to release it.
    holds: Option<(LeaseId, Instant)>,
}

/// An event of a member.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// A lock was acquired and released.
    Cycle { begun: Instant, granted: Instant },
    /// Another event.
    Other,
}

impl Member {
    /// A member that is not connected yet, and will hold the lock `name` for `hold`.
    pub fn new(place: u64, name: Name, hold: Duration, (ttl, to): (Duration, &Options)) -> Self {
        let client = format!("bench/{}/{place}", std::process::id());
        let driven = Driven::new(place, &client, ttl, to);
        Self { driven, name, hold, cycle: None, closed: false }
    }

    /// Begins to acquire its lock.
    pub fn begin_cycle(&mut self) {
        let wish = AcquireCall::lock(self.name.clone(), Wait::Forever);
        let begun = Instant::now();
        let call = self.driven.core.acquire(&clock::sample(), wish);
        self.cycle = Some(Cycle { call, begun, granted: None, holds: None });
    }

    /// When to release the lock, if it is held.
    pub fn release_at(&self) -> Option<Instant> {
        self.cycle.as_ref()?.holds.map(|(_, until)| until)
    }

    /// Releases its lock; the request leaves with the next `settle`.
    pub fn release(&mut self) {
        let Some(cycle) = &mut self.cycle else { return };
        if let Some((lease, _)) = cycle.holds.take() {
            cycle.call = self.driven.core.release(&clock::sample(), lease);
        }
    }

    /// Ends its session.
    pub fn close(&mut self) {
        self.driven.core.close(&clock::sample());
    }

    /// Whether the server has heard of the end.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Obeys the core once; `None`: the core has no actions.
    pub fn settle(&mut self, poller: &Poller) -> Result<Option<Told>, Failure> {
        let Some(decided) = self.driven.settle(poller) else { return Ok(None) };
        let mut told = Told::Other;
        for decision in decided {
            if let Some(cycle) = self.handle_decided(decision)? {
                told = cycle;
            }
        }
        Ok(Some(told))
    }

    fn handle_decided(&mut self, (call, result): Decision) -> Result<Option<Told>, Failure> {
        let done = match result {
            // Its lock is gone with its session: it begins again.
            Err(error) if error.status == Status::SessionExpired => {
                self.begin_cycle();
                return Ok(None);
            }
            result => result?,
        };
        Ok(match done {
            Done::Acquired { lease, .. } => {
                if let Some(cycle) = self.cycle.as_mut().filter(|cycle| cycle.call == call) {
                    let now = Instant::now();
                    cycle.granted = Some(now);
                    cycle.holds = Some((lease, now + self.hold));
                    if self.hold.is_zero() {
                        self.release();
                    }
                }
                None
            }
            Done::Released => {
                let cycle = self.cycle.take_if(|cycle| cycle.call == call);
                cycle.and_then(|Cycle { begun, granted, .. }| {
                    granted.map(|granted| Told::Cycle { begun, granted })
                })
            }
            Done::Closed => {
                self.closed = true;
                None
            }
            Done::Obeyed | Done::Read { .. } => None,
        })
    }
}
