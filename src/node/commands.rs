//! What other threads tell the loop.

use crate::Error;
use crate::base::NodeId;
use crate::net::Found;
use crate::node::secured::Secured;
use crossbeam_channel::Sender;

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
    /// Shake hands by what was read again, and say so.
    Secure {
        /// What that is.
        secured: Box<Secured>,
        /// Where to say it.
        reply: Sender<()>,
    },
    /// A peer's name was looked up.
    Resolved {
        /// Whose.
        peer: NodeId,
        /// Its "host:port" when that was begun.
        name: String,
        /// Its addresses, or why there are none.
        found: Found,
    },
}
