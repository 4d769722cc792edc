//! The metrics of a node, as text.

use super::guard::guard;
use super::handle::enter;
use super::node::{NodeObject, tenure_node};
use super::status::tenure_status;
use super::strings::{c_string, give, out};
use crate::{Error, Status};
use std::ffi::c_char;

/// All metrics of this node and of its process, in the text format of Prometheus (0.0.4), as
/// /metrics of its admin endpoint has them. A program appends them to its own metrics.
///
/// *len is the size of the buffer `text`; afterwards it is what the text needs, with the NUL that ends it. With 0 the
/// buffer may be NULL. Numbers grow between two calls:
///
/// ```c
/// char *text = NULL;
/// size_t len = 0;
/// while (tenure_node_metrics(node, text, &len) == TENURE_TOO_SMALL)
///     text = realloc(text, len);
/// ```
///
/// Statuses: TENURE_TOO_SMALL (*len says what is needed; the buffer is as it was), TENURE_INVALID,
/// TENURE_FORKED. Any thread; does not wait for the node, also while its threads are stuck.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_node_metrics(
    node: *const tenure_node,
    text: *mut c_char,
    len: *mut usize,
) -> tenure_status {
    guard(|| {
        let node = enter::<NodeObject>(node)?;
        // SAFETY: the caller passes a place for the length.
        let len = unsafe { out(len, "len") }?;
        if text.is_null() && *len != 0 {
            return Err(Error::new(Status::Invalid, "the buffer is NULL, and its length is not 0"));
        }
        let metrics = c_string(&node.node().metrics()?);
        // SAFETY: the caller passes a buffer of `*len` bytes.
        unsafe { give(&metrics, text, len) }
    })
}
