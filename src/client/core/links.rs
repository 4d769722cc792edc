//! Connections to the nodes, and the choice of *home*, the link to the leader.
//!
//! A link to each configured address is kept open: spare ones carry the news of a new leader, so
//! that a failover waits for no timer. Home is the link to the leader of the highest term that any
//! open link names. Timers are a fallback only: for a dial or a home that stays silent (faults
//! NT1), and for dialing again. A new leader, and the loss of home, end the pauses of dials: the
//! next leader may be a node that was away.

use super::back_off::{SPARE_STEP_MAX, STEP_MAX};
use super::endpoints::{Dial, Endpoint, Endpoints, Origin};
use super::identity::Identity;
use super::leaders::{Leaders, Named, Trust};
use super::types::{CoreAction, CoreOptions, LinkId};
use crate::base::rng::Rng;
use crate::base::time::nanos;
use crate::base::{ClusterId, NodeId, Sample, Term};
use crate::wire::{Abilities, Condition, LeaderHint, Welcomed};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(super) struct Links {
    pub(super) endpoints: Endpoints,
    pub(super) links: BTreeMap<LinkId, Link>,
    next_link: u64,
    pub(super) home: Option<Home>,
    pub(super) leaders: Leaders,
    /// The address of a leader known only from a hint, and why it was not reached the last time.
    unreached: Option<(String, String)>,
    pub(super) identity: Identity,
    pub(super) connect_timeout: Duration,
    pub(super) ttl: Duration,
    pub(super) silence_max: Duration,
    rng: Rng,
}

/// The link to the leader, and its term. Another term is another home: a leader that was deposed
/// and elected again remembers no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) link: LinkId,
    pub(super) term: Term,
}

#[derive(Clone, Debug)]
pub(super) enum Link {
    /// Dialed at `since`, not welcomed yet.
    Dialing { since: u64 },
    /// Welcomed.
    Open(OpenLink),
}

#[derive(Clone, Debug)]
pub(super) struct OpenLink {
    node: NodeId,
    /// The node's cluster; `None`: none yet.
    pub(super) cluster: Option<ClusterId>,
    abilities: Abilities,
    pub(super) hint: LeaderHint,
    /// The last condition of its cluster, and when it was told.
    pub(super) condition: Option<(u64, Condition)>,
    welcomed_at: u64,
    /// The time from the dial to the welcome, in nanoseconds.
    pub(super) greeted_in: u64,
    /// When it last sent anything.
    pub(super) heard_at: u64,
    /// Since when a request has had no answer of any kind.
    pub(super) unanswered_since: Option<u64>,
}

/// The consequence of a leader hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// None: a change shows in `home`.
    News,
    /// Home repeated that it leads: it may have dropped earlier requests.
    HomeRepeated,
}

impl Links {
    pub(super) fn new(options: &CoreOptions, rng: Rng) -> Self {
        let third = options.ttl / 3;
        Self {
            endpoints: Endpoints::new(&options.endpoints),
            links: BTreeMap::new(),
            next_link: 1,
            home: None,
            leaders: Leaders::default(),
            unreached: None,
            identity: Identity::new(options.pin.clone()),
            connect_timeout: options.connect_timeout,
            ttl: options.ttl,
            silence_max: options.connect_timeout.min(third),
            rng,
        }
    }

    pub(super) fn home(&self) -> Option<Home> {
        self.home
    }

    /// Whether `link` is welcomed and open.
    pub(super) fn is_open(&self, link: LinkId) -> bool {
        matches!(self.links.get(&link), Some(Link::Open(_)))
    }

    /// The abilities of the node behind `link`.
    pub(super) fn abilities(&self, link: LinkId) -> Abilities {
        match self.links.get(&link) {
            Some(Link::Open(open)) => open.abilities,
            _ => Abilities::NONE,
        }
    }

    /// Handles the welcome of a node that may be ours.
    pub(super) fn handle_welcome(
        &mut self,
        now: &Sample,
        link: LinkId,
        welcomed: Welcomed,
        actions: &mut Vec<CoreAction>,
    ) {
        let Some(Link::Dialing { since }) = self.links.get(&link) else { return };
        let greeted_in = now.boot().saturating_sub(*since);
        let Welcomed { welcome, speech, .. } = welcomed;
        let open = OpenLink {
            node: welcome.node,
            cluster: welcome.cluster,
            abilities: speech.abilities,
            hint: LeaderHint::default(),
            condition: None,
            greeted_in,
            welcomed_at: now.boot(),
            heard_at: now.boot(),
            unanswered_since: None,
        };
        self.links.insert(link, Link::Open(open));
        self.handle_connected(link, actions);
        self.handle_hint(now, link, welcome.leader);
    }

    /// Handles an established connection: drops the other dials of its address.
    pub(super) fn handle_connected(&mut self, link: LinkId, actions: &mut Vec<CoreAction>) {
        for other in self.endpoints.handle_answered(link) {
            self.links.remove(&other);
            actions.push(CoreAction::Hangup { link: other });
        }
    }

    /// Handles a leader hint.
    pub(super) fn handle_hint(&mut self, now: &Sample, link: LinkId, hint: LeaderHint) -> Heard {
        let home = self.home.filter(|home| home.link == link);
        let Some(Link::Open(open)) = self.links.get_mut(&link) else { return Heard::News };
        let repeated = open.hint == hint;
        open.hint = hint;
        let leads = open.hint.leader.as_ref().is_some_and(|(node, _)| *node == open.node);
        let (node, term) = (open.node, open.hint.term);
        if leads {
            self.leaders.trust(node);
        }
        match home {
            Some(home) if leads && repeated && home.term == term => Heard::HomeRepeated,
            Some(home) if !leads => {
                self.leaders.distrust(now, node, home.term);
                Heard::News
            }
            _ => Heard::News,
        }
    }

    /// Notes any message from `link`.
    pub(super) fn handle_sign_of_life(&mut self, now: &Sample, link: LinkId) {
        let Some(Link::Open(open)) = self.links.get_mut(&link) else { return };
        open.heard_at = now.boot();
        let answers = open.unanswered_since.take().is_some();
        if answers && now.boot().saturating_sub(open.welcomed_at) >= nanos(STEADY) {
            self.endpoints.handle_useful(link);
        }
    }

    /// Notes that a request which wants an answer leaves on `link`.
    pub(super) fn handle_sent(&mut self, now: &Sample, link: LinkId) {
        if let Some(Link::Open(open)) = self.links.get_mut(&link) {
            open.unanswered_since.get_or_insert(now.boot());
        }
    }

    /// Handles the end of `link`, or the failure of its dial, which the other dials of its address
    /// would meet, too: they are dropped.
    pub(super) fn handle_closed(
        &mut self,
        now: &Sample,
        (link, why): (LinkId, &str),
        actions: &mut Vec<CoreAction>,
    ) {
        self.handle_connected(link, actions);
        self.lose(now, link, why);
    }

    fn lose(&mut self, now: &Sample, link: LinkId, why: &str) {
        let Some(closed) = self.links.remove(&link) else { return };
        if let Some(home) = self.home.filter(|home| home.link == link) {
            self.home = None;
            if let Link::Open(open) = &closed {
                self.leaders.distrust(now, open.node, home.term);
            }
            self.endpoints.hasten(now);
        }
        self.distrust_unreachable(now, link);
        if let Some(address) = self.endpoints.hinted_address(link) {
            self.unreached = Some((address.to_owned(), why.to_owned()));
        }
        let longest = if self.home.is_some() { SPARE_STEP_MAX } else { STEP_MAX };
        self.endpoints.handle_failure(link, why, (now, longest, &mut self.rng));
    }

    pub(super) fn hang_up(
        &mut self,
        now: &Sample,
        link: LinkId,
        why: &str,
        actions: &mut Vec<CoreAction>,
    ) {
        actions.push(CoreAction::Hangup { link });
        self.lose(now, link, why);
    }

    /// Distrusts the named leader if it may be behind the address of `link`, which failed.
    fn distrust_unreachable(&mut self, now: &Sample, link: LinkId) {
        let Some((Trust::Trusted, Named { term, node, address, .. })) = self.named(now) else {
            return;
        };
        if self.endpoints.address_of(link) == Some(address) {
            self.leaders.distrust(now, node, term);
        }
    }

    /// The leader by the hints of open links of our cluster.
    fn named(&self, now: &Sample) -> Option<(Trust, Named<'_>)> {
        let cluster = self.identity.cluster();
        let named = self.links.values().filter_map(|link| match link {
            Link::Open(open) if cluster.is_some() && open.cluster == cluster => {
                Named::by(open.node, &open.hint)
            }
            Link::Open(_) | Link::Dialing { .. } => None,
        });
        self.leaders.best(now, named)
    }

    /// Chooses home, closes silent links, dials missing ones.
    pub(super) fn settle(&mut self, now: &Sample, actions: &mut Vec<CoreAction>) {
        self.leaders.handle_deadline(now);
        self.hang_up_silent(now, actions);
        self.hang_up_founded(now, actions);
        self.choose_home(now);
        self.begin_comparing(now);
        self.drop_unused_hinted(now, actions);
        self.ask_idle(now, actions);
        self.dial_due(now, actions);
    }

    /// Makes due dials. Without a home calls may wait, so further dials are made beside unanswered
    /// ones.
    fn dial_due(&mut self, now: &Sample, actions: &mut Vec<CoreAction>) {
        loop {
            let link = LinkId(self.next_link);
            let next = self.endpoints.dial_next(now, link);
            let beside = || self.endpoints.dial_beside(now, link);
            let dial = if self.home.is_none() { next.or_else(beside) } else { next };
            let Some(Dial { address, replaces }) = dial else { return };
            if let Some(older) = replaces {
                self.links.remove(&older);
                actions.push(CoreAction::Hangup { link: older });
            }
            self.next_link += 1;
            self.links.insert(link, Link::Dialing { since: now.boot() });
            actions.push(CoreAction::Dial { link, endpoint: address });
        }
    }

    fn choose_home(&mut self, now: &Sample) {
        let before = self.home.take();
        let named = self.named(now);
        let link = named.and_then(|(_, named)| self.link_to(named.node, before));
        let unreached = named.filter(|_| link.is_none()).map(|(_, one)| one.address.to_owned());
        let term = named.map(|(_, named)| named.term);
        let is_trusted = named.is_some_and(|(trust, _)| trust == Trust::Trusted);
        if let (Some(link), Some(term), true) = (link, term, is_trusted) {
            self.home = Some(Home { link, term });
        }
        let is_news = term.is_some_and(|term| self.leaders.take_news(term));
        let is_left = before.is_some() && self.home.is_none();
        if let Some(address) = unreached {
            self.endpoints.add(&address, Origin::Hinted);
        }
        if is_news || is_left {
            self.endpoints.hasten(now);
        }
    }

    /// The open link to `node`, preferably home.
    fn link_to(&self, node: NodeId, home: Option<Home>) -> Option<LinkId> {
        let cluster = self.identity.cluster();
        let is_node = |link: &Link| matches!(link, Link::Open(open) if open.node == node && open.cluster == cluster);
        let home = home.map(|home| home.link);
        home.filter(|home| self.links.get(home).is_some_and(is_node))
            .or_else(|| self.links.iter().find(|(_, link)| is_node(link)).map(|(id, _)| *id))
    }

    fn drop_unused_hinted(&mut self, now: &Sample, actions: &mut Vec<CoreAction>) {
        if !self.endpoints.has_hinted() {
            return;
        }
        let leader = self.named(now).map(|(_, named)| named.address.to_owned());
        let home = self.home.map(|home| home.link);
        let named = |address: &str| leader.as_deref() == Some(address);
        let is_home = |links: &[LinkId]| home.is_some_and(|home| links.contains(&home));
        let keep = |endpoint: &Endpoint| is_home(endpoint.links()) || named(&endpoint.address);
        let gone = self.endpoints.retain_hinted(keep);
        for link in gone {
            self.links.remove(&link);
            actions.push(CoreAction::Hangup { link });
        }
    }

    /// The next deadline of `settle`.
    pub(super) fn next_deadline(&self) -> u64 {
        let trusted = if self.home.is_none() { self.leaders.next_deadline() } else { u64::MAX };
        let beside = if self.home.is_none() { self.endpoints.next_beside() } else { u64::MAX };
        let dial = self.endpoints.next_dial().min(beside);
        dial.min(self.silence_deadline()).min(trusted)
    }

    /// Closes everything: the client is closed.
    pub(super) fn hang_up_all(&mut self, actions: &mut Vec<CoreAction>) {
        let links = std::mem::take(&mut self.links);
        actions.extend(links.into_keys().map(|link| CoreAction::Hangup { link }));
        self.home = None;
        self.leaders = Leaders::default();
        self.endpoints = Endpoints::new(&[]);
    }

    /// Why there is no leader, node by node.
    pub(super) fn describe(&self) -> String {
        self.endpoints.describe(|link| match self.links.get(&link)? {
            Link::Dialing { .. } => None,
            Link::Open(open) => Some(match &open.hint.leader {
                None => "knows no leader".to_owned(),
                Some((node, address)) => {
                    let term = open.hint.term;
                    let named =
                        format!("names node {node} at {address} as the leader of term {term}");
                    match &self.unreached {
                        Some((of, why)) if of == address => {
                            format!("{named}, which is not reached: {why}")
                        }
                        _ => named,
                    }
                }
            }),
        })
    }
}

/// A link that still answers after so long proved useful: one that is lost sooner may be lost over
/// and over.
const STEADY: Duration = Duration::from_millis(100);
