//! A replica with its durable log: the one step, recovery and founding. Both node and simulator run
//! it, so that nothing that a fault can hit is written twice.

mod access;
mod admission;
mod condition;
mod extract;
mod founding;
mod greeting;
mod opening;
mod options;
mod proof;
mod reach;
mod serving;
mod status;
mod step;

pub use admission::{Admission, Trust};
pub use extract::{DirectoryContent, extract};
pub use options::{Bootstrap, Input, Outside, ServerError, ServerOptions};
pub use proof::Candidate;
pub use reach::Reach;
pub use step::Server;
