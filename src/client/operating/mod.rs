//! Orders of operators: members, leadership, hand-overs of locks, snapshots. The `tenure` command
//! and embedding programs share this code; sentences that name commands are the command's own.

mod access;
#[cfg(node)]
mod fetch;
mod hand_over_lock;
mod member;
mod members;
mod move_leader;
mod order;
mod place;
#[cfg(node)]
mod save;

pub use access::{Access, AccessChanged, Rules, rule};
pub use hand_over_lock::{HandedOver, HandoverOptions, NotHandedOver};
pub use member::Member;
pub use members::Members;
pub use move_leader::{Leading, NotMoved, move_leader};
pub use order::{NotDone, Patience, give};
pub use place::place_file;
#[cfg(node)]
pub use save::{Saved, save_snapshot};
