//! Bytes that wait to be sent, bounded.

use crate::wire::{FRAME_HEADER_BYTES, FrameKind, encode_frame};
use serde::Serialize;
use std::fmt;

/// Frames one behind the other, so that one sendmsg takes them all.
pub(super) struct Output {
    bytes: Vec<u8>,
    /// Bytes at the front that were sent already.
    sent: usize,
    /// Bytes at the front that are the rest of a frame whose begin is gone.
    rest: usize,
    bytes_max: usize,
    /// Memory that it keeps once it is empty.
    kept: usize,
}

/// The bound is reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Output {
    /// Empty; holds at most `bytes_max`.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), sent: 0, rest: 0, bytes_max, kept: KEPT_BYTES }
    }

    /// Keeps room for so many bytes once it is empty.
    pub(super) fn keep(&mut self, bytes: usize) {
        self.kept = bytes.max(KEPT_BYTES);
    }

    /// Adds one frame. Nothing is allocated once the buffer is warm.
    pub(super) fn push<T: Serialize>(&mut self, kind: FrameKind, value: &T) -> Result<(), Full> {
        let before = self.bytes.len();
        encode_frame(kind, value, &mut self.bytes);
        if self.len() > self.bytes_max {
            self.bytes.truncate(before);
            return Err(Full);
        }
        Ok(())
    }

    /// The bytes to be sent next.
    pub(super) fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// How much waits.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes away `count` bytes that the socket took. Moves the rest to the front only when that is the
    /// smaller part, so that a slow reader costs each byte one move.
    pub(super) fn take_sent(&mut self, count: usize) {
        assert!(count <= self.len(), "{count} bytes sent of {}", self.len());
        self.sent += count;
        if self.is_empty() {
            self.bytes.clear();
            (self.sent, self.rest) = (0, 0);
            self.bytes.shrink_to(self.kept);
        } else if self.sent > self.bytes.len() / 2 {
            self.forget_sent();
        }
    }

    /// Forgets all frames of which nothing was sent yet: the rest ends with a whole one.
    pub(super) fn cut(&mut self) {
        self.bytes.truncate(self.end_of_sent());
        self.forget_sent();
        self.bytes.shrink_to_fit();
    }

    /// Memory that it takes; that of an empty one is not counted.
    pub(super) fn held(&self) -> usize {
        if self.is_empty() { 0 } else { self.bytes.capacity() }
    }

    fn forget_sent(&mut self) {
        self.rest = self.end_of_sent() - self.sent;
        self.bytes.drain(..self.sent);
        self.sent = 0;
    }

    /// Where the frame ends that was sent last, in part or as a whole.
    fn end_of_sent(&self) -> usize {
        let mut end = self.rest;
        while end < self.sent {
            let length = self.bytes[end..].first_chunk::<4>().expect("a frame begins here");
            end += FRAME_HEADER_BYTES + u32::from_le_bytes(*length) as usize;
        }
        end
    }
}

/// Memory that an empty buffer keeps: there may be a hundred thousand.
const KEPT_BYTES: usize = 8 << 10;

/// Without the bytes: a session's key may be among them.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{FrameDecoder, Request};

    const FRAME_BYTES: usize = 24;

    #[test]
    fn a_frame_over_the_bound_is_refused_and_leaves_the_rest() {
        let mut output = Output::new(2 * FRAME_BYTES);
        for read in 0..2 {
            output.push(FrameKind::Request, &Request::Status { read }).unwrap();
        }
        assert_eq!(output.push(FrameKind::Request, &Request::Status { read: 2 }), Err(Full));
        assert_eq!(output.len(), 2 * FRAME_BYTES);
        output.take_sent(FRAME_BYTES);
        assert_eq!(output.push(FrameKind::Request, &Request::Status { read: 2 }), Ok(()));
    }

    #[test]
    fn an_empty_buffer_keeps_as_much_room_as_it_is_told_and_no_more() {
        let mut output = Output::new(1 << 20);
        let mut room_after = |kept: usize| {
            output.keep(kept);
            for read in 0..20_000 {
                output.push(FrameKind::Request, &Request::Status { read }).unwrap();
            }
            output.take_sent(output.len());
            output.bytes.capacity()
        };
        assert_eq!([0, 64 << 10].map(&mut room_after), [KEPT_BYTES, 64 << 10]);
    }

    #[test]
    fn pieces_that_are_sent_leave_the_same_stream() {
        let mut output = Output::new(1 << 20);
        let mut expected = Vec::new();
        for read in 0..50 {
            let request = Request::Status { read };
            output.push(FrameKind::Request, &request).unwrap();
            encode_frame(FrameKind::Request, &request, &mut expected);
        }
        let mut sent = Vec::new();
        while !output.is_empty() {
            let count = output.len().min(7);
            sent.extend_from_slice(&output.pending()[..count]);
            output.take_sent(count);
        }
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_cut_leaves_the_rest_of_the_frame_under_way_and_nothing_behind_it() {
        for sent_bytes in 0..=50 * FRAME_BYTES {
            let mut output = Output::new(1 << 20);
            let mut stream = Vec::new();
            for read in 0..50 {
                output.push(FrameKind::Request, &Request::Status { read }).unwrap();
            }
            let mut left = sent_bytes;
            while left > 0 {
                let count = left.min(11);
                stream.extend_from_slice(&output.pending()[..count]);
                output.take_sent(count);
                left -= count;
            }
            output.cut();
            output.push(FrameKind::Request, &Request::Status { read: 99 }).unwrap();
            stream.extend_from_slice(output.pending());
            let mut decoder = FrameDecoder::new();
            decoder.push(&stream);
            let mut reads = Vec::new();
            while let Some(frame) = decoder.next_frame().unwrap() {
                let Request::Status { read } = frame.decode().unwrap() else { panic!() };
                reads.push(read);
            }
            let whole = sent_bytes.div_ceil(FRAME_BYTES) as u64;
            assert_eq!(reads, (0..whole).chain([99]).collect::<Vec<_>>());
            assert_eq!(decoder.buffered(), 0);
        }
    }
}
