//! What a server's refusal means for the call behind the request.

use crate::lock::Refusal;
use crate::{Error, Status};

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

/// Refusals after which what must not be dropped is tried again (L14).
pub(super) fn is_passing(refusal: Refusal) -> bool {
    matches!(refusal, Refusal::Busy | Refusal::Limit | Refusal::Denied)
}
