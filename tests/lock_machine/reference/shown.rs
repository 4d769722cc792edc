//! What the reference shows, to be compared with what the machine does.

use super::orders::told;
use super::{Claim, Reference};
use std::collections::{BTreeMap, BTreeSet};
use tenure::base::{RequestId, SessionId, Token};
use tenure::lock::{Answer, AskedHolder, HolderChange, Holding, Name};

/// The holders, the oldest first, and the waiters.
#[derive(Debug, PartialEq, Eq)]
pub struct LockShown {
    pub limit: u32,
    pub is_delayed: bool,
    pub is_asked: bool,
    pub holders: Vec<(Token, SessionId, String)>,
    pub waiters: Vec<(SessionId, String)>,
}

impl Reference {
    pub fn lock(&self, name: &Name) -> Option<LockShown> {
        let ghost = self.ghosts_of(name).next();
        let claim = self.claims_of(name).next();
        let limit = claim.map(|c| &c.wanted).or(ghost.map(|ghost| &ghost.wanted))?.limit;
        let is_delayed = ghost.is_some();
        let is_asked = self.holders(name).first().is_some_and(|claim| claim.mark.is_some());
        let holders = self.holders(name).into_iter();
        let holders =
            holders.map(|c| (c.token.expect("it holds"), c.session, self.client(c.session)));
        let waiters = self.claims_of(name).filter(|claim| claim.token.is_none());
        let waiters = waiters.map(|claim| (claim.session, self.client(claim.session)));
        Some(LockShown {
            limit,
            is_delayed,
            is_asked,
            holders: holders.collect(),
            waiters: waiters.collect(),
        })
    }

    pub fn is_held_by(&self, name: &Name, token: Token) -> bool {
        self.claims_of(name).any(|claim| claim.token == Some(token))
    }

    pub fn sessions(&self) -> Vec<(SessionId, u32)> {
        self.sessions.iter().map(|session| (session.id, session.ttl_ms)).collect()
    }

    pub fn held_count(&self) -> usize {
        let held = self.claims.iter().flat_map(|claim| &claim.names);
        held.chain(self.ghosts.iter().map(|ghost| &ghost.name)).collect::<BTreeSet<_>>().len()
    }

    pub fn standing(&self, session: SessionId) -> Vec<(RequestId, Answer)> {
        let claims = self.claims.iter().filter(|claim| claim.session == session);
        let answer = |request| self.standing_answer(session, request).expect("it stands");
        let mut standing: Vec<_> = claims.map(|c| (c.request, answer(c.request))).collect();
        standing.sort_by_key(|(request, _)| *request);
        standing
    }

    /// The answer of a request that holds or waits.
    pub(super) fn standing_answer(&self, session: SessionId, request: RequestId) -> Option<Answer> {
        let is_it = |claim: &Claim| claim.session == session && claim.request == request;
        let position = self.claims.iter().position(is_it)?;
        let claim = &self.claims[position];
        let before = self.claims[..position].iter().filter(|c| c.token.is_none());
        let ahead = |name: &Name| before.clone().filter(|c| c.names.contains(name)).count();
        let ahead = claim.names.iter().map(ahead).max().expect("it has a name");
        Some(match claim.token {
            Some(token) => Answer::Granted { token },
            None => Answer::Queued { ahead: ahead as u32 },
        })
    }

    pub fn asked(&self, session: SessionId) -> Vec<AskedHolder> {
        let own = self.claims.iter().filter(|claim| claim.session == session);
        let asked = own.filter_map(|claim| Some((claim.token?, told(claim, claim.mark.as_ref()?))));
        asked.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    pub fn holding(&self, name: &Name) -> Option<Holding> {
        let oldest = self.holders(name).first().copied()?;
        Some(Holding {
            token: oldest.token.expect("it holds"),
            client: self.client(oldest.session).into(),
            value: oldest.wanted.value.clone().into(),
            since_unix_ms: oldest.since_unix_ms,
        })
    }

    /// Each lock that somebody is in, with its oldest holder.
    pub(super) fn shown_to_observers(&self) -> BTreeMap<Name, Option<Holding>> {
        let names = self.claims.iter().flat_map(|claim| &claim.names);
        names.map(|name| (name.clone(), self.holding(name))).collect()
    }

    /// What an observer of each lock has to hear.
    pub(super) fn changes_since(
        &self,
        before: &BTreeMap<Name, Option<Holding>>,
    ) -> Vec<HolderChange> {
        let now = self.shown_to_observers();
        let names: BTreeSet<&Name> = before.keys().chain(now.keys()).collect();
        let of =
            |all: &BTreeMap<Name, Option<Holding>>, name: &Name| all.get(name).cloned().flatten();
        let seen = |holding: &Option<Holding>| {
            holding.as_ref().map(|holding| (holding.token, holding.value.clone()))
        };
        let changed =
            names.into_iter().filter(|name| seen(&of(before, name)) != seen(&of(&now, name)));
        changed.map(|name| HolderChange { name: name.clone(), holder: of(&now, name) }).collect()
    }
}
