//! Certificates of open connections, checked again: one that has expired, or is not trusted any
//! more, ends its connection within seconds. The peer is told why.

use crate::base::Sample;
use crate::base::time::nanos;
use crate::net::{Key, TlsError};
use crate::node::credentials::Verified;
use crate::node::ending::Ending;
use crate::node::links::Link;
use crate::node::network::Network;
use crate::node::secured::Secured;
use crate::server::Input;
use std::time::Duration;

/// The progress of the present pass over all connections. Instants are readings of BOOTTIME.
#[derive(Debug, Default)]
pub(super) struct Examining {
    /// How often the trusted authorities have changed.
    changes: u64,
    /// Where the present pass continues; `None`: no pass is under way.
    from: Option<Key>,
    /// When the next pass begins.
    next_at: u64,
    /// The verification of credentials.
    pub(super) verified: Verified,
}

impl Examining {
    /// The count of changes, for handshakes that begin now.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    fn next_deadline(&self) -> u64 {
        if self.from.is_some() { 0 } else { self.next_at }
    }
}

impl Network {
    /// Uses `secured` for handshakes from now on. If the trusted authorities have changed, open
    /// connections are verified by it, too.
    pub(super) fn renew(&mut self, secured: Secured) {
        let before = self.secure(Some(secured));
        let trusted = self.handshakes.secured.as_ref().map(Secured::trusted);
        if before.is_some_and(|before| Some(before.trusted()) != trusted) {
            log::info!(
                "others are trusted than before (authorities, or what they have revoked): connections of those that are not any \
                 more end"
            );
            self.examining.changes += 1;
            self.examining.from = Some(Key(0));
        }
    }

    /// When the pass begins or continues.
    pub(super) fn next_examination(&self) -> u64 {
        match self.handshakes.secured {
            Some(_) => self.examining.next_deadline(),
            None => u64::MAX,
        }
    }

    /// Checks some of the connections, if due.
    pub(super) fn examine(&mut self, now: &Sample, inputs: &mut Vec<Input>) {
        if self.next_examination() > now.boot() {
            return;
        }
        let from = self.examining.from.unwrap_or(Key(0));
        let keys: Vec<Key> = self.links.from(from).take(LOOKS_PER_TURN).collect();
        let (mut examined, mut goes_on) = (0, keys.len() == LOOKS_PER_TURN);
        let mut next = keys.last().map_or(from, |key| Key(key.0 + 1));
        for key in keys {
            if examined == EXAMINATIONS_PER_TURN {
                (next, goes_on) = (key, true);
                break;
            }
            let changes = self.examining.changes;
            let Some(link) = self.links.find(key) else { continue };
            let is_due = link.trusted_at < changes || link.connection.is_certificate_over(now);
            // A handshake under way is checked after its end.
            if !is_due || link.connection.is_handshaking() {
                continue;
            }
            let Some(secured) = &self.handshakes.secured else { continue };
            examined += 1;
            link.trusted_at = changes;
            if let Err(why) = secured.examine(link, now) {
                let ending = Ending::Distrusted(told(link, &why));
                self.end(key, ending, inputs);
            }
        }
        self.examining.from = goes_on.then_some(next);
        if !goes_on {
            self.examining.next_at = now.boot().saturating_add(nanos(LOOK_EVERY));
        }
    }
}

/// The sentence that both sides are told.
fn told(link: &Link, why: &TlsError) -> String {
    let whose =
        link.connection.principal().map_or("the other side".to_owned(), ToString::to_string);
    match why.of_certificate() {
        Some(why) => format!("the certificate of {whose} {why}"),
        None => format!("{whose} is not trusted any more: {why}"),
    }
}

/// Connections whose deadlines are compared in one turn: some dozens of nanoseconds each.
const LOOKS_PER_TURN: usize = 1024;
/// Chains verified in one turn: about 0.1 ms each.
pub(super) const EXAMINATIONS_PER_TURN: usize = 8;
const LOOK_EVERY: Duration = Duration::from_secs(5);
