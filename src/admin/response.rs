//! Responses of HTTP/1.1.

use super::request::{Method, Refusal};

/// A response without its framing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: &'static str,
    content_type: &'static str,
    body: String,
    allows: bool,
}

impl Response {
    /// A response with a body of type `content_type`.
    pub(super) fn new(status: &'static str, content_type: &'static str, body: String) -> Self {
        Self { status, content_type, body, allows: false }
    }

    /// A line for people.
    pub(super) fn line(status: &'static str, line: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{line}\n"))
    }

    /// The answer to a refused request.
    pub(super) fn refusing(refusal: Refusal) -> Self {
        let (status, line) = match refusal {
            Refusal::Garbage => (BAD_REQUEST, "this is no request of HTTP/1.1 or HTTP/1.0"),
            Refusal::Host => (BAD_REQUEST, "a request of HTTP/1.1 names one Host"),
            Refusal::Body => (BAD_REQUEST, "a request here has no body"),
            Refusal::Method => (METHOD_NOT_ALLOWED, "only GET and HEAD are answered here"),
            Refusal::TooLong => (TOO_LONG, "the head of the request is too long"),
            Refusal::TooSlow => (TIMEOUT, "the request did not come to its end in time"),
        };
        Self { allows: refusal == Refusal::Method, ..Self::line(status, line) }
    }

    /// The bytes; a HEAD gets the length of the body without the body.
    pub(super) fn to_bytes(&self, method: Method, keeps: bool) -> Vec<u8> {
        let Self { status, content_type, body, allows } = self;
        let connection = if keeps { "keep-alive" } else { "close" };
        let allow = if *allows { "Allow: GET, HEAD\r\n" } else { "" };
        let mut bytes = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\n{allow}Connection: {connection}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        if method == Method::Get {
            bytes.extend_from_slice(body.as_bytes());
        }
        bytes
    }
}

pub(super) const OK: &str = "200 OK";
pub(super) const NOT_FOUND: &str = "404 Not Found";
pub(super) const FORBIDDEN: &str = "403 Forbidden";
pub(super) const UNAVAILABLE: &str = "503 Service Unavailable";
const BAD_REQUEST: &str = "400 Bad Request";
const METHOD_NOT_ALLOWED: &str = "405 Method Not Allowed";
const TIMEOUT: &str = "408 Request Timeout";
const TOO_LONG: &str = "431 Request Header Fields Too Large";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_has_the_length_of_a_body_that_it_does_not_have() {
        let response = Response::line(OK, "ok");
        let get = String::from_utf8(response.to_bytes(Method::Get, true)).unwrap();
        let head = String::from_utf8(response.to_bytes(Method::Head, false)).unwrap();
        assert!(get.contains("Content-Length: 3\r\n") && get.ends_with("\r\n\r\nok\n"), "{get}");
        assert!(
            head.contains("Content-Length: 3\r\n") && head.ends_with("close\r\n\r\n"),
            "{head}"
        );
        let refused = Response::refusing(Refusal::Method).to_bytes(Method::Get, false);
        assert!(String::from_utf8(refused).unwrap().contains("\r\nAllow: GET, HEAD\r\n"));
    }
}
