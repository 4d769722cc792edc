//! Dials of a process: to whom, and when the next try is.

use crate::base::NodeId;
use crate::sim::network::{HostId, LineId, Network, Side};
use crate::sim::node::host_of;
use crate::sim::node::process::Process;
use crate::sim::node::talk::{Build, Stage, Talk};
use crate::wire::Form;

impl Process {
    /// Dialed again after a while, if it is known.
    pub(super) fn redial(&mut self, now: u64, peer: NodeId) {
        if self.known.contains(&peer) {
            let wait = if self.own < peer { REDIAL_NANOS } else { AWAIT_NANOS };
            self.redials.insert(peer, now + wait);
            self.due_at = self.due_at.min(now + wait);
        }
    }

    /// When it must dial, or give up a handshake, at the earliest.
    #[must_use]
    pub fn next_dial(&self) -> u64 {
        self.due_at
    }

    pub(super) fn find_next_dial(&self) -> u64 {
        let redial = self.redials.values().copied().min().unwrap_or(u64::MAX);
        let handshake = self.talks.values().map(|talk| talk.deadline).min().unwrap_or(u64::MAX);
        redial.min(handshake)
    }

    /// Dials, and gives up handshakes that take too long.
    pub fn dial_due(&mut self, now: u64, own: HostId, network: &mut Network) {
        if now < self.due_at {
            return;
        }
        let late: Vec<LineId> = self
            .talks
            .iter()
            .filter(|(_, talk)| talk.deadline <= now)
            .map(|(line, _)| *line)
            .collect();
        for line in late {
            self.hang_up(now, line, network);
        }
        let due: Vec<NodeId> =
            self.redials.iter().filter(|(_, at)| **at <= now).map(|(peer, _)| *peer).collect();
        for peer in due {
            self.redials.remove(&peer);
            let line = network.dial(now, own, host_of(peer));
            let form = if self.unheard.remove(&peer) { Form::Fixed } else { self.build.form() };
            self.odd[3] += u64::from(form == Form::Fixed && self.build == Build::New);
            self.talks.insert(line, Talk::new(Side::Dialer, Stage::Dialing(peer, form), now));
        }
        self.due_at = self.find_next_dial();
    }
}

const REDIAL_NANOS: u64 = 50_000_000;
/// How long the other side has to dial.
pub(super) const AWAIT_NANOS: u64 = 2_000_000_000;
