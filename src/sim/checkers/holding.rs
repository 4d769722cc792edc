//! O5 and O6 on the clients: their beliefs in locks, in simulated real time.
//!
//! A belief begins only when a client is told of a grant, and ends by itself (L6) or by a step of its client. So an
//! overlap begins where a belief begins: at that instant every other belief in the same lock is tested on its own
//! client's clocks. The intervals are kept for [`super::belief`] as well.

use super::Violation;
use super::belief::{self, Held, Summary};
use super::share::Share;
use crate::base::Token;
use crate::client::core::LeaseId;
use crate::lock::Name;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// All beliefs of a run.
#[derive(Debug, Default)]
pub struct Holding {
    open: BTreeMap<(Claimant, Token), Belief>,
    closed: BTreeMap<(Claimant, Token), Belief>,
    /// The largest token under which so much of a lock was believed in.
    newest: BTreeMap<Name, BTreeMap<Share, (Token, Claimant)>>,
    /// Grants that were taken at once, and when: of them tokens alone protect (L23).
    taken: BTreeMap<Token, u64>,
    /// Beliefs that began with another client than the newest one of that lock.
    pub handovers: u64,
    /// Beliefs that began beside another one in the same lock.
    pub together: u64,
}

/// A grant, as its client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// All of it, under one token.
    pub names: Vec<Name>,
    /// How much of each.
    pub share: Share,
    /// Under which token.
    pub token: Token,
}

/// A client process: its slot, and which process of that slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claimant {
    /// The machine of its client.
    pub client: usize,
    /// The process on it.
    pub process: u64,
}

/// One grant that is believed in. An owner that acquires again what it holds has several leases on it.
#[derive(Debug)]
struct Belief {
    told: Told,
    leases: BTreeSet<LeaseId>,
    from: u64,
    seen: u64,
}

impl Holding {
    /// The leases that `who` believes in.
    #[must_use]
    pub fn beliefs_of(&self, who: Claimant) -> Vec<LeaseId> {
        self.of(who).flat_map(|(_, belief)| belief.leases.iter().copied()).collect()
    }

    /// A belief begins at `now`; `remaining` is how long a client believes in a lease, by its own clocks.
    ///
    /// # Errors
    /// O5: others believe at this instant in more than leaves room. O6: the token is not larger than that of an
    /// earlier belief that cannot be beside this one.
    pub fn begin(
        &mut self,
        now: u64,
        (who, lease): (Claimant, LeaseId),
        told: &Told,
        remaining: impl Fn(Claimant, LeaseId) -> Duration,
    ) -> Result<(), Violation> {
        if let Some(belief) = self.open.get_mut(&(who, told.token)) {
            belief.leases.insert(lease);
            return Ok(());
        }
        let is_taken = self.taken.contains_key(&told.token);
        for name in told.names.iter().filter(|_| !is_taken) {
            self.check_room(now, who, name, told, &remaining)?;
            self.check_order(who, name, told)?;
        }
        // The last lease may have been given back while another acquire of its owner was being decided: the grant
        // stood all the time, and so did the client's right to it.
        let before = self.closed.remove(&(who, told.token));
        let from = before.map_or(now, |before| before.from);
        let leases = BTreeSet::from([lease]);
        let belief = Belief { told: told.clone(), leases, from, seen: now };
        self.open.insert((who, told.token), belief);
        Ok(())
    }

    /// At `now` the grant under `token` was taken at once: until its holder hears of it, its belief is
    /// excused.
    pub fn handle_taken(&mut self, now: u64, token: Token) {
        self.taken.insert(token, now);
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
        let belief = self.open.get_mut(&(who, token)).expect("found");
        belief.leases.remove(&lease);
        if belief.leases.is_empty()
            && let Some(belief) = self.open.remove(&(who, token))
        {
            self.closed.insert((who, token), belief);
        }
    }

    /// A client's process is gone, and its beliefs with it.
    pub fn end_all(&mut self, who: Claimant) {
        let tokens: Vec<Token> = self.of(who).map(|(token, _)| token).collect();
        for token in tokens {
            let belief = self.open.remove(&(who, token)).expect("listed");
            self.closed.insert((who, token), belief);
        }
    }

    /// The verdict over all intervals.
    ///
    /// # Errors
    /// The first overlap or token that does not rise.
    pub fn check(mut self) -> Result<Summary, Violation> {
        self.closed.append(&mut self.open);
        let mut all: Vec<(Held, Share)> = Vec::new();
        for ((who, token), belief) in &mut self.closed {
            if let Some(taken) = self.taken.get(token) {
                belief.seen = belief.seen.min(*taken);
            }
            if belief.seen < belief.from {
                continue;
            }
            let names = belief.told.names.iter();
            all.extend(names.map(|name| (held(*who, belief, name), belief.told.share)));
        }
        belief::check_shares(all.iter().map(|(held, share)| (held, *share)).collect()).map_err(
            |found| {
                let checker = match found {
                    belief::Violation::Overlap(..) => "O5",
                    belief::Violation::TokenNotLarger(..) => "O6",
                };
                Violation::new(checker, found.to_string())
            },
        )
    }

    /// O5: what others believe at this instant to have of `name` leaves room for this.
    fn check_room(
        &mut self,
        now: u64,
        who: Claimant,
        name: &Name,
        told: &Told,
        remaining: impl Fn(Claimant, LeaseId) -> Duration,
    ) -> Result<(), Violation> {
        let mut others = Vec::new();
        let excused = |token: &Token| self.taken.contains_key(token);
        for ((other, token), belief) in self.open.iter().filter(|((_, token), _)| !excused(token)) {
            let lasts = |lease: &LeaseId| !remaining(*other, *lease).is_zero();
            if belief.told.names.contains(name) && belief.leases.iter().any(lasts) {
                others.push((*other, *token, belief.told.share));
            }
        }
        self.together += u64::from(!others.is_empty());
        if told.share.fits_beside(others.iter().map(|(_, _, share)| *share)) {
            return Ok(());
        }
        let Told { share, token, .. } = told;
        let others = others.iter().map(|(other, token, share)| {
            format!("{other} believes in it under {token} ({share:?})")
        });
        let others: Vec<String> = others.collect();
        let what =
            format!("at {now} ns {who} holds {name} under {token} ({share:?}), and {others:?}");
        Err(Violation::new("O5", what))
    }

    fn check_order(&mut self, who: Claimant, name: &Name, told: &Told) -> Result<(), Violation> {
        let (share, own) = (told.share, (told.token, who));
        let newest = self.newest.entry(name.clone()).or_default();
        for (other, (last, before)) in
            newest.iter().filter(|(other, _)| !share.fits_beside([**other]))
        {
            if told.token <= *last && (*last, *before) != own {
                let what = format!(
                    "{who} believes in {name} under {} ({share:?}), after {before} did under {last} ({other:?})",
                    told.token
                );
                return Err(Violation::new("O6", what));
            }
        }
        let last = newest.values().max().copied();
        self.handovers += u64::from(last.is_some_and(|(_, before)| before != who));
        let of_share = newest.entry(share).or_insert(own);
        *of_share = own.max(*of_share);
        Ok(())
    }

    fn of(&self, who: Claimant) -> impl Iterator<Item = (Token, &Belief)> {
        let own = (who, Token(0))..=(who, Token(u64::MAX));
        self.open.range(own).map(|((_, token), belief)| (*token, belief))
    }

    fn find(&self, who: Claimant, lease: LeaseId) -> Option<Token> {
        self.of(who).find(|(_, belief)| belief.leases.contains(&lease)).map(|(token, _)| token)
    }
}

impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}/{}", self.client, self.process)
    }
}

fn held(who: Claimant, belief: &Belief, name: &Name) -> Held {
    let Belief { told, from, seen, .. } = belief;
    Held {
        client: who.to_string(),
        name: name.as_str().to_owned(),
        token: told.token.0,
        from: *from,
        until: *seen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Claimant = Claimant { client: 1, process: 1 };
    const B: Claimant = Claimant { client: 2, process: 1 };
    const C: Claimant = Claimant { client: 3, process: 1 };

    fn told(names: &[&str], share: Share, token: u64) -> Told {
        let names = names.iter().map(|name| Name::try_from(*name).unwrap()).collect();
        Told { names, share, token: Token(token) }
    }

    fn whole(token: u64) -> Told {
        told(&["x"], Share::WHOLE, token)
    }

    /// Nobody's belief lasts.
    fn over(_: Claimant, _: LeaseId) -> Duration {
        Duration::ZERO
    }

    /// All beliefs that were not seen to end last.
    fn lasting(_: Claimant, _: LeaseId) -> Duration {
        Duration::from_secs(1)
    }

    fn held_by_a() -> Holding {
        let mut holding = Holding::default();
        holding.begin(10, (A, LeaseId(1)), &whole(5), lasting).unwrap();
        holding
    }

    #[test]
    fn a_belief_beside_one_that_lasts_is_found() {
        let found = held_by_a().begin(20, (B, LeaseId(1)), &whole(6), lasting).unwrap_err();
        assert_eq!(found.checker, "O5");
        held_by_a().begin(20, (B, LeaseId(1)), &whole(6), over).unwrap();
        let mut holding = held_by_a();
        holding.end(A, LeaseId(1));
        holding.begin(20, (B, LeaseId(1)), &whole(6), lasting).unwrap();
    }

    #[test]
    fn each_of_several_names_is_held() {
        let mut holding = Holding::default();
        holding.begin(1, (A, LeaseId(1)), &told(&["x", "y"], Share::WHOLE, 5), lasting).unwrap();
        let found = holding.begin(2, (B, LeaseId(1)), &told(&["y"], Share::WHOLE, 6), lasting);
        assert_eq!(found.unwrap_err().checker, "O5");
    }

    #[test]
    fn readers_are_together_and_a_semaphore_has_so_many_permits() {
        let reader = |token| told(&["x"], Share { is_shared: true, ..Share::WHOLE }, token);
        let mut holding = Holding::default();
        holding.begin(1, (A, LeaseId(1)), &reader(6), lasting).unwrap();
        holding.begin(2, (B, LeaseId(1)), &reader(5), lasting).unwrap();
        assert!(holding.begin(3, (C, LeaseId(1)), &whole(7), lasting).is_err());
        let permit = |token| told(&["y"], Share { limit: 2, ..Share::WHOLE }, token);
        holding.begin(4, (A, LeaseId(2)), &permit(8), lasting).unwrap();
        holding.begin(5, (B, LeaseId(2)), &permit(9), lasting).unwrap();
        assert!(holding.begin(6, (C, LeaseId(2)), &permit(10), lasting).is_err());
    }

    #[test]
    fn a_token_that_drops_is_found() {
        let found = held_by_a().begin(20, (B, LeaseId(1)), &whole(4), over).unwrap_err();
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
        holding.begin(20, (B, LeaseId(1)), &whole(6), over).unwrap();
        holding.confirm(30, A, LeaseId(1)).unwrap();
        assert_eq!(holding.check().unwrap_err().checker, "O5");
    }

    #[test]
    fn several_leases_of_one_owner_are_one_belief() {
        let mut holding = held_by_a();
        holding.begin(20, (A, LeaseId(2)), &whole(5), lasting).unwrap();
        holding.end(A, LeaseId(1));
        holding.confirm(30, A, LeaseId(2)).unwrap();
        assert_eq!(holding.check().unwrap().beliefs, 1);
    }
}
