//! The cluster of this client: the statements of its endpoints are compared before there is a
//! session, and ever after (safety L26).
//!
//! A list of endpoints with nodes of two clusters would give one lock to two programs. So a client
//! belongs to the cluster of its first session for good, and acquires nothing while its endpoints
//! contradict each other. It changes over by itself in one case: another cluster was restored from
//! its own, the program pinned none, and its session has no belief left (L25).

use super::links::{Link, Links, OpenLink};
use super::session::EndedBy;
use super::types::{CoreAction, LinkId};
use super::words::{Words, not_pinned};
use super::{Core, Leaders};
use crate::base::time::nanos;
use crate::base::{Ancestors, ClusterId, ClusterPin, Sample};
use crate::wire::{Condition, ServiceState, Values, Welcomed};
use crate::{Error, Status};
use std::time::Duration;

/// The knowledge about the cluster.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pin: Option<ClusterPin>,
    words: Words,
    /// The cluster of the session, or of the last one.
    bound: Option<ClusterId>,
    /// Until when a first session waits for the other endpoints; `None` while there is no leader
    /// either.
    compared_at: Option<u64>,
    /// A cluster that was restored from ours is known, and waits for the end of the session.
    is_next_known: bool,
    /// Warnings for the log, until the driver takes them.
    warnings: Vec<String>,
}

/// The verdict on a welcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The node may be one of ours.
    Taken,
    /// The node is of a cluster that was restored from ours, which we follow from now on.
    Successor(ClusterId),
    /// The node is not ours, for this reason.
    Passed(String),
}

impl Identity {
    pub(super) fn new(pin: Option<ClusterPin>) -> Self {
        let (words, warnings) = (Words::default(), Vec::new());
        Self { pin, words, bound: None, compared_at: None, is_next_known: false, warnings }
    }

    fn warn(&mut self, text: String) {
        if self.warnings.len() < WARNINGS_MAX {
            self.warnings.push(text);
        }
    }

    /// The cluster whose leader may be home.
    pub(super) fn cluster(&self) -> Option<ClusterId> {
        let only = || match self.words.clusters()[..] {
            [only] => Some(only),
            _ => None,
        };
        self.bound.or_else(only)
    }

    /// Judges the statement of the node at `address`.
    fn judge(
        &mut self,
        address: &str,
        welcomed: &Welcomed,
        (ours, session): (Ours, Believed),
    ) -> Verdict {
        let Some(cluster) = welcomed.welcome.cluster else { return Verdict::Taken };
        if let Some(pin) = self.pin.as_ref().filter(|pin| !pin.matches(cluster)) {
            self.words.forget(address);
            return Verdict::Passed(not_pinned(cluster, pin));
        }
        self.words.note(address, cluster);
        let Some(bound) = self.bound.filter(|bound| *bound != cluster) else {
            return Verdict::Taken;
        };
        let is_next = self.pin.is_none() && welcomed.ancestors.contains(bound);
        if !is_next || ours == Ours::Connected {
            return Verdict::Passed(format!("it is of cluster {cluster}, this client of {bound}"));
        }
        match session {
            Believed::Nothing => {
                self.bound = Some(cluster);
                Verdict::Successor(cluster)
            }
            Believed::Session => {
                // No contradiction: the other cluster has ended.
                self.words.forget(address);
                self.is_next_known = true;
                Verdict::Passed(format!(
                    "it is of cluster {cluster}, which was restored from {bound}: it is gone over to once the session there \
                     has ended"
                ))
            }
        }
    }
}

/// Whether nodes of this client's cluster are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ours {
    Connected,
    Gone,
}

/// The belief in the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Believed {
    Session,
    Nothing,
}

impl Links {
    /// Judges the welcome on `link`.
    fn judge(&mut self, link: LinkId, welcomed: &Welcomed, session: Believed) -> Verdict {
        let Some(address) = self.endpoints.address_of(link).map(str::to_owned) else {
            return Verdict::Taken;
        };
        let bound = self.identity.bound;
        let is_ours = |open: &OpenLink| bound.is_some() && open.cluster == bound;
        let ours = if self.open().any(is_ours) { Ours::Connected } else { Ours::Gone };
        let verdict = self.identity.judge(&address, welcomed, (ours, session));
        if !matches!(verdict, Verdict::Passed(_)) {
            self.forget_ancestors(&welcomed.ancestors);
        }
        if matches!(verdict, Verdict::Successor(_)) {
            // Terms start over.
            self.leaders = Leaders::default();
            self.home = None;
        }
        verdict
    }

    /// Drops the statements of silent nodes that were of `ancestors`; those of connected nodes
    /// still count.
    fn forget_ancestors(&mut self, ancestors: &Ancestors) {
        let connected: Vec<ClusterId> = self.open().filter_map(|open| open.cluster).collect();
        let is_over = |cluster| ancestors.contains(cluster) && !connected.contains(&cluster);
        self.identity.words.retain(|cluster| !is_over(cluster));
    }

    fn open(&self) -> impl Iterator<Item = &OpenLink> {
        self.links.values().filter_map(|link| match link {
            Link::Open(open) => Some(open),
            Link::Dialing { .. } => None,
        })
    }

    /// Why the endpoints cannot be of one cluster.
    pub(super) fn contradiction(&self) -> Option<String> {
        self.identity.words.contradiction()
    }

    /// Binds the client to the cluster of `link`, on which a session was opened.
    pub(super) fn bind_cluster(&mut self, link: LinkId) {
        if let Some(Link::Open(open)) = self.links.get(&link) {
            self.identity.bound = open.cluster.or(self.identity.bound);
        }
    }

    /// After the session's end: dials nodes that were passed over for its sake, and may be ours
    /// now.
    pub(super) fn hasten_others(&mut self, now: &Sample) {
        if self.identity.is_next_known {
            self.identity.is_next_known = false;
            self.endpoints.hasten(now);
        }
    }

    /// Whether most of the endpoints that ever answered are of the session's cluster.
    fn is_confirmed(&self) -> bool {
        let (ours, others) =
            self.identity.bound.map_or((0, 0), |bound| self.identity.words.count(bound));
        ours > others
    }

    /// Until when a first session waits for the other endpoints, a reading of BOOTTIME: not at all
    /// for those that have failed, and a few times as long as the leader took to answer for silent
    /// ones.
    pub(super) fn compared_at(&self) -> u64 {
        let is_waited_for = |link: &LinkId| !self.is_open(*link);
        match self.identity.compared_at {
            _ if self.identity.bound.is_some() => 0,
            Some(at) if self.endpoints.is_any_new(is_waited_for) => at,
            _ => 0,
        }
    }

    /// Begins the time of the other endpoints, if there is a first leader now.
    pub(super) fn begin_comparing(&mut self, now: &Sample) {
        let Some(home) = self.home.filter(|_| self.identity.compared_at.is_none()) else { return };
        let Some(Link::Open(open)) = self.links.get(&home.link) else { return };
        let patience = open.greeted_in.saturating_mul(GREETINGS);
        let patience = Duration::from_nanos(patience).clamp(COMPARED_MIN, COMPARED_MAX);
        self.identity.compared_at = Some(now.boot().saturating_add(nanos(patience)));
    }

    /// Reconnects to nodes that had no cluster when they welcomed us and have one now, to learn
    /// which.
    pub(super) fn hang_up_founded(&mut self, now: &Sample, actions: &mut Vec<CoreAction>) {
        let is_founded = |link: &Link| matches!(link, Link::Open(open) if open.cluster.is_none() && open.hint.leader.is_some());
        while let Some(link) =
            self.links.iter().find_map(|(id, link)| is_founded(link).then_some(*id))
        {
            self.hang_up(now, link, "it has a cluster since, and is asked for its id", actions);
        }
    }

    /// Takes the condition of `link`'s cluster.
    fn handle_condition(&mut self, now: &Sample, link: LinkId, values: &Values) {
        if let Some(Link::Open(open)) = self.links.get_mut(&link) {
            open.condition =
                Condition::from_values(values).map(|condition| (now.boot(), condition));
        }
    }

    /// The condition that keeps the cluster from granting, by home, or without one by any node.
    pub(super) fn condition(&self) -> Option<(u64, &Condition)> {
        let home = self.home.and_then(|home| self.links.get(&home.link));
        let said = match home {
            Some(Link::Open(open)) => open.condition.as_ref(),
            _ => self.open().find_map(|open| open.condition.as_ref()),
        };
        said.map(|(at, condition)| (*at, condition)).filter(|(_, said)| !said.is_serving())
    }
}

impl Core {
    /// Judges the welcome on `link`, and does at once what follows.
    pub(super) fn take_welcome(&mut self, now: &Sample, link: LinkId, welcomed: Welcomed) {
        let believed = if self.session.is_some() { Believed::Session } else { Believed::Nothing };
        match self.links.judge(link, &welcomed, believed) {
            Verdict::Taken => self.links.handle_welcome(now, link, welcomed, &mut self.actions),
            Verdict::Passed(why) => self.links.hang_up(now, link, &why, &mut self.actions),
            Verdict::Successor(cluster) => {
                self.links.identity.warn(format!(
                    "the cluster was restored, as {cluster}: all leases of before have ended, and sessions are opened there"
                ));
                self.begin_anew();
                self.links.handle_welcome(now, link, welcomed, &mut self.actions);
            }
        }
        self.check_clusters(now);
    }

    /// Starts over in a restored cluster: neither ending sessions nor read indexes are carried
    /// over.
    fn begin_anew(&mut self) {
        while let Some(session) = self.retiring.first().map(|one| one.session) {
            self.finish_retiring(session);
        }
        self.reads.begin_anew();
        self.observers.begin_anew();
    }

    /// While the endpoints contradict each other, nothing new is acquired. Held leases stay if most
    /// of the answering endpoints confirm the session's cluster.
    fn check_clusters(&mut self, now: &Sample) {
        let Some(error) = self.contradicted() else { return };
        if self.session.is_some() && !self.links.is_confirmed() {
            let text = format!("the session and its leases are given up: {}", error.message);
            self.links.identity.warn(text);
            self.lose_session(now, EndedBy::Contradiction);
        }
        self.withdraw_all(&error);
        self.fail_ready_orders(&error);
    }

    /// The error of calls while the endpoints contradict each other.
    pub(super) fn contradicted(&self) -> Option<Error> {
        self.links.contradiction().map(|text| Error::new(Status::Unavailable, text))
    }

    /// Why the endpoints of this client cannot be of one cluster: both ids, and their nodes.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        self.links.contradiction()
    }

    pub(super) fn handle_condition(&mut self, now: &Sample, link: LinkId, values: &Values) {
        self.links.handle_condition(now, link, values);
    }

    /// The condition that keeps the cluster from granting at `now`, as far as known; `None`: none.
    #[must_use]
    pub fn condition(&self, now: &Sample) -> Option<Condition> {
        if let Some(text) = self.contradiction() {
            return Some(Condition::new(ServiceState::MixedClusters, text));
        }
        let (at, condition) = self.links.condition()?;
        Some(condition.after(Duration::from_nanos(now.boot().saturating_sub(at))))
    }

    /// The cluster of the session, or of the last one; before the first the one that the endpoints agree on.
    #[must_use]
    pub fn cluster(&self) -> Option<ClusterId> {
        self.links.identity.cluster()
    }

    /// The address of the home node, if there is one.
    #[must_use]
    pub fn home_address(&self) -> Option<&str> {
        self.links.endpoints.address_of(self.links.home()?.link)
    }

    /// Takes warnings for the log. The driver writes them when no thread waits for that.
    #[must_use]
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.links.identity.warnings)
    }
}

/// The most warnings kept; more are lost.
const WARNINGS_MAX: usize = 16;
/// Before there is a session, other endpoints have so many times as long to answer as the leader
/// took.
const GREETINGS: u64 = 3;
/// The least and longest such time: a node beside the leader answers within the former, and no
/// session waits longer than the latter.
const COMPARED_MIN: Duration = Duration::from_millis(10);
const COMPARED_MAX: Duration = Duration::from_millis(100);
