//! Connections that read and write frames without blocking, over sockets or within this process, and what polls them.
//!
//! With `sys` and `ffi` the only place where `unsafe` is allowed. `mio::Token` never leaves this module.
#![allow(unsafe_code)]

mod connection;
mod listener;
mod local;
mod local_stream;
mod output;
mod poller;
mod resolve;
mod socket;
mod tls;

pub use connection::{Closed, Connection, Received};
pub use listener::{AcceptError, Listener};
pub use local::{LocalDialError, LocalListener, LocalNode};
pub use poller::{Key, Poller, Readiness, Registrar, Wake};
pub use resolve::{Found, Lookup, resolve_elsewhere, resolve_locally, resolve_within};
pub use tls::{
    AnsweringTls, Begin, BlockingTls, Expected, Renewed, Says, ShownWithin, Stamp, TlsClient,
    TlsDialer, TlsError, TlsFiles, TlsMaterial, TlsServer, TrustPrint, TrustWithin, begins_as_tls,
};

#[cfg(test)]
pub(crate) use tls::tests::Papers;
