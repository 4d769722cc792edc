//! Reads certificates, keys, authorities and lists of revoked certificates again while a node runs:
//! by order, and when their files change. The loop takes a complete set between two turns; a set
//! that cannot be used changes nothing.
//!
//! The loop reads no files: a file system that hangs holds up no heartbeat.

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

/// The files of one node, and their stamps.
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
    /// The stamp of the files in use.
    used: Stamp,
    /// The stamp at the last look: files that changed since are still being written.
    last: Stamp,
    /// The stamp of files that cannot be used, which was logged.
    useless: Option<Stamp>,
    /// The last second of the certificate in use.
    ends: Option<u64>,
    reminder: Reminder,
}

/// The last log line about the end of the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reminder {
    /// None: the end is far.
    None,
    /// The end is in so many days.
    Soon(u64),
    /// The end was so many hours ago.
    Over(u64),
}

impl Renewal {
    /// The renewal of a node that starts with `secured`.
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

    /// Checks the files every [`LOOK_EVERY`], on a thread of its own, as long as the result is
    /// kept.
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

    /// Reads all files now. Handshakes after the return use the new ones.
    ///
    /// # Errors
    /// INVALID: which file, and what is wrong with it; the former files stay in use.
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

    /// Reads the files if they have changed, and are not being written any more.
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
                        "certificate files have changed and cannot be used, so the former ones stay in use: {}",
                        error.message
                    );
                    seen.useless = Some(stamp);
                }
            }
        }
        drop(seen);
        self.remind();
    }

    /// Reads the files. An outdated certificate does not replace a valid one.
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
        // The loop may have ended.
        if self.commands.send(Command::Secure { secured: Box::new(secured), reply }).is_ok() {
            self.wake.wake();
            // A loop that hangs takes the files before its next handshake.
            let _ = taken.recv_timeout(TAKE_WAIT);
        }
    }

    /// Warns that the certificate ends soon, once a day, or has ended, once an hour.
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

/// The wall clock, by which certificates are valid, in seconds.
fn now() -> u64 {
    clock::unix_ms() / 1000
}

/// A changed set of files is read once it was the same at two looks, so that its writer is done.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long to wait for the loop to take the files.
const TAKE_WAIT: Duration = Duration::from_secs(2);
const DAY_SECONDS: u64 = 86_400;
/// Warned of the end of a certificate from so many days before.
const SOON_DAYS: u64 = 7;

#[cfg(test)]
mod tests;
