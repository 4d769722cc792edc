//! The C skin: check, convert, call, convert back. No logic lives here.
//!
//! Every exported body runs inside one `guard`, which turns errors and panics into a status and
//! keeps their text for `tenure_last_error`. Objects cross as handles of `handle`; the lock-free
//! `table` finds their objects, so that a stale or foreign handle is TENURE_INVALID and not
//! undefined behaviour.
//!
//! The files below are the header, in this order: `build.rs` gives them to cbindgen one by one, and their
//! doc comments are written for C readers.
#![allow(unsafe_code)]
// The names are those of C, and the contract of each function is its comment in the header.
#![allow(non_camel_case_types, clippy::missing_safety_doc)]

mod guard;
mod handle;
mod log_queue;
mod sized;
mod starting;
mod strings;
mod table;
mod wait;

// The header. `build.rs` lists the same files.
pub mod access;
pub mod certs;
pub mod client;
pub mod cork;
pub mod election;
pub mod holder;
pub mod inspect;
pub mod lease;
pub mod lock;
pub mod log;
pub mod metrics;
pub mod node;
pub mod observer;
pub mod operate;
pub mod pending;
pub mod reload;
pub mod restore;
pub mod status;
pub mod tls;

/// The header that these modules give; `include/tenure.h` is the committed one.
pub const HEADER: &str = include_str!(concat!(env!("OUT_DIR"), "/tenure.h"));
