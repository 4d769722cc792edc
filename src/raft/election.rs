//! Votes and candidacies (Raft §5.2, §5.4.1), pre-vote (dissertation §9.6) and stickiness (§4.2.3).

use crate::base::{NodeId, Sample, Term};
use crate::raft::quorum::{self, Ballot, Election};
use crate::raft::role::{Ballots, Candidate, Follower, RoleState};
use crate::raft::{
    Action, Cause, HardState, Message, Raft, Reason, Role, TERM_MAX, TimeoutNow, VoteRequest,
    VoteResponse,
};

/// A jump of the term that no sequence of elections explains: told to the operator.
const TERM_JUMP_ALARM: u64 = 1_000_000;

impl Raft {
    /// Answers a pre-vote. Nothing changes here, nothing is written, no timer moves (R11).
    ///
    /// It checks the log *and* recency: without the first a node that can never win deposes leaders for
    /// ever, without the second a node that cannot hear does.
    pub(super) fn handle_pre_vote(&mut self, now: &Sample, from: NodeId, request: &VoteRequest) {
        let own_term = self.term();
        let electable =
            request.term > own_term || request.term == own_term && self.may_vote_for(from);
        let granted = electable
            && !self.hears_leader(now)
            && self.covers_own_log(request)
            && !self.stands_before(from, request);
        let term = if granted { request.term } else { own_term };
        self.send(from, Message::PreVoteResponse(VoteResponse { term, granted }), None);
    }

    /// Breaks a tie: of two nodes with equal logs that ask each other at the same time, the one with the higher id
    /// goes on. Otherwise both would vote for themselves, and in a cluster of two neither would be elected.
    fn stands_before(&self, from: NodeId, request: &VoteRequest) -> bool {
        let own = self.vote_request(self.term().next(), Cause::Silence);
        let is_equal = (own.term, own.last_term, own.last_index)
            == (request.term, request.last_term, request.last_index);
        self.role() == Role::PreCandidate && is_equal && self.config.id > from
    }

    /// Counts an answer to a pre-vote; a grant names the term asked for, a refusal the voter's own.
    pub(super) fn handle_pre_vote_response(
        &mut self,
        now: &Sample,
        from: NodeId,
        response: &VoteResponse,
    ) {
        let own_term = self.term();
        if !response.granted && response.term > own_term {
            return self.become_follower(now, response.term, None);
        }
        let RoleState::PreCandidate(ballots) = &mut self.role else { return };
        if !response.granted {
            ballots.record(from, Ballot::Refused);
        } else if response.term == own_term.next() {
            ballots.record(from, Ballot::Granted);
        }
        self.count_ballots(now);
    }

    /// Answers a vote request. While this voter hears a leader it ignores the request: no vote and no
    /// change of term, so that a node which was cut off cannot depose a leader that works. A candidate whom that
    /// leader told to ask is no such node.
    pub(super) fn handle_vote(&mut self, now: &Sample, from: NodeId, request: &VoteRequest) {
        if request.term > self.term() {
            if request.cause == Cause::Silence && self.hears_leader(now) {
                return;
            }
            if let (Cause::Transfer, Some(leader)) = (request.cause, self.leader()) {
                self.part(Reason::HandedOver { leader });
            }
            self.become_follower(now, request.term, None);
        }
        self.note_candidate(now, from, request);
        let may = request.term == self.term() && self.may_vote_for(from) && !self.owes();
        let granted = may && self.covers_own_log(request);
        if granted {
            self.vote_for(now, from);
        }
        let response = VoteResponse { term: self.term(), granted };
        // Term and vote are durable before the vote leaves (R6).
        self.send(from, Message::VoteResponse(response), self.writes.hard_state_barrier());
    }

    /// Counts an answer to a vote request of this term; those of earlier terms count nowhere.
    pub(super) fn handle_vote_response(
        &mut self,
        now: &Sample,
        from: NodeId,
        response: &VoteResponse,
    ) {
        if !response.granted && response.term > self.term() {
            return self.become_follower(now, response.term, None);
        }
        if response.term != self.term() {
            return;
        }
        if response.granted && self.role() == Role::Candidate {
            self.note_voter(now, from);
        }
        let RoleState::Candidate(candidate) = &mut self.role else { return };
        let ballot = if response.granted { Ballot::Granted } else { Ballot::Refused };
        candidate.ballots.record(from, ballot);
        self.count_ballots(now);
    }

    /// The candidate's own vote counts like any other: once it is durable (R6), and not while this node owes entries.
    pub(super) fn count_own_vote(&mut self, now: &Sample) {
        let id = self.config.id;
        if self.owes() {
            return;
        }
        if let RoleState::Candidate(candidate) = &mut self.role
            && candidate.own_vote <= self.writes.last_durable()
        {
            candidate.ballots.record(id, Ballot::Granted);
            self.count_ballots(now);
        }
    }

    /// The leader's connection closed at its side: this voter does not hear it any more, so neither
    /// stickiness nor recency binds it, and it need not wait for a timeout.
    pub(super) fn handle_peer_down(&mut self, now: &Sample, peer: NodeId) {
        self.reachable.retain(|up| *up != peer);
        if !self.unreachable.contains(&peer) {
            self.unreachable.push(peer);
        }
        match &mut self.role {
            RoleState::Follower(follower) if follower.leader == Some(peer) => {
                follower.heard = None;
                self.patience.handle_leader_lost();
                self.timer.leader_lost(now, &self.patience);
            }
            RoleState::Follower(_) | RoleState::Leader(_) => {}
            RoleState::PreCandidate(_) | RoleState::Candidate(_) => self.count_ballots(now),
        }
    }

    /// Handles a new connection to a peer: a candidacy asks that peer again, since messages in flight on an older
    /// connection are lost.
    pub(super) fn handle_peer_up(&mut self, now: &Sample, peer: NodeId) {
        self.unreachable.retain(|down| *down != peer);
        self.handle_peer_room(peer, false);
        if !self.reachable.contains(&peer) {
            self.reachable.push(peer);
        }
        match &mut self.role {
            RoleState::Leader(leader) => {
                if let Some(follower) = leader.follower_mut(peer) {
                    follower.progress.reset();
                }
            }
            RoleState::Follower(_) => self.begin_quickly(now),
            RoleState::PreCandidate(_) | RoleState::Candidate(_) => self.ask_again(peer),
        }
    }

    /// Nobody waits out a timeout for a leader that this node has never heard, or whose connection closed, once
    /// those are reached who could elect one. They are asked first, like before any candidacy: where a leader is heard,
    /// nothing comes of it (R11).
    pub(super) fn begin_quickly(&mut self, now: &Sample) {
        let is_reached = |voter: NodeId| {
            let reached = voter == self.config.id || self.reachable.contains(&voter);
            reached.then_some(Ballot::Granted)
        };
        let hears_nobody = matches!(&self.role, RoleState::Follower(Follower { heard: None, .. }));
        let reaches_quorum =
            quorum::election_in(self.memberships.current(), is_reached) == Election::Won;
        if hears_nobody && reaches_quorum {
            self.timer.voters_met(now, &self.patience);
        }
    }

    /// Asks one voter again what all were asked when this candidacy, or its pre-vote, began.
    fn ask_again(&mut self, peer: NodeId) {
        if !self.other_voters().contains(&peer) {
            return;
        }
        let (message, after) = match &self.role {
            RoleState::PreCandidate(_) => {
                let request = self.vote_request(self.term().next(), Cause::Silence);
                (Message::PreVote(request), None)
            }
            RoleState::Candidate(candidate) => {
                let request = self.vote_request(self.term(), candidate.cause);
                let own_vote = candidate.own_vote;
                let after = (own_vote > self.writes.last_durable()).then_some(own_vote);
                (Message::Vote(request), after)
            }
            RoleState::Follower(_) | RoleState::Leader(_) => return,
        };
        self.send(peer, message, after);
    }

    /// Does what time has made due at a node that does not lead. (Rounds of a leader go out with `take_actions`, and
    /// its quorum is checked before every event.)
    pub(super) fn handle_deadline(&mut self, now: &Sample) {
        if self.role() == Role::Leader || !self.timer.is_due(now) {
            return;
        }
        if self.may_campaign() {
            self.become_pre_candidate(now);
        } else {
            // A learner, and a member no more, waits for a leader to speak (C5).
            self.timer.restart(now, &self.patience);
        }
    }

    /// Follows in `term`, behind `leader` if one is known. In the same term the vote stays (R10).
    pub(super) fn become_follower(&mut self, now: &Sample, term: Term, leader: Option<NodeId>) {
        let own_term = self.term();
        assert!(term >= own_term, "term {term} after {own_term}");
        if term > own_term {
            if term.0 - own_term.0 > TERM_JUMP_ALARM {
                ::log::warn!(term = term.0; "the term jumps from {own_term} to {term}");
            }
            self.set_hard_state(HardState { term, vote: None });
        }
        if term > own_term {
            self.part_from_term(now);
        }
        let follower = Follower { leader, heard: leader.map(|_| *now) };
        let before = std::mem::replace(&mut self.role, RoleState::Follower(follower));
        if let RoleState::Leader(mut deposed) = before {
            let failed = deposed.reads.drain().map(|read| Action::ReadFailed { read });
            self.actions.extend(failed);
            self.timer.restart(now, &self.patience);
        }
    }

    /// Asks whether it would be elected, its term unchanged.
    fn become_pre_candidate(&mut self, now: &Sample) {
        assert_ne!(self.role(), Role::Leader, "a leader does not campaign");
        self.part_as_seen(now);
        self.timer.candidacy_begun(now, &self.patience);
        if self.term() >= TERM_MAX {
            return;
        }
        let mut ballots = Ballots::default();
        ballots.record(self.config.id, Ballot::Granted);
        self.role = RoleState::PreCandidate(ballots);
        let request = self.vote_request(self.term().next(), Cause::Silence);
        for peer in self.other_voters() {
            self.send(peer, Message::PreVote(request.clone()), None);
        }
        self.count_ballots(now);
    }

    /// Asks for votes in the next term.
    ///
    /// The requests leave only once this node's own vote, and the log that they speak of, are durable:
    /// a candidate that crashed before would ask again in the same term with a shorter log, and late
    /// votes for the longer one would elect it.
    fn become_candidate(&mut self, cause: Cause) {
        let asked = self.role() == Role::PreCandidate;
        let told = self.role() == Role::Follower && cause == Cause::Transfer;
        assert!(asked || told, "votes are asked for after a pre-vote, or on a leader's order");
        let term = self.term().next();
        self.set_hard_state(HardState { term, vote: Some(self.config.id) });
        let barrier = self.writes.barrier(&self.log);
        let own_vote = barrier.expect("the vote just cast is not durable yet");
        self.role =
            RoleState::Candidate(Candidate { ballots: Ballots::default(), own_vote, cause });
        let request = self.vote_request(term, cause);
        for peer in self.other_voters() {
            self.send(peer, Message::Vote(request.clone()), barrier);
        }
    }

    /// The leader hands its term over: asks for votes at once, without asking whether to ask (dissertation
    /// §3.10). An order of another term, or of a node that does not lead this one, is late.
    pub(super) fn handle_timeout_now(&mut self, now: &Sample, from: NodeId, order: &TimeoutNow) {
        let is_of_leader = order.term == self.term() && self.leader() == Some(from);
        let may_ask = self.memberships.current().is_voter(self.config.id) && self.term() < TERM_MAX;
        let lacks = self.owes() || self.awaits_state();
        if self.role() != Role::Follower || !is_of_leader || !may_ask || lacks {
            return;
        }
        self.part(Reason::HandedOver { leader: from });
        self.timer.candidacy_begun(now, &self.patience);
        self.become_candidate(Cause::Transfer);
    }

    /// Acts on the answers as they stand. A peer whose connection closed will not answer.
    fn count_ballots(&mut self, now: &Sample) {
        let Some(ballots) = self.role.ballots() else { return };
        let answer = |voter: NodeId| {
            let silent = self.unreachable.contains(&voter).then_some(Ballot::Refused);
            ballots.answer(voter).or(silent)
        };
        match (quorum::election_in(self.memberships.current(), answer), self.role()) {
            (Election::Pending, _) => {}
            (Election::Won, Role::PreCandidate) => {
                self.timer.candidacy_continues(now, &self.patience);
                self.become_candidate(Cause::Silence);
            }
            (Election::Won, _) => self.become_leader(now),
            (Election::Lost, _) => {
                self.become_follower(now, self.term(), None);
                self.timer.candidacy_failed(now, &self.patience);
            }
        }
    }

    fn vote_for(&mut self, now: &Sample, candidate: NodeId) {
        if self.vote().is_none() {
            self.set_hard_state(HardState { term: self.term(), vote: Some(candidate) });
        }
        if self.role() != Role::Follower {
            self.become_follower(now, self.term(), None);
        }
        self.timer.restart(now, &self.patience);
    }

    /// One vote per term, and none against a known leader of that term.
    fn may_vote_for(&self, candidate: NodeId) -> bool {
        match self.vote() {
            Some(voted) => voted == candidate,
            None => self.leader().is_none(),
        }
    }

    /// Whether this node votes in the membership in force, or did in the last one known to be committed: the
    /// change that takes its vote may stand in its log alone, and then only it can be elected. Its own ballot
    /// counts only where it votes (dissertation §4.2.2).
    fn may_campaign(&self) -> bool {
        let (_, committed) = self.memberships.at(self.commit);
        let votes =
            [self.memberships.current(), committed].iter().any(|one| one.is_voter(self.config.id));
        votes && !self.awaits_state()
    }

    fn covers_own_log(&self, request: &VoteRequest) -> bool {
        self.log.is_covered_by(request.last_term, request.last_index)
    }

    /// Whether this voter may still believe that its leader lives: it heard it within the smallest
    /// election timeout as things are, or leads itself (then its quorum was checked before this event, C7).
    pub(super) fn hears_leader(&self, now: &Sample) -> bool {
        match &self.role {
            RoleState::Leader(_) => true,
            RoleState::Follower(Follower { heard: Some(heard), .. }) => {
                now.elapsed_hi(heard) < self.election_wait()
            }
            _ => false,
        }
    }

    fn vote_request(&self, term: Term, cause: Cause) -> VoteRequest {
        let (last_index, last_term) = (self.log.last_index(), self.log.last_term());
        VoteRequest { term, last_index, last_term, cause }
    }

    fn set_hard_state(&mut self, hard_state: HardState) {
        self.hard_state = hard_state;
        self.writes.set_hard_state(hard_state);
    }

    /// All voters of both halves but this node.
    fn other_voters(&self) -> Vec<NodeId> {
        let membership = self.memberships.current();
        let ids = membership.members().iter().map(|member| member.node);
        ids.filter(|id| membership.is_voter(*id) && *id != self.config.id).collect()
    }
}
