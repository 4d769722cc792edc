//! Silent links: probed, and closed if there is no answer (fault NT1).

use super::links::{Link, Links, OpenLink};
use super::types::{CoreAction, LinkId};
use crate::base::Sample;
use crate::base::time::nanos;
use crate::wire::Request;

impl Links {
    /// Probes idle links: a link without traffic never shows that its machine is gone. Without a
    /// home that is every link; home itself gets answers to renewals, unless there is no session
    /// yet.
    pub(super) fn ask_idle(&mut self, now: &Sample, actions: &mut Vec<CoreAction>) {
        let is_idle = |links: &Self, (id, link): (&LinkId, &Link)| {
            (links.idle_at(*id, link) <= now.boot()).then_some(*id)
        };
        // A probed link is not idle any more.
        while let Some(link) = self.links.iter().find_map(|link| is_idle(self, link)) {
            self.ask(now, link, actions);
        }
    }

    /// Probes a link by a request that every node answers.
    fn ask(&mut self, now: &Sample, link: LinkId, actions: &mut Vec<CoreAction>) {
        self.handle_sent(now, link);
        actions.push(CoreAction::Send { link, request: Request::Status { read: 0 } });
    }

    /// Probes all links after one has fallen silent: the client may be cut off from all. Links
    /// without traffic would not show that, and their nodes' messages come late.
    fn ask_all(&mut self, now: &Sample, actions: &mut Vec<CoreAction>) {
        let is_quiet =
            |link: &Link| matches!(link, Link::Open(OpenLink { unanswered_since: None, .. }));
        let quiet = self.links.iter().filter(|(_, link)| is_quiet(link)).map(|(id, _)| *id);
        for link in quiet.collect::<Vec<_>>() {
            self.ask(now, link, actions);
        }
    }

    /// When to probe a link.
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

    pub(super) fn hang_up_silent(&mut self, now: &Sample, actions: &mut Vec<CoreAction>) {
        let is_silent = |links: &Self, (id, link): (&LinkId, &Link)| {
            (links.silent_at(link) <= now.boot()).then_some(*id)
        };
        while let Some(link) = self.links.iter().find_map(|link| is_silent(self, link)) {
            let dialing = matches!(self.links.get(&link), Some(Link::Dialing { .. }));
            let limit = if dialing { self.connect_timeout } else { self.silence_max };
            self.hang_up(now, link, &format!("no answer within {limit:?}"), actions);
            if !dialing {
                self.ask_all(now, actions);
            }
        }
    }

    fn silent_at(&self, link: &Link) -> u64 {
        let (since, limit) = match link {
            Link::Dialing { since } => (Some(*since), self.connect_timeout),
            Link::Open(open) => (open.unanswered_since, self.silence_max),
        };
        since.map_or(u64::MAX, |since| since.saturating_add(nanos(limit)))
    }

    /// When a link must be probed, or closed.
    pub(super) fn silence_deadline(&self) -> u64 {
        let silent = self.links.values().map(|link| self.silent_at(link)).min();
        let idle = self.links.iter().map(|(id, link)| self.idle_at(*id, link)).min();
        silent.unwrap_or(u64::MAX).min(idle.unwrap_or(u64::MAX))
    }
}
