//! A whole cluster and its clients in one thread, with virtual time, network and disks, driven by a seed.
//!
//! It runs the production code of `server` and `client::core`. `docs/simulation.md` says what it covers.

pub mod checkers;
mod client;
mod clients;
mod clock;
mod disk;
mod faults;
mod host;
mod judge;
mod network;
mod node;
mod operations;
mod outlet;
mod plan;
mod program;
mod queue;
mod resource;
mod run;
mod storage;
mod talk;
mod trace;
mod world;

pub use run::{Failure, Options, Report, run_seed, run_seeds};
