//! Reactions of programs: calls that are decided, leases that end, holders that change.

use crate::Error;
use crate::base::error::Status;
use crate::base::{Index, Sample, Token};
use crate::client::core::{CallId, Core, Done, EndReason, LeaseId, Wait};
use crate::lock::{LockView, Name};
use crate::sim::checkers::holding::Told;
use crate::sim::checkers::search::{Op, Seen};
use crate::sim::client::{ClientEvent, Surroundings};
use crate::sim::marks::Mark;
use crate::sim::program::wishes::Wished;
use crate::sim::program::{Aim, Call, Lease, Program, Purpose};
use crate::wire::{Query, ReadAnswer};
use std::time::Duration;

impl Program {
    /// A call was decided.
    pub fn handle_decided(
        &mut self,
        core: &mut Core,
        now: &Sample,
        call: CallId,
        result: Result<Done, Error>,
        around: Surroundings,
        events: &mut Vec<ClientEvent>,
    ) {
        self.now = around.now;
        let Some(Call { purpose, began }) = self.calls.remove(&call) else {
            panic!("{call:?} is decided as {result:?}, and was decided before or never made");
        };
        match result {
            Ok(Done::Acquired { lease, name, token }) => {
                let (is_last, wished) = match purpose {
                    Purpose::Acquire(wished) => (false, wished),
                    Purpose::Last(wished) => (true, wished),
                    other => panic!("{other:?} was granted {name}"),
                };
                let remaining = core.remaining(now, lease);
                self.report_granted(began, &wished, token, events);
                self.handle_granted(lease, Lease { wished, token }, remaining, events);
                if is_last {
                    self.handle_last(core, now, lease, events);
                } else if self.aim != Aim::Roam {
                    self.release(core, now, lease, events);
                }
            }
            Ok(Done::Obeyed) => self.handle_obeyed(began, purpose, events),
            Ok(Done::Released) => {
                events.push(ClientEvent::Count("releases answered"));
                events.push(ClientEvent::Released { waited: around.now - began });
                // Of an owner's several leases on one grant, only the last one ends it.
                if let Purpose::Release { lease: Some(Lease { wished, token }) } = purpose
                    && wished.owner == 0
                {
                    self.report_all(began, &wished, Seen::Released(token.0), events);
                }
            }
            Ok(Done::Read { index, answer }) => {
                self.handle_read(purpose, began, index, answer, events);
            }
            Ok(Done::Closed) => events.push(ClientEvent::Closed),
            Err(error) => self.handle_error(began, &purpose, &error, events),
        }
        if self.aim == Aim::Finish {
            self.next_think = self.next_think.min(around.now + FINISH_NANOS);
        }
    }

    /// A lease ended.
    pub fn handle_ended(
        &mut self,
        lease: LeaseId,
        reason: EndReason,
        events: &mut Vec<ClientEvent>,
    ) {
        events.push(ClientEvent::Count(match reason {
            EndReason::Released => "leases ended as RELEASED",
            EndReason::Expired => "leases ended as EXPIRED",
            EndReason::SessionClosed => "leases ended as SESSION_CLOSED",
            EndReason::Broken => "leases ended as BROKEN",
            EndReason::Transferred => "leases ended as TRANSFERRED",
            EndReason::Stalled => "leases ended as STALLED",
            EndReason::Forked => panic!("{lease:?} ended by a fork"),
        }));
        self.asked.remove(&lease);
        if let Some(Lease { wished, token }) = self.leases.remove(&lease) {
            events.push(ClientEvent::Ended { lease });
            events.push(ClientEvent::Lapsed { name: wished.names[0].clone(), token });
            events.push(ClientEvent::Count("leases ended"));
        }
    }

    /// A lease is to end soon: half of the programs see to it themselves.
    pub fn handle_asked(&mut self, lease: LeaseId, events: &mut Vec<ClientEvent>) {
        events.push(ClientEvent::Count("leases asked to end"));
        if self.rng.chance(1, 2) {
            self.asked.insert(lease);
        }
    }

    /// A transfer, a proclamation or a break is done.
    fn handle_obeyed(&mut self, began: u64, purpose: Purpose, events: &mut Vec<ClientEvent>) {
        match purpose {
            Purpose::Transfer(Some(lease)) => self.report_ended(began, &lease, events),
            Purpose::Transfer(None) | Purpose::Order => {}
            other => panic!("{other:?} was done as asked"),
        }
        events.push(ClientEvent::Count("orders obeyed"));
    }

    fn report_ended(&self, began: u64, lease: &Lease, events: &mut Vec<ClientEvent>) {
        self.report_all(began, &lease.wished, Seen::Released(lease.token.0), events);
    }

    fn handle_error(
        &mut self,
        began: u64,
        purpose: &Purpose,
        error: &Error,
        events: &mut Vec<ClientEvent>,
    ) {
        events.push(ClientEvent::Count(name_of(error)));
        match purpose {
            // Nobody waited: it is released all the same.
            Purpose::Transfer(Some(lease)) if error.status == Status::NotFound => {
                self.report_ended(began, lease, events);
            }
            Purpose::Close => events.push(ClientEvent::Closed),
            // It may not, whatever it waits for; a client that knows no denials is told that its request is not understood.
            Purpose::Last(_) if matches!(error.status, Status::Denied | Status::Unsupported) => {
                self.aim = Aim::Rest;
            }
            // Where the log is full, nothing is granted any more.
            Purpose::Last(_) if self.habits.last != Wait::Forever => self.aim = Aim::Rest,
            _ => {}
        }
    }

    fn handle_granted(
        &mut self,
        lease: LeaseId,
        granted: Lease,
        remaining: Duration,
        events: &mut Vec<ClientEvent>,
    ) {
        let (Wished { names, share, .. }, token) = (granted.wished.clone(), granted.token);
        names.iter().for_each(|name| self.remember(name, token));
        if remaining.is_zero() {
            // The process stood still between the core's word and ours.
            events.push(ClientEvent::Count("grants seen too late"));
            events.push(ClientEvent::Mark(Mark::GrantTooLate));
            return;
        }
        self.leases.insert(lease, granted);
        events.push(ClientEvent::Granted { lease, told: Told { names, share, token } });
    }

    /// For O9. An owner that acquires what it holds is told of the grant that stands.
    fn report_granted(
        &mut self,
        began: u64,
        wished: &Wished,
        token: Token,
        events: &mut Vec<ClientEvent>,
    ) {
        if self.granted.insert(token) {
            self.report_all(began, wished, Seen::Acquired(token.0), events);
        } else {
            events.push(ClientEvent::Mark(Mark::HeldAgain));
        }
    }

    fn report_all(&self, began: u64, wished: &Wished, seen: Seen, events: &mut Vec<ClientEvent>) {
        wished.names.iter().for_each(|name| self.report(began, name.clone(), seen, events));
    }

    fn report(&self, began: u64, name: Name, seen: Seen, events: &mut Vec<ClientEvent>) {
        let op = Op { called: began, returned: self.now, seen };
        events.push(ClientEvent::Completed { name, op });
    }

    fn handle_last(
        &mut self,
        core: &mut Core,
        now: &Sample,
        lease: LeaseId,
        events: &mut Vec<ClientEvent>,
    ) {
        if self.leases.contains_key(&lease) {
            self.aim = Aim::Rest;
        }
        self.release(core, now, lease, events);
    }

    fn handle_read(
        &mut self,
        purpose: Purpose,
        began: u64,
        index: Index,
        answer: ReadAnswer,
        events: &mut Vec<ClientEvent>,
    ) {
        let Purpose::Read { floor, query } = purpose else {
            panic!("{purpose:?} was answered by a read")
        };
        let floor = floor.max(self.read_floor);
        self.read_floor = self.read_floor.max(index);
        match (&query, &answer) {
            (Query::Lock { name }, ReadAnswer::Lock { lock, .. }) => {
                let token = lock.as_ref().map_or(Token(0), |lock| lock.token);
                self.report(began, name.clone(), Seen::Holder(token.0), events);
                if let Some(lock) = lock {
                    self.remember(name, token);
                    self.remember_waiters(lock);
                }
            }
            (Query::Validate { name, token }, ReadAnswer::Valid(holds)) => {
                let seen = if *holds { Seen::Valid(token.0) } else { Seen::Invalid(token.0) };
                self.report(began, name.clone(), seen, events);
            }
            _ => {}
        }
        events.push(ClientEvent::Read { index, floor, query, answer });
    }

    /// The program is of another cluster from now on, whose indexes are its own.
    pub(in crate::sim) fn begin_anew(&mut self) {
        self.read_floor = Index(0);
        for call in self.calls.values_mut() {
            if let Purpose::Read { floor, .. } = &mut call.purpose {
                *floor = Index(0);
            }
        }
    }

    fn remember_waiters(&mut self, lock: &LockView) {
        let waiters = lock.waiters.iter().map(|waiter| (lock.name.clone(), waiter.client.clone()));
        self.waiters.extend(waiters);
        let surplus = self.waiters.len().saturating_sub(WAITERS_MAX);
        self.waiters.drain(..surplus);
    }

    fn remember(&mut self, name: &Name, token: Token) {
        self.known.push((name.clone(), token));
        if self.known.len() > KNOWN_MAX {
            self.known.remove(0);
        }
    }
}

fn name_of(error: &Error) -> &'static str {
    match error.status {
        Status::Timeout => "ended by TIMEOUT",
        Status::Held => "ended by HELD",
        Status::Lost => "ended by LOST",
        Status::Cancelled => "ended by CANCELLED",
        Status::SessionExpired => "ended by SESSION_EXPIRED",
        Status::Unavailable => "ended by UNAVAILABLE",
        Status::Unknown => "ended by UNKNOWN",
        Status::Closed => "ended by CLOSED",
        Status::Busy => "ended by BUSY",
        Status::Limit => "ended by LIMIT",
        Status::Invalid => "ended by INVALID",
        Status::Deadlock => "ended by DEADLOCK",
        Status::NotFound => "ended by NOT_FOUND",
        Status::Denied => "ended by DENIED",
        // That it is denied, to a client that knows no denials.
        Status::Unsupported => "ended by UNSUPPORTED",
        other => panic!("no call of a simulated program can end with {other:?}: {error}"),
    }
}

const KNOWN_MAX: usize = 16;
const FINISH_NANOS: u64 = 5_000_000;
/// Waiters that a program remembers.
const WAITERS_MAX: usize = 6;
