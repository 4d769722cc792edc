//! The admin endpoint of a node: metrics, probes and its status, over HTTP.
//!
//! The endpoint has a thread of its own. Its answers come from atomic words that the loop writes
//! ([`Meters`]), and from a status that it asks of the loop with a bounded wait ([`Mailbox`]): a
//! loop that does not answer is an answer, too. Nothing here ever keeps the loop waiting, and no
//! input is believed, kept or passed on: a GET has no body.
//!
//! `server` is the thread, `connection` one client, `stream` its bytes and its identity, `exposure`
//! who may connect, `request` and `response` are HTTP, `answers` has the paths, `probes` the
//! health, `families` the metrics and `exposition` their formats.

mod accept;
mod answers;
mod connection;
mod exposition;
mod exposure;
mod families;
mod mailbox;
mod probes;
mod process;
mod request;
mod response;
mod server;
mod stream;

pub use accept::Format;
pub use exposure::{Exposure, TlsNow};
pub use mailbox::{Mailbox, Teller, Told};
pub use server::Admin;

use crate::base::NodeId;
use crate::base::meters::Meters;
use exposition::Writer;

/// All metrics of a node as text, as at `/metrics`.
#[must_use]
pub fn metrics(node: NodeId, meters: &Meters, format: Format) -> String {
    let mut writer = Writer::new(format);
    families::write_node(&mut writer, node, meters);
    families::write_process(&mut writer, &process::Process::read());
    writer.finish()
}
