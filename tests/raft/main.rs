//! The Raft core, rule by rule: `docs/developers/scenarios.md` maps the scenarios to these tests.
//!
//! Built from the sources of `base` and `raft` alone, not from the library: who changes an election does not wait for the lock machine,
//! the client and the node. That it builds shows that consensus needs nothing else.

extern crate self as tenure;

// The tests use a part of it; the library judges what nobody uses.
#[allow(dead_code, unused_imports, unused_macros)]
#[path = "../../src/base/mod.rs"]
pub mod base;
#[allow(dead_code, unused_imports, unused_macros)]
#[path = "../../src/raft/mod.rs"]
pub mod raft;

mod checks;
mod disk;
mod harness;
mod messages;
mod network;

mod append;
mod bounds;
mod calm;
mod catching_up;
mod chaos;
mod commit;
mod flow;
mod hardening;
mod hostile;
mod install;
mod lease;
mod members;
mod orders;
mod owed;
mod patience;
mod quorum;
mod reads;
mod seats;
mod shipping;
mod transfer;
mod votes;
