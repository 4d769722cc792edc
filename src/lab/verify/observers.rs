//! Checks that observers see the right holders, in the order of tokens, and that none is left out
//! unsaid.

use super::grants::Grants;
use super::history::{History, Share, Sighting, Told};
use super::violation::{Rule, Violations};
use std::collections::BTreeMap;

/// Checks each observer, in the order of its own lines.
pub fn check(history: &History, grants: &Grants<'_>, found: &mut Violations) {
    let judge = Judge { history, grants };
    let mut observers: BTreeMap<(u32, u32), Follower<'_>> = BTreeMap::new();
    for sighting in &history.sightings {
        let follower = observers.entry((sighting.client, sighting.lock)).or_default();
        judge.take(follower, sighting, found);
    }
}

/// One observer of one lock.
#[derive(Default)]
struct Follower<'a> {
    /// The newest holder that it saw, in any of its observations.
    newest: Option<(u64, &'a Sighting)>,
    /// Changes between `newest` and now that were reported as missed.
    missed: u64,
    /// Whether all holders after `newest` must be seen: not if the observation was restarted.
    thread: Thread,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Thread {
    #[default]
    New,
    Unbroken,
}

struct Judge<'a> {
    history: &'a History,
    grants: &'a Grants<'a>,
}

impl<'a> Judge<'a> {
    fn take(&self, follower: &mut Follower<'a>, sighting: &'a Sighting, found: &mut Violations) {
        let (token, client, missed) = match sighting.told {
            Told::Begin => return follower.thread = Thread::New,
            Told::Vacant { missed } => return follower.missed += missed.unwrap_or(0),
            Told::Holder { token, client, missed } => (token, client, missed),
        };
        if let Some((before, seen)) = follower.newest
            && before > token
        {
            found.add(Rule::ObserverBack, || self.tell_back(seen, before, sighting, token));
            return;
        }
        follower.missed += missed.unwrap_or(0);
        if let (Some((before, _)), Thread::Unbroken, Some(_), 0) =
            (follower.newest, follower.thread, missed, follower.missed)
        {
            self.check_gap(before, sighting, token, found);
        }
        self.check_holder(sighting, token, client, found);
        *follower =
            Follower { newest: Some((token, sighting)), missed: 0, thread: Thread::Unbroken };
    }

    /// Checks that nobody held the lock between two holders that it saw. Only for exclusive locks:
    /// of several holders observers see the oldest.
    fn check_gap(&self, before: u64, sighting: &Sighting, token: u64, found: &mut Violations) {
        let later = self.grants.from(sighting.lock, before.saturating_add(1)).iter();
        let mut between = later.take_while(|belief| belief.token < token);
        let Some(first) = between.find(|belief| belief.share == Share::Exclusive) else { return };
        found.add(Rule::ObserverGap, || {
            format!(
                "{} was told of token {token} of \"{}\" ({}) after {before}, and never of {} ({})",
                self.history.clients.name(sighting.client),
                self.history.locks.name(sighting.lock),
                self.history.place(sighting.source),
                self.history.whose(first),
                self.history.place(first.granted),
            )
        });
    }

    fn check_holder(
        &self,
        sighting: &Sighting,
        token: u64,
        client: Option<u32>,
        found: &mut Violations,
    ) {
        let granted = self.grants.find(sighting.lock, token);
        let (Some(client), Some(grant)) = (client, granted) else { return };
        if client != grant.client {
            found.add(Rule::ObserverHolder, || {
                format!(
                    "{} was told that {} holds \"{}\" under token {token} ({}), which was granted to {} ({})",
                    self.history.clients.name(sighting.client),
                    self.history.clients.name(client),
                    self.history.locks.name(sighting.lock),
                    self.history.place(sighting.source),
                    self.history.clients.name(grant.client),
                    self.history.place(grant.granted),
                )
            });
        }
    }

    fn tell_back(&self, seen: &Sighting, before: u64, sighting: &Sighting, token: u64) -> String {
        format!(
            "{} was told of token {before} of \"{}\" ({}), and after it of token {token} ({})",
            self.history.clients.name(sighting.client),
            self.history.locks.name(sighting.lock),
            self.history.place(seen.source),
            self.history.place(sighting.source),
        )
    }
}
