//! Every byte on the network: frames, the handshake, and the messages between peers and with clients.
//!
//! `docs/wire-protocol.md` has the bytes. Nothing here touches a socket.

mod frame;
mod handshake;
mod order;
mod peer;
mod request;

pub use frame::{
    FRAME_HEADER_BYTES, Frame, FrameDecoder, FrameError, FrameKind, PROTOCOL_VERSION, encode_frame,
};
pub use handshake::{ClientHello, ClientWelcome, LeaderHint, PeerHello, Refused, RefusedCode};
pub use order::{Order, OrderAnswer};
pub use peer::{FoundingOffer, PeerMessage};
pub use request::{
    HolderSaid, MemberStatus, NodeStatus, Query, ReadAnswer, Request, ServerMessage,
};
