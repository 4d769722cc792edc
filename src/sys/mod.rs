//! The operating system: clocks, event and timer descriptors, threads, child processes, networks, the terminal, random
//! bytes, the mark of a fork.
//!
//! With `net` and `ffi` the only place where `unsafe` is allowed; each block says what it relies on.
#![allow(unsafe_code)]

pub mod backlog;
pub mod cancel;
pub mod clock;
mod descriptor;
pub mod descriptors;
pub mod event;
pub mod exit;
pub mod fork;
pub mod inherited;
#[cfg(feature = "cli")]
pub mod inherited_signals;
pub mod memory;
pub mod namespace;
pub mod placement;
pub mod poll;
pub mod process;
pub mod process_family;
pub mod process_group;
pub mod random;
pub mod seqlock;
pub mod space;
pub mod tcp;
pub mod terminal;
pub mod thread;
pub mod timer;
pub mod watch;

pub use descriptor::Descriptor;
