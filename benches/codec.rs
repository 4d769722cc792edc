//! What a frame costs: encoding into a warm buffer, cutting and decoding it again.
//!
//! `cargo bench --bench codec`

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tenure::base::{Index, RequestId, Round, SessionId, Term, Token};
use tenure::lock::{Answer, Name, Operation};
use tenure::raft::{Append, Entry, EntryHeader, EntryKind, Message, Payload};
use tenure::wire::{FrameDecoder, FrameKind, PeerMessage, Request, ServerMessage, encode_frame};

/// A release: what a client says most, with an acquire.
fn request() -> Request {
    let name = Name::try_from("jobs/nightly").expect("a name");
    let operation = Operation::Release { name, token: Token(9) };
    let (session, request, floor) = (SessionId(5), RequestId(6), RequestId(4));
    Request::Submit { session, request, floor, operation }
}

/// Four entries of 100 bytes.
fn append() -> PeerMessage {
    let entry = |index| Entry {
        term: Term(4),
        index: Index(index),
        header: EntryHeader { format: 1, kind: EntryKind::Command, proposer_unix_ms: 1000 },
        payload: Payload::from(vec![7; 100]),
    };
    PeerMessage::Raft(Message::Append(Append {
        term: Term(4),
        round: Round(2),
        prev_index: Index(7),
        prev_term: Term(3),
        commit: Index(6),
        entries: (8..12).map(entry).collect(),
    }))
}

fn answer() -> ServerMessage {
    let answer = Answer::Granted { token: Token(9) };
    ServerMessage::Answered { session: SessionId(5), request: RequestId(6), answer }
}

macro_rules! bench_message {
    ($criterion:expr, $name:literal, $kind:expr, $type:ty, $value:expr) => {
        let value: $type = $value;
        let mut bytes = Vec::new();
        encode_frame($kind, &value, &mut bytes);
        let mut group = $criterion.benchmark_group($name);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("encode", |bencher| {
            let mut out = Vec::with_capacity(bytes.len());
            bencher.iter(|| {
                out.clear();
                encode_frame($kind, black_box(&value), &mut out);
                black_box(out.len())
            });
        });
        group.bench_function("decode", |bencher| {
            let mut decoder = FrameDecoder::new();
            bencher.iter(|| {
                decoder.push(black_box(&bytes));
                let frame = decoder.next_view().expect("a sound frame").expect("a whole one");
                frame.decode::<$type>().expect("a sound body")
            });
        });
        group.finish();
    };
}

fn codec(criterion: &mut Criterion) {
    bench_message!(criterion, "request", FrameKind::Request, Request, request());
    bench_message!(criterion, "append of 4 entries", FrameKind::Peer, PeerMessage, append());
    bench_message!(criterion, "answer", FrameKind::Server, ServerMessage, answer());
}

criterion_group!(benches, codec);
criterion_main!(benches);
