//! O5 and O6: beliefs in one lock are disjoint in real time, and tokens rise with them; readers, and takers of a
//! semaphore's permits, may be together.
//!
//! Works on intervals alone, so that the simulator, the demo and the tests on real processes share it.

use super::share::Share;
use std::collections::BTreeMap;

/// One belief: `client` held `name` under `token` and believed so from `from` until `until`, readings of one
/// clock that all share (simulated real time; BOOTTIME on one machine), in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The client.
    pub client: String,
    /// The lock.
    pub name: String,
    /// Under which token.
    pub token: u64,
    /// First instant of belief.
    pub from: u64,
    /// The instant at which it had ended.
    pub until: u64,
}

/// Counts of checked intervals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Number of intervals.
    pub beliefs: usize,
    /// Number of different locks.
    pub locks: usize,
}

/// Two beliefs that must not both be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Both held the lock at once.
    #[error("{} held {} under token {} until {}, while {} held it under token {} from {}", .0.client, .0.name, .0.token, .0.until, .1.client, .1.token, .1.from)]
    Overlap(Box<Held>, Box<Held>),
    /// A later belief has a token that is not larger.
    #[error("{} held {} under token {}, and after it {} under token {}", .0.client, .0.name, .0.token, .1.client, .1.token)]
    TokenNotLarger(Box<Held>, Box<Held>),
}

/// Checks all beliefs against each other, lock by lock; each is in the whole lock.
///
/// # Errors
/// The first violation in order of time.
pub fn check(beliefs: &[Held]) -> Result<Summary, Violation> {
    check_shares(beliefs.iter().map(|held| (held, Share::WHOLE)).collect())
}

/// Checks all beliefs against each other, lock by lock: those that cannot be at once are not, and their
/// tokens rise.
///
/// # Errors
/// The first violation in order of time.
pub fn check_shares(mut beliefs: Vec<(&Held, Share)>) -> Result<Summary, Violation> {
    beliefs.sort_by(|(a, _), (b, _)| (&a.name, a.from, a.until).cmp(&(&b.name, b.from, b.until)));
    let of_locks: Vec<_> = beliefs.chunk_by(|(a, _), (b, _)| a.name == b.name).collect();
    for of_lock in &of_locks {
        check_lock(of_lock)?;
    }
    Ok(Summary { beliefs: beliefs.len(), locks: of_locks.len() })
}

/// All beliefs in one lock, in the order in which they began.
fn check_lock(beliefs: &[(&Held, Share)]) -> Result<(), Violation> {
    let mut standing: Vec<(&Held, Share)> = Vec::new();
    let mut newest: BTreeMap<Share, &Held> = BTreeMap::new();
    for (held, share) in beliefs {
        standing.retain(|(before, _)| before.until > held.from);
        if !share.fits_beside(standing.iter().map(|(_, share)| *share)) {
            let (before, _) = standing.last().expect("it would fit beside nobody");
            return Err(Violation::Overlap(boxed(before), boxed(held)));
        }
        for (_, before) in newest.iter().filter(|(other, _)| !share.fits_beside([**other])) {
            if held.token <= before.token {
                return Err(Violation::TokenNotLarger(boxed(before), boxed(held)));
            }
        }
        standing.push((held, *share));
        let newest = newest.entry(*share).or_insert(held);
        *newest = if held.token > newest.token { held } else { newest };
    }
    Ok(())
}

fn boxed(held: &Held) -> Box<Held> {
    Box::new(held.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(client: &str, token: u64, from: u64, until: u64) -> Held {
        Held { client: client.into(), name: "a".into(), token, from, until }
    }

    #[test]
    fn disjoint_beliefs_with_rising_tokens_pass() {
        let beliefs = [held("y", 2, 10, 20), held("x", 1, 0, 10)];
        assert_eq!(check(&beliefs), Ok(Summary { beliefs: 2, locks: 1 }));
    }

    #[test]
    fn an_overlap_is_found() {
        let result = check(&[held("x", 1, 0, 11), held("y", 2, 10, 20)]);
        assert!(matches!(result, Err(Violation::Overlap(..))), "{result:?}");
    }

    #[test]
    fn a_token_that_does_not_rise_is_found() {
        let result = check(&[held("x", 2, 0, 10), held("y", 2, 10, 20)]);
        assert!(matches!(result, Err(Violation::TokenNotLarger(..))), "{result:?}");
    }

    #[test]
    fn different_locks_do_not_touch() {
        let other = Held { name: "b".into(), ..held("y", 1, 0, 10) };
        assert_eq!(check(&[held("x", 1, 0, 10), other]), Ok(Summary { beliefs: 2, locks: 2 }));
    }

    fn reader(token: u64, from: u64, until: u64) -> Held {
        held("r", token, from, until)
    }

    #[test]
    fn readers_may_be_together_in_any_order_of_their_tokens() {
        let share = Share { is_shared: true, ..Share::WHOLE };
        let (one, other) = (reader(2, 0, 10), reader(1, 5, 15));
        assert!(check_shares(vec![(&one, share), (&other, share)]).is_ok());
        let (during, after) = (reader(3, 14, 20), reader(1, 20, 30));
        let overlap = check_shares(vec![(&one, share), (&other, share), (&during, Share::WHOLE)]);
        assert!(matches!(overlap, Err(Violation::Overlap(..))), "{overlap:?}");
        let back = check_shares(vec![(&one, share), (&after, Share::WHOLE)]);
        assert!(matches!(back, Err(Violation::TokenNotLarger(..))), "{back:?}");
    }

    #[test]
    fn more_permits_than_there_are_is_found() {
        let permits = |permits| Share { limit: 2, permits, ..Share::WHOLE };
        let all = [reader(1, 0, 10), reader(2, 5, 15), reader(3, 9, 12)];
        let shares = |count: usize| all.iter().take(count).map(|held| (held, permits(1))).collect();
        assert!(check_shares(shares(2)).is_ok());
        assert!(matches!(check_shares(shares(3)), Err(Violation::Overlap(..))));
    }
}
