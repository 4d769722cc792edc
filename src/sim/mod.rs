//! A whole cluster and its clients in one thread, with virtual time, network and disks, driven by a seed.
//!
//! It runs the production code of `server` and `client::core`. `docs/simulation.md` says what it covers.

pub mod checkers;
mod client;
mod client_process;
mod client_watch;
mod clients;
mod clock;
mod disk;
mod disk_faults;
mod elections;
mod event;
mod fault;
mod faults;
mod handshake;
mod host;
mod judge;
mod lateness;
mod leaders;
mod lines;
mod links;
pub mod marks;
mod network;
mod node;
mod nodes;
mod operations;
mod operator;
mod outcomes;
mod outlet;
mod phases;
mod plan;
mod process;
mod program;
mod queue;
mod replay;
mod resource;
mod restore;
mod rolling;
mod run;
mod schedule;
mod shrink;
mod storage;
mod store;
mod talk;
mod trace;
mod visitor;
mod watch;
mod wishes;
mod world;

pub use run::{Failure, Options, Report, run_plain, run_rolling, run_seed, run_seeds};
pub use schedule::Trim;
pub use shrink::{Shrunk, shrink};
