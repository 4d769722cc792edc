//! Distributed locks, elections and leader leases that programs can trust.
//!
//! Tenure is a Raft cluster in one binary (`tenure`) and one library (`libtenure`). A program either
//! connects to a cluster as a client, or embeds a node, so that its own three replicas *are* the lock
//! service.
//!
//! ```no_run
//! use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};
//!
//! // `tenure dev` starts three nodes on this machine.
//! let options = ClientOptions::new().name("worker-1");
//! let client = Client::open("127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403", options)?;
//! let lease = client.acquire("jobs/nightly", Wait::Forever, AcquireOptions::new())?;
//! while !lease.remaining().is_zero() {
//!     // One piece of the work, shorter than what remains. Whatever it writes carries the token: the store refuses
//!     // one that is lower than the highest it has seen.
//!     println!("token {}", lease.token());
//! #   break;
//! }
//! lease.release(Wait::Forever)?;
//! # Ok::<(), tenure::Error>(())
//! ```
//!
//! # Where to go
//!
//! * [`client::Client`]: locks, semaphores, elections, observers. [`client::Lease`]: what is held, and for how long.
//! * [`client::Members`]: nodes that come and go; moves of leadership, hand-overs and snapshots are calls of a client, too.
//! * [`node::Node`]: a member of the cluster in this process, and the leader lease.
//! * [`Error`] and [`Status`]: what failed, in a sentence, and what kind of failure it is.
//!
//! `docs/guide-rust.md` is the guide, and `bindings/rust/examples` has whole programs, one of them with tokio.
//!
//! # What is promised
//!
//! [`client`], [`node`], [`Error`], [`Status`] and the types at this root that they speak are the public interface, and change as
//! semantic versioning says; every other module is hidden from these pages, is public only for the `tenure` program and the tests, and
//! may change in any version. `tests/golden/public-api.txt` lists what is promised, and a test compares it.
//!
//! Structs and enums that will grow are `#[non_exhaustive]`: options are made by their `new` and a method for each field, a `match`
//! has an arm for what is not known yet.
//!
//! # Features
//!
//! | feature | what it adds | default |
//! |---|---|---|
//! | none | the library: [`client`], [`node`], and all below them | |
//! | `client` | by itself: the client alone, less than half of what there is to compile | by `node` |
//! | `node` | a node in this process, whoever else asks for `client` alone | by `capi`, `cli`, `sim` |
//! | `capi` | the C ABI and its header | yes |
//! | `certs` | certificates are made, not only used | by `cli` |
//! | `cli` | the `tenure` program | yes |
//! | `sim` | the simulator, as a hidden module | by `lab` |
//! | `lab` | the program's laboratory: `demo`, `bench`, `sim`, `verify`, `chaos` | yes |
//!
//! A Rust program takes `default-features = false` and `features = ["client"]`, or `["node"]` if it embeds one; the package of a
//! distribution takes `capi` and `cli`. Cargo builds one library for all crates of a program: one that embeds a node and names no feature loses
//! [`node`] as soon as another names `client` alone. Without a node there is no `Client::save_snapshot`, which reads what it keeps.

#![deny(missing_docs)]
// Pages are of the whole library: the client alone has links to what it lacks.
#![cfg_attr(not(node), allow(rustdoc::broken_intra_doc_links))]

// The path of a lock request:
//
// 1. bytes → net → wire (a request) → the loop of node → server → replica;
// 2. replica proposes to raft; the entry leaves for the followers and, in parallel, goes to wal;
// 3. a quorum is durable → commit → lock applies it → a reply, and a pushed event for a waiter;
// 4. wire → net → bytes → client, which counts the lease from the send time of its renewal;
// 5. no step goes back up: ARCHITECTURE.md has the table of who may use whom, and a test enforces it.

#[cfg(node)]
#[doc(hidden)]
pub mod admin;
#[doc(hidden)]
pub mod base;
#[cfg(feature = "certs")]
#[doc(hidden)]
pub mod certs;
pub mod client;
#[cfg(feature = "capi")]
#[doc(hidden)]
pub mod ffi;
#[cfg(node)]
#[doc(hidden)]
pub mod lock;
#[doc(hidden)]
pub mod net;
#[cfg(node)]
pub mod node;
#[cfg(node)]
#[doc(hidden)]
pub mod raft;
#[cfg(node)]
#[doc(hidden)]
pub mod replica;
#[cfg(node)]
#[doc(hidden)]
pub mod server;
#[cfg(feature = "sim")]
#[doc(hidden)]
pub mod sim;
#[doc(hidden)]
pub mod sys;
#[cfg(node)]
#[doc(hidden)]
pub mod wal;
#[doc(hidden)]
pub mod wire;

pub use base::error::{Error, Status};
pub use base::locks::{NameError, Names, PatternError, Rule, Who};
pub use base::{
    ClusterId, IdentityError, NodeId, Principal, PrincipalError, PrincipalName, Right, Rights,
    RightsError, SessionId, Subject, Term, Token, Verify,
};
pub use net::LocalNode;
pub use sys::Descriptor;
