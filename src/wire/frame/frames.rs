//! The frames of one read, one behind the other in one buffer.

use super::{FrameKind, FrameView, TakeFrame};
use std::fmt;

/// Frames whose bodies stand in one buffer, which is reused: to take a frame allocates nothing once it is warm.
#[derive(Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Of each frame its kind, and where its body ends.
    ends: Vec<(FrameKind, usize)>,
}

impl Frames {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all bodies.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// All of them, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = FrameView<'_>> {
        let mut start = 0;
        self.ends.iter().map(move |(kind, end)| {
            let body = &self.bytes[start..*end];
            start = *end;
            FrameView { kind: *kind, body }
        })
    }

    /// Forgets them. Keeps room for as many as one read of a node brings; what a large frame took is given back.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.ends.shrink_to(KEPT_FRAMES);
    }
}

impl TakeFrame for Frames {
    fn take_frame(&mut self, frame: FrameView<'_>) {
        self.bytes.extend_from_slice(frame.body);
        self.ends.push((frame.kind, self.bytes.len()));
    }
}

/// Without the bytes: a session's key may be among them.
impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frames({} of {} bytes)", self.len(), self.bytes.len())
    }
}

/// What a peer sends in one turn, and some more.
const KEPT_BYTES: usize = 2 << 20;
const KEPT_FRAMES: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::FrameDecoder;
    use crate::wire::{FrameError, Request, encode_frame};

    /// Takes what `bytes` complete into `frames` and into a vector alike, until there is an error.
    fn take(
        bytes: &[u8],
        frames: &mut Frames,
    ) -> (Vec<crate::wire::Frame>, Result<(), FrameError>) {
        let (mut one, mut other, mut owned) =
            (FrameDecoder::new(), FrameDecoder::new(), Vec::new());
        for piece in bytes.chunks(7) {
            one.push(piece);
            other.push(piece);
            loop {
                let view = one.next_view();
                let frame = other.next_frame();
                assert_eq!(view.as_ref().err(), frame.as_ref().err());
                match (view, frame) {
                    (Ok(Some(view)), Ok(Some(frame))) => {
                        frames.take_frame(view);
                        owned.push(frame);
                    }
                    (Ok(None), Ok(None)) => break,
                    (Err(error), Err(_)) => return (owned, Err(error)),
                    _ => panic!("only one of them has a frame"),
                }
            }
        }
        (owned, Ok(()))
    }

    #[test]
    fn frames_in_one_buffer_are_those_with_bytes_of_their_own_and_all_before_an_error_count() {
        let mut frames = Frames::default();
        for count in [0, 1, 9] {
            let mut bytes = Vec::new();
            for read in 0..count {
                encode_frame(FrameKind::Request, &Request::Status { read }, &mut bytes);
                encode_frame(FrameKind::Server, &vec![7u8; read as usize * 50], &mut bytes);
            }
            let (owned, ended) = take(&bytes, &mut frames);
            assert_eq!(ended, Ok(()));
            assert!(frames.iter().eq(owned.iter().map(crate::wire::Frame::view)));
            assert_eq!(frames.len(), 2 * count as usize);
            assert_eq!(
                frames.body_bytes(),
                owned.iter().map(|frame| frame.body.len()).sum::<usize>()
            );
            frames.clear();
            if count > 0 {
                *bytes.last_mut().unwrap() ^= 1;
                let (owned, ended) = take(&bytes, &mut frames);
                assert_eq!(ended, Err(FrameError::Checksum));
                assert_eq!((frames.len(), owned.len()), (2 * count as usize - 1, frames.len()));
                frames.clear();
            }
            assert!(frames.is_empty());
        }
    }
}
