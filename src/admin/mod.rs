//! The admin endpoint of a node: metrics, probes and its status, over HTTP.
//!
//! It has a thread of its own. What it tells is either words that the loop writes and it reads ([`Meters`]), or a status that
//! it asks the loop for and does not wait for without an end ([`Mailbox`]): a loop that does not answer is an answer. Nothing
//! here ever keeps the loop waiting, and nothing that comes in here is believed, kept or passed on: a GET has no body.
//!
//! `server` is the thread, `connection` one client of it, `stream` where its bytes come from and who sends them, `exposure` who may come at all, `request` and `response` are
//! HTTP, `answers` says what is at which path, `probes` what is well, `families` which metrics there are and `exposition`
//! how they are written.

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

/// All metrics of a node as text, as `/metrics` gives them.
#[must_use]
pub fn metrics(node: NodeId, meters: &Meters, format: Format) -> String {
    let mut writer = Writer::new(format);
    families::write_node(&mut writer, node, meters);
    families::write_process(&mut writer, &process::Process::read());
    writer.finish()
}
