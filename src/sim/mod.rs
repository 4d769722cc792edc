//! A whole cluster and its clients in one thread, with virtual time, network and disks, driven by a seed.
//!
//! It runs the production code of `server` and `client::core`. `docs/simulation.md` says what it covers.

pub mod checkers;
mod run;

pub use run::{Failure, Options, Report, run_seed};
