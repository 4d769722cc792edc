//! One end of a line as a process sees it: frames, and how far the handshake is.

use crate::base::rng::Rng;
use crate::base::{ClusterId, ConnectionId, NodeId};
use crate::server::Candidate;
use crate::sim::checkers::Violation;
use crate::sim::network::Side;
use crate::wire::{
    Abilities, Ability, ClientHello, Form, Frame, FrameDecoder, FrameError, FrameKind, Hello,
    Speech, encode_frame,
};
use serde::Serialize;
use std::fmt;

/// How far a server's conversation is, and with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Dialed, with a hello of that form to come; not accepted yet.
    Dialing(NodeId, Form),
    /// The hello is sent; the welcome is awaited.
    Greeting(NodeId, Form),
    /// Accepted; the hello is awaited.
    Unknown,
    /// Its hello came; it is to prove that it is a member.
    Challenged,
    /// Welcomed as a peer.
    Peer(NodeId),
    /// Welcomed as a client.
    Client(ConnectionId),
}

/// One end of a line at a server.
#[derive(Debug)]
pub struct Talk {
    /// The end of the line.
    pub side: Side,
    /// Progress of the handshake.
    pub stage: Stage,
    /// When the handshake must be over.
    pub deadline: u64,
    /// Abilities of the other side.
    pub abilities: Abilities,
    /// The peer that is to prove its membership, and the form of its hello.
    pub candidate: Option<Box<(Candidate, Form)>>,
    decoder: FrameDecoder,
}

impl Talk {
    /// A conversation that begins at `now`.
    #[must_use]
    pub fn new(side: Side, stage: Stage, now: u64) -> Self {
        let deadline = now + HANDSHAKE_NANOS;
        let abilities = Abilities::NONE;
        let decoder = FrameDecoder::new();
        Self { side, stage, deadline, abilities, candidate: None, decoder }
    }

    /// The handshake is over.
    pub fn establish(&mut self, stage: Stage, abilities: Abilities) {
        (self.stage, self.deadline, self.abilities) = (stage, u64::MAX, abilities);
    }

    /// The peer that it is with, or is to be with.
    #[must_use]
    pub fn peer(&self) -> Option<NodeId> {
        match self.stage {
            Stage::Dialing(peer, _) | Stage::Greeting(peer, _) | Stage::Peer(peer) => Some(peer),
            Stage::Unknown | Stage::Challenged | Stage::Client(_) => None,
        }
    }

    /// Puts the frames that `bytes` complete into `frames`.
    ///
    /// # Errors
    /// Bytes that are no frames.
    pub fn read(&mut self, bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), FrameError> {
        read_frames(&mut self.decoder, bytes, frames)
    }
}

/// Puts the frames that `bytes` complete into `frames`; fed in two pieces, since streams have no borders.
///
/// # Errors
/// Bytes that are no frames.
pub fn read_frames(
    decoder: &mut FrameDecoder,
    bytes: &[u8],
    frames: &mut Vec<Frame>,
) -> Result<(), FrameError> {
    let (first, second) = bytes.split_at(bytes.len() / 3);
    for piece in [first, second] {
        decoder.push(piece);
        while let Some(frame) = decoder.next_frame()? {
            frames.push(frame);
        }
    }
    Ok(())
}

/// One frame.
pub fn frame<T: Serialize>(kind: FrameKind, value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    encode_frame(kind, value, &mut bytes);
    bytes
}

/// The first frame of a client of that name, which knew `cluster`.
pub fn client_hello(form: Form, client: &str, cluster: Option<ClusterId>) -> Vec<u8> {
    let hello = ClientHello { client: client.to_owned(), cluster };
    match form {
        Form::Fixed => frame(FrameKind::ClientHello, &hello),
        Form::Named => {
            let hello = Hello::Client(hello, Speech::own(), None);
            frame(FrameKind::Hello, &hello.to_values())
        }
    }
}

/// The build that a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// 0.1.0, as far as it differs: the hello that it says and knows, and the level that it reads.
    Old,
    /// The present build.
    New,
}

impl Build {
    /// One of the two.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        if rng.chance(1, 2) { Self::Old } else { Self::New }
    }

    /// The speech of the build.
    #[must_use]
    pub fn speech(self) -> Speech {
        match self {
            Self::Old => Speech::of_0_1(),
            Self::New => Speech { requires_tls: Some(true), ..Speech::own() },
        }
    }

    /// The form of the hello that it says first.
    #[must_use]
    pub fn form(self) -> Form {
        match self {
            Self::Old => Form::Fixed,
            Self::New => Form::Named,
        }
    }

    /// O18: it was sent something that needs `needed`.
    ///
    /// # Errors
    /// Its hello did not name that.
    pub fn check(self, needed: Option<Ability>, what: &dyn fmt::Debug) -> Result<(), Violation> {
        if self.speech().abilities.cover(needed) {
            return Ok(());
        }
        let what = format!("a process of an older build is sent what it does not know: {what:?}");
        Err(Violation::new("O18", what))
    }
}

const HANDSHAKE_NANOS: u64 = 1_500_000_000;
