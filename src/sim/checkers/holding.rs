//! O5 and O6 on the clients: what they believe to hold, in simulated real time.
//!
//! A belief can only begin when a client is told of a grant, and ends by itself (L6) or by a step of its
//! client. So an overlap begins where a belief begins: there every other belief in that lock is tested on
//! its own client's clocks at that very instant. The intervals are kept for [`super::belief`] as well.

use super::Violation;
use super::belief::{self, Held, Summary};
use crate::base::Token;
use crate::client::core::LeaseId;
use crate::lock::Name;
use std::collections::BTreeMap;

/// All beliefs of a run.
#[derive(Debug, Default)]
pub struct Holding {
    open: BTreeMap<(Claimant, LeaseId), Open>,
    closed: Vec<Held>,
    last_token: BTreeMap<Name, (Token, Claimant)>,
    /// Beliefs that began with another client than the last one of that lock.
    pub handovers: u64,
}

/// A client process: its slot, and which process of that slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claimant {
    /// The machine.
    pub client: usize,
    /// The process on it.
    pub process: u64,
}

#[derive(Debug)]
struct Open {
    name: Name,
    token: Token,
    from: u64,
    seen: u64,
}

impl Holding {
    /// Who else was told that it holds `name` and was not seen to end it: each must be asked.
    #[must_use]
    pub fn others(&self, name: &Name, than: Claimant) -> Vec<(Claimant, LeaseId)> {
        let same = self.open.iter().filter(|((_, _), open)| open.name == *name);
        same.map(|(key, _)| *key).filter(|(claimant, _)| *claimant != than).collect()
    }

    /// A belief begins at `now`. All [`Holding::others`] were asked and believe no more.
    ///
    /// # Errors
    /// O6: the token is not larger than that of an earlier belief.
    pub fn begin(&mut self, now: u64, who: Claimant, lease: LeaseId, name: &Name, token: Token) -> Result<(), Violation> {
        if let Some((last, before)) = self.last_token.get(name) {
            // An owner that acquires again what it holds has another lease on the same grant.
            let again = token == *last && *before == who;
            if token <= *last && !again {
                let what = format!("{who:?} believes in {name} under {token}, after {before:?} did under {last}");
                return Err(Violation::new("O6", what));
            }
            self.handovers += u64::from(*before != who);
        }
        self.last_token.insert(name.clone(), (token, who));
        let open = Open { name: name.clone(), token, from: now, seen: now };
        self.open.insert((who, lease), open);
        Ok(())
    }

    /// The client was seen to believe at `now`.
    ///
    /// # Errors
    /// It had been seen not to (L24).
    pub fn confirm(&mut self, now: u64, who: Claimant, lease: LeaseId) -> Result<(), Violation> {
        match self.open.get_mut(&(who, lease)) {
            Some(open) => {
                open.seen = now;
                Ok(())
            }
            None => Err(Violation::new("O5", format!("{who:?} believes in {lease:?} again, whose end was seen (L24)"))),
        }
    }

    /// The client was seen not to believe any more; for good.
    pub fn end(&mut self, who: Claimant, lease: LeaseId) {
        if let Some(open) = self.open.remove(&(who, lease)) {
            self.closed.push(held(who, open));
        }
    }

    /// The process is gone, and what it believed with it.
    pub fn end_all(&mut self, who: Claimant) {
        let leases: Vec<LeaseId> = self.leases(who);
        for lease in leases {
            self.end(who, lease);
        }
    }

    /// The leases in which `who` was last seen to believe.
    #[must_use]
    pub fn leases(&self, who: Claimant) -> Vec<LeaseId> {
        let own = self.open.keys().filter(|(claimant, _)| *claimant == who);
        own.map(|(_, lease)| *lease).collect()
    }

    /// The verdict over all intervals.
    ///
    /// # Errors
    /// The first overlap or token that does not rise.
    pub fn check(mut self) -> Result<Summary, Violation> {
        for ((who, _), open) in std::mem::take(&mut self.open) {
            self.closed.push(held(who, open));
        }
        belief::check(&self.closed).map_err(|found| {
            let checker = match found {
                belief::Violation::Overlap(..) => "O5",
                belief::Violation::TokenNotLarger(..) => "O6",
            };
            Violation::new(checker, found.to_string())
        })
    }
}

fn held(who: Claimant, open: Open) -> Held {
    let Open { name, token, from, seen } = open;
    let client = format!("client {}/{}", who.client, who.process);
    Held { client, name: name.as_str().to_owned(), token: token.0, from, until: seen }
}
