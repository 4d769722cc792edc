//! Whether rights are on, and their demand on a node: TLS on all connections.

use super::{Server, ServerError};
use crate::base::Credentials;
use crate::replica::Replica;
use crate::wal::Disk;

impl<D: Disk> Server<D> {
    /// Whether rights are on in the state of this node.
    #[must_use]
    pub fn has_rights_on(&self) -> bool {
        self.replica().is_some_and(|replica| replica.machine().has_rights_on())
    }

    /// The credentials in the state of this node.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        self.replica().map(|replica| replica.machine().credentials())
    }

    /// Whether this node leads, and has applied all that was committed before: only then may it
    /// judge by its state (L11).
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.replica().is_some_and(Replica::is_ready)
    }
}

/// Refuses a node that accepts plaintext in a cluster whose rights are on: a plaintext client has
/// no identity.
///
/// # Errors
/// This node accepts plaintext, and rights are on.
pub(super) fn check_tls(replica: &Replica) -> Result<(), ServerError> {
    if replica.lacks_tls() { Err(lacks_tls()) } else { Ok(()) }
}

/// As `check_tls`, at the start of a node, by its whole log.
///
/// # Errors
/// As for `check_tls`.
pub(super) fn check_tls_at_start(replica: &Replica) -> Result<(), ServerError> {
    if replica.will_lack_tls() { Err(lacks_tls()) } else { Ok(()) }
}

fn lacks_tls() -> ServerError {
    let text = "rights are on in this cluster, and this node would take connections without TLS: start it with --ca, --cert and --key, without --insecure and --tls optional; or turn rights off first (`tenure access off` at the other nodes)";
    ServerError::Config(text.to_owned())
}
