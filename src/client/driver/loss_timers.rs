//! Loss timers of leases that were asked to end: armed in the kernel for less than what remains,
//! since its clock may run slow, and armed again before they fire, as long as our threads run. A
//! lease whose threads are stuck ends a little earlier.

use super::lease::SharedLease;
use super::{Inner, Shared};
use crate::base::Sample;
use crate::client::core::LeaseId;
use crate::sys::Descriptor;
use std::collections::BTreeMap;

/// When to arm each timer again, as readings of BOOTTIME.
#[derive(Debug, Default)]
pub(super) struct LossTimers(BTreeMap<LeaseId, u64>);

impl LossTimers {
    fn set(&mut self, lease: LeaseId, at: Option<u64>) {
        match at {
            Some(at) => self.0.insert(lease, at),
            None => self.0.remove(&lease),
        };
    }

    fn next(&self) -> u64 {
        self.0.values().copied().min().unwrap_or(u64::MAX)
    }

    fn take_due(&mut self, now: u64) -> Vec<LeaseId> {
        let due = self.0.iter().filter(|(_, at)| **at <= now).map(|(lease, _)| *lease);
        let due: Vec<LeaseId> = due.collect();
        self.0.retain(|_, at| *at > now);
        due
    }
}

impl Inner {
    /// The earliest of these instants; a hint.
    pub(super) fn next_deadline(&self) -> u64 {
        let core = self.core.next_deadline().min(self.corks.until());
        core.min(self.loss_timers.next()).min(self.certificates_end())
    }

    pub(super) fn serve_loss_timers(&mut self, now: &Sample) {
        for id in self.loss_timers.take_due(now.boot()) {
            let again_at = self.leases.get(&id).and_then(|lease| lease.approach());
            self.loss_timers.set(id, again_at);
        }
    }
}

impl Shared {
    /// The loss descriptor of `lease`.
    pub(crate) fn timer_fd(&self, lease: &SharedLease) -> Option<Descriptor> {
        let made = self.with(|inner, _| {
            let (fd, again_at) = lease.timer_fd()?;
            again_at.inspect(|_| inner.loss_timers.set(lease.id, again_at));
            Some(fd)
        });
        made.ok().flatten()
    }

    /// The program is about to see whether `lease` was asked to end: clears its descriptor. Later
    /// orders make it readable again, so a look after this call misses none.
    pub(crate) fn tell(&self, lease: &SharedLease) {
        if lease.is_unread() {
            // After a failure there is no timer to arm.
            let _ = self.with(|inner, _| {
                let again_at = lease.read();
                inner.loss_timers.set(lease.id, again_at);
            });
        }
    }
}
