//! Whether rights are on, and what that demands of a node.

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

    /// By which secrets somebody is whom, in the state of this node.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        self.replica().map(|replica| replica.machine().credentials())
    }

    /// Whether this node leads, and knows all that was committed before it did: what it judges, it judges by that.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.replica().is_some_and(Replica::is_ready)
    }
}

/// A node that takes connections without TLS has no place in a cluster whose rights are on: whoever comes so is nobody.
///
/// # Errors
/// It does.
pub(super) fn check_tls(replica: &Replica) -> Result<(), ServerError> {
    if replica.lacks_tls() { Err(lacks_tls()) } else { Ok(()) }
}

/// The same as a node starts, of all that its log holds.
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
