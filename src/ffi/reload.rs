//! Reloading the certificates of a running node.

use super::guard::guard;
use super::handle::enter;
use super::node::{NodeObject, tenure_node};
use super::status::tenure_status;

/// Reads the certificate, key, authorities and list of revoked certificates of this node again,
/// from the files that its options named. Later handshakes use the new files; open connections
/// stay, but for those whose certificate is not trusted any more: these end within a minute, and
/// their clients reconnect.
///
/// The node also reads the files by itself, some seconds after they have changed. A node without
/// TLS has nothing to read: TENURE_OK.
///
/// Statuses: TENURE_INVALID (a file cannot be used, a key does not fit its certificate:
/// tenure_last_error() says which and why, and the former files stay in use), TENURE_FORKED. Any
/// thread; reads files, and waits for the loop of the node, two seconds at most.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_node_reload(node: *mut tenure_node) -> tenure_status {
    guard(|| enter::<NodeObject>(node)?.node().reload())
}
