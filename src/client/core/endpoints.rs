//! The addresses of nodes: each with its connection, or with when to dial it again and why it
//! failed.
//!
//! The SYN of an unanswered dial may be lost, and the kernel resends it only after a second, then
//! after two, then after four. So while a call waits for a leader another dial is made beside it,
//! and soon the next: a client that was cut off reconnects soon after the cut heals. The first dial
//! keeps its whole time, for a slow network; of the later ones only some are kept.

use super::back_off::BackOff;
use super::types::LinkId;
use crate::base::Sample;
use crate::base::rng::Rng;
use crate::base::time::nanos;
use std::time::Duration;

/// The addresses, configured ones first, in their order.
#[derive(Clone, Debug)]
pub(super) struct Endpoints(Vec<Endpoint>);

/// One address.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) address: String,
    pub(super) origin: Origin,
    state: State,
    back_off: BackOff,
    failure: Option<String>,
}

/// The source of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The program.
    Configured,
    /// A node, as its leader's.
    Hinted,
}

#[derive(Clone, Debug)]
enum State {
    /// To be dialed from `dial_at` on.
    Idle { dial_at: u64 },
    /// Dialed and not answered, the first dial first; the last at `dialed_at`. From `again_at` on
    /// another dial may be made beside them.
    Dialing { links: Vec<LinkId>, dialed_at: u64, again_at: u64 },
    /// One dial is connected.
    Answered(LinkId),
}

/// A dial to make.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dial {
    pub(super) address: String,
    /// The link that it replaces.
    pub(super) replaces: Option<LinkId>,
}

impl Endpoint {
    /// The links of the address, connected or not.
    pub(super) fn links(&self) -> &[LinkId] {
        match &self.state {
            State::Idle { .. } => &[],
            State::Dialing { links, .. } => links,
            State::Answered(link) => std::slice::from_ref(link),
        }
    }
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
            state: State::Idle { dial_at: 0 },
            back_off: BackOff::new(),
            failure: None,
        });
    }

    /// Whether some address is known from a hint alone.
    pub(super) fn has_hinted(&self) -> bool {
        self.0.iter().any(|endpoint| endpoint.origin == Origin::Hinted)
    }

    /// The address of `link`, if it is known from a hint alone.
    pub(super) fn hinted_address(&self, link: LinkId) -> Option<&str> {
        let hinted = |endpoint: &&Endpoint| {
            endpoint.links().contains(&link) && endpoint.origin == Origin::Hinted
        };
        self.0.iter().find(hinted).map(|endpoint| endpoint.address.as_str())
    }

    /// Forgets hinted addresses that `keep` does not keep; gives their links.
    pub(super) fn retain_hinted(&mut self, keep: impl Fn(&Endpoint) -> bool) -> Vec<LinkId> {
        let mut gone = Vec::new();
        self.0.retain(|endpoint| {
            let kept = endpoint.origin == Origin::Configured || keep(endpoint);
            if !kept {
                gone.extend(endpoint.links());
            }
            kept
        });
        gone
    }

    /// Whether some address has dials none of which has ended yet, one of them by `is_waited_for`.
    pub(super) fn is_any_new(&self, is_waited_for: impl Fn(&LinkId) -> bool) -> bool {
        let mut new = self.0.iter().filter(|endpoint| endpoint.failure.is_none());
        new.any(|endpoint| endpoint.links().iter().any(&is_waited_for))
    }

    /// The address behind `link`.
    pub(super) fn address_of(&self, link: LinkId) -> Option<&str> {
        let found = self.0.iter().find(|endpoint| endpoint.links().contains(&link));
        found.map(|endpoint| endpoint.address.as_str())
    }

    fn of(&mut self, link: LinkId) -> Option<&mut Endpoint> {
        self.0.iter_mut().find(|endpoint| endpoint.links().contains(&link))
    }

    /// The first address that must be dialed now, by `link`.
    pub(super) fn dial_next(&mut self, now: &Sample, link: LinkId) -> Option<Dial> {
        let is_due = |endpoint: &&mut Endpoint| matches!(endpoint.state, State::Idle { dial_at } if dial_at <= now.boot());
        let endpoint = self.0.iter_mut().find(is_due)?;
        endpoint.state =
            State::Dialing { links: vec![link], dialed_at: now.boot(), again_at: now.hint(BESIDE) };
        Some(Dial { address: endpoint.address.clone(), replaces: None })
    }

    /// The first address with a dial some time ago, beside which `link` may be dialed.
    pub(super) fn dial_beside(&mut self, now: &Sample, link: LinkId) -> Option<Dial> {
        self.0.iter_mut().find_map(|endpoint| match &mut endpoint.state {
            State::Dialing { links, dialed_at, again_at } if *again_at <= now.boot() => {
                (*dialed_at, *again_at) = (now.boot(), now.hint(BESIDE));
                let replaces = (links.len() >= DIALS_MAX).then(|| links.remove(1));
                links.push(link);
                Some(Dial { address: endpoint.address.clone(), replaces })
            }
            _ => None,
        })
    }

    /// Notes that `link` is connected; gives the other dials of that address.
    pub(super) fn handle_answered(&mut self, link: LinkId) -> Vec<LinkId> {
        let Some(endpoint) = self.of(link) else { return Vec::new() };
        let before = std::mem::replace(&mut endpoint.state, State::Answered(link));
        match before {
            State::Dialing { links, .. } => links.into_iter().filter(|one| *one != link).collect(),
            State::Idle { .. } | State::Answered(_) => Vec::new(),
        }
    }

    /// Notes that `link` proved useful.
    pub(super) fn handle_useful(&mut self, link: LinkId) {
        if let Some(endpoint) = self.of(link) {
            endpoint.back_off.reset();
            endpoint.failure = None;
        }
    }

    /// Notes that `link` is gone. After the last one its address is dialed again after a pause of
    /// at most `longest`.
    pub(super) fn handle_failure(
        &mut self,
        link: LinkId,
        why: &str,
        (now, longest, rng): (&Sample, Duration, &mut Rng),
    ) {
        let Some(endpoint) = self.of(link) else { return };
        endpoint.failure = Some(why.to_owned());
        if let State::Dialing { links, .. } = &mut endpoint.state {
            links.retain(|one| *one != link);
            if !links.is_empty() {
                return;
            }
        }
        endpoint.state = State::Idle { dial_at: endpoint.back_off.next(now, longest, rng) };
    }

    /// Ends all pauses: idle addresses are dialed at once, and so are those without an answer for a
    /// while.
    pub(super) fn hasten(&mut self, now: &Sample) {
        for endpoint in &mut self.0 {
            match &mut endpoint.state {
                State::Idle { dial_at: at } => {
                    *at = now.boot().min(*at);
                    endpoint.back_off.reset();
                }
                State::Dialing { dialed_at, again_at, .. } => {
                    let soon = dialed_at.saturating_add(nanos(BESIDE_HASTENED)).max(now.boot());
                    *again_at = soon.min(*again_at);
                }
                State::Answered(_) => {}
            }
        }
    }

    /// The earliest time of `dial_next`.
    pub(super) fn next_dial(&self) -> u64 {
        self.0.iter().map(Endpoint::dial_at).min().unwrap_or(u64::MAX)
    }

    /// The earliest time of `dial_beside`.
    pub(super) fn next_beside(&self) -> u64 {
        self.0.iter().map(Endpoint::again_at).min().unwrap_or(u64::MAX)
    }

    /// Each configured address, and why it cannot be used: the `state` of its link, and the end of
    /// the previous link as long as this one has not proved useful; otherwise an address that
    /// closes over and over would show its reason only at times.
    pub(super) fn describe(&self, state: impl Fn(LinkId) -> Option<String>) -> String {
        let configured = self.0.iter().filter(|endpoint| endpoint.origin == Origin::Configured);
        let described = configured.map(|endpoint| {
            let linked = endpoint.links().first().and_then(|link| state(*link));
            let why = match (linked, &endpoint.failure) {
                (Some(state), Some(why)) => format!("{state}, and before that: {why}"),
                (Some(state), None) => state,
                (None, Some(why)) => why.clone(),
                (None, None) => "not answered yet".to_owned(),
            };
            format!("{}: {why}", endpoint.address)
        });
        described.collect::<Vec<_>>().join("; ")
    }
}

impl Endpoint {
    fn dial_at(&self) -> u64 {
        match self.state {
            State::Idle { dial_at } => dial_at,
            State::Dialing { .. } | State::Answered(_) => u64::MAX,
        }
    }

    fn again_at(&self) -> u64 {
        match self.state {
            State::Dialing { again_at, .. } => again_at,
            State::Idle { .. } | State::Answered(_) => u64::MAX,
        }
    }
}

/// How long to wait for a dial before another one is made beside it: well below the second after
/// which the kernel resends its SYN.
const BESIDE: Duration = Duration::from_millis(200);
/// As [`BESIDE`], after a change of leader.
const BESIDE_HASTENED: Duration = Duration::from_millis(50);
/// The most dials of one address at a time, the first included: the later ones have more than half
/// a second each.
const DIALS_MAX: usize = 4;
