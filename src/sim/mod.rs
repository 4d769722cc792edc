//! A whole cluster and its clients in one thread, with virtual time, network and disks, driven by a seed.
//!
//! It runs the production code of `server` and `client::core`. `docs/developers/simulation.md` says what it covers.

mod charges;
pub mod checkers;
mod client;
mod clock;
mod disk;
mod faults;
pub mod marks;
mod network;
mod node;
mod operators;
mod plan;
mod program;
mod run;
mod shrink;
mod subjects;
mod trace;
mod world;

pub use plan::schedule::Trim;
pub use run::{
    Failure, Options, Report, run_plain, run_rolling, run_seed, run_seeds, run_sleeping,
};
pub use shrink::{Shrunk, shrink};
