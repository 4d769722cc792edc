//! Certificates of a running node in C.

use super::guard::guard;
use super::handle::enter;
use super::node::{NodeObject, tenure_node};
use super::status::tenure_status;

/// Reads the certificate, key, authorities and list of revoked certificates of this node again, from the files that its
/// options named. Handshakes that begin afterwards are by the new ones; connections that stand stay, but for those whose
/// certificate is not trusted any more: these end within a minute, and their clients go on by others.
///
/// The files are read by themselves as well, some seconds after they have changed. A node without TLS has nothing to read:
/// TENURE_OK.
///
/// Statuses: TENURE_INVALID (a file is of no use, a key does not fit its certificate: tenure_last_error() says which and why, and
/// all stays as it was), TENURE_FORKED. Any thread; reads files, and waits for the loop of the node, two seconds at most.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_node_reload(node: *mut tenure_node) -> tenure_status {
    guard(|| enter::<NodeObject>(node)?.node().reload())
}
