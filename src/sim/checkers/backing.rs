//! O11, from the leader's side: a claim begins no later than a round that a quorum of voters has echoed (C1).
//!
//! A mistake here leads to two claims at once, but only if another leader is elected at the right moment. So the
//! checker looks at the mistake itself: at the rounds of messages that left, and at the leader's own clock. It is
//! lenient where a step cannot be seen inside: a round counts as begun at the end of the step in which its first
//! message left, and as echoed when the echo left the voter.

use super::Violation;
use super::members::Members;
use crate::base::{NodeId, Round, Term};
use crate::raft::{LeaderLease, Message};
use crate::sim::node::slot_of;
use std::collections::VecDeque;

/// Rounds and echoes, as the messages of the leaders say.
#[derive(Debug, Default)]
pub struct Backing {
    leaders: Vec<Leading>,
    /// Beginnings of claims that were checked.
    pub checked: u64,
}

/// One node's newest term as a leader.
#[derive(Debug, Default)]
struct Leading {
    term: Term,
    /// Rounds whose messages left; all of it rises.
    begun: VecDeque<Begun>,
    /// The largest round that each node echoed.
    echoed: Vec<Option<Round>>,
    /// Where the newest claim that was checked begins.
    start: u64,
}

/// A round whose first message has left.
#[derive(Clone, Copy, Debug)]
struct Begun {
    round: Round,
    /// A reading of the leader's BOOTTIME then.
    boot: u64,
    at: u64,
}

impl Backing {
    /// For so many nodes, which are those of slots 0, 1, ….
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        let leading = || Leading { echoed: vec![None; nodes], ..Leading::default() };
        Self { leaders: (0..nodes).map(|_| leading()).collect(), checked: 0 }
    }

    /// `message` left the node of `slot` for that of `to` at `at`; `boot` reads the sender's BOOTTIME.
    pub fn follow(
        &mut self,
        (slot, to): (usize, usize),
        message: &Message,
        at: u64,
        boot: impl FnOnce() -> u64,
    ) {
        let begin = |term, round| self.begin(slot, term, round, at, boot);
        match *message {
            Message::Append(ref append) => begin(append.term, append.round),
            Message::Heartbeat(ref beat) => begin(beat.term, beat.round),
            Message::SnapshotChunk(ref chunk) => begin(chunk.term, chunk.round),
            Message::AppendResponse(ref said) => self.echo(slot, to, said.term, said.round),
            Message::HeartbeatResponse(ref said) => self.echo(slot, to, said.term, said.round),
            Message::SnapshotResponse(ref said) => self.echo(slot, to, said.term, said.round),
            Message::PreVote(_)
            | Message::PreVoteResponse(_)
            | Message::Vote(_)
            | Message::VoteResponse(_)
            | Message::TimeoutNow(_) => {}
        }
    }

    fn begin(
        &mut self,
        slot: usize,
        term: Term,
        round: Round,
        at: u64,
        boot: impl FnOnce() -> u64,
    ) {
        let leading = &mut self.leaders[slot];
        if term > leading.term {
            leading.term = term;
            leading.begun.clear();
            leading.echoed.fill(None);
            leading.start = 0;
        }
        if leading.begun.back().is_none_or(|newest| newest.round < round) {
            leading.begun.push_back(Begun { round, boot: boot(), at });
        }
    }

    fn echo(&mut self, slot: usize, leader: usize, term: Term, round: Round) {
        let leading = &mut self.leaders[leader];
        if term == leading.term {
            leading.echoed[slot] = leading.echoed[slot].max(Some(round));
        }
    }

    /// Whether a quorum of `members` has echoed a round of the leader of `slot` that begun at `since` or later.
    #[must_use]
    pub fn is_echoed(&self, slot: usize, since: u64, members: &Members) -> bool {
        let leading = &self.leaders[slot];
        let late = leading.begun.partition_point(|begun| begun.at < since);
        let round = leading.begun.get(late).map(|begun| begun.round);
        members.is_quorum(|node| leading.has_echo(slot, node, round))
    }

    /// The node of `slot` claims the leader lease; `acting` are the members that it may have counted.
    ///
    /// # Errors
    /// The claim begins later than any round that a quorum of them has echoed.
    pub fn check<'a>(
        &mut self,
        slot: usize,
        claim: &LeaderLease,
        mut acting: impl Iterator<Item = &'a Members>,
    ) -> Result<(), Violation> {
        let leading = &mut self.leaders[slot];
        let start = claim.start.boot_before;
        // A single voter claims without a message: its term may not have been seen.
        let is_known = claim.term == leading.term;
        if is_known && start <= leading.start {
            return Ok(());
        }
        self.checked += 1;
        let late = leading.begun.partition_point(|begun| begun.boot < start);
        let round = leading.begun.get(late).filter(|_| is_known).map(|begun| begun.round);
        let has = |node| leading.has_echo(slot, node, round);
        if acting.any(|members| members.is_quorum(has)) {
            leading.start = start;
            leading.begun.drain(..late);
            return Ok(());
        }
        let what = format!(
            "node {} claims term {} from {start} ns of its BOOTTIME on, later than any round that a quorum has echoed \
             (C1): rounds begun {:?}, echoed {:?}",
            slot + 1,
            claim.term,
            leading.begun,
            leading.echoed
        );
        Err(Violation::new("O11", what))
    }
}

impl Leading {
    /// Whether `node` is the leader of `slot` itself, or has echoed that round or a later one.
    fn has_echo(&self, slot: usize, node: NodeId, round: Option<Round>) -> bool {
        let voter = slot_of(node);
        voter == slot || round.is_some_and(|round| self.echoed[voter] >= Some(round))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Index, Sample};
    use crate::raft::{Heartbeat, HeartbeatResponse};
    use std::time::Duration;

    const TERM: Term = Term(3);

    fn beat(backing: &mut Backing, round: u64, boot: u64) {
        let beat = Heartbeat { term: TERM, round: Round(round), commit: Index(0) };
        backing.follow((0, 1), &Message::Heartbeat(beat), boot, || boot);
    }

    fn echo(backing: &mut Backing, from: usize, term: Term, round: u64) {
        let said = HeartbeatResponse { term, round: Round(round) };
        backing.follow((from, 0), &Message::HeartbeatResponse(said), 0, || unreachable!());
    }

    /// Node 1 of so many voters claims from `start` on.
    fn check(backing: &mut Backing, voters: u64, start: u64) -> Result<(), Violation> {
        let length = Duration::from_secs(1);
        let claim = LeaderLease { term: TERM, start: Sample::at(start), length };
        backing.check(0, &claim, [&Members::founding(voters)].into_iter())
    }

    #[test]
    fn a_claim_begins_with_a_round_that_a_quorum_of_voters_echoed() {
        let mut backing = Backing::new(4);
        beat(&mut backing, 1, 100);
        beat(&mut backing, 2, 200);
        assert_eq!(check(&mut backing, 3, 100).unwrap_err().checker, "O11");
        // Node 4 has no vote.
        echo(&mut backing, 3, TERM, 2);
        assert!(check(&mut backing, 3, 100).is_err());
        echo(&mut backing, 2, TERM, 1);
        check(&mut backing, 3, 100).unwrap();
        assert!(check(&mut backing, 3, 101).is_err());
        echo(&mut backing, 1, TERM, 2);
        check(&mut backing, 3, 200).unwrap();
        assert!(check(&mut backing, 3, 201).is_err());
        assert_eq!(backing.checked, 6);
    }

    #[test]
    fn echoes_of_another_term_do_not_count() {
        let mut backing = Backing::new(3);
        beat(&mut backing, 1, 100);
        echo(&mut backing, 1, Term(2), 1);
        assert!(check(&mut backing, 3, 50).is_err());
        echo(&mut backing, 1, TERM, 1);
        check(&mut backing, 3, 50).unwrap();
    }

    #[test]
    fn the_only_voter_needs_nobody() {
        check(&mut Backing::new(3), 1, 100).unwrap();
    }
}
