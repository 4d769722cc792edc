//! Messages, entries and writes of raft, in words.

use tenure::raft::{
    AppendOutcome, Cause, Entry, EntryKind, Member, Membership, Message, Seat, SnapshotOutcome,
    VoteRequest, Write,
};

/// A message, as a script shows it.
pub fn message(message: &Message) -> String {
    match message {
        Message::PreVote(request) => format!("would you vote for me? {}", asked(request)),
        Message::PreVoteResponse(answer) => {
            format!("I {} vote for you, term {}", would(answer.granted), answer.term)
        }
        Message::Vote(request) => format!("vote for me! {}", asked(request)),
        Message::VoteResponse(answer) => {
            let said = if answer.granted { "my vote is yours" } else { "no vote" };
            format!("{said}, term {}", answer.term)
        }
        Message::Append(append) => {
            let behind = position(append.prev_index.0, append.prev_term.0);
            let entries = match &append.entries[..] {
                [] => "nothing".to_owned(),
                some => self::entries(some),
            };
            let (term, commit, round) = (append.term, append.commit, append.round);
            format!("append {entries} behind {behind}; term {term}, commit {commit}, round {round}")
        }
        Message::AppendResponse(answer) => {
            let said = match &answer.outcome {
                AppendOutcome::Accepted { matched } => format!("my log is yours up to {matched}"),
                AppendOutcome::Rejected { prev_index, hint_index, hint_term } => {
                    let hint = position(hint_index.0, hint_term.0);
                    format!("I cannot append behind {prev_index}: my nearest is {hint}")
                }
            };
            format!("{said}; term {}, round {}", answer.term, answer.round)
        }
        Message::Heartbeat(beat) => {
            format!("heartbeat; term {}, commit {}, round {}", beat.term, beat.commit, beat.round)
        }
        Message::HeartbeatResponse(echo) => {
            format!("I hear you; term {}, round {}", echo.term, echo.round)
        }
        Message::SnapshotChunk(part) => {
            let (index, total) = (part.meta.index, part.total);
            let up_to = part.offset + part.bytes.bytes().len() as u64;
            format!("snapshot of {index}, up to byte {up_to} of {total}; round {}", part.round)
        }
        Message::SnapshotResponse(answer) => {
            let said = match answer.outcome {
                SnapshotOutcome::Received { next } => format!("up to byte {next} is here"),
                SnapshotOutcome::Stored => "is stored".to_owned(),
            };
            format!("snapshot of {}: {said}; round {}", answer.index, answer.round)
        }
        Message::TimeoutNow(order) => format!("ask for votes now; term {}", order.term),
    }
}

fn would(granted: bool) -> &'static str {
    if granted { "would" } else { "would not" }
}

fn asked(request: &VoteRequest) -> String {
    let end = match (request.last_index.0, request.last_term.0) {
        (0, _) => "my log is empty".to_owned(),
        (index, term) => format!("my log ends at {}", position(index, term)),
    };
    let cause = match request.cause {
        Cause::Silence => "",
        Cause::Transfer => ", by order of our leader",
    };
    format!("term {}, {end}{cause}", request.term)
}

fn position(index: u64, term: u64) -> String {
    match index {
        0 => "0".to_owned(),
        _ => format!("{index} (term {term})"),
    }
}

/// One entry, as `term:what`.
pub fn entry(entry: &Entry) -> String {
    let what = match entry.header.kind {
        EntryKind::NoOp => "no-op".to_owned(),
        EntryKind::Command => String::from_utf8_lossy(entry.payload.bytes()).into_owned(),
        EntryKind::Membership => {
            let membership = Membership::decode(entry.payload.bytes()).expect("our own codec");
            format!("members({})", members(&membership))
        }
        EntryKind::Relinquish => "relinquish".to_owned(),
    };
    format!("{}:{what}", entry.term)
}

/// The members with their seats: `1 2 +3 -4 (5)` has two voters, one on its way to be one, one on its way out, and a learner.
fn members(membership: &Membership) -> String {
    let member = |member: &Member| match member.seat {
        Seat::Voter => member.node.to_string(),
        Seat::Learner => format!("({})", member.node),
        Seat::Joining => format!("+{}", member.node),
        Seat::Demoting | Seat::Leaving => format!("-{}", member.node),
    };
    let words: Vec<String> = membership.members().iter().map(member).collect();
    words.join(" ")
}

/// Entries, as `term:what term:what`.
pub fn entries<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let words: Vec<String> = entries.into_iter().map(entry).collect();
    words.join(" ")
}

/// Content of a write.
pub fn write(write: &Write) -> String {
    let hard_state = write.hard_state.map(|state| match state.vote {
        Some(vote) => format!("term {}, vote for {vote}", state.term),
        None => format!("term {}, no vote", state.term),
    });
    let truncated = write.truncate_from.map(|from| format!("all from {from} on removed"));
    let first = write.entries.first().map(|first| first.index);
    let appended = first.map(|first| format!("{} at {first}", entries(&write.entries)));
    let parts: Vec<String> = [hard_state, truncated, appended].into_iter().flatten().collect();
    parts.join("; ")
}
