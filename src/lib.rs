//! Distributed locks, elections and leader leases that programs can trust.
//!
//! Tenure is a Raft cluster in one binary (`tenure`) and one library (`libtenure`). A program either
//! connects to a cluster as a client, or embeds a node, so that its own three replicas *are* the lock
//! service.
//!
//! The path of a lock request:
//!
//! 1. bytes → [`net`] → [`wire`] (a request) → the loop of [`node`] → [`server`] → [`replica`];
//! 2. [`replica`] proposes to [`raft`]; the entry leaves for the followers and, in parallel, goes to [`wal`];
//! 3. a quorum is durable → commit → [`lock`] applies it → a reply, and a pushed event for a waiter;
//! 4. [`wire`] → [`net`] → bytes → [`client`], which counts the lease from the send time of its renewal;
//! 5. no step goes back up: `ARCHITECTURE.md` has the table of who may use whom, and a test enforces it.

pub mod base;
pub mod client;
#[cfg(feature = "capi")]
pub mod ffi;
pub mod lock;
pub mod net;
pub mod node;
pub mod raft;
pub mod replica;
pub mod server;
#[cfg(feature = "sim")]
pub mod sim;
pub mod sys;
pub mod wal;
pub mod wire;

pub use base::error::{Error, Status};
