//! How what the core says is done.

use super::Inner;
use super::lease::SharedLease;
use super::promise::{CallResult, Taken};
use super::published::Published;
use crate::Error;
use crate::base::Sample;
use crate::client::core::{Belief, CallId, CoreAction, Deadline, Done, LeaseId, LinkId};
use crate::sys::clock;
use crate::sys::timer::Before;
use log::Level;
use std::sync::Arc;

/// What one round of actions leaves to be done.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Links with something to flush.
    dirty: Vec<LinkId>,
    /// Links of no use any more, and why.
    pub(super) failed: Vec<(LinkId, String)>,
    /// The core was told something: it may say more.
    again: bool,
}

impl Round {
    /// Nothing more follows from it.
    pub(super) fn is_over(&self) -> bool {
        !self.again && self.failed.is_empty()
    }
}

impl Inner {
    /// Does what the core says.
    pub(super) fn perform(&mut self, mut actions: Vec<CoreAction>, mut round: Round) -> Round {
        for action in actions.drain(..) {
            self.tally.note(&action);
            self.obey(action, &mut round);
        }
        self.core.give_back(actions);
        // Only now, when every belief that ended is published (L13).
        self.flush(&mut round);
        round
    }

    /// Lets go of links of no use. When that was.
    pub(super) fn hang_up(&mut self, round: Round) -> Sample {
        let now = clock::sample();
        for (link, why) in round.failed {
            self.links.remove(&link);
            self.core.handle_closed(&now, link, &why);
        }
        now
    }

    fn flush(&mut self, round: &mut Round) {
        for id in &round.dirty {
            let Some(link) = self.links.get_mut(id) else { continue };
            match link.flush(&self.reactor.registrar) {
                // Whoever polls asks for room, too.
                Ok(()) if link.wants_write() => self.duty.interrupt(),
                Ok(()) => {}
                Err(why) => round.failed.push((*id, why)),
            }
        }
    }

    fn obey(&mut self, action: CoreAction, round: &mut Round) {
        match action {
            CoreAction::Dial { link, endpoint } => self.dial(link, endpoint, round),
            CoreAction::Hangup { link } => {
                self.links.remove(&link);
                self.duty.interrupt();
            }
            CoreAction::Send { link: id, request } => {
                let Some(link) = self.links.get_mut(&id) else { return };
                match link.queue(&request) {
                    Ok(()) if round.dirty.contains(&id) => {}
                    Ok(()) => round.dirty.push(id),
                    Err(why) => round.failed.push((id, why)),
                }
            }
            CoreAction::Extend(belief) => self.extend(&belief, round),
            CoreAction::LeaseEnded { lease, reason } => {
                if let Some(lease) = self.leases.remove(&lease) {
                    lease.end(reason);
                }
            }
            CoreAction::LeaseAsked { lease, deadline, reason } => {
                self.ask(lease, &deadline, &reason, round);
            }
            CoreAction::Observed { observer, seen } => self.tell_observer(observer, seen),
            CoreAction::ObserverFailed { observer, error } => self.end_observer(observer, &error),
            CoreAction::SessionChanged { state, session } => {
                self.tell_session(state, session);
                self.wake_opener();
            }
            CoreAction::Decided { call, result } => self.decide(call, result, round),
        }
    }

    /// Publishes a belief. What a timer or a reader has seen to be over stays over (L24).
    fn extend(&mut self, belief: &Belief, round: &mut Round) {
        let known = self.published.take().filter(|known| known.session() == belief.session);
        let Some(published) = known else {
            self.published = Some(Arc::new(Published::new(belief, self.bell.clone())));
            return;
        };
        if clock::boot_nanos() >= published.fires_at() {
            published.lapse();
        }
        // Timers first: one that had fired must be seen before readers see the new belief.
        for lease in self.leases.values() {
            if lease.extend(belief.fires_at) == Before::Idle {
                published.lapse();
            }
        }
        published.publish(belief);
        round.again |= published.is_lapsed();
        self.published = Some(published);
    }

    /// Publishes that a lease ends soon (L23).
    fn ask(&mut self, lease: LeaseId, deadline: &Deadline, reason: &str, round: &mut Round) {
        let Some(state) = self.leases.get(&lease) else { return };
        let asked =
            format!("{} is asked to end within {:?}: {reason}", state.name, deadline.length);
        let state = Arc::clone(state);
        self.log(Level::Info, asked);
        if state.ask(deadline, reason) == Before::Idle {
            state.published.lapse();
            round.again = true;
        }
    }

    fn decide(&mut self, call: CallId, result: Result<Done, Error>, round: &mut Round) {
        let promise = self.calls.remove(&call);
        let given = match result {
            Ok(Done::Acquired { lease, .. }) if promise.is_none() => {
                self.core.release(&clock::sample(), lease);
                round.again = true;
                return;
            }
            Ok(Done::Acquired { lease, name, token }) => {
                let published = self.published.clone();
                let published = published.unwrap_or_else(|| panic!("{lease:?} without a belief"));
                let state = Arc::new(SharedLease::new(lease, name, token, published));
                self.leases.insert(lease, Arc::clone(&state));
                Ok(CallResult::Lease(state))
            }
            Ok(Done::Read { answer, .. }) => Ok(CallResult::Read(answer)),
            Ok(Done::Released | Done::Obeyed | Done::Closed) => Ok(CallResult::Done),
            Err(error) => Err(error),
        };
        if let Some((_, taken)) = self.unattended.as_mut().filter(|(id, _)| *id == call) {
            *taken = given.map_or_else(Taken::Failed, Taken::Decided);
        } else if let Some(promise) = promise {
            promise.decide(given);
            if let Some(waiter) = promise.used_waiter() {
                self.duty.interrupt_unless_driving(waiter);
            }
        }
    }
}
