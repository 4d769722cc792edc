//! What is done to a grant as a whole: another value, a transfer, a break.

use super::{Claim, Mark, Reference};
use tenure::base::{SessionId, Token};
use tenure::lock::{Answer, AskedHolder, BreakWay, Name, Refusal};

impl Reference {
    pub(super) fn proclaim(
        &mut self,
        session: SessionId,
        name: &Name,
        token: Token,
        value: &[u8],
    ) -> Answer {
        if value.len() > 4096 {
            return Answer::Refused(Refusal::Invalid);
        }
        if !self.holds(session, name, token) {
            return Answer::NotHeld;
        }
        for claim in self.claims.iter_mut().filter(|claim| claim.token == Some(token)) {
            claim.wanted.value = value.to_vec();
        }
        Answer::Done
    }

    pub(super) fn transfer(
        &mut self,
        session: SessionId,
        name: &Name,
        token: Token,
        to: Option<&str>,
    ) -> Answer {
        if !self.holds(session, name, token) {
            return Answer::NotHeld;
        }
        let mut gone = self.take(token);
        let goes_on = match to {
            Some(client) => self.put_first(name, client),
            None => self.waits(name, None),
        };
        if to.is_some() && goes_on {
            forget_heir(&mut gone, name);
        }
        self.pass_on(&gone);
        if goes_on { Answer::Done } else { Answer::NoWaiter }
    }

    pub(super) fn break_lock(
        &mut self,
        name: &Name,
        token: Token,
        way: BreakWay,
        to: Option<&str>,
        reason: &str,
    ) -> Answer {
        if reason.len() > 255 {
            return Answer::Refused(Refusal::Invalid);
        }
        let held = self.holders(name).into_iter().cloned();
        let held: Vec<Claim> =
            held.filter(|claim| token.0 == 0 || claim.token == Some(token)).collect();
        if held.is_empty() {
            return Answer::NotHeld;
        }
        if to.is_some() && !self.waits(name, to) {
            return Answer::NoWaiter;
        }
        match way {
            BreakWay::Ask { grace_ms } => {
                held.iter().for_each(|claim| self.ask(claim, name, grace_ms, to, reason));
            }
            BreakWay::Now => self.take_all(&held, name, to, reason),
        }
        Answer::Done
    }

    fn ask(
        &mut self,
        held: &Claim,
        name: &Name,
        grace_ms: Option<u32>,
        to: Option<&str>,
        reason: &str,
    ) {
        let ttl_ms = self.find(held.session).ttl_ms;
        let grace_ms = grace_ms.unwrap_or(ttl_ms).clamp(1, 3_600_000);
        let (reason, heir) = (reason.to_owned(), to.map(str::to_owned));
        let mark = Mark { name: name.clone(), grace_ms, reason, heir };
        self.asked.push(told(held, &mark));
        for claim in self.claims.iter_mut().filter(|claim| claim.token == held.token) {
            claim.mark = Some(mark.clone());
        }
    }

    fn take_all(&mut self, held: &[Claim], name: &Name, to: Option<&str>, reason: &str) {
        let mut all_gone = Vec::new();
        for claim in held {
            let (name, reason) = (name.clone(), reason.to_owned());
            let mark = Mark { name, grace_ms: 0, reason, heir: None };
            self.asked.push(told(claim, &mark));
            all_gone.push(self.take(claim.token.expect("it holds")));
        }
        if let Some(client) = to {
            self.put_first(name, client);
        }
        for mut gone in all_gone {
            forget_heir(&mut gone, name);
            self.pass_on(&gone);
        }
    }

    /// Ends all handles on a grant; one of them.
    fn take(&mut self, token: Token) -> Claim {
        let handles: Vec<Claim> =
            self.claims.iter().filter(|claim| claim.token == Some(token)).cloned().collect();
        self.claims.retain(|claim| claim.token != Some(token));
        for claim in &handles {
            let fixed = &mut self.find(claim.session).fixed;
            fixed.insert(claim.request, Answer::Ended { token });
        }
        handles[0].clone()
    }

    fn holds(&self, session: SessionId, name: &Name, token: Token) -> bool {
        self.claims_of(name).any(|claim| claim.session == session && claim.token == Some(token))
    }

    pub fn waits(&self, name: &Name, client: Option<&str>) -> bool {
        let mut waiting = self.claims_of(name).filter(|claim| claim.token.is_none());
        waiting.any(|claim| {
            client.is_none_or(|to| claim.names.len() == 1 && self.client(claim.session) == to)
        })
    }
}

/// Somebody else comes first in `name`.
fn forget_heir(gone: &mut Claim, name: &Name) {
    gone.mark = gone.mark.take().filter(|mark| mark.name != *name);
}

/// What the holder hears.
pub(super) fn told(claim: &Claim, mark: &Mark) -> AskedHolder {
    AskedHolder {
        session: claim.session,
        name: mark.name.clone(),
        token: claim.token.expect("it holds"),
        grace_ms: mark.grace_ms,
        reason: mark.reason.as_str().into(),
    }
}
