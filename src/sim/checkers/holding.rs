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
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// All beliefs of a run.
#[derive(Debug, Default)]
pub struct Holding {
    open: BTreeMap<(Claimant, Token), Open>,
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

/// One grant that is believed in: an owner that acquires again what it holds has several leases on it.
#[derive(Debug)]
struct Open {
    name: Name,
    leases: BTreeSet<LeaseId>,
    from: u64,
    seen: u64,
}

impl Holding {
    /// Who else was told that it holds `name` and was not seen to end it: each must be asked.
    #[must_use]
    pub fn others(&self, name: &Name, than: Claimant) -> Vec<(Claimant, LeaseId)> {
        let mut others = Vec::new();
        for ((claimant, _), open) in &self.open {
            if open.name == *name && *claimant != than {
                others.extend(open.leases.iter().map(|lease| (*claimant, *lease)));
            }
        }
        others
    }

    /// The leases that `who` believes in.
    #[must_use]
    pub fn beliefs_of(&self, who: Claimant) -> Vec<LeaseId> {
        self.of(who).flat_map(|(_, open)| open.leases.iter().copied()).collect()
    }

    /// A belief begins at `now`. All [`Holding::others`] were asked and believe no more.
    ///
    /// # Errors
    /// O6: the token is not larger than that of an earlier belief.
    pub fn begin(
        &mut self,
        now: u64,
        who: Claimant,
        lease: LeaseId,
        name: &Name,
        token: Token,
    ) -> Result<(), Violation> {
        if let Some(open) = self.open.get_mut(&(who, token))
            && open.name == *name
        {
            open.leases.insert(lease);
            return Ok(());
        }
        if let Some((last, before)) = self.last_token.get(name) {
            if (token, who) == (*last, *before) {
                // The last lease was given back while another acquire of its owner was being decided: the
                // grant stood all the time, and so did the client's right to it.
                self.reopen(now, who, lease, name, token);
                return Ok(());
            }
            if token <= *last {
                let what = format!(
                    "{who} believes in {name} under {token}, after {before} did under {last}"
                );
                return Err(Violation::new("O6", what));
            }
            self.handovers += u64::from(*before != who);
        }
        self.last_token.insert(name.clone(), (token, who));
        let leases = BTreeSet::from([lease]);
        self.open.insert((who, token), Open { name: name.clone(), leases, from: now, seen: now });
        Ok(())
    }

    /// The client was seen to believe at `now`.
    ///
    /// # Errors
    /// It had been seen not to (L24).
    pub fn confirm(&mut self, now: u64, who: Claimant, lease: LeaseId) -> Result<(), Violation> {
        match self.find(who, lease) {
            Some(token) => {
                self.open.get_mut(&(who, token)).expect("found").seen = now;
                Ok(())
            }
            None => {
                let what = format!("{who} believes in {lease:?} again, whose end was seen (L24)");
                Err(Violation::new("O5", what))
            }
        }
    }

    /// The client was seen not to believe any more; for good.
    pub fn end(&mut self, who: Claimant, lease: LeaseId) {
        let Some(token) = self.find(who, lease) else { return };
        let open = self.open.get_mut(&(who, token)).expect("found");
        open.leases.remove(&lease);
        if open.leases.is_empty()
            && let Some(open) = self.open.remove(&(who, token))
        {
            self.closed.push(held(who, token, open));
        }
    }

    /// The process is gone, and what it believed with it.
    pub fn end_all(&mut self, who: Claimant) {
        let tokens: Vec<Token> = self.of(who).map(|(token, _)| token).collect();
        for token in tokens {
            let open = self.open.remove(&(who, token)).expect("listed");
            self.closed.push(held(who, token, open));
        }
    }

    /// The verdict over all intervals.
    ///
    /// # Errors
    /// The first overlap or token that does not rise.
    pub fn check(mut self) -> Result<Summary, Violation> {
        for ((who, token), open) in std::mem::take(&mut self.open) {
            self.closed.push(held(who, token, open));
        }
        belief::check(&self.closed).map_err(|found| {
            let checker = match found {
                belief::Violation::Overlap(..) => "O5",
                belief::Violation::TokenNotLarger(..) => "O6",
            };
            Violation::new(checker, found.to_string())
        })
    }

    fn reopen(&mut self, now: u64, who: Claimant, lease: LeaseId, name: &Name, token: Token) {
        let client = who.to_string();
        let closed =
            self.closed.iter().rposition(|held| held.client == client && held.token == token.0);
        let held = self.closed.remove(closed.expect("it was believed in before"));
        let open = Open {
            name: name.clone(),
            leases: BTreeSet::from([lease]),
            from: held.from,
            seen: now,
        };
        self.open.insert((who, token), open);
    }

    fn of(&self, who: Claimant) -> impl Iterator<Item = (Token, &Open)> {
        let own = (who, Token(0))..=(who, Token(u64::MAX));
        self.open.range(own).map(|((_, token), open)| (*token, open))
    }

    fn find(&self, who: Claimant, lease: LeaseId) -> Option<Token> {
        self.of(who).find(|(_, open)| open.leases.contains(&lease)).map(|(token, _)| token)
    }
}

impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}/{}", self.client, self.process)
    }
}

fn held(who: Claimant, token: Token, open: Open) -> Held {
    let Open { name, from, seen, .. } = open;
    Held {
        client: who.to_string(),
        name: name.as_str().to_owned(),
        token: token.0,
        from,
        until: seen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Claimant = Claimant { client: 1, process: 1 };
    const B: Claimant = Claimant { client: 2, process: 1 };

    fn name() -> Name {
        Name::try_from("x").unwrap()
    }

    fn held_by_a() -> Holding {
        let mut holding = Holding::default();
        holding.begin(10, A, LeaseId(1), &name(), Token(5)).unwrap();
        holding
    }

    #[test]
    fn whoever_was_not_seen_to_end_must_be_asked() {
        let mut holding = held_by_a();
        assert_eq!(holding.others(&name(), B), [(A, LeaseId(1))]);
        assert!(holding.others(&name(), A).is_empty());
        holding.end(A, LeaseId(1));
        assert!(holding.others(&name(), B).is_empty());
    }

    #[test]
    fn a_token_that_drops_is_found() {
        let found = held_by_a().begin(20, B, LeaseId(1), &name(), Token(4)).unwrap_err();
        assert_eq!(found.checker, "O6");
    }

    #[test]
    fn a_belief_that_begins_again_is_found() {
        let mut holding = held_by_a();
        holding.confirm(20, A, LeaseId(1)).unwrap();
        holding.end(A, LeaseId(1));
        assert_eq!(holding.confirm(30, A, LeaseId(1)).unwrap_err().checker, "O5");
    }

    #[test]
    fn an_overlap_of_intervals_is_found_at_the_end() {
        let mut holding = held_by_a();
        holding.begin(20, B, LeaseId(1), &name(), Token(6)).unwrap();
        holding.confirm(30, A, LeaseId(1)).unwrap();
        assert_eq!(holding.check().unwrap_err().checker, "O5");
    }

    #[test]
    fn several_leases_of_one_owner_are_one_belief() {
        let mut holding = held_by_a();
        holding.begin(20, A, LeaseId(2), &name(), Token(5)).unwrap();
        holding.end(A, LeaseId(1));
        holding.confirm(30, A, LeaseId(2)).unwrap();
        assert_eq!(holding.check().unwrap().beliefs, 1);
    }
}
