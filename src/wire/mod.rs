//! Every byte on the network: frames, the handshake, and the messages between peers and with clients.
//!
//! `docs/developers/wire-protocol.md` has the bytes. Nothing here touches a socket.

mod ability;
mod access_said;
#[cfg(node)]
mod act;
#[cfg(node)]
mod challenge;
mod condition;
mod frame;
mod handshake;
mod needs;
mod node_status;
mod order;
mod order_shown;
#[cfg(node)]
mod peer;
mod readiness;
mod refusal;
mod request;
#[cfg(node)]
mod right;
mod speech;
mod status_json;
#[cfg(node)]
mod submission;
mod timing;
mod values;

pub use ability::{Abilities, Ability};
pub use access_said::{AccessSaid, RulesShown};
#[cfg(node)]
pub use act::{Act, ActKey};
#[cfg(node)]
pub use challenge::{Challenge, Proof};
pub use condition::{Condition, ServiceState};
pub use frame::{
    FRAME_HEADER_BYTES, Frame, FrameDecoder, FrameError, FrameKind, FrameView, Frames,
    PROTOCOL_VERSION, TakeFrame, encode_frame,
};
pub use handshake::{
    ClientHello, ClientWelcome, Form, Hello, LeaderHint, PeerHello, Refused, RefusedCode, Welcomed,
};
pub use node_status::{FixedStatus, MemberStatus, NodeStatus};
pub use order::{Order, OrderAnswer};
pub use order_shown::OrderShown;
#[cfg(node)]
pub use peer::{FoundingOffer, PeerMessage};
pub use readiness::Complaint;
pub use refusal::{LEADERSHIP_CHANGED, LEADS_ALREADY, Refusal};
pub use request::{HolderSaid, Query, ReadAnswer, Request, ServerMessage};
#[cfg(node)]
pub use right::Asker;
pub use speech::{PROTOCOL_MAX, PROTOCOL_MIN, Speech};
pub use status_json::{ClusterHead, UNREACHABLE, cluster_to_json, node_to_json};
#[cfg(node)]
pub use submission::Submission;
pub use timing::Timing;
pub use values::{Cell, Row, Value, Values, row_number, row_text};
