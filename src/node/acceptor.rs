//! Accepts connections within a budget, and pauses when the process has no descriptor left.

use crate::base::ClientSource;
use crate::base::time::nanos;
use crate::net::{AcceptError, Connection, Key, Listener, LocalListener};
use crate::node::ending::Ending;
use crate::node::links::{OUT_BYTES_MAX, Role};
use crate::node::network::Network;
use crate::server::Input;
use crate::sys::descriptors::{self, Reserve};
use std::time::Duration;

/// The listening socket, when to accept again, and the local listener for clients of this process.
#[derive(Debug)]
pub(super) struct Acceptor {
    listener: Listener,
    local: LocalListener,
    /// A connection may wait.
    is_ready: bool,
    /// No accept before this reading of BOOTTIME.
    paused_until: u64,
    is_exhausted: bool,
}

impl Acceptor {
    pub(super) fn new(listener: Listener, local: LocalListener) -> Self {
        Self { listener, local, is_ready: true, paused_until: 0, is_exhausted: false }
    }

    /// The local listener for clients of this process.
    pub(super) fn local(&self) -> &LocalListener {
        &self.local
    }

    /// The poller has reported the socket.
    pub(super) fn handle_ready(&mut self) {
        self.is_ready = true;
    }

    /// When to accept again: 0 for at once, `u64::MAX` for once the poller reports the socket.
    pub(super) fn next_deadline(&self) -> u64 {
        if !self.local.is_empty() {
            return 0;
        }
        if self.is_ready { self.paused_until } else { u64::MAX }
    }

    /// Accepts the next TCP connection, if one waits.
    fn accept(&mut self, now: u64) -> Result<Option<Connection>, AcceptError> {
        if !self.is_ready || now < self.paused_until {
            return Ok(None);
        }
        let accepted = self.listener.accept(OUT_BYTES_MAX)?;
        self.is_ready = accepted.is_some();
        self.is_exhausted &= accepted.is_none();
        Ok(accepted)
    }

    /// As `accept`, with a reserved descriptor: without one the system does not even tell whether a
    /// connection waits.
    fn accept_with(&mut self, reserve: &Reserve) -> Result<Option<Connection>, AcceptError> {
        let accepted = reserve.spend(|| match self.listener.accept(OUT_BYTES_MAX) {
            Err(AcceptError::Exhausted(error)) => Err(error),
            other => Ok(other),
        });
        let accepted = accepted.map_err(AcceptError::Exhausted)??;
        self.is_ready = accepted.is_some();
        Ok(accepted)
    }

    /// Pauses: edge-triggered polling does not report waiting connections again, so the clock must.
    fn pause(&mut self, now: u64, error: &AcceptError) {
        self.paused_until = now.saturating_add(nanos(PAUSE));
        if !self.is_exhausted {
            log::warn!("{error}: {}", advice(error));
        }
        self.is_exhausted = true;
    }
}

fn advice(error: &AcceptError) -> &'static str {
    match error {
        AcceptError::Exhausted(error) if descriptors::is_shortage(error) => {
            "raise the limit of open files (ulimit -n, LimitNOFILE=, or the system's fs.file-max)"
        }
        AcceptError::Exhausted(_) => "the system is short of memory",
        AcceptError::Failed(_) => "restart this node if it does not go on by itself",
    }
}

impl Network {
    /// Accepts waiting connections, at most [`ACCEPTS_PER_TURN`] of each kind: a flood of them must
    /// not keep peers from being read (fault NT21). Each must send its hello within
    /// [`GREETING_WAIT`], and is not closed for others in its first turn: peers send it at once.
    pub(super) fn accept(&mut self, now: u64, inputs: &mut Vec<Input>) {
        let newest = self.links.next_key();
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(connection) = self.acceptor.local.accept() else { break };
            self.greet(connection, now);
        }
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.accept_one(now, newest, inputs) {
                return;
            }
        }
    }

    /// Accepts one TCP connection, closing another one for it if need be; says whether more may be
    /// accepted in this turn.
    fn accept_one(&mut self, now: u64, newest: Key, inputs: &mut Vec<Input>) -> bool {
        let accepted = match self.acceptor.accept(now) {
            Err(AcceptError::Exhausted(_)) => {
                let accepted = self.acceptor.accept_with(&self.reserve);
                accepted.map(|accepted| accepted.map(|connection| (connection, false)))
            }
            accepted => accepted.map(|accepted| {
                accepted.map(|connection| {
                    let has_place = self.has_place(&connection);
                    (connection, has_place)
                })
            }),
        };
        match accepted {
            Ok(None) => false,
            Ok(Some((connection, has_place))) => {
                if let Some(source) = self.greet(connection, now) {
                    self.end_beyond(source, newest, inputs);
                }
                has_place || self.end_first_to_go(newest, inputs)
            }
            Err(AcceptError::Exhausted(_)) if self.end_first_to_go(newest, inputs) => true,
            Err(error) => {
                self.acceptor.pause(now, &error);
                false
            }
        }
    }

    /// Adds an accepted connection; gives its source.
    fn greet(&mut self, connection: Connection, now: u64) -> Option<ClientSource> {
        let connection = match &self.handshakes.secured {
            Some(secured) => secured.answer(connection),
            None => connection,
        };
        let key = self.adopt(connection, Role::Greeting)?;
        let source = self.links.find(key)?.source;
        self.greetings.add(key, source, now.saturating_add(nanos(GREETING_WAIT)));
        Some(source)
    }

    /// Closes connections whose hello is overdue (fault NT19), some in each turn: ten thousand may
    /// be late at once.
    pub(super) fn end_silent(&mut self, now: u64, inputs: &mut Vec<Input>) {
        for _ in 0..ENDS_PER_TURN {
            let Some(key) = self.greetings.overdue(now) else { break };
            if !self.wait_for_handshake(key, now.saturating_add(nanos(GREETING_WAIT))) {
                self.end(key, Ending::Silent, inputs);
            }
        }
    }
}

const ACCEPTS_PER_TURN: usize = 64;
/// Overdue connections closed in one turn: each takes some microseconds.
const ENDS_PER_TURN: usize = 256;
/// Long enough not to spin, short enough to be hardly noticed by a dialer.
const PAUSE: Duration = Duration::from_millis(100);
/// The time in which an accepted connection must send its hello.
const GREETING_WAIT: Duration = Duration::from_secs(5);
