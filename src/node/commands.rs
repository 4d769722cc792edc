//! What other threads tell the loop.

use crate::base::NodeId;
use std::net::SocketAddr;

/// One thing to do, from another thread.
#[derive(Debug)]
pub(super) enum Command {
    /// End.
    Stop,
    /// A peer's name was looked up.
    Resolved {
        /// Whose.
        peer: NodeId,
        /// Its addresses, or why there are none.
        found: Result<Vec<SocketAddr>, String>,
    },
}
