//! How claims end with their acquire or with their session, and what they leave.

use super::{Claim, Ghost, Mark, Reference};
use std::collections::BTreeSet;
use tenure::base::{RequestId, SessionId, Token};
use tenure::lock::{Answer, Delayed, Name, Outcome};

impl Reference {
    pub(super) fn release(&mut self, session: SessionId, name: &Name, token: Token) -> Answer {
        let is_it = |c: &&Claim| c.session == session && c.token == Some(token);
        let Some(claim) = self.claims_of(name).find(is_it).cloned() else {
            return Answer::NotHeld;
        };
        self.drop_claim(&claim, Answer::Ended { token });
        Answer::Done
    }

    pub(super) fn withdraw(&mut self, session: SessionId, acquire: RequestId) -> Answer {
        let is_it = |c: &&Claim| c.session == session && c.request == acquire;
        if let Some(claim) = self.claims.iter().find(is_it).cloned() {
            self.drop_claim(&claim, Answer::Withdrawn);
        } else {
            self.find(session).fixed.entry(acquire).or_insert(Answer::Withdrawn);
        }
        Answer::Withdrawn
    }

    pub(super) fn end(&mut self, session: SessionId) -> Option<Outcome> {
        let position = self.sessions.iter().position(|s| s.id == session)?;
        self.sessions.remove(position);
        let mut freed = self.claims.clone();
        freed.retain(|claim| claim.session == session);
        freed.sort_by_key(|claim| (claim.token.is_none(), claim.request));
        self.claims.retain(|claim| claim.session != session);
        let mut passed_on = BTreeSet::new();
        for claim in freed {
            // Of several handles on one grant the first stands for all.
            if claim.token.is_none_or(|token| passed_on.insert(token)) {
                self.pass_on(&claim);
            }
        }
        Some(Outcome::SessionEnded { session })
    }

    /// What an expiry of `session` leaves, in the order in which it was asked for.
    pub(super) fn delayed_by(&mut self, session: SessionId) -> Vec<Delayed> {
        let mut held = self.claims.clone();
        held.retain(|claim| claim.session == session && claim.token.is_some());
        held.sort_by_key(|claim| claim.request);
        let mut delayed: Vec<Delayed> = Vec::new();
        for Claim { names, token, wanted, .. } in held {
            let (token, delay_ms) = (token.expect("kept above"), wanted.delay_ms);
            if delay_ms == 0 || self.ghosts.iter().any(|ghost| ghost.token == token) {
                continue;
            }
            for name in names {
                delayed.push(Delayed { name: name.clone(), token, delay_ms });
                let (client, wanted) = (self.client(session), wanted.clone());
                self.ghosts.push(Ghost { name, token, client, wanted });
            }
        }
        self.ghosts.sort_by_key(|ghost| ghost.token);
        delayed
    }

    fn drop_claim(&mut self, claim: &Claim, answer: Answer) {
        self.claims.retain(|c| (c.session, c.request) != (claim.session, claim.request));
        self.find(claim.session).fixed.insert(claim.request, answer);
        if claim.token.is_none() || self.claims.iter().all(|c| c.token != claim.token) {
            self.pass_on(claim);
        }
    }

    /// Hands on all that a claim was in, which is gone: to the heir first, if it was asked and named one.
    pub(super) fn pass_on(&mut self, claim: &Claim) {
        if let Some(Mark { name, heir: Some(heir), .. }) = &claim.mark {
            self.put_first(name, heir);
        }
        claim.names.iter().for_each(|name| self.hand_over(name));
    }
}
