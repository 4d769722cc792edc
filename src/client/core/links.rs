//! Connections to the nodes, who leads as far as they say, and which of them is *home*.
//!
//! A link to each configured address is kept open: spare ones carry the news of a new leader, so that a
//! failover waits for no timer. Home is the link to the leader of the highest term that any open link
//! names. Timers are a fallback only: for a dial or a home that stays silent (faults NT1), and for dialing
//! again.

use super::back_off::{SPARE_STEP_MAX, STEP_MAX};
use super::endpoints::{Endpoints, Origin};
use super::types::{Action, CoreOptions, LinkId};
use crate::base::rng::Rng;
use crate::base::time::nanos;
use crate::base::{ClusterId, NodeId, Sample, Term};
use crate::wire::{Abilities, LeaderHint, Request, Welcomed};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(super) struct Links {
    endpoints: Endpoints,
    links: BTreeMap<LinkId, Link>,
    next_link: u64,
    home: Option<Home>,
    /// Leaders that could not be reached, or denied it: hints of these terms do not count until then.
    distrusted: BTreeMap<NodeId, (Term, u64)>,
    /// The address of a leader that only a node named, and why it was not reached the last time.
    unreached: Option<(String, String)>,
    cluster: Option<ClusterId>,
    connect_timeout: Duration,
    ttl: Duration,
    silence_max: Duration,
    rng: Rng,
}

/// The link to the leader, and the term for which it is named. Another term is another home: a leader that
/// was deposed and came back remembers no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) link: LinkId,
    pub(super) term: Term,
}

#[derive(Clone, Debug)]
enum Link {
    /// Dialed then, not welcomed.
    Dialing { since: u64 },
    /// Welcomed.
    Open(OpenLink),
}

#[derive(Clone, Debug)]
struct OpenLink {
    node: NodeId,
    abilities: Abilities,
    hint: LeaderHint,
    /// When it last said anything.
    heard_at: u64,
    /// Since when something that was sent has had no answer of any kind.
    unanswered_since: Option<u64>,
}

/// What a link's word about the leader asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing: whatever changes shows in `home`.
    News,
    /// Home repeated that it leads: what it was sent may not have been taken.
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
            distrusted: BTreeMap::new(),
            unreached: None,
            cluster: None,
            connect_timeout: options.connect_timeout,
            ttl: options.ttl,
            silence_max: options.connect_timeout.min(third),
            rng,
        }
    }

    pub(super) fn home(&self) -> Option<Home> {
        self.home
    }

    /// Whether `link` was welcomed and is not gone.
    pub(super) fn is_open(&self, link: LinkId) -> bool {
        matches!(self.links.get(&link), Some(Link::Open(_)))
    }

    /// What the node behind `link` understands.
    pub(super) fn abilities(&self, link: LinkId) -> Abilities {
        match self.links.get(&link) {
            Some(Link::Open(open)) => open.abilities,
            _ => Abilities::NONE,
        }
    }

    pub(super) fn cluster(&self) -> Option<ClusterId> {
        self.cluster
    }

    /// A node welcomed us; one of another cluster is hung up.
    pub(super) fn handle_welcome(
        &mut self,
        now: &Sample,
        link: LinkId,
        welcomed: Welcomed,
        actions: &mut Vec<Action>,
    ) {
        if !matches!(self.links.get(&link), Some(Link::Dialing { .. })) {
            return;
        }
        let Welcomed { welcome, speech, .. } = welcomed;
        if let (Some(known), Some(told)) = (self.cluster, welcome.cluster)
            && known != told
        {
            let why = format!("it is of cluster {told}, the others of {known}");
            return self.hang_up(now, link, &why, actions);
        }
        self.cluster = self.cluster.or(welcome.cluster);
        let open = OpenLink {
            node: welcome.node,
            abilities: speech.abilities,
            hint: LeaderHint::default(),
            heard_at: now.boot(),
            unanswered_since: None,
        };
        self.links.insert(link, Link::Open(open));
        self.handle_hint(now, link, welcome.leader);
    }

    /// `link` says who leads.
    pub(super) fn handle_hint(&mut self, now: &Sample, link: LinkId, hint: LeaderHint) -> Heard {
        let home = self.home.filter(|home| home.link == link);
        let Some(Link::Open(open)) = self.links.get_mut(&link) else { return Heard::News };
        let repeated = open.hint == hint;
        open.hint = hint;
        let leads = open.hint.leader.as_ref().is_some_and(|(node, _)| *node == open.node);
        let (node, term) = (open.node, open.hint.term);
        match home {
            _ if leads && home.is_none_or(|home| home.term != term) => {
                self.distrusted.remove(&node);
                Heard::News
            }
            Some(_) if leads && repeated => Heard::HomeRepeated,
            Some(home) if !leads => {
                self.distrust(now, node, home.term);
                Heard::News
            }
            _ => Heard::News,
        }
    }

    /// Anything at all came from `link`.
    pub(super) fn handle_sign_of_life(&mut self, now: &Sample, link: LinkId) {
        let Some(Link::Open(open)) = self.links.get_mut(&link) else { return };
        open.heard_at = now.boot();
        if open.unanswered_since.take().is_some() {
            self.endpoints.handle_useful(link);
        }
    }

    /// Something that wants an answer leaves on `link`.
    pub(super) fn handle_sent(&mut self, now: &Sample, link: LinkId) {
        if let Some(Link::Open(open)) = self.links.get_mut(&link) {
            open.unanswered_since.get_or_insert(now.boot());
        }
    }

    /// `link` is gone.
    pub(super) fn handle_closed(&mut self, now: &Sample, link: LinkId, why: &str) {
        let Some(closed) = self.links.remove(&link) else { return };
        if let Some(home) = self.home.filter(|home| home.link == link) {
            self.home = None;
            if let Link::Open(open) = &closed {
                self.distrust(now, open.node, home.term);
            }
            self.endpoints.hasten(now, link);
        }
        self.distrust_unreachable(now, link);
        if let Some(address) = self.endpoints.hinted_address(link) {
            self.unreached = Some((address.to_owned(), why.to_owned()));
        }
        let longest = if self.home.is_some() { SPARE_STEP_MAX } else { STEP_MAX };
        self.endpoints.handle_failure(link, why, (now, longest, &mut self.rng));
    }

    fn hang_up(&mut self, now: &Sample, link: LinkId, why: &str, actions: &mut Vec<Action>) {
        actions.push(Action::Hangup { link });
        self.handle_closed(now, link, why);
    }

    fn distrust(&mut self, now: &Sample, node: NodeId, term: Term) {
        self.distrusted.insert(node, (term, now.hint(DISTRUST)));
    }

    /// The leader that is named may be behind the address of `link`, which failed.
    fn distrust_unreachable(&mut self, now: &Sample, link: LinkId) {
        let Some((term, node, address)) = self.target(now) else { return };
        let failed = self.endpoints.iter().find(|endpoint| endpoint.link == Some(link));
        if failed.is_some_and(|endpoint| endpoint.address == address) {
            self.distrust(now, node, term);
        }
    }

    /// The leader of the highest term that an open link names.
    fn target(&self, now: &Sample) -> Option<(Term, NodeId, &str)> {
        let trusted = |term: Term, node: &NodeId| {
            let distrusted = self.distrusted.get(node);
            !distrusted.is_some_and(|(at_most, until)| term <= *at_most && now.boot() < *until)
        };
        self.links
            .values()
            .filter_map(|link| match link {
                Link::Open(open) => Some(&open.hint),
                Link::Dialing { .. } => None,
            })
            .filter_map(|hint| hint.leader.as_ref().map(|(node, at)| (hint.term, *node, at)))
            .filter(|(term, node, _)| trusted(*term, node))
            .max_by_key(|(term, ..)| *term)
            .map(|(term, node, address)| (term, node, address.as_str()))
    }

    /// Chooses home, hangs up what is silent, dials what is missing.
    pub(super) fn settle(&mut self, now: &Sample, actions: &mut Vec<Action>) {
        self.distrusted.retain(|_, (_, until)| now.boot() < *until);
        self.hang_up_silent(now, actions);
        self.choose_home(now);
        self.drop_unused_hinted(now, actions);
        self.ask_idle(now, actions);
        loop {
            let link = LinkId(self.next_link);
            let Some(endpoint) = self.endpoints.dial_next(now, link) else { break };
            self.next_link += 1;
            self.links.insert(link, Link::Dialing { since: now.boot() });
            actions.push(Action::Dial { link, endpoint });
        }
    }

    /// A link on which nothing is sent never shows that the machine behind it is gone. Without a home that
    /// is every link; home itself hears renewals answered, unless there is no session yet.
    fn ask_idle(&mut self, now: &Sample, actions: &mut Vec<Action>) {
        let is_idle = |links: &Self, (id, link): (&LinkId, &Link)| {
            (links.idle_at(*id, link) <= now.boot()).then_some(*id)
        };
        // Whom it asked is not idle any more.
        while let Some(link) = self.links.iter().find_map(|link| is_idle(self, link)) {
            self.handle_sent(now, link);
            actions.push(Action::Send { link, request: Request::Status { read: 0 } });
        }
    }

    /// When to ask a link whether anybody is there: something that every node answers.
    fn idle_at(&self, id: LinkId, link: &Link) -> u64 {
        let limit = match self.home {
            None => self.connect_timeout,
            Some(home) if home.link == id => self.connect_timeout.max(self.ttl),
            Some(_) => return u64::MAX,
        };
        match link {
            Link::Open(OpenLink { heard_at, unanswered_since: None, .. }) => {
                heard_at.saturating_add(nanos(limit))
            }
            _ => u64::MAX,
        }
    }

    fn hang_up_silent(&mut self, now: &Sample, actions: &mut Vec<Action>) {
        let is_silent = |links: &Self, (id, link): (&LinkId, &Link)| {
            (links.silent_at(link) <= now.boot()).then_some(*id)
        };
        while let Some(link) = self.links.iter().find_map(|link| is_silent(self, link)) {
            let dialing = matches!(self.links.get(&link), Some(Link::Dialing { .. }));
            let limit = if dialing { self.connect_timeout } else { self.silence_max };
            self.hang_up(now, link, &format!("no answer within {limit:?}"), actions);
        }
    }

    fn silent_at(&self, link: &Link) -> u64 {
        let (since, limit) = match link {
            Link::Dialing { since } => (Some(*since), self.connect_timeout),
            Link::Open(open) => (open.unanswered_since, self.silence_max),
        };
        since.map_or(u64::MAX, |since| since.saturating_add(nanos(limit)))
    }

    fn choose_home(&mut self, now: &Sample) {
        let Some((term, node, address)) = self.target(now) else {
            self.home = None;
            return;
        };
        let is_node = |link: &Link| matches!(link, Link::Open(open) if open.node == node);
        let link = match self.home {
            Some(home) if self.links.get(&home.link).is_some_and(is_node) => Some(home.link),
            _ => self.links.iter().find(|(_, link)| is_node(link)).map(|(id, _)| *id),
        };
        let unknown = link.is_none().then(|| address.to_owned());
        self.home = link.map(|link| Home { link, term });
        if let Some(address) = unknown {
            self.endpoints.add(&address, Origin::Hinted);
        }
    }

    fn drop_unused_hinted(&mut self, now: &Sample, actions: &mut Vec<Action>) {
        if !self.endpoints.has_hinted() {
            return;
        }
        let target = self.target(now).map(|(.., address)| address.to_owned());
        let home = self.home.map(|home| home.link);
        let named = |address: &str| target.as_deref() == Some(address);
        let keep =
            |address: &str, link: Option<LinkId>| link.is_some() && link == home || named(address);
        let gone = self.endpoints.retain_hinted(|endpoint| keep(&endpoint.address, endpoint.link));
        for link in gone {
            self.links.remove(&link);
            actions.push(Action::Hangup { link });
        }
    }

    /// When `settle` has something to do at the latest.
    pub(super) fn next_deadline(&self) -> u64 {
        let silent = self.links.values().map(|link| self.silent_at(link)).min();
        let trusted = self.distrusted.values().map(|(_, until)| *until).min();
        let trusted = if self.home.is_none() { trusted } else { None };
        let dial = self.endpoints.next_deadline();
        let idle = self.links.iter().map(|(id, link)| self.idle_at(*id, link)).min();
        let silent = silent.unwrap_or(u64::MAX).min(idle.unwrap_or(u64::MAX));
        dial.min(silent).min(trusted.unwrap_or(u64::MAX))
    }

    /// Closes everything: the client is closed.
    pub(super) fn hang_up_all(&mut self, actions: &mut Vec<Action>) {
        let links = std::mem::take(&mut self.links);
        actions.extend(links.into_keys().map(|link| Action::Hangup { link }));
        self.home = None;
        self.distrusted.clear();
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

/// How long a leader that failed us is not believed in again, unless it says so itself or rises in term.
const DISTRUST: Duration = Duration::from_secs(1);
