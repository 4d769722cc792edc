//! Certificates: an authority, and what it certifies of nodes, clients and operators; and what a certificate says.
//!
//! An identity is a URI in the certificate's alternative names (`tenure:node/3`); the hosts of a node stand beside it as names
//! and addresses. Keys are of P-256, which every TLS library has. Other authorities do as well: docs/security.md.

mod authority;
mod error;
mod files;
mod host;
mod place;
mod shown;

pub use authority::{AUTHORITY_DAYS, Authority, DAYS, DAYS_MAX, Issued, Lifetime};
pub use error::CertsError;
pub use files::{Existing, Saved};
pub use host::{Host, HostError};
pub use place::{Place, authority_in, stem};
pub use shown::{Shown, read};
