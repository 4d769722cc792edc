//! The vocabulary that everything else is written in. No clocks, sockets, files or threads.

pub mod address;
mod ancestors;
pub mod blob;
pub mod checksum;
pub mod cluster_key;
pub mod codec;
mod credential;
pub mod error;
pub mod founding;
pub mod ids;
pub mod limits;
pub mod locks;
pub mod members;
pub mod meters;
mod payload;
mod pin;
pub mod principal;
pub mod right;
pub mod rng;
pub mod row;
mod setters;
mod subject;
pub mod text;
pub mod time;

pub use ancestors::Ancestors;
pub use blob::Blob;
pub use cluster_key::ClusterKey;
pub use credential::{Credential, CredentialError, CredentialHash, Credentials, SECRET_BYTES};
pub use ids::{
    ClientSource, ClusterId, ConnectionId, DirectoryId, Index, NodeId, Owner, ReadId, RequestId,
    Round, SessionId, SessionKey, Term, Token, WriteSeq,
};
pub use payload::Payload;
pub use pin::ClusterPin;
pub use principal::{IdentityError, Principal, PrincipalError, PrincipalName, Verify};
pub use right::{Right, Rights, RightsError};
pub(crate) use setters::setters;
pub use subject::{ANONYMOUS, Subject};
pub use time::Sample;
