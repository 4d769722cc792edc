//! Messages as tests write them, and how they read them.

use crate::harness::entries;
use tenure::base::{Index, Round, Term, checksum};
use tenure::raft::{
    Append, AppendOutcome, AppendResponse, Cause, Heartbeat, HeartbeatResponse, Message, Payload,
    Snapshot, SnapshotChunk, SnapshotOutcome, SnapshotResponse, TimeoutNow, VoteRequest,
    VoteResponse,
};

pub fn vote(term: u64, last_index: u64, last_term: u64) -> Message {
    Message::Vote(vote_request(term, last_index, last_term))
}

pub fn pre_vote(term: u64, last_index: u64, last_term: u64) -> Message {
    Message::PreVote(vote_request(term, last_index, last_term))
}

/// As [`vote`], by order of a leader.
pub fn ordered_vote(term: u64, last_index: u64, last_term: u64) -> Message {
    let cause = Cause::Transfer;
    Message::Vote(VoteRequest { cause, ..vote_request(term, last_index, last_term) })
}

fn vote_request(term: u64, last_index: u64, last_term: u64) -> VoteRequest {
    let (last_index, last_term) = (Index(last_index), Term(last_term));
    VoteRequest { term: Term(term), last_index, last_term, cause: Cause::Silence }
}

pub fn vote_response(term: u64, granted: bool) -> Message {
    Message::VoteResponse(VoteResponse { term: Term(term), granted })
}

pub fn pre_vote_response(term: u64, granted: bool) -> Message {
    Message::PreVoteResponse(VoteResponse { term: Term(term), granted })
}

/// An append of `term` behind (`prev_index`, `prev_term`) with entries of `terms`.
pub fn append(term: u64, prev: (u64, u64), commit: u64, terms: &[u64]) -> Message {
    Message::Append(Append {
        term: Term(term),
        round: Round(0),
        prev_index: Index(prev.0),
        prev_term: Term(prev.1),
        commit: Index(commit),
        entries: entries(prev.0.saturating_add(1), terms),
    })
}

pub fn accepted(term: u64, round: u64, matched: u64) -> Message {
    let outcome = AppendOutcome::Accepted { matched: Index(matched) };
    Message::AppendResponse(AppendResponse { term: Term(term), round: Round(round), outcome })
}

pub fn rejected(term: u64, prev: u64, hint: (u64, u64)) -> Message {
    let outcome = AppendOutcome::Rejected {
        prev_index: Index(prev),
        hint_index: Index(hint.0),
        hint_term: Term(hint.1),
    };
    Message::AppendResponse(AppendResponse { term: Term(term), round: Round(0), outcome })
}

pub fn heartbeat(term: u64, round: u64, commit: u64) -> Message {
    Message::Heartbeat(Heartbeat { term: Term(term), round: Round(round), commit: Index(commit) })
}

pub fn echo(term: u64, round: u64) -> Message {
    Message::HeartbeatResponse(HeartbeatResponse { term: Term(term), round: Round(round) })
}

/// The places of an append: the index before its entries, and how many they are.
pub fn span(message: &Message) -> Option<(u64, usize)> {
    match message {
        Message::Append(append) => Some((append.prev_index.0, append.entries.len())),
        _ => None,
    }
}

pub fn timeout_now(term: u64) -> Message {
    Message::TimeoutNow(TimeoutNow { term: Term(term) })
}

/// The part `range` of a snapshot, as the leader of `term` sends it.
pub fn chunk(term: u64, snapshot: &Snapshot, range: std::ops::Range<usize>) -> SnapshotChunk {
    let data = snapshot.data.to_vec().unwrap();
    SnapshotChunk {
        term: Term(term),
        round: Round(0),
        meta: snapshot.meta.clone(),
        total: data.len() as u64,
        crc: checksum::crc32c(&data),
        offset: range.start as u64,
        bytes: Payload::from(data[range].to_vec()),
    }
}

/// The answer that so much of the snapshot of `index` is there.
pub fn received(term: u64, round: u64, index: u64, next: u64) -> Message {
    snapshot_response(term, round, index, SnapshotOutcome::Received { next })
}

/// The answer that it is stored.
pub fn stored(term: u64, round: u64, index: u64) -> Message {
    snapshot_response(term, round, index, SnapshotOutcome::Stored)
}

fn snapshot_response(term: u64, round: u64, index: u64, outcome: SnapshotOutcome) -> Message {
    let (term, round, index) = (Term(term), Round(round), Index(index));
    Message::SnapshotResponse(SnapshotResponse { term, round, index, outcome })
}
