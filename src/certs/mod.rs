//! Certificates: an authority that issues them for nodes, clients and operators, and a reader that
//! shows them.
//!
//! An identity is a URI in the certificate's alternative names (`tenure:node/3`), beside a node's
//! host names and addresses. Keys are P-256, which every TLS library has. Any other authority
//! serves as well: docs/security.md.

mod authority;
mod error;
mod files;
mod host;
mod place;
mod shown;

pub use authority::{AUTHORITY_DAYS, Authority, DAYS, DAYS_MAX, Issued, Lifetime};
pub use error::CertsError;
pub use files::{Existing, SavedFiles};
pub use host::{Host, HostError};
pub use place::{Place, authority_in, stem};
pub use shown::{Shown, read};
