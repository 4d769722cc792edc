//! The vocabulary that everything else is written in. No clocks, sockets, files or threads.

pub mod address;
pub mod checksum;
pub mod codec;
pub mod error;
pub mod founding;
pub mod ids;
pub mod limits;
pub mod rng;
mod setters;
pub mod text;
pub mod time;

pub use ids::{
    ClientSource, ClusterId, ConnectionId, DirectoryId, Index, NodeId, Owner, ReadId, RequestId,
    Round, SessionId, SessionKey, Term, Token, WriteSeq,
};
pub(crate) use setters::setters;
pub use time::Sample;
