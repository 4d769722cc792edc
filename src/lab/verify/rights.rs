//! Checks rights (L27): a principal without a right is neither granted nor told what needs it, and
//! one with it is not denied.
//!
//! An operator logs each change before it is ordered and when it is done. From the order to its
//! answer, and where no answer came, the right is uncertain. Between the answer and the next order
//! the right is certain: an event that began and ended in between was decided by it.

use super::history::{History, Outcome, Sighting, Source, Told, Wait};
use super::line::Right;
use super::violation::{Rule, Violations};
use std::collections::BTreeMap;

/// One line about a right.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub boot: u32,
    pub principal: u32,
    pub lock: u32,
    pub right: Right,
    pub at: u64,
    pub turn: Turn,
    pub source: Source,
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Revoking,
    Revoked,
    Allowing,
    Allowed,
}

/// When rights mattered, by the clock of the logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Acquires that were denied.
    pub denied: Vec<u64>,
    /// Grants that were believed in before and after their right was taken away.
    pub stayed: Vec<u64>,
}

/// Checks all grants, denials and sightings; gives when rights mattered.
pub fn check(history: &History, found: &mut Violations) -> Seen {
    let lacks = Lacks::of(&history.rights);
    let mut seen = Seen::default();
    // The waits of one acquire are adjacent.
    for waits in history.waits.chunk_by(|one, other| one.source == other.source) {
        match waits[0].outcome {
            Outcome::Granted => check_granted(history, &lacks, waits, found),
            Outcome::Denied => {
                seen.denied.extend(waits[0].until);
                check_denied(history, &lacks, waits, found);
            }
            Outcome::Open | Outcome::GaveUp => {}
        }
    }
    check_sightings(history, &lacks, found);
    for belief in &history.beliefs {
        let Some(principal) = belief.principal else { continue };
        let of = lacks.of_right(belief.boot, (principal, belief.lock, Right::Acquire));
        let before = of.iter().filter(|lack| belief.from < lack.from);
        seen.stayed.extend(before.filter_map(|lack| lack.sure_from).find(|at| belief.until > *at));
    }
    seen
}

/// Intervals in which a principal lacked a right.
#[derive(Debug, Default)]
struct Lacks(BTreeMap<(u32, Key), Vec<Lack>>);

/// A principal, a lock, a right.
type Key = (u32, u32, Right);

/// The lack of a right: from the order to take it away to the answer that it is given back.
#[derive(Clone, Copy, Debug)]
struct Lack {
    from: u64,
    /// From when the right surely lacked, and until when.
    sure_from: Option<u64>,
    sure_until: u64,
    /// The right may have lacked up to here.
    until: u64,
    source: Source,
}

impl Lacks {
    fn of(changes: &[Change]) -> Self {
        let mut lacks = Self::default();
        for change in changes {
            let Change { boot, principal, lock, right, at, turn, source } = *change;
            let of = lacks.0.entry((boot, (principal, lock, right))).or_default();
            let open = of.last_mut().filter(|lack| lack.until == u64::MAX);
            match (turn, open) {
                (Turn::Revoking, None) => {
                    let (sure_from, sure_until, until) = (None, u64::MAX, u64::MAX);
                    of.push(Lack { from: at, sure_from, sure_until, until, source });
                }
                (Turn::Revoked, Some(open)) if open.sure_until == u64::MAX => {
                    open.sure_from.get_or_insert(at);
                }
                (Turn::Allowing, Some(open)) => open.sure_until = open.sure_until.min(at),
                (Turn::Allowed, Some(open)) => open.until = at,
                // A repetition, or a right that was never taken away.
                _ => {}
            }
        }
        lacks
    }

    fn of_right(&self, boot: u32, key: Key) -> &[Lack] {
        self.0.get(&(boot, key)).map_or(&[], Vec::as_slice)
    }

    /// The lack that surely covers the span from one instant to the other.
    fn sure(&self, boot: u32, key: Key, (from, until): (u64, u64)) -> Option<&Lack> {
        let is_in = |lack: &&Lack| {
            lack.sure_from.is_some_and(|sure| sure < from) && until < lack.sure_until
        };
        self.of_right(boot, key).iter().find(is_in)
    }

    /// Whether the right may have lacked at an instant of the span.
    fn may_be(&self, boot: u32, key: Key, (from, until): (u64, u64)) -> bool {
        self.of_right(boot, key).iter().any(|lack| lack.from <= until && from <= lack.until)
    }
}

fn check_granted(history: &History, lacks: &Lacks, waits: &[Wait], found: &mut Violations) {
    for wait in waits {
        let (Some(principal), Some(until)) = (wait.principal, wait.until) else { continue };
        let key = (principal, wait.lock, Right::Acquire);
        let Some(lack) = lacks.sure(wait.boot, key, (wait.from, until)) else { continue };
        found.add(Rule::GrantedDenied, || {
            format!(
                "{} asked for \"{}\" at {} ({}) and was granted it by {until}, and {} lacked the right to it all that time ({})",
                history.clients.name(wait.client),
                history.locks.name(wait.lock),
                wait.from,
                history.place(wait.source),
                history.principals.name(principal),
                history.place(lack.source),
            )
        });
    }
}

fn check_denied(history: &History, lacks: &Lacks, waits: &[Wait], found: &mut Violations) {
    let first = &waits[0];
    let (Some(principal), Some(until)) = (first.principal, first.until) else { return };
    let may_be = |wait: &Wait| {
        lacks.may_be(wait.boot, (principal, wait.lock, Right::Acquire), (wait.from, until))
    };
    if waits.iter().any(may_be) {
        return;
    }
    found.add(Rule::DeniedAllowed, || {
        format!(
            "{} asked for \"{}\" at {} ({}) and was denied it by {until}, and nobody had taken a right to it from {}",
            history.clients.name(first.client),
            history.locks.name(first.lock),
            first.from,
            history.place(first.source),
            history.principals.name(principal),
        )
    });
}

/// Checks that no observation which began after its principal lost `read` sees anything.
fn check_sightings(history: &History, lacks: &Lacks, found: &mut Violations) {
    let mut begun: BTreeMap<(u32, u32), &Sighting> = BTreeMap::new();
    for sighting in &history.sightings {
        let who = (sighting.client, sighting.lock);
        if sighting.told == Told::Begin {
            begun.insert(who, sighting);
            continue;
        }
        let Some(begin) = begun.get(&who) else { continue };
        let (Some(principal), Some(from), Some(at)) = (begin.principal, begin.at, sighting.at)
        else {
            continue;
        };
        let key = (principal, sighting.lock, Right::Read);
        let Some(lack) = lacks.sure(sighting.boot, key, (from, at)) else { continue };
        found.add(Rule::ToldDenied, || {
            format!(
                "{} began to observe \"{}\" at {from} ({}) and was told who holds it ({}), and {} lacked the right to read it all that time ({})",
                history.clients.name(sighting.client),
                history.locks.name(sighting.lock),
                history.place(begin.source),
                history.place(sighting.source),
                history.principals.name(principal),
                history.place(lack.source),
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = (0, 0, Right::Acquire);

    fn lacks(turns: &[(u64, Turn)]) -> Lacks {
        let change = |(at, turn): &(u64, Turn)| {
            let (at, turn, right, source) = (*at, *turn, Right::Acquire, Source::default());
            Change { boot: 0, principal: 0, lock: 0, right, at, turn, source }
        };
        Lacks::of(&turns.iter().map(change).collect::<Vec<_>>())
    }

    #[test]
    fn between_an_order_and_its_answer_either_may_be_so() {
        let turns =
            [(10, Turn::Revoking), (20, Turn::Revoked), (30, Turn::Allowing), (40, Turn::Allowed)];
        let lacks = lacks(&turns);
        assert!(lacks.sure(0, KEY, (21, 29)).is_some());
        for either in [(15, 25), (25, 35), (10, 45)] {
            assert!(lacks.sure(0, KEY, either).is_none(), "{either:?}");
        }
        assert!(lacks.may_be(0, KEY, (5, 10)) && lacks.may_be(0, KEY, (40, 50)));
        assert!(!lacks.may_be(0, KEY, (5, 9)) && !lacks.may_be(0, KEY, (41, 50)));
        assert!(!lacks.may_be(0, (0, 0, Right::Read), (5, 50)));
    }

    #[test]
    fn an_order_without_an_answer_leaves_both_open_until_the_other_is_done() {
        let lacks = lacks(&[
            (10, Turn::Revoking),
            (30, Turn::Allowing),
            (40, Turn::Allowing),
            (50, Turn::Allowed),
        ]);
        assert!(lacks.sure(0, KEY, (15, 20)).is_none());
        assert!(lacks.may_be(0, KEY, (45, 46)) && !lacks.may_be(0, KEY, (51, 60)));
        // No lack then.
        assert!(!lacks.may_be(1, KEY, (15, 20)));
    }

    #[test]
    fn what_was_to_be_given_back_is_not_sure_to_lack_any_more() {
        let turns = [
            (10, Turn::Revoking),
            (20, Turn::Revoked),
            (30, Turn::Allowing),
            (35, Turn::Revoking),
            (40, Turn::Revoked),
        ];
        let lacks = lacks(&turns);
        assert!(lacks.sure(0, KEY, (41, 50)).is_none() && lacks.may_be(0, KEY, (41, 50)));
    }
}
