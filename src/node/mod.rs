//! The process around a server: event loop, file disk, connections to peers and clients. It moves
//! bytes and decides nothing that a fault can hit.
//!
//! `event_loop` is the thread; `network` owns every socket, with `acceptor`, `dialing`,
//! `handshake`, `handshakes` (of TLS), `secured`, `examining`, `credentials`, `rights`, `audit`,
//! `way`, `places`, `greetings`, `links`, `outputs` and `peers` as its parts; `outside` is the
//! server's view of the node, and `board` that of programs. `renewal` reads certificates again
//! beside the loop; `threads` begins both; `turns` measures the loop, and `publishing` publishes
//! its status and meters, which `admin` serves.

mod acceptor;
mod admin;
mod api;
mod audit;
mod backlog;
mod board;
mod candidates;
mod checking;
mod commands;
mod complaints;
mod config;
mod credentials;
mod departure;
mod dialing;
mod disk;
mod elections;
mod ending;
mod event_loop;
mod examining;
mod extracting;
mod fair_queue;
mod greetings;
mod handshake;
mod handshakes;
mod histogram;
mod joining;
mod leadership;
mod links;
mod listen;
mod network;
mod outputs;
mod outside;
mod peers;
mod places;
mod publishing;
mod renewal;
mod restoring;
mod rights;
mod secured;
mod snapshot_content;
mod threads;
mod turns;
mod way;

pub use api::Node;
pub use config::{NodeOptions, parse_cluster};
#[doc(hidden)]
pub use disk::FileDisk;
#[doc(hidden)]
pub use extracting::{Extract, extract};
pub use joining::CannotJoin;
pub use leadership::Leadership;
#[doc(hidden)]
pub use restoring::{Bound, CannotRestore, restore};
pub use restoring::{RestoreOptions, Restored};
pub use secured::{NodeTls, TlsMode};
#[doc(hidden)]
pub use snapshot_content::SnapshotContent;
