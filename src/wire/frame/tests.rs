//! Frames against golden headers, every cut of a stream, and bytes that are none.

use super::*;
use crate::wire::{Refused, RefusedCode, Request};
use proptest::prelude::*;

fn status_frame(read: u64) -> Vec<u8> {
    let mut out = Vec::new();
    encode_frame(FrameKind::Request, &Request::Status { read }, &mut out);
    out
}

fn header(length: u32, version: u8, kind: u8, flags: u16) -> Vec<u8> {
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend([version, kind]);
    bytes.extend(flags.to_le_bytes());
    bytes
}

fn only_error(bytes: &[u8]) -> FrameError {
    let mut decoder = FrameDecoder::new();
    decoder.push(bytes);
    decoder.next_frame().expect_err("these bytes are no frame")
}

#[test]
fn bytes_are_those_of_the_documented_header() {
    let bytes = status_frame(7);
    // Request::Status is variant 5 (u32), then the number (u64).
    let body = [5, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(bytes[..8], [12, 0, 0, 0, PROTOCOL_VERSION, 32, 0, 0]);
    let crc = checksum::crc32c(&[&bytes[..8], &body[..]].concat());
    assert_eq!(bytes[8..12], crc.to_le_bytes());
    assert_eq!(bytes[12..], body);
}

#[test]
fn one_byte_writes_and_glued_frames_parse_alike() {
    let stream: Vec<u8> = (0..5).flat_map(status_frame).collect();
    let mut glued = FrameDecoder::new();
    glued.push(&stream);
    let mut drip = FrameDecoder::new();
    let mut dripped = Vec::new();
    for byte in &stream {
        drip.push(&[*byte]);
        dripped.extend(drip.next_frame().unwrap());
    }
    for frame in &dripped {
        assert_eq!(glued.next_frame().unwrap().as_ref(), Some(frame));
    }
    assert_eq!(dripped.len(), 5);
    assert_eq!(glued.next_frame(), Ok(None));
    assert_eq!((glued.buffered(), drip.buffered()), (0, 0));
}

#[test]
fn lengths_that_no_frame_has_are_refused_by_their_four_bytes() {
    for length in [0, FRAME_BYTES_MAX as u32 + 1, 1 << 31, u32::MAX] {
        assert_eq!(only_error(&length.to_le_bytes()), FrameError::Length(length));
    }
    // What strangers say first: an HTTP request, a TLS hello.
    assert!(matches!(only_error(b"GET / HTTP/1.1\r\n"), FrameError::Length(_)));
    assert!(matches!(only_error(&[0x16, 3, 1, 2, 0]), FrameError::Length(_)));
}

#[test]
fn a_declared_length_allocates_nothing_before_its_bytes_come() {
    let mut decoder = FrameDecoder::new();
    decoder.push(&header(FRAME_BYTES_MAX as u32, PROTOCOL_VERSION, 32, 0));
    decoder.push(&[0; 14]);
    assert_eq!(decoder.next_frame(), Ok(None));
    assert_eq!(decoder.buffered(), 22);
    assert!(decoder.buffer.capacity() < 100, "{} bytes held", decoder.buffer.capacity());
}

#[test]
fn version_kind_and_flags_of_another_protocol_are_refused() {
    assert_eq!(only_error(&header(9, 2, 32, 0)[..5]), FrameError::Version(2));
    assert_eq!(only_error(&header(9, PROTOCOL_VERSION, 99, 0)[..6]), FrameError::Kind(99));
    let mut flagged = header(9, PROTOCOL_VERSION, 32, 0x8001);
    flagged.extend([0; 4]);
    assert_eq!(only_error(&flagged), FrameError::Flags(0x8001));
}

#[test]
fn any_flipped_bit_is_refused() {
    let good = status_frame(1);
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let mut decoder = FrameDecoder::new();
        decoder.push(&bytes);
        // A longer length waits for bytes; whatever follows, its checksum is wrong.
        decoder.push(&[0; 4096]);
        match decoder.next_frame() {
            Ok(Some(frame)) => panic!("bit {bit} was not noticed: {frame:?}"),
            Ok(None) => assert!(bytes[..4] > good[..4], "bit {bit}"),
            Err(_) => {}
        }
    }
}

#[test]
fn a_frame_of_exactly_the_largest_size_passes_and_its_memory_is_given_back() {
    // A Refused is a code (u32), a length (u64) and the text.
    let text = "x".repeat(FRAME_BYTES_MAX - 12);
    let refused = Refused { code: RefusedCode::Full, text };
    let mut bytes = Vec::new();
    encode_frame(FrameKind::Refused, &refused, &mut bytes);
    assert_eq!(bytes.len(), FRAME_HEADER_BYTES + FRAME_BYTES_MAX);
    let mut decoder = FrameDecoder::new();
    decoder.push(&bytes);
    let frame = decoder.next_frame().unwrap().unwrap();
    assert_eq!(frame.decode::<Refused>().unwrap(), refused);
    decoder.push(&[]);
    assert!(decoder.buffer.capacity() <= KEPT_BYTES);
}

#[test]
#[should_panic(expected = "larger than any frame")]
fn a_value_larger_than_a_frame_is_a_bug_of_the_caller() {
    let refused = Refused { code: RefusedCode::Full, text: "x".repeat(FRAME_BYTES_MAX) };
    encode_frame(FrameKind::Refused, &refused, &mut Vec::new());
}

#[test]
fn a_body_that_is_not_of_its_kind_does_not_decode() {
    for body in [vec![9, 0, 0, 0], vec![5, 0, 0, 0, 7], [vec![5, 0, 0, 0], vec![0; 9]].concat()] {
        let frame = Frame { kind: FrameKind::Request, body };
        assert!(matches!(frame.decode::<Request>(), Err(FrameError::Body(_))));
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic_and_hold_what_came(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..40),
    ) {
        let mut decoder = FrameDecoder::new();
        let mut pushed = 0;
        for piece in pieces {
            pushed += piece.len();
            decoder.push(&piece);
            if decoder.next_frame().is_err() {
                break;
            }
            prop_assert!(decoder.buffered() <= pushed);
        }
    }

    #[test]
    fn random_bodies_in_sound_frames_never_panic(
        kind in prop_oneof![Just(16u8), Just(32), Just(33), 1u8..6],
        body in proptest::collection::vec(any::<u8>(), 1..300),
        variant in 0u32..10,
    ) {
        use crate::wire::{ClientHello, ClientWelcome, PeerHello, PeerMessage, ServerMessage};
        let mut body = body;
        if let Some(first) = body.first_chunk_mut::<4>() {
            *first = variant.to_le_bytes();
        }
        let frame = Frame { kind: FrameKind::try_from(kind).unwrap(), body };
        let _ = frame.decode::<PeerMessage>();
        let _ = frame.decode::<Request>();
        let _ = frame.decode::<ServerMessage>();
        let _ = frame.decode::<PeerHello>();
        let _ = frame.decode::<ClientHello>();
        let _ = frame.decode::<ClientWelcome>();
        let _ = frame.decode::<Refused>();
    }

    #[test]
    fn any_cut_of_a_stream_gives_the_same_frames(cuts in proptest::collection::vec(1usize..40, 1..60)) {
        let stream: Vec<u8> = (0..20).flat_map(status_frame).collect();
        let mut decoder = FrameDecoder::new();
        let mut reads = Vec::new();
        let mut rest = &stream[..];
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            decoder.push(piece);
            while let Some(frame) = decoder.next_frame().unwrap() {
                reads.push(frame.decode::<Request>().unwrap());
            }
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let expected: Vec<Request> = (0..20).map(|read| Request::Status { read }).collect();
        prop_assert_eq!(reads, expected);
    }
}
