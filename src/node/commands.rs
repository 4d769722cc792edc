//! Commands of other threads to the loop.

use crate::Error;
use crate::base::NodeId;
use crate::net::Found;
use crate::node::secured::Secured;
use crossbeam_channel::Sender;

/// A command.
#[derive(Debug)]
pub(super) enum Command {
    /// Hand leadership over, and end.
    Stop,
    /// Hand leadership over to that voter, or to the one with the longest log, and answer.
    HandOver {
        /// The successor.
        to: Option<NodeId>,
        /// The channel of the answer.
        reply: Sender<Result<(), Error>>,
    },
    /// Use renewed TLS files from now on, and answer.
    Secure {
        /// The TLS of the renewed files.
        secured: Box<Secured>,
        /// The channel of the answer.
        reply: Sender<()>,
    },
    /// A peer's name was looked up.
    Resolved {
        /// The peer.
        peer: NodeId,
        /// Its "host:port" when the lookup began.
        name: String,
        /// Its addresses, or why there are none.
        found: Found,
    },
}
