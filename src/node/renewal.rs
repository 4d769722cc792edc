//! Certificates, keys, authorities and lists of revoked ones that are read again while a node runs: by order, and when their
//! files change. The loop takes what was read whole, between two turns; files of no use change nothing.
//!
//! Nothing here is done by the loop: a file system that hangs holds up no heartbeat.

use crate::base::NodeId;
use crate::base::error::{Error, Status};
use crate::base::text::date;
use crate::net::{Stamp, Wake};
use crate::node::commands::Command;
use crate::node::secured::{NodeTls, Secured};
use crate::sys::{clock, thread};
use crossbeam_channel::{RecvTimeoutError, Sender};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The files of one node, and what they were when they were read.
#[derive(Debug)]
pub(super) struct Renewal {
    tls: NodeTls,
    node: NodeId,
    commands: Sender<Command>,
    wake: Wake,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// What is in use.
    used: Stamp,
    /// At the last look: what has changed since is still being written.
    last: Stamp,
    /// Of no use, which was said.
    useless: Option<Stamp>,
    /// The last second of the certificate that is in use.
    ends: Option<u64>,
    reminder: Reminder,
}

/// What the log was told last of the end of the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reminder {
    /// Nothing: it is far.
    None,
    /// It comes in so many days.
    Soon(u64),
    /// It was so many hours ago.
    Over(u64),
}

impl Renewal {
    /// Of a node that starts with `secured`.
    pub(super) fn new(
        tls: NodeTls,
        node: NodeId,
        secured: &Secured,
        (commands, wake): (Sender<Command>, Wake),
    ) -> Arc<Self> {
        let used = secured.stamp().clone();
        let (last, useless, reminder) = (used.clone(), None, Reminder::None);
        let seen = Seen { used, last, useless, ends: secured.not_after(), reminder };
        Arc::new(Self { tls, node, commands, wake, seen: Mutex::new(seen) })
    }

    /// Looks at the files every [`LOOK_EVERY`], on a thread of its own, for as long as what this gives is kept.
    ///
    /// # Errors
    /// The process may have no more threads.
    pub(super) fn watch(self: &Arc<Self>) -> io::Result<Sender<()>> {
        let (keep, quit) = crossbeam_channel::bounded(0);
        let renewal = Arc::clone(self);
        let body = move || {
            renewal.remind();
            while quit.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                renewal.look();
            }
        };
        thread::spawn("tenure-certs", body).map(|_| keep)
    }

    /// Reads all of them now. Handshakes that begin after this has returned are by the new ones.
    ///
    /// # Errors
    /// INVALID: which file, and what is wrong with it; all stays as it was.
    pub(super) fn reload(&self) -> Result<(), Error> {
        let mut seen = self.seen.lock();
        let stamp = self.tls.files().stamp();
        match self.read(&seen) {
            Ok(secured) => self.use_from_now_on(secured, &mut seen),
            Err(error) => {
                seen.useless = Some(stamp);
                return Err(error);
            }
        }
        drop(seen);
        self.remind();
        Ok(())
    }

    /// Reads them if they have changed, and nobody writes them any more.
    fn look(&self) {
        let mut seen = self.seen.lock();
        let stamp = self.tls.files().stamp();
        let is_known = stamp == seen.used || seen.useless.as_ref() == Some(&stamp);
        let was_written = std::mem::replace(&mut seen.last, stamp.clone()) != stamp;
        if !is_known && !was_written {
            let read = self.read(&seen);
            if self.tls.files().stamp() != stamp {
                return;
            }
            match read {
                Ok(secured) => self.use_from_now_on(secured, &mut seen),
                Err(error) => {
                    log::error!(
                        "certificate files have changed and are of no use, so the ones from before stay in use: {}",
                        error.message
                    );
                    seen.useless = Some(stamp);
                }
            }
        }
        drop(seen);
        self.remind();
    }

    /// One that is out of date takes the place of no other that is not.
    fn read(&self, seen: &Seen) -> Result<Secured, Error> {
        let secured = Secured::read(&self.tls, self.node)?;
        let is_over = seen.ends.is_some_and(|ends| ends < now());
        match secured.outdated() {
            Some(why) if !is_over => {
                let cert = self.tls.cert.display();
                Err(Error::new(Status::Invalid, format!("the certificate {cert} {why}")))
            }
            _ => Ok(secured),
        }
    }

    fn use_from_now_on(&self, secured: Secured, seen: &mut Seen) {
        seen.used = secured.stamp().clone();
        seen.last = seen.used.clone();
        seen.useless = None;
        seen.ends = secured.not_after();
        let until = seen.ends.map_or_else(String::new, |end| format!(" until {}", date(end)));
        log::info!(
            "certificate files were read again: the certificate of node {} is valid{until}",
            self.node
        );
        secured.warn();
        let (reply, taken) = crossbeam_channel::bounded(1);
        // A loop that has ended shakes no hands.
        if self.commands.send(Command::Secure { secured: Box::new(secured), reply }).is_ok() {
            self.wake.wake();
            // One that hangs takes them before it shakes the next hand.
            let _ = taken.recv_timeout(TAKE_WAIT);
        }
    }

    /// Says that the certificate ends soon, once a day, or has ended, once an hour.
    fn remind(&self) {
        let mut seen = self.seen.lock();
        let Some(ends) = seen.ends else { return };
        let reminder = Reminder::at(ends, now());
        if std::mem::replace(&mut seen.reminder, reminder) == reminder {
            return;
        }
        let (node, cert, end) = (self.node, self.tls.cert.display(), date(ends));
        match reminder {
            Reminder::None => {}
            Reminder::Soon(days) => log::warn!(
                "the certificate of node {node} ends on {end}, {}: put a new one at {cert}, with its key; it is taken \
                 without a restart",
                in_days(days)
            ),
            Reminder::Over(_) => log::error!(
                "the certificate of node {node} has expired on {end}: whoever dials this node, or is dialed by it, refuses it. \
                 Put a new one at {cert}, with its key; it is taken without a restart"
            ),
        }
    }
}

impl Reminder {
    fn at(ends: u64, now: u64) -> Self {
        match ends.checked_sub(now) {
            None => Self::Over((now - ends) / 3600),
            Some(left) if left / DAY_SECONDS < SOON_DAYS => Self::Soon(left / DAY_SECONDS),
            Some(_) => Self::None,
        }
    }
}

fn in_days(days: u64) -> String {
    match days {
        0 => "within a day".to_owned(),
        1 => "in one day".to_owned(),
        days => format!("in {days} days"),
    }
}

/// The wall clock, in seconds: certificates are of that.
fn now() -> u64 {
    clock::unix_ms() / 1000
}

/// A set of files is read once it was the same at two looks: whoever writes several, or a long one, is done by then.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long the loop has to take what was read.
const TAKE_WAIT: Duration = Duration::from_secs(2);
const DAY_SECONDS: u64 = 86_400;
/// When the end of a certificate is told of.
const SOON_DAYS: u64 = 7;

#[cfg(test)]
mod tests;
