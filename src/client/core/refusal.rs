//! Refusals of servers, as errors of calls.

use super::Core;
use super::types::LinkId;
use crate::base::limits::REFUSAL_TEXT_BYTES_MAX;
use crate::base::locks::Refusal;
use crate::base::text;
use crate::wire::Values;
use crate::{Error, Status};

impl Core {
    /// The error of a refused request, with the leader's shortage if it told one.
    pub(super) fn refused(&self, refusal: Refusal) -> Error {
        Error::new(refusal_error(refusal).status, self.refusal_sentence(refusal))
    }

    pub(super) fn refusal_sentence(&self, refusal: Refusal) -> String {
        match (&self.shortage, self.links.home()) {
            (Some((link, sentence)), Some(home))
                if refusal == Refusal::Limit && home.link == *link =>
            {
                sentence.clone()
            }
            _ => refusal_text(refusal).to_owned(),
        }
    }

    /// Takes a leader's shortage, for which it is about to refuse requests; without a reason, its
    /// end.
    pub(super) fn handle_shortage(&mut self, link: LinkId, values: &Values) {
        let (node, lacks) = (values.number("id"), values.text("disk_lacks"));
        self.shortage = node.zip(lacks).map(|(node, lacks)| {
            let lacks = text::one_line(lacks, REFUSAL_TEXT_BYTES_MAX);
            let sentence = format!(
                "node {node}, which leads, has no room on its disk for more of its log, and no other node that could lead \
                 has said that it has ({lacks}); make room there: it goes on by itself"
            );
            (link, sentence)
        });
    }
}

/// The error of a denial: the server names the lacking right.
pub(super) fn denied(text: &str) -> Error {
    Error::new(Status::Denied, text::one_line(text, REFUSAL_TEXT_BYTES_MAX))
}

/// The error of a refused request, with a sentence.
pub(super) fn refusal_error(refusal: Refusal) -> Error {
    let status = match refusal {
        Refusal::Unsupported => Status::Unsupported,
        Refusal::Invalid => Status::Invalid,
        Refusal::Limit => Status::Limit,
        Refusal::Busy => Status::Busy,
        Refusal::Denied => Status::Denied,
        Refusal::BelowFloor | Refusal::Conflict => Status::Internal,
    };
    Error::new(status, refusal_text(refusal))
}

pub(super) fn refusal_text(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Unsupported => "the server does not act on an option of this request",
        Refusal::Invalid => "the server finds an argument out of range",
        Refusal::Limit => "a limit of the server is reached; release something or try later",
        Refusal::Busy => "the server refused it for load; try again later",
        Refusal::Denied => "the server says that the connection is not bound to this session",
        Refusal::BelowFloor => "the server has forgotten this request; please report it",
        Refusal::Conflict => {
            "the server knows another request under this one's number; please report it"
        }
    }
}

/// Refusals after which a request that must not be dropped is sent again (L14).
pub(super) fn is_passing(refusal: Refusal) -> bool {
    matches!(refusal, Refusal::Busy | Refusal::Limit | Refusal::Denied)
}
