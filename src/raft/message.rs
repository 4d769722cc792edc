//! Messages between nodes, and the entries of the log.

use crate::base::{Index, Payload, Round, Term};
use crate::raft::SnapshotMeta;
use serde::{Deserialize, Deserializer, Serialize};

/// Kind of an entry's payload. The numbers are append-only: they are on disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// A leader's first entry; no payload.
    NoOp,
    /// A command of the lock machine.
    Command,
    /// The members from here on: a [`Membership`](crate::raft::Membership).
    Membership,
    /// A leader that may claim has ended its claim for good in this term (C3); no payload.
    Relinquish,
}

/// On every entry. `format` is 1 in this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryHeader {
    /// How the payload is written.
    pub format: u8,
    /// Kind of the payload.
    pub kind: EntryKind,
    /// The proposer's wall clock, for people only; it decides nothing.
    pub proposer_unix_ms: u64,
}

/// One entry of the Raft log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The term of the leader that appended it.
    pub term: Term,
    /// Its position in the log, from 1.
    pub index: Index,
    /// Format, kind and the proposer's wall clock.
    pub header: EntryHeader,
    /// A command, a membership, or nothing.
    pub payload: Payload,
}

impl Entry {
    /// Size against byte limits: the payload and a fixed overhead.
    #[must_use]
    pub fn size(&self) -> usize {
        self.payload.bytes().len() + Self::OVERHEAD_BYTES
    }

    /// The overhead.
    pub const OVERHEAD_BYTES: usize = 64;
}

/// RequestVote and its pre-vote twin (Raft §5.2, dissertation §9.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteRequest {
    /// The term of the candidacy; in a pre-vote the term that it would have.
    pub term: Term,
    /// The candidate's last index.
    pub last_index: Index,
    /// The term of that entry.
    pub last_term: Term,
    /// Why it asks.
    pub cause: Cause,
}

/// Why a candidate asks for votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The candidate hears no leader. Voters that hear one refuse.
    Silence,
    /// The leader told it to (`TimeoutNow`): hearing that leader is no reason to refuse.
    Transfer,
}

/// An answer to a vote request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteResponse {
    /// Granted: the request's term. Refused: the voter's own term.
    pub term: Term,
    /// Whether the vote is given.
    pub granted: bool,
}

/// AppendEntries (Raft §5.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Append {
    /// The leader's term.
    pub term: Term,
    /// The round at which it was built.
    pub round: Round,
    /// The index just before `entries`.
    pub prev_index: Index,
    /// The term of the entry at `prev_index`; 0 at index 0.
    pub prev_term: Term,
    /// The leader's commit index.
    pub commit: Index,
    /// May be empty (a probe).
    #[serde(deserialize_with = "entries_together")]
    pub entries: Vec<Entry>,
}

/// An entry that stands in bytes of somebody else.
#[derive(Deserialize)]
struct EntryView<'a> {
    term: Term,
    index: Index,
    header: EntryHeader,
    #[serde(borrow, with = "serde_bytes")]
    payload: &'a [u8],
}

/// Entries whose payloads share one buffer: a follower allocates for each append, and not for each entry.
fn entries_together<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Entry>, D::Error> {
    let views: Vec<EntryView<'de>> = Vec::deserialize(deserializer)?;
    let payloads = Payload::together(views.iter().map(|view| view.payload));
    let entry = |(view, payload): (&EntryView<'de>, Payload)| {
        let EntryView { term, index, header, .. } = *view;
        Entry { term, index, header, payload }
    };
    Ok(views.iter().zip(payloads).map(entry).collect())
}

/// Result of an append.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppendOutcome {
    /// The follower's log equals the leader's up to `matched` = prev + length, durably (R7).
    Accepted { matched: Index },
    /// The follower has no entry `prev_index` of `prev_term`. The hint is the largest index not above
    /// `prev_index` whose term at the follower is not above `prev_term`, with that term.
    Rejected { prev_index: Index, hint_index: Index, hint_term: Term },
}

/// An answer to an append. Refusals echo term and round too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendResponse {
    /// The responder's term: larger than the leader's means that the leader is deposed.
    pub term: Term,
    /// The round of the append that it answers.
    pub round: Round,
    /// Accepted or rejected.
    pub outcome: AppendOutcome,
}

/// A heartbeat: no log position, so it never moves match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The leader's term.
    pub term: Term,
    /// The round at which it was built.
    pub round: Round,
    /// min(match of this peer, the leader's commit).
    pub commit: Index,
}

/// An answer to a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatResponse {
    /// The responder's term.
    pub term: Term,
    /// The round of the heartbeat.
    pub round: Round,
}

/// A part of a snapshot (InstallSnapshot, Raft §7). No more bytes of it are under way than of
/// entries, so that bulk never holds up a heartbeat for longer than those take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotChunk {
    /// The leader's term.
    pub term: Term,
    /// The round at which it was built.
    pub round: Round,
    /// Index, term and members of the snapshot.
    pub meta: SnapshotMeta,
    /// How long its data is, in bytes.
    pub total: u64,
    /// CRC-32C of all of its data.
    pub crc: u32,
    /// Where `bytes` belong in it.
    pub offset: u64,
    /// At most `limits::SNAPSHOT_CHUNK_BYTES_MAX`; none to ask how far the receiver is.
    pub bytes: Payload,
}

/// How far a receiver is with a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotOutcome {
    /// The receiver holds the data up to this byte and asks for the rest.
    Received { next: u64 },
    /// The receiver holds the whole snapshot durably.
    Stored,
}

/// An answer to a part of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotResponse {
    /// The responder's term.
    pub term: Term,
    /// The round of the part that it answers.
    pub round: Round,
    /// The index of the snapshot.
    pub index: Index,
    /// How far the receiver is.
    pub outcome: SnapshotOutcome,
}

/// A leader tells its successor to ask for votes at once (dissertation §3.10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeoutNow {
    /// The leader's term; in any other the message means nothing.
    pub term: Term,
}

/// Everything that one node's consensus core says to another's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Would you vote for me?
    PreVote(VoteRequest),
    /// An answer to it; never counted as a vote.
    PreVoteResponse(VoteResponse),
    /// Vote for me.
    Vote(VoteRequest),
    /// An answer to it; leaves only when term and vote are durable (R6).
    VoteResponse(VoteResponse),
    /// Entries, or a probe.
    Append(Append),
    /// An answer to them.
    AppendResponse(AppendResponse),
    /// The leader lives.
    Heartbeat(Heartbeat),
    /// An answer to it.
    HeartbeatResponse(HeartbeatResponse),
    /// A part of a snapshot.
    SnapshotChunk(SnapshotChunk),
    /// An answer to it.
    SnapshotResponse(SnapshotResponse),
    /// Ask for votes at once.
    TimeoutNow(TimeoutNow),
}

impl Message {
    /// The term that it names.
    #[must_use]
    pub fn term(&self) -> Term {
        match self {
            Self::PreVote(request) | Self::Vote(request) => request.term,
            Self::PreVoteResponse(response) | Self::VoteResponse(response) => response.term,
            Self::Append(append) => append.term,
            Self::AppendResponse(response) => response.term,
            Self::Heartbeat(heartbeat) => heartbeat.term,
            Self::HeartbeatResponse(response) => response.term,
            Self::SnapshotChunk(chunk) => chunk.term,
            Self::SnapshotResponse(response) => response.term,
            Self::TimeoutNow(order) => order.term,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::codec;

    #[test]
    fn the_payloads_of_an_append_share_one_buffer_and_are_what_was_sent() {
        let header = EntryHeader { format: 1, kind: EntryKind::Command, proposer_unix_ms: 7 };
        let entry = |(index, len): (u64, usize)| Entry {
            term: Term(4),
            index: Index(index),
            header,
            payload: Payload::from(vec![index as u8; len]),
        };
        let (term, round) = (Term(4), Round(2));
        let (prev_index, prev_term, commit) = (Index(7), Term(3), Index(6));
        for lengths in [&[][..], &[0], &[3, 0, 100, 1]] {
            let entries = (8..).zip(lengths.iter().copied()).map(entry).collect();
            let append = Append { term, round, prev_index, prev_term, commit, entries };
            let bytes = codec::encode(&append).unwrap();
            let decoded: Append = codec::decode(&bytes).unwrap();
            assert_eq!(decoded, append);
            let ranges = decoded.entries.iter().map(|entry| entry.payload.bytes().as_ptr_range());
            let ranges: Vec<_> = ranges.collect();
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            for cut in 0..bytes.len() {
                assert!(codec::decode::<Append>(&bytes[..cut]).is_err());
            }
        }
    }
}
