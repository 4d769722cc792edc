//! A replica with its durable log: the one step (append, send, sync, acknowledge, apply, reply, in the one
//! order), recovery and founding. What node and simulator both run.

mod founding;
mod options;
mod step;

pub use options::{Input, Outside, ServerError, ServerOptions};
pub use step::Server;
