//! The process around a server: event loop, file disk, connections to peers and clients. It moves bytes
//! and decides nothing that a fault can hit.

mod api;
mod disk;

pub use api::{Leadership, Node, NodeOptions, parse_cluster};
pub use disk::FileDisk;
