//! Notifications to systemd by the protocol of sd_notify(3): datagrams of `KEY=value` lines to the
//! socket that NOTIFY_SOCKET names. Without that variable nothing is sent.
//!
//! READY means: the directory is recovered and the node listens. READY does not wait for a leader:
//! of three machines that boot one after the other the first would wait for the others, and an
//! operator who starts them in turn would wait for ever. STATUS, which `systemctl status` shows,
//! says what the node still lacks.

use crate::cli::log::printable;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tenure::base::{NodeId, Term};
use tenure::node::{Leadership, Node};
use tenure::sys::clock;

/// The service manager of this process, if it asked for notifications.
#[derive(Debug)]
pub struct Supervisor {
    socket: Option<Socket>,
    watchdog: Option<Watchdog>,
    /// A datagram could not be sent, which was logged once.
    is_deaf: AtomicBool,
}

/// The service manager's socket.
#[derive(Debug)]
struct Socket {
    /// The name as NOTIFY_SOCKET has it.
    name: OsString,
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Supervisor {
    /// The service manager that the environment names. A socket that cannot be used is logged, and
    /// no failure.
    pub fn of_this_process() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let socket = variable("NOTIFY_SOCKET")
            .and_then(|name| Socket::open(&name).inspect_err(|error| warn(&name, error)).ok());
        let watchdog = socket
            .as_ref()
            .and_then(|_| Watchdog::asked_for(variable("WATCHDOG_USEC"), variable("WATCHDOG_PID")));
        Self { socket, watchdog, is_deaf: AtomicBool::new(false) }
    }

    /// Whether a service manager is to be notified.
    pub fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// The node cannot start yet.
    pub fn tell_waiting(&self, why: &str) {
        self.tell(&[("STATUS", &format!("waiting to start: {why}"))]);
    }

    /// The node listens. From now on the watchdog runs.
    pub fn tell_ready(&mut self, node: &Node) {
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.begin(Instant::now(), node.turns());
        }
        let status = status_of(node.id(), &node.known_leader());
        self.tell(&[("READY", "1"), ("STATUS", &status)]);
    }

    /// The leader has changed.
    pub fn tell_leader(&self, own: NodeId, leadership: &Leadership) {
        self.tell(&[("STATUS", &status_of(own, leadership))]);
    }

    /// A reload begins; [`Supervisor::tell_reloaded`] ends it.
    pub fn tell_reloading(&self) {
        // systemd compares with CLOCK_MONOTONIC.
        let now_us = (clock::sample_end().monotonic / 1000).to_string();
        self.tell(&[("RELOADING", "1"), ("MONOTONIC_USEC", &now_us)]);
    }

    /// The reload has ended, well or not.
    pub fn tell_reloaded(&self) {
        self.tell(&[("READY", "1")]);
    }

    /// The node ends by order.
    pub fn tell_stopping(&self) {
        self.tell(&[("STOPPING", "1"), ("STATUS", "stopping")]);
    }

    /// The node ends, or never began, for the reason `why`, which `systemctl status` shows until
    /// the next start.
    pub fn tell_end(&self, why: &str) {
        self.tell(&[("STOPPING", "1"), ("STATUS", why)]);
    }

    /// When [`Supervisor::watch`] is to be called again.
    pub fn next_look(&self) -> Option<Duration> {
        let next = self.watchdog.as_ref()?.next;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Feeds the watchdog, if due and if the loop of `node` has turned. The loop itself is asked:
    /// this thread would run on beside a loop that hangs.
    pub fn watch(&mut self, node: &Node) {
        let Some(watchdog) = &mut self.watchdog else { return };
        if watchdog.is_due(Instant::now()) && watchdog.has_turned(node.turns()) {
            self.tell(&[("WATCHDOG", "1")]);
        }
    }

    fn tell(&self, lines: &[(&str, &str)]) {
        let Some(Socket { name, socket, address }) = &self.socket else { return };
        let line = |(key, value): &(&str, &str)| format!("{key}={}\n", printable(value));
        let text: String = lines.iter().map(line).collect();
        if let Err(error) = socket.send_to_addr(text.as_bytes(), address)
            && !self.is_deaf.swap(true, Ordering::Relaxed)
        {
            warn(name, &error);
        }
    }
}

impl Socket {
    /// A socket for datagrams to `name`: a path, or "@" and an abstract name (unix(7)).
    fn open(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => {
                let text = "it begins neither with \"/\" nor with \"@\"";
                return Err(io::Error::new(io::ErrorKind::Unsupported, text));
            }
        };
        let socket = UnixDatagram::unbound()?;
        // A service manager that does not read must not hold up the handling of signals.
        socket.set_write_timeout(Some(SEND_WAIT))?;
        Ok(Self { name: name.to_owned(), socket, address })
    }
}

fn warn(name: &OsStr, error: &io::Error) {
    log::warn!(
        "the service manager cannot be told how this node is: {error} (NOTIFY_SOCKET={}); with Type=notify it will take \
         the node for one that does not start",
        name.to_string_lossy()
    );
}

/// STATUS: one line for people.
fn status_of(own: NodeId, leadership: &Leadership) -> String {
    let term = leadership.term;
    match leadership.leader {
        Some(leader) if leader == own => format!("this node leads term {term}"),
        Some(leader) => format!("follows node {leader}, which leads term {term}"),
        None if term == Term(0) => {
            "belongs to no cluster yet: waits for the other members, all of which must be up once"
                .to_owned()
        }
        None => format!(
            "no leader is known in term {term}: an election is under way, or too few members reach each other"
        ),
    }
}

/// The watchdog of systemd: when it is to be fed next.
#[derive(Debug)]
struct Watchdog {
    every: Duration,
    next: Instant,
    seen: u64,
}

impl Watchdog {
    /// Reads WATCHDOG_USEC and WATCHDOG_PID as sd_watchdog_enabled(3) does; `None`: no watchdog for
    /// this process.
    fn asked_for(usec: Option<OsString>, pid: Option<OsString>) -> Option<Self> {
        let number = |text: OsString| text.to_str()?.parse::<u64>().ok();
        if pid.is_some_and(|pid| number(pid) != Some(std::process::id().into())) {
            return None;
        }
        let usec = number(usec?).filter(|usec| *usec > 0)?;
        let every = Duration::from_micros(usec) / LOOKS;
        Some(Self { every, next: Instant::now(), seen: 0 })
    }

    fn begin(&mut self, now: Instant, turns: u64) {
        self.next = now + self.every;
        self.seen = turns;
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.next = now + self.every;
        }
        is_due
    }

    /// Whether the loop has turned since the last call.
    fn has_turned(&mut self, turns: u64) -> bool {
        std::mem::replace(&mut self.seen, turns) != turns
    }
}

/// Looks within the watchdog's time. Each look covers the time since the look before, so a loop may
/// hang for three quarters of the watchdog's time before systemd takes it for dead.
const LOOKS: u32 = 8;
const SEND_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
