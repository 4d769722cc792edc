//! The look at a request where it stands against the decoder of all requests, on sound, damaged and random bytes.

use super::*;
use crate::base::locks::{Acquire, Operation};
use crate::base::rng::Rng;
use crate::lock::Command;

/// Whether the two say the same of `body`; whether it is such a request.
#[track_caller]
fn compare(body: &[u8]) -> bool {
    let decoded = codec::decode::<Request>(body).ok();
    let plain = decoded.filter(|request| match request {
        Request::Submit { operation, .. } => {
            matches!(operation, Operation::Acquire(_) | Operation::Release { .. })
        }
        _ => false,
    });
    let read = Submission::read(body);
    assert_eq!(read.is_some(), plain.is_some(), "{body:?}: {plain:?}");
    let (Some(read), Some(plain)) = (read, plain) else { return false };
    assert_eq!(read.to_request().as_ref(), Ok(&plain));
    let Request::Submit { session, request, floor, operation } = plain else { return false };
    assert_eq!((read.session, read.request, read.floor), (session, request, floor));
    assert_eq!(read.terms, operation.acquire().map(Terms::from));
    let command = Command::Request { session, request, floor, operation };
    assert_eq!(read.payload.bytes(), codec::encode(&command).unwrap(), "{command:?}");
    true
}

fn number(rng: &mut Rng) -> u64 {
    match rng.between(0, 3) {
        0 => rng.between(0, 3),
        1 => u64::from(u32::MAX) - rng.between(0, 3),
        _ => rng.between(0, u64::MAX - 1),
    }
}

fn name(rng: &mut Rng) -> Name {
    let pieces = ["a", "job/", "ß", "𝄞", "\u{1}", "~"];
    let piece = pieces[rng.between(0, 5) as usize];
    let length = [1, 3, 255 / piece.len()][rng.between(0, 2) as usize];
    Name::try_from(piece.repeat(length)).unwrap()
}

fn acquire(rng: &mut Rng) -> Acquire {
    Acquire {
        name: name(rng),
        value: vec![rng.between(0, 255) as u8; [0, 5, 5000][rng.between(0, 2) as usize]],
        mode: [Mode::Exclusive, Mode::Shared][rng.between(0, 1) as usize],
        limit: number(rng) as u32,
        permits: number(rng) as u32,
        owner: Owner(number(rng)),
        delay_ms: number(rng) as u32,
        try_only: rng.between(0, 1) == 0,
    }
}

fn operation(rng: &mut Rng) -> Operation {
    match rng.between(0, 9) {
        0..5 => Operation::Acquire(acquire(rng)),
        5..8 => Operation::Release { name: name(rng), token: Token(number(rng)) },
        8 => Operation::AcquireAll { acquire: acquire(rng), also: vec![name(rng)] },
        _ => Operation::Withdraw { acquire: RequestId(number(rng)) },
    }
}

fn body(rng: &mut Rng) -> Vec<u8> {
    let (session, request) = (SessionId(number(rng)), RequestId(number(rng)));
    let (floor, operation) = (RequestId(number(rng)), operation(rng));
    codec::encode(&Request::Submit { session, request, floor, operation }).unwrap()
}

#[test]
fn sound_requests_are_read_as_they_are_decoded_and_logged_as_they_were_encoded() {
    let mut rng = Rng::new(11);
    let read = (0..3000).filter(|_| compare(&body(&mut rng))).count();
    assert!((2000..2700).contains(&read), "{read}");
    compare(&codec::encode(&Request::Status { read: 3 }).unwrap());
    compare(&codec::encode(&Request::Renew { session: SessionId(3), number: 4 }).unwrap());
}

#[test]
fn damaged_requests_are_refused_by_both_or_read_by_both() {
    let mut rng = Rng::new(12);
    let mut read = [0; 2];
    for _ in 0..20_000 {
        let mut body = body(&mut rng);
        // Numbers, lengths and names stand at the front; a value may be long.
        let end = body.len().min(120) as u64 - 1;
        match rng.between(0, 4) {
            0 => body.truncate(rng.between(0, body.len() as u64) as usize),
            1 => body.push(rng.between(0, 255) as u8),
            2 => {
                let (from, to) = (rng.between(0, end) as usize, body.len());
                let count = rng.between(1, 9).min((to - from) as u64) as usize;
                body.drain(from..from + count);
            }
            _ => {
                for _ in 0..rng.between(1, 3) {
                    let (low, high) = (rng.between(0, end), body.len() as u64 - 1);
                    let at = [low, high - rng.between(0, high.min(40))][rng.between(0, 1) as usize];
                    let values = [0, 1, 2, 255, rng.between(0, 255) as u8];
                    body[at as usize] = values[rng.between(0, 4) as usize];
                }
            }
        }
        read[usize::from(compare(&body))] += 1;
    }
    assert!(read.iter().all(|count| *count > 2500), "{read:?}");
}

#[test]
fn random_bytes_behind_a_sound_beginning_are_refused_by_both_or_read_by_both() {
    let mut rng = Rng::new(13);
    for _ in 0..20_000 {
        let mut body = Vec::new();
        for number in [SUBMIT, 0, 0, 0, 0, 0, 0, rng.between(0, 8) as u32, rng.between(0, 4) as u32]
        {
            body.extend(number.to_le_bytes());
        }
        let length = rng.between(0, 80);
        body.extend((0..length).map(|_| [0, 0, 1, 97, 200][rng.between(0, 4) as usize]));
        compare(&body);
    }
}

#[test]
fn every_name_that_is_none_is_refused_by_both() {
    let texts = ["", "\0", "a\0", &"a".repeat(256), &"ä".repeat(128), &"a".repeat(255), "a"];
    for text in texts {
        let fields = (SUBMIT, 1u64, 2u64, 2u64, RELEASE, text, 9u64);
        let is_name = Name::try_from(text).is_ok();
        assert_eq!(compare(&codec::encode(&fields).unwrap()), is_name, "{text:?}");
    }
    let not_text = (SUBMIT, 1u64, 2u64, 2u64, RELEASE, vec![0xffu8, 0xfe], 9u64);
    assert!(!compare(&codec::encode(&not_text).unwrap()));
}
