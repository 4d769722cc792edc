//! The vocabulary of locks: what clients ask, what they are answered, and what is shown; the types that frames have in common with
//! the lock machine (`lock`, which re-exports them).

mod access;
mod answer;
mod name;
mod operation;
mod pattern;
mod terms;
mod view;

pub use access::{AccessChange, AccessDone, Rule};
pub use answer::{Answer, Refusal};
pub use name::{Name, NameError};
pub use operation::{Acquire, BreakWay, Mode, Operation};
pub use pattern::{NAMES_BYTES_MAX, Names, PatternError, WHO_BYTES_MAX, Who};
pub use terms::{Terms, TermsError, distinct};
pub use view::{HolderView, LockView, SessionView, WaiterView};

/// The highest level of the lock machine that this build reads: which rules an apply follows.
///
/// * 1: 0.1.0.
/// * 2: what bounds the state and an apply.
/// * 3: who may what.
pub const LEVEL_MAX: u32 = 3;
