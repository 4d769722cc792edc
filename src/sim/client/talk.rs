//! One connection of a client, as the simulator keeps it, and where it goes.

use crate::client::core::LinkId;
use crate::sim::network::HostId;
use crate::wire::{Form, FrameDecoder};

#[derive(Debug)]
pub(super) struct ClientTalk {
    pub link: LinkId,
    /// Where it was dialed.
    pub host: HostId,
    /// The form of its hello.
    pub form: Form,
    pub is_welcomed: bool,
    pub decoder: FrameDecoder,
}

impl ClientTalk {
    pub fn new(link: LinkId, host: HostId, form: Form) -> Self {
        Self { link, host, form, is_welcomed: false, decoder: FrameDecoder::new() }
    }
}

pub(super) fn host_at(endpoint: &str) -> HostId {
    let number = endpoint.strip_prefix("node-").and_then(|rest| rest.strip_suffix(":7400"));
    let number = number.and_then(|number| number.parse().ok());
    HostId(number.unwrap_or_else(|| panic!("{endpoint} is no node's address")))
}
