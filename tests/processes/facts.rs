//! What calls mean: bytes on disk read by docs/developers/wal-format.md, bytes on sockets read as frames. Nothing of
//! `tenure::wal` is used, so that the two readings check each other.

use crate::trace::{Call, Traced, take_u32, take_u64};
use std::collections::BTreeMap;
use tenure::base::codec;
use tenure::base::{Index, NodeId, RequestId, SessionId, Term};
use tenure::lock::{Answer, Command};
use tenure::raft::{AppendOutcome, Message};
use tenure::wire::{Frame, FrameDecoder, FrameKind, Hello, PeerHello, PeerMessage, ServerMessage};

/// Something that a node did and that matters for what it may acknowledge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Its process began.
    Started,
    /// It wrote a log record.
    Logged { file: String, change: Change },
    /// It wrote term and vote.
    Elected { file: String, vote: Vote },
    /// It synced a file.
    Synced { file: String },
    /// It told a leader that its log is durable up to here.
    Accepted { matched: Index },
    /// It told a candidate that it has its vote.
    Voted(Vote),
    /// It spoke as the leader of this term.
    Led { term: Term },
    /// It told a client that this request is done.
    Answered(Origin),
}

/// A change of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This entry stands behind those before it.
    Append { index: Index, term: Term, origin: Origin },
    /// This entry and all behind it are gone.
    TruncateFrom(Index),
}

/// Where an entry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A node.
    Node,
    /// The creation of the session that this entry's index names.
    Session(Index),
    /// A client's request.
    Request(SessionId, RequestId),
}

/// A vote of this term for this candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vote {
    /// The term.
    pub term: Term,
    /// The candidate.
    pub candidate: NodeId,
}

/// The facts in the calls of one process.
pub fn of_process(calls: &[Traced]) -> Vec<(u64, NodeId, Fact)> {
    let mut sockets = BTreeMap::new();
    let mut facts = Vec::new();
    for traced in calls {
        let found = match &traced.call {
            Call::Started => vec![Fact::Started],
            Call::Synced { file } => vec![Fact::Synced { file: file.clone() }],
            Call::Written { file, bytes, .. } if file == HARD_STATE => read_vote(bytes)
                .map(|vote| Fact::Elected { file: file.clone(), vote })
                .into_iter()
                .collect(),
            Call::Written { file, offset, bytes } => {
                let changes =
                    if *offset < SEGMENT_HEADER_BYTES { Vec::new() } else { read_records(bytes) };
                let logged = |change| Fact::Logged { file: file.clone(), change };
                changes.into_iter().map(logged).collect()
            }
            Call::Sent { socket, bytes } => {
                let stream: &mut Stream = sockets.entry(socket.clone()).or_default();
                stream.push(bytes)
            }
        };
        facts.extend(found.into_iter().map(|fact| (traced.nanos, traced.node, fact)));
    }
    facts
}

/// What was sent on one connection.
#[derive(Default)]
struct Stream {
    decoder: FrameDecoder,
    peer: Option<NodeId>,
}

impl Stream {
    fn push(&mut self, bytes: &[u8]) -> Vec<Fact> {
        self.decoder.push(bytes);
        let mut facts = Vec::new();
        while let Some(frame) = self.decoder.next_frame().expect("a node sends frames") {
            facts.extend(self.read(&frame));
        }
        facts
    }

    fn read(&mut self, frame: &Frame) -> Option<Fact> {
        match frame.kind {
            FrameKind::PeerHello | FrameKind::PeerWelcome => {
                let hello: PeerHello = frame.decode().expect("a hello");
                self.peer = Some(hello.to);
                None
            }
            FrameKind::Hello | FrameKind::Welcome => {
                let values = frame.decode().expect("named values");
                if let Ok(Hello::Peer(hello, _)) = Hello::from_values(&values) {
                    self.peer = Some(hello.to);
                }
                None
            }
            FrameKind::Peer => match frame.decode().expect("a message") {
                PeerMessage::Founding(_) | PeerMessage::Status(_) => None,
                PeerMessage::Raft(message) => self.read_message(&message),
            },
            FrameKind::Server => read_answer(&frame.decode().expect("a message")),
            _ => None,
        }
    }

    fn read_message(&self, message: &Message) -> Option<Fact> {
        match message {
            Message::AppendResponse(response) => match response.outcome {
                AppendOutcome::Accepted { matched } => Some(Fact::Accepted { matched }),
                AppendOutcome::Rejected { .. } => None,
            },
            Message::VoteResponse(response) if response.granted => {
                let candidate = self.peer.expect("a peer said hello before");
                Some(Fact::Voted(Vote { term: response.term, candidate }))
            }
            Message::Append(append) => Some(Fact::Led { term: append.term }),
            Message::Heartbeat(heartbeat) => Some(Fact::Led { term: heartbeat.term }),
            _ => None,
        }
    }
}

fn read_answer(message: &ServerMessage) -> Option<Fact> {
    match message {
        ServerMessage::SessionOpened { session, .. } => {
            Some(Fact::Answered(Origin::Session(creation(*session))))
        }
        ServerMessage::Answered {
            session,
            request,
            answer: Answer::Granted { .. } | Answer::Done | Answer::Queued { .. },
        } => Some(Fact::Answered(Origin::Request(*session, *request))),
        _ => None,
    }
}

/// The index of the entry that made a session: its id is epoch·2⁴⁸ + that.
fn creation(session: SessionId) -> Index {
    Index(session.0 & ((1 << 48) - 1))
}

/// A slot of the hard state: an envelope of 40 bytes, then sequence, term and vote. `None` without a vote.
fn read_vote(bytes: &[u8]) -> Option<Vote> {
    let mut body = bytes.get(40..).expect("a slot is written whole");
    let mut number = || take_u64(&mut body).expect("a slot is written whole");
    let (_sequence, term, candidate) = (number(), number(), number());
    (candidate != 0).then_some(Vote { term: Term(term), candidate: NodeId(candidate) })
}

/// Records one behind the other; zeros are none.
fn read_records(mut bytes: &[u8]) -> Vec<Change> {
    let mut changes = Vec::new();
    while !bytes.is_empty() {
        let mut head = bytes;
        let mut number = || take_u32(&mut head).expect("records are written whole");
        let (length, _crc, _previous, kind) = (number() as usize, number(), number(), number());
        if kind == 0 {
            assert!(bytes.iter().all(|byte| *byte == 0), "neither a record nor zeros");
            return changes;
        }
        let payload = &bytes[RECORD_HEAD_BYTES..RECORD_HEAD_BYTES + length];
        changes.push(read_change(kind, payload).expect("a record is written whole"));
        bytes = &bytes[(RECORD_HEAD_BYTES + length).next_multiple_of(8)..];
    }
    changes
}

fn read_change(kind: u32, mut payload: &[u8]) -> Option<Change> {
    match kind {
        1 => {
            let term = Term(take_u64(&mut payload)?);
            let index = Index(take_u64(&mut payload)?);
            let _proposer_unix_ms = take_u64(&mut payload)?;
            let ([_format, kind], command) = payload.split_first_chunk()?;
            let origin = if *kind == 1 { origin_of(index, command) } else { Origin::Node };
            Some(Change::Append { index, term, origin })
        }
        2 => take_u64(&mut payload).map(|index| Change::TruncateFrom(Index(index))),
        other => panic!("docs/developers/wal-format.md has no record of kind {other}"),
    }
}

fn origin_of(index: Index, command: &[u8]) -> Origin {
    match codec::decode(command).expect("a command of the lock machine") {
        Command::OpenSession { .. } | Command::OpenSessionOf { .. } => Origin::Session(index),
        Command::Request { session, request, .. } => Origin::Request(session, request),
        Command::Expire { .. }
        | Command::Settings(_)
        | Command::RestoreOver { .. }
        | Command::DelayOver { .. }
        | Command::ClusterKey(_)
        | Command::Access { .. }
        | Command::Continue => Origin::Node,
    }
}

const HARD_STATE: &str = "hard-state";
const SEGMENT_HEADER_BYTES: u64 = 512;
const RECORD_HEAD_BYTES: usize = 32;
