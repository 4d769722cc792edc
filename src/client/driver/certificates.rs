//! Certificates of a long-lived client: its own, read again before a dial if the files have
//! changed; and those of connected nodes, whose connections end with them.
//!
//! The files' metadata is checked under the client's mutex: files are local, and read only if they
//! have changed.

use super::Inner;
use super::obeying::Round;
use crate::base::Sample;
use crate::client::core::LinkId;
use crate::net::Renewed;
use crate::sys::clock;
use log::Level;

/// The links to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Links whose node's certificate has ended by the clock.
    Ended,
    /// All links: the trusted authorities have changed.
    All,
}

impl Inner {
    /// Reads changed files before a dial.
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

    /// Disconnects from nodes whose certificate has ended.
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
            self.log(Level::Warn, format!("disconnected from a node: {why}"));
            round.failed.push((id, why));
        }
    }
}

#[cfg(test)]
mod tests;
