//! Certificates of a client that lives long: its own, read again before a dial if its files have changed; and those of the nodes
//! that it is connected to, which end with them.
//!
//! Files are looked at under the client's mutex: they are local, and a look reads nothing unless they have changed.

use super::Inner;
use super::obeying::Round;
use crate::base::Sample;
use crate::client::core::LinkId;
use crate::net::Renewed;
use crate::sys::clock;
use log::Level;

/// Which links are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Those whose node's certificate has ended by the clock.
    Ended,
    /// All: others are trusted than before.
    All,
}

impl Inner {
    /// Before a dial.
    pub(super) fn renew_certificates(&mut self, round: &mut Round) {
        let Some(renewed) = self.tls.as_ref().and_then(|tls| tls.renew()) else { return };
        match renewed {
            Renewed::Used { text, trusts_others } => {
                self.log(Level::Info, text);
                if trusts_others {
                    self.examine(Of::All, &clock::sample(), round);
                }
            }
            Renewed::Useless(text) => self.log(Level::Error, text),
        }
    }

    /// When the first certificate of a connected node ends, as a reading of BOOTTIME.
    pub(super) fn certificates_end(&self) -> u64 {
        self.links.values().map(|link| link.certificate_ends_at()).min().unwrap_or(u64::MAX)
    }

    /// Hangs up on nodes whose certificate has ended meanwhile.
    pub(super) fn end_certificates(&mut self, now: &Sample, round: &mut Round) {
        if self.tls.is_some() && self.certificates_end() <= now.boot() {
            self.examine(Of::Ended, now, round);
        }
    }

    fn examine(&mut self, of: Of, now: &Sample, round: &mut Round) {
        let mut refused: Vec<(LinkId, String)> = Vec::new();
        for (id, link) in &mut self.links {
            if of == Of::Ended && link.certificate_ends_at() > now.boot() {
                continue;
            }
            if let Err(why) = link.examine_certificate(now) {
                refused.push((*id, why));
            }
        }
        for (id, why) in refused {
            self.log(Level::Warn, format!("hung up on a node: {why}"));
            round.failed.push((id, why));
        }
    }
}

#[cfg(test)]
mod tests;
