//! O12 and O13 where the clients are: in a calm world a client that lives and renews keeps its session, and
//! one that died gives its locks back in time.
//!
//! Calm: no fault struck, no effect of one lasts, nobody was elected, no process of a node started or ended,
//! since an instant; and no process may stop inside a step. Links to nodes that are out for good may be bad.

use crate::base::SessionId;
use crate::base::time::nanos;
use crate::sim::checkers::Violation;
use crate::sim::plan::fault::Fault;
use crate::sim::plan::{LogRoom, SECOND};
use crate::sim::world::event::Event;
use crate::sim::world::{Phase, World};

impl World {
    /// Since when the world has been calm, if it is.
    fn calm_since(&self) -> Option<u64> {
        let restless = [Fault::PauseInside, Fault::ClientPauseInside];
        let stops = restless.iter().any(|class| self.plan.classes.contains(class));
        let may_be = self.phase == Phase::Core || (self.phase == Phase::Faults && !stops);
        (may_be && self.calm_since <= self.now).then_some(self.calm_since)
    }

    /// Whether it has been calm for longer than any renewal, reconnect or change of leader may take.
    pub(in crate::sim) fn is_calm(&self) -> bool {
        let wait = nanos(self.plan.habits.ttl) / 5 * 6 + SECOND;
        self.calm_since().is_some_and(|since| self.now - since > wait)
    }

    /// O12: the leader decides to expire these sessions. None of them may be one that its client, which
    /// runs, believes in, if the world has been calm for more than a TTL.
    pub(in crate::sim) fn check_expired(&self, expired: &[SessionId]) -> Result<(), Violation> {
        if expired.is_empty() || !self.is_calm() {
            return Ok(());
        }
        for client in &self.clients {
            let Some(process) = &client.process else { continue };
            let now = client.clocks.sample_at(self.now);
            if process.watch.is_stalled(&now) {
                continue;
            }
            let (state, session) = process.core.session(&now);
            if let Some(session) = session.filter(|session| expired.contains(session)) {
                let what = format!(
                    "at {} ns the live session {session} ({state:?}) of client {} is expired; calm since {}",
                    self.now, client.slot, self.calm_since
                );
                return Err(Violation::new("O12", what));
            }
        }
        Ok(())
    }

    /// O12: a client has lost its session. Not in a calm world.
    pub(in crate::sim) fn check_lost(&self, slot: usize) -> Result<(), Violation> {
        if !self.is_calm() {
            return Ok(());
        }
        let what = format!(
            "at {} ns client {slot} loses its session; calm since {}",
            self.now, self.calm_since
        );
        Err(Violation::new("O12", what))
    }

    /// A client's process has ended: its sessions must be gone in time (O13).
    pub(in crate::sim) fn foresee_inspection(&mut self, client: String) {
        let since = self.now;
        self.queue
            .push(since + self.burial_nanos(), Event::Inspect { client: client.into(), since });
    }

    /// O13: all sessions of a dead client are ended, and their locks free, by D + election + slack of calm.
    pub(in crate::sim) fn inspect_grave(
        &mut self,
        client: Box<str>,
        since: u64,
    ) -> Result<(), Violation> {
        let mut alive = self.judge.model.alive();
        let Some((session, _)) = alive.find(|(_, session)| *session.client == *client) else {
            return Ok(());
        };
        let since = self.calm_since().map_or(self.now, |calm| calm.max(since));
        let due = since + self.burial_nanos();
        if due <= self.now && self.plan.log == LogRoom::Ample {
            let what = format!(
                "at {} ns session {session} of {client}, which is gone, lives; calm since {since}",
                self.now
            );
            return Err(Violation::new("O13", what));
        }
        if self.phase != Phase::Whole {
            self.queue.push(due.max(self.now + SECOND), Event::Inspect { client, since });
        }
        Ok(())
    }

    /// A TTL on the slowest clock of the model (ρ, and a slew of 8.3 %), elections, and slack.
    fn burial_nanos(&self) -> u64 {
        let ttl = nanos(self.plan.habits.ttl);
        ttl + ttl / 8 + 20 * nanos(self.plan.server.election) + SECOND
    }
}
