//! The leader lease as programs see it: written by the loop, read by any thread without a lock.
//!
//! Two slots, of which the loop writes the one that is not in force, so that a reader never waits
//! for a writer that was stopped in the middle. Each reader compares a claim with a fresh reading
//! of the clocks (C4). A claim ends at its length or at the instant for which the watch fd is
//! armed, whichever comes first: what has fired has ended, also when BOOTTIME is slewed (safety §1,
//! *Clocks*).

use crate::base::time::nanos;
use crate::base::{NodeId, Sample, Term, Token};
use crate::raft::LeaderLease;
use crate::sys::clock;
use crate::sys::seqlock::SeqLock;
use std::time::Duration;

/// The leader lease as a node knows it at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leadership {
    /// `remaining > 0` (C4).
    pub is_leader: bool,
    /// The leader of this term, if heard.
    pub leader: Option<NodeId>,
    /// The term.
    pub term: Term,
    /// epoch·2⁴⁸ + term, while claimed.
    pub token: Option<Token>,
    /// The rest of the claim.
    pub remaining: Duration,
}

/// The published state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Published {
    /// The token of a claim.
    pub(super) token: Token,
    pub(super) term: Term,
    pub(super) leader: Option<NodeId>,
    pub(super) claim: Option<Claim>,
}

/// A claim: over once elapsed_hi since `start` reaches `length`, or BOOTTIME reaches `ends_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    start: Sample,
    length: Duration,
    ends_at: u64,
}

impl Claim {
    /// The claim of `lease`, with its instant at 7/8 of the rest. `None`: nothing is left.
    pub(super) fn new(lease: &LeaderLease, now: &Sample) -> Option<Self> {
        let left = lease.length.saturating_sub(now.elapsed_hi(&lease.start));
        let ends_at = now.hint(left * 7 / 8);
        (!left.is_zero()).then_some(Self { start: lease.start, length: lease.length, ends_at })
    }

    /// The rest at `now`.
    pub(super) fn remaining(&self, now: &Sample) -> Duration {
        let by_length = self.length.saturating_sub(now.elapsed_hi(&self.start));
        by_length.min(Duration::from_nanos(self.ends_at.saturating_sub(now.boot())))
    }

    /// The instant for the watch fd, on BOOTTIME.
    pub(super) fn ends_at(&self) -> u64 {
        self.ends_at
    }

    /// Whether `newer` is this claim with hardly more time: not worth a system call. A 32nd of a
    /// claim is less than a missed heartbeat takes from it.
    pub(super) fn nearly_covers(&self, newer: &Self) -> bool {
        let gained = newer.ends_at.saturating_sub(self.ends_at);
        self.length == newer.length && gained < nanos(self.length) / 32
    }
}

impl Published {
    /// The leadership that a program sees at `now`.
    pub(super) fn at(&self, now: &Sample) -> Leadership {
        let remaining = self.claim.map_or(Duration::ZERO, |claim| claim.remaining(now));
        let is_leader = !remaining.is_zero();
        Leadership {
            is_leader,
            leader: self.leader,
            term: self.term,
            token: is_leader.then_some(self.token),
            remaining,
        }
    }

    fn to_words(self) -> [u64; WORDS] {
        let claim = self.claim.unwrap_or(Claim {
            start: Sample::default(),
            length: Duration::ZERO,
            ends_at: 0,
        });
        let Sample { boot_before, monotonic, raw, boot_after } = claim.start;
        let leader = self.leader.map_or(0, |leader| leader.0);
        let length = nanos(claim.length);
        let (token, term) = (self.token.0, self.term.0);
        [token, term, leader, boot_before, monotonic, raw, boot_after, length, claim.ends_at]
    }

    fn from_words(words: [u64; WORDS]) -> Self {
        let [token, term, leader, boot_before, monotonic, raw, boot_after, length, ends_at] = words;
        let start = Sample { boot_before, monotonic, raw, boot_after };
        let length = Duration::from_nanos(length);
        Self {
            token: Token(token),
            term: Term(term),
            leader: (leader != 0).then_some(NodeId(leader)),
            claim: (!length.is_zero()).then_some(Claim { start, length, ends_at }),
        }
    }
}

const WORDS: usize = 9;

/// The last published state. One writer, any number of readers.
#[derive(Debug)]
pub(super) struct Slots(SeqLock<WORDS>);

impl Default for Slots {
    fn default() -> Self {
        Self(SeqLock::new([0; WORDS]))
    }
}

impl Slots {
    /// Puts `published` in force. Called by one thread at a time.
    pub(super) fn store(&self, published: Published) {
        self.0.write(published.to_words());
    }

    /// The leadership by the state in force: the claim is read before the clocks and after them
    /// (L6).
    pub(super) fn load(&self) -> Leadership {
        self.0.read(|words| Published::from_words(words).at(&clock::sample_end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: u64 = 1_000_000;

    fn lease(start: u64, length_ms: u64) -> LeaderLease {
        let length = Duration::from_millis(length_ms);
        LeaderLease { term: Term(4), start: Sample::at(start), length }
    }

    fn published(claim: Option<Claim>) -> Published {
        Published { token: Token(4), term: Term(4), leader: Some(NodeId(2)), claim }
    }

    #[test]
    fn a_claim_ends_at_seven_eighths_of_what_was_left_and_never_returns() {
        let claim = Claim::new(&lease(0, 100), &Sample::at(20 * MILLISECOND)).unwrap();
        assert_eq!(claim.ends_at(), 90 * MILLISECOND);
        let at = |nanos| published(Some(claim)).at(&Sample::at(nanos));
        assert_eq!(at(90 * MILLISECOND - 1).remaining, Duration::from_nanos(1));
        assert_eq!(at(90 * MILLISECOND - 1).token, Some(Token(4)));
        let ended = at(90 * MILLISECOND);
        assert_eq!((ended.is_leader, ended.token), (false, None));
        assert_eq!(at(u64::MAX).remaining, Duration::ZERO);
    }

    #[test]
    fn a_claim_ends_by_its_length_when_boottime_is_slewed() {
        let claim = Claim::new(&lease(0, 100), &Sample::at(0)).unwrap();
        let slewed = Sample { raw: 100 * MILLISECOND, ..Sample::at(80 * MILLISECOND) };
        assert_eq!(claim.remaining(&slewed), Duration::ZERO);
    }

    #[test]
    fn a_lease_that_is_over_is_no_claim() {
        assert_eq!(Claim::new(&lease(0, 100), &Sample::at(100 * MILLISECOND)), None);
    }

    #[test]
    fn readers_see_whole_publications_only() {
        let slots = Slots::default();
        // Term and leader are equal in every publication; readers that mix two would see them differ.
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut last = 0;
                while last < 20_000 {
                    let seen = slots.load();
                    assert_eq!(seen.leader.map_or(0, |leader| leader.0), seen.term.0);
                    assert!(seen.term.0 >= last, "{} after {last}", seen.term);
                    last = seen.term.0;
                }
            });
            for number in 1..=20_000 {
                let leader = Some(NodeId(number));
                slots.store(Published {
                    token: Token(number),
                    term: Term(number),
                    leader,
                    claim: None,
                });
            }
            reader.join().unwrap();
        });
    }

    #[test]
    fn what_is_stored_is_what_is_loaded() {
        let claim = Claim::new(&lease(0, 100), &Sample::at(0));
        let words = published(claim).to_words();
        assert_eq!(Published::from_words(words), published(claim));
        assert_eq!(Published::from_words([0; WORDS]), Published::default());
    }
}
