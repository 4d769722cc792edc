//! Sockets: a connection that reads and writes frames without blocking, and what polls it.
//!
//! With `sys` and `ffi` the only place where `unsafe` is allowed. `mio::Token` never leaves this module.
#![allow(unsafe_code)]

mod connection;
mod listener;
mod output;
mod poller;
mod resolve;
mod socket;

pub use connection::{Closed, Connection, Received};
pub use listener::{AcceptError, Listener};
pub use poller::{Key, Poller, Readiness, Registrar, Wake};
pub use resolve::{resolve_elsewhere, resolve_locally};
