//! What other threads tell the loop.

use crate::Error;
use crate::base::NodeId;
use crossbeam_channel::Sender;
use std::net::SocketAddr;

/// One thing to do, from another thread.
#[derive(Debug)]
pub(super) enum Command {
    /// Hand leadership over, and end.
    Stop,
    /// Hand leadership over to that voter, or to the best one, and say how that went.
    HandOver {
        /// Whom to.
        to: Option<NodeId>,
        /// Where to say it.
        reply: Sender<Result<(), Error>>,
    },
    /// A peer's name was looked up.
    Resolved {
        /// Whose.
        peer: NodeId,
        /// Its addresses, or why there are none.
        found: Result<Vec<SocketAddr>, String>,
    },
}
