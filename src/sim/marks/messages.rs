//! Rare paths that show in what leaves a node.

use super::{Mark, Marks};
use crate::base::Index;
use crate::lock::{Answer, Refusal};
use crate::raft::{Append, AppendOutcome, EntryKind, Message, Raft, SnapshotOutcome};
use crate::sim::node::outlet::Outgoing;
use crate::wire::{PeerMessage, ServerMessage};

/// Marks what left a node in one step; it had applied up to `applied` before.
pub fn mark_outgoing(marks: &mut Marks, raft: &Raft, applied: Index, left: &[(u64, Outgoing)]) {
    let mut attached = None;
    for (_, outgoing) in left {
        match outgoing {
            Outgoing::Peer(_, PeerMessage::Raft(message)) => mark_peer(marks, raft, message),
            Outgoing::Peer(_, PeerMessage::Founding(_) | PeerMessage::Status(_)) => {}
            Outgoing::Client(to, message) => {
                if let ServerMessage::Attached { .. } = message {
                    attached = Some(*to);
                }
                let granted = matches!(
                    message,
                    ServerMessage::Answered { answer: Answer::Granted { .. }, .. }
                );
                marks.hit_if(granted && attached == Some(*to), Mark::StandingRepeated);
                let asked = matches!(message, ServerMessage::Asked { .. });
                marks.hit_if(asked && attached == Some(*to), Mark::AskedAgain);
                mark_client(marks, applied, message);
            }
        }
    }
}

fn mark_peer(marks: &mut Marks, raft: &Raft, message: &Message) {
    match message {
        Message::PreVoteResponse(response) if !response.granted => marks.hit(Mark::PreVoteRefused),
        Message::VoteResponse(response) if !response.granted => marks.hit(Mark::VoteRefused),
        Message::AppendResponse(response) => {
            let refused = matches!(response.outcome, AppendOutcome::Rejected { .. });
            marks.hit_if(refused, Mark::AppendRefused);
        }
        Message::Append(append) => mark_append(marks, append),
        Message::SnapshotChunk(_) => marks.hit(Mark::SnapshotSent),
        Message::TimeoutNow(_) => {
            let last = raft.entry(raft.last_index()).map(|entry| entry.header.kind);
            let relinquished = last == Some(EntryKind::Relinquish);
            marks.hit_if(relinquished, Mark::TransferRelinquishes);
            marks.hit_if(!relinquished, Mark::TransferPlain);
        }
        Message::SnapshotResponse(response) => {
            marks.hit_if(response.outcome == SnapshotOutcome::Stored, Mark::InstallStored);
        }
        _ => {}
    }
}

fn mark_append(marks: &mut Marks, append: &Append) {
    let (Some(first), Some(last)) = (append.entries.first(), append.entries.last()) else {
        return marks.hit(Mark::AppendEmpty);
    };
    marks.hit_if(append.entries.len() >= 8, Mark::AppendLong);
    marks.hit_if(first.term < last.term, Mark::AppendOfTwoTerms);
    marks.hit_if(last.term < append.term, Mark::AppendOfEarlierTerm);
}

fn mark_client(marks: &mut Marks, applied: Index, message: &ServerMessage) {
    match message {
        ServerMessage::Answered { answer, .. } => mark_answer(marks, answer),
        ServerMessage::SessionRefused { .. } => marks.hit(Mark::SessionRefused),
        ServerMessage::SessionEnded { .. } => marks.hit(Mark::SessionEnded),
        ServerMessage::Attached { .. } => marks.hit(Mark::AttachedAgain),
        ServerMessage::Leader(hint) => marks.hit_if(hint.leader.is_none(), Mark::LeaderUnknown),
        ServerMessage::Asked { grace_ms: 0, .. } => marks.hit(Mark::ToldTaken),
        ServerMessage::Asked { .. } => marks.hit(Mark::AskedToEnd),
        ServerMessage::Changed { index, gap, .. } => {
            marks.hit_if(*gap, Mark::ObserverGap);
            marks.hit_if(!*gap && *index < applied, Mark::ObserverCatchesUp);
        }
        ServerMessage::Status { .. } => marks.hit(Mark::SilenceAsked),
        _ => {}
    }
}

fn mark_answer(marks: &mut Marks, answer: &Answer) {
    match answer {
        Answer::Held { .. } => marks.hit(Mark::SaidHeld),
        Answer::Refused(Refusal::BelowFloor) => marks.hit(Mark::SaidBelowFloor),
        Answer::Refused(Refusal::Limit) => marks.hit(Mark::SaidLimit),
        Answer::Refused(Refusal::Conflict) => marks.hit(Mark::SaidConflict),
        _ => {}
    }
}
