//! O5 and O6: beliefs in one lock are disjoint in real time, and tokens rise with them.
//!
//! Works on intervals alone, so that the simulator, the demo and the tests on real processes share it.

/// One belief: `client` held `name` under `token` and believed so from `from` until `until`, readings of one
/// clock that all share (simulated real time; BOOTTIME on one machine), in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who.
    pub client: String,
    /// What.
    pub name: String,
    /// Under which token.
    pub token: u64,
    /// First instant of belief.
    pub from: u64,
    /// The instant at which it had ended.
    pub until: u64,
}

/// What was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Intervals.
    pub beliefs: usize,
    /// Different locks.
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

/// Checks all beliefs against each other, lock by lock.
///
/// # Errors
/// The first violation in order of time.
pub fn check(beliefs: &[Held]) -> Result<Summary, Violation> {
    let mut order: Vec<&Held> = beliefs.iter().collect();
    order.sort_by(|a, b| (&a.name, a.from, a.until).cmp(&(&b.name, b.from, b.until)));
    let mut locks = 0;
    let mut previous: Option<&Held> = None;
    for held in order {
        match previous {
            Some(before) if before.name == held.name => {
                // `previous` is the one that reaches furthest, and by this check also the one before.
                if held.from < before.until {
                    return Err(Violation::Overlap(
                        Box::new(before.clone()),
                        Box::new(held.clone()),
                    ));
                }
                if held.token <= before.token {
                    return Err(Violation::TokenNotLarger(
                        Box::new(before.clone()),
                        Box::new(held.clone()),
                    ));
                }
            }
            _ => locks += 1,
        }
        previous = Some(held);
    }
    Ok(Summary { beliefs: beliefs.len(), locks })
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
}
