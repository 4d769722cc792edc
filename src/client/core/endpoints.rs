//! Where nodes may be found: each address with its connection, or when to dial it again and why it failed.

use super::back_off::BackOff;
use super::types::LinkId;
use crate::base::Sample;
use crate::base::rng::Rng;
use std::time::Duration;

/// The addresses, configured ones first, in their order.
#[derive(Clone, Debug)]
pub(super) struct Endpoints(Vec<Endpoint>);

/// One address.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) address: String,
    pub(super) origin: Origin,
    pub(super) link: Option<LinkId>,
    retry_at: u64,
    back_off: BackOff,
    failure: Option<String>,
}

/// Who named an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The program.
    Configured,
    /// A node, as its leader's.
    Hinted,
}

impl Endpoints {
    pub(super) fn new(addresses: &[String]) -> Self {
        let mut endpoints = Self(Vec::new());
        for address in addresses {
            endpoints.add(address, Origin::Configured);
        }
        endpoints
    }

    pub(super) fn add(&mut self, address: &str, origin: Origin) {
        if self.0.iter().any(|endpoint| endpoint.address == address) {
            return;
        }
        self.0.push(Endpoint {
            address: address.to_owned(),
            origin,
            link: None,
            retry_at: 0,
            back_off: BackOff::new(),
            failure: None,
        });
    }

    /// Whether an address is known from a hint alone.
    pub(super) fn has_hinted(&self) -> bool {
        self.0.iter().any(|endpoint| endpoint.origin == Origin::Hinted)
    }

    /// The address of `link`, if it is known from a hint alone.
    pub(super) fn hinted_address(&self, link: LinkId) -> Option<&str> {
        let hinted =
            |endpoint: &&Endpoint| endpoint.link == Some(link) && endpoint.origin == Origin::Hinted;
        self.0.iter().find(hinted).map(|endpoint| endpoint.address.as_str())
    }

    /// Forgets hinted addresses that `keep` does not keep; gives their links.
    pub(super) fn retain_hinted(&mut self, keep: impl Fn(&Endpoint) -> bool) -> Vec<LinkId> {
        let mut gone = Vec::new();
        self.0.retain(|endpoint| {
            let kept = endpoint.origin == Origin::Configured || keep(endpoint);
            if !kept {
                gone.extend(endpoint.link);
            }
            kept
        });
        gone
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Endpoint> {
        self.0.iter()
    }

    fn of(&mut self, link: LinkId) -> Option<&mut Endpoint> {
        self.0.iter_mut().find(|endpoint| endpoint.link == Some(link))
    }

    /// The first address that must be dialed now; it then has `link`.
    pub(super) fn dial_next(&mut self, now: &Sample, link: LinkId) -> Option<String> {
        let due =
            |endpoint: &&mut Endpoint| endpoint.link.is_none() && endpoint.retry_at <= now.boot();
        let endpoint = self.0.iter_mut().find(due)?;
        endpoint.link = Some(link);
        Some(endpoint.address.clone())
    }

    /// `link` proved to be of use.
    pub(super) fn handle_useful(&mut self, link: LinkId) {
        if let Some(endpoint) = self.of(link) {
            endpoint.back_off.reset();
            endpoint.failure = None;
        }
    }

    /// `link` is gone; its address is dialed again after a pause of at most `longest`.
    pub(super) fn handle_failure(
        &mut self,
        link: LinkId,
        why: &str,
        (now, longest, rng): (&Sample, Duration, &mut Rng),
    ) {
        if let Some(endpoint) = self.of(link) {
            endpoint.link = None;
            endpoint.retry_at = endpoint.back_off.next(now, longest, rng);
            endpoint.failure = Some(why.to_owned());
        }
    }

    /// Home was lost with the link `except`: all other addresses without a link are dialed at once.
    pub(super) fn hasten(&mut self, now: &Sample, except: LinkId) {
        for endpoint in &mut self.0 {
            if endpoint.link != Some(except) {
                endpoint.back_off.reset();
                endpoint.retry_at = endpoint.retry_at.min(now.boot());
            }
        }
    }

    /// When the next dial is due.
    pub(super) fn next_deadline(&self) -> u64 {
        let waiting = self.0.iter().filter(|endpoint| endpoint.link.is_none());
        waiting.map(|endpoint| endpoint.retry_at).min().unwrap_or(u64::MAX)
    }

    /// Each configured address, and why it is of no use: the failure of the last try, or what `state`
    /// says of its link.
    pub(super) fn describe(&self, state: impl Fn(LinkId) -> Option<String>) -> String {
        let configured = self.0.iter().filter(|endpoint| endpoint.origin == Origin::Configured);
        let described = configured.map(|endpoint| {
            let linked = endpoint.link.and_then(&state);
            let why = linked.or_else(|| endpoint.failure.clone());
            format!("{}: {}", endpoint.address, why.as_deref().unwrap_or("not answered yet"))
        });
        described.collect::<Vec<_>>().join("; ")
    }
}
