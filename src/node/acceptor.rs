//! Accepts connections within a budget, and pauses when the process has no descriptor left.

use crate::base::time::nanos;
use crate::net::{AcceptError, Connection, Listener, LocalListener};
use crate::node::ending::Ending;
use crate::node::links::{OUT_BYTES_MAX, Role};
use crate::node::network::Network;
use crate::server::Input;
use crate::wire::{FrameKind, Refused, RefusedCode};
use std::time::Duration;

/// The listening socket, and when to ask it again; and where this process's own clients dial.
#[derive(Debug)]
pub(super) struct Acceptor {
    listener: Listener,
    local: LocalListener,
    /// Somebody may wait.
    is_ready: bool,
    /// Not asked before this reading of BOOTTIME.
    paused_until: u64,
    is_exhausted: bool,
}

impl Acceptor {
    pub(super) fn new(listener: Listener, local: LocalListener) -> Self {
        Self { listener, local, is_ready: true, paused_until: 0, is_exhausted: false }
    }

    /// Where this process's own clients dial.
    pub(super) fn local(&self) -> &LocalListener {
        &self.local
    }

    /// The poller has reported the socket.
    pub(super) fn handle_ready(&mut self) {
        self.is_ready = true;
    }

    /// When to ask again: 0 for at once, `u64::MAX` for once the poller reports it.
    pub(super) fn next_deadline(&self) -> u64 {
        if !self.local.is_empty() {
            return 0;
        }
        if self.is_ready { self.paused_until } else { u64::MAX }
    }

    /// The connections of this turn, at most [`ACCEPTS_PER_TURN`] of each kind: a flood of them must not keep peers
    /// from being read (fault NT21).
    pub(super) fn take_connections(&mut self, now: u64, mut take: impl FnMut(Connection)) {
        std::iter::from_fn(|| self.local.accept()).take(ACCEPTS_PER_TURN).for_each(&mut take);
        self.take_sockets(now, take);
    }

    fn take_sockets(&mut self, now: u64, mut take: impl FnMut(Connection)) {
        if !self.is_ready || now < self.paused_until {
            return;
        }
        for _ in 0..ACCEPTS_PER_TURN {
            match self.listener.accept(OUT_BYTES_MAX) {
                Ok(Some(connection)) => {
                    self.is_exhausted = false;
                    take(connection);
                }
                Ok(None) => {
                    self.is_ready = false;
                    return;
                }
                Err(error) => {
                    self.pause(now, &error);
                    return;
                }
            }
        }
    }

    /// Edge-triggered polling does not report again those who wait already: come back by the clock.
    fn pause(&mut self, now: u64, error: &AcceptError) {
        self.paused_until = now.saturating_add(nanos(PAUSE));
        if !self.is_exhausted {
            log::warn!("{error}: raise the limit of open files (ulimit -n)");
        }
        self.is_exhausted = true;
    }
}

impl Network {
    /// Takes the connections that wait; each must say who it is within [`GREETING_WAIT`].
    pub(super) fn accept(&mut self, now: u64) {
        let mut accepted = Vec::new();
        self.acceptor.take_connections(now, |connection| accepted.push(connection));
        for connection in accepted {
            if self.links.len() >= self.links_max {
                self.refuse_for_number(connection, now);
            } else if let Some(key) = self.adopt(connection, Role::Greeting) {
                self.greetings.push_back((now.saturating_add(nanos(GREETING_WAIT)), key));
            }
        }
    }

    fn refuse_for_number(&mut self, mut connection: Connection, now: u64) {
        let text = format!("this node has {} connections, the most it may have", self.links_max);
        self.complaints.add(now, &text);
        // An empty buffer has room for one frame.
        let refused = Refused { code: RefusedCode::Full, text };
        if connection.queue(FrameKind::Refused, &refused).is_ok() {
            connection.finish();
        }
    }

    /// Ends accepted connections that have not said who they are in time (fault NT19).
    pub(super) fn end_silent(&mut self, now: u64, inputs: &mut Vec<Input>) {
        while let Some((until, key)) = self.greetings.front().copied() {
            let role = self.links.find(key).map(|link| link.role);
            if role != Some(Role::Greeting) {
                self.greetings.pop_front();
            } else if until <= now {
                self.greetings.pop_front();
                self.end(key, Ending::Silent, inputs);
            } else {
                break;
            }
        }
    }
}

const ACCEPTS_PER_TURN: usize = 64;
/// Long enough not to spin, short enough that whoever dials hardly notices.
const PAUSE: Duration = Duration::from_millis(100);
/// An accepted connection must have said who it is by then.
const GREETING_WAIT: Duration = Duration::from_secs(5);
