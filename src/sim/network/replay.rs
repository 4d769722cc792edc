//! Frames of connections that are gone, to be delivered once more on later ones (faults NT13, NT15).
//!
//! Only what one process said to another is said again, by the same two processes: the hello of a new
//! connection tells processes apart, and bytes of an older one never get past it. And not who leads, nor how a peer is: of
//! these the newest word counts, for which the order of its connection is enough.

use crate::sim::network::HostId;
use crate::wire::{Frame, FrameDecoder, FrameKind, PeerMessage, Request, ServerMessage};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, VecDeque};

/// The last frames of each direction of each pair of processes.
#[derive(Debug)]
pub struct History {
    frames: BTreeMap<(HostId, HostId), VecDeque<Vec<u8>>>,
    /// From this machine on, nothing is remembered.
    end: HostId,
}

impl History {
    /// A history without messages to and from machines from `end` on: an order that came twice would be two.
    #[must_use]
    pub fn before(end: HostId) -> Self {
        Self { frames: BTreeMap::new(), end }
    }

    /// `from` sent `bytes`, whole frames, to `to`. Handshakes are not remembered.
    pub fn record(&mut self, from: HostId, to: HostId, bytes: &[u8]) {
        if from.max(to) >= self.end {
            return;
        }
        let mut decoder = FrameDecoder::new();
        decoder.push(bytes);
        while let Some(frame) = decoder.next_frame().expect("our own codec") {
            let bytes = match frame.kind {
                FrameKind::Peer => match frame.decode().expect("our own codec") {
                    PeerMessage::Status(_) => continue,
                    message => encode_as(FrameKind::Peer, &message),
                },
                FrameKind::Request => encode::<Request>(&frame),
                FrameKind::Server => match frame.decode().expect("our own codec") {
                    ServerMessage::Leader(_) => continue,
                    message => encode_as(FrameKind::Server, &message),
                },
                _ => continue,
            };
            let frames = self.frames.entry((from, to)).or_default();
            frames.push_back(bytes);
            if frames.len() > FRAMES_MAX {
                frames.pop_front();
            }
        }
    }

    /// The process at `host` is gone.
    pub fn forget(&mut self, host: HostId) {
        self.frames.retain(|(from, to), _| *from != host && *to != host);
    }

    /// Something that `from` sent to `to`: the one at `which`, counted round.
    #[must_use]
    pub fn pick(&self, from: HostId, to: HostId, which: u64) -> Option<Vec<u8>> {
        let frames = self.frames.get(&(from, to)).filter(|frames| !frames.is_empty())?;
        let position = usize::try_from(which % frames.len() as u64).expect("few frames");
        frames.get(position).cloned()
    }

    /// The pairs between which anything was said.
    #[must_use]
    pub fn pairs(&self) -> Vec<(HostId, HostId)> {
        self.frames.keys().copied().collect()
    }
}

fn encode<T: Serialize + DeserializeOwned>(frame: &Frame) -> Vec<u8> {
    encode_as(frame.kind, &frame.decode::<T>().expect("our own codec"))
}

fn encode_as<T: Serialize>(kind: FrameKind, message: &T) -> Vec<u8> {
    crate::sim::node::talk::frame(kind, message)
}

const FRAMES_MAX: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::node::talk::frame;
    use crate::wire::LeaderHint;

    #[test]
    fn requests_are_remembered_and_forgotten_with_their_process() {
        let (a, b) = (HostId(0), HostId(1));
        let mut history = History::before(HostId(9));
        history.record(a, b, &frame(FrameKind::ClientHello, &1u8));
        let hint = ServerMessage::Leader(LeaderHint::default());
        history.record(a, b, &frame(FrameKind::Server, &hint));
        assert_eq!(history.pick(a, b, 0), None);
        let request = frame(FrameKind::Request, &Request::Status { read: 1 });
        history.record(a, b, &request);
        assert_eq!(history.pick(a, b, 7), Some(request));
        history.forget(b);
        assert_eq!(history.pick(a, b, 0), None);
    }
}
