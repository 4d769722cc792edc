//! The client library: a sans-IO core (session, renewal, retry, leases), and the driver around it.
//!
//! ```no_run
//! use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};
//!
//! let client = Client::open("127.0.0.1:7401,127.0.0.1:7402", ClientOptions::default())?;
//! let lease = client.acquire("jobs/nightly", Wait::Forever, AcquireOptions::default())?;
//! println!("token {}", lease.token());
//! lease.release(Wait::Forever)?;
//! # Ok::<(), tenure::Error>(())
//! ```

mod api;
mod blocking;
mod builders;
mod calls;
mod cluster_at;
#[doc(hidden)]
pub mod core;
mod cork;
mod data;
mod describe;
mod driver;
mod elections;
mod endpoints;
mod events;
mod hand_over;
mod lease;
mod members;
mod observer;
mod operating;
mod operator;
mod pending;
mod search;
mod sentences;
mod shown;
mod status;
mod takeover;
mod tls;

pub use self::core::{EndReason, SessionState, Wait};
pub use api::Client;
pub use cluster_at::ClusterAt;
pub use cork::Cork;
pub use data::{
    AcquireOptions, Asked, BreakOptions, ClientOptions, Grace, Holder, Kind, LeaseState, Observed,
    SessionInfo,
};
#[doc(hidden)]
pub use describe::{ClusterStatus, NodeRow};
#[doc(hidden)]
pub use endpoints::check_endpoints;
pub use lease::Lease;
#[doc(hidden)]
pub use members::{members_told, unknown_hosts};
pub use observer::Observer;
#[cfg(node)]
pub use operating::Saved;
#[cfg(node)]
#[doc(hidden)]
pub use operating::save_snapshot;
pub use operating::{Access, AccessChanged, HandedOver, HandoverOptions, Member, Members, Rules};
#[doc(hidden)]
pub use operating::{
    Leading, NotDone, NotHandedOver, NotMoved, Patience, give, move_leader, place_file, rule,
};
#[doc(hidden)]
pub use operator::Operator;
pub use pending::Pending;
pub use tls::TlsOptions;
