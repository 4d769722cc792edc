//! Requests of HTTP/1.x that this endpoint answers: a method that only reads, a path, no body.

use super::accept::Format;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: Method,
    /// The path without its query, which no page uses.
    pub(super) path: String,
    /// The format for metrics.
    pub(super) format: Format,
    /// Whether the connection stays after the answer (keep-alive).
    pub(super) keeps: bool,
}

/// A method that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// Head and body.
    Get,
    /// The head alone.
    Head,
}

/// The result of parsing the bytes so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// The beginning of a request.
    Partial,
    /// A request, and how many bytes it took.
    Whole(Request, usize),
    /// Refused: the answer says why, and the connection ends.
    Refused(Refusal),
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No HTTP/1.x.
    Garbage,
    /// A request of HTTP/1.1 without exactly one Host.
    Host,
    /// A request with a body.
    Body,
    /// Another method.
    Method,
    /// The head is too long, or has too many fields.
    TooLong,
    /// The request was not complete in time.
    TooSlow,
}

/// Parses the request at the beginning of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut head = httparse::Request::new(&mut fields);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() >= HEAD_BYTES_MAX => {
            return Parsed::Refused(Refusal::TooLong);
        }
        Ok(httparse::Status::Partial) => return Parsed::Partial,
        Err(httparse::Error::TooManyHeaders) => return Parsed::Refused(Refusal::TooLong),
        Err(_) => return Parsed::Refused(Refusal::Garbage),
    };
    match check(&head) {
        Ok(request) => Parsed::Whole(request, length),
        Err(refusal) => Parsed::Refused(refusal),
    }
}

fn check(head: &httparse::Request<'_, '_>) -> Result<Request, Refusal> {
    let method = match head.method {
        Some("GET") => Method::Get,
        Some("HEAD") => Method::Head,
        _ => return Err(Refusal::Method),
    };
    let is_1_1 = head.version == Some(1);
    let hosts = values(head, "host").count();
    if hosts > 1 || (is_1_1 && hosts == 0) {
        return Err(Refusal::Host);
    }
    let has_length = values(head, "content-length").any(|length| length.trim_ascii() != b"0");
    if has_length || values(head, "transfer-encoding").next().is_some() {
        return Err(Refusal::Body);
    }
    let wishes = values(head, "connection").flat_map(|value| value.split(|byte| *byte == b','));
    let (mut closes, mut stays) = (false, false);
    for wish in wishes {
        closes |= wish.trim_ascii().eq_ignore_ascii_case(b"close");
        stays |= wish.trim_ascii().eq_ignore_ascii_case(b"keep-alive");
    }
    let accepts: Vec<&str> =
        values(head, "accept").filter_map(|value| std::str::from_utf8(value).ok()).collect();
    Ok(Request {
        method,
        path: path_of(head.path.unwrap_or_default()).to_owned(),
        format: Format::wanted(&accepts.join(",")),
        keeps: !closes && (is_1_1 || stays),
    })
}

fn values<'a>(
    head: &'a httparse::Request<'_, '_>,
    name: &'static str,
) -> impl Iterator<Item = &'a [u8]> {
    let fields = head.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    fields.map(|field| field.value)
}

/// The path of a target in either of its forms ("/metrics?x", "http://host/metrics").
fn path_of(target: &str) -> &str {
    let path = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => rest.find('/').map_or("/", |at| &rest[at..]),
        _ => target,
    };
    path.split_once('?').map_or(path, |(path, _)| path)
}

/// More fields than any scraper or browser sends.
const FIELDS_MAX: usize = 64;
pub(super) const HEAD_BYTES_MAX: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> (Request, usize) {
        match parse(text.as_bytes()) {
            Parsed::Whole(request, length) => (request, length),
            other => panic!("{text:?}: {other:?}"),
        }
    }

    fn refused(text: &str) -> Refusal {
        match parse(text.as_bytes()) {
            Parsed::Refused(refusal) => refusal,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn a_request_is_its_method_and_path_and_what_follows_it_is_the_next_ones() {
        let first = "GET /metrics?debug=1 HTTP/1.1\r\nHost: a\r\n\r\n";
        let (request, length) = whole(&format!("{first}HEAD / HTTP/1.1\r\n"));
        assert_eq!((request.method, request.path.as_str()), (Method::Get, "/metrics"));
        assert_eq!((request.keeps, length), (true, first.len()));
        let (absolute, _) = whole("HEAD http://a:9401/livez HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!((absolute.method, absolute.path.as_str()), (Method::Head, "/livez"));
        assert_eq!(whole("GET http://a HTTP/1.0\r\n\r\n").0.path, "/");
        assert_eq!(parse(b"GET /metrics HTTP/1.1\r\nHost: a\r\n"), Parsed::Partial);
    }

    #[test]
    fn a_connection_stays_as_its_version_has_it_unless_it_says_otherwise() {
        let keeps = |head: &str| whole(&format!("{head}\r\n\r\n")).0.keeps;
        assert!(keeps("GET / HTTP/1.1\r\nHost: a"));
        assert!(!keeps("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close"));
        assert!(!keeps("GET / HTTP/1.0"));
        assert!(keeps("GET / HTTP/1.0\r\nConnection: keep-alive"));
    }

    #[test]
    fn what_is_not_answered_is_told_apart() {
        assert_eq!(refused("\x16\x03\x01\x02"), Refusal::Garbage);
        assert_eq!(refused("GET / HTTP/2.0\r\n\r\n"), Refusal::Garbage);
        assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), Refusal::Host);
        assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), Refusal::Host);
        assert_eq!(refused("POST / HTTP/1.1\r\nHost: a\r\n\r\n"), Refusal::Method);
        assert_eq!(refused("get / HTTP/1.1\r\nHost: a\r\n\r\n"), Refusal::Method);
        let with = |field: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
        assert_eq!(refused(&with("Content-Length: 5")), Refusal::Body);
        assert_eq!(refused(&with("Transfer-Encoding: chunked")), Refusal::Body);
        assert!(matches!(parse(with("Content-Length: 0").as_bytes()), Parsed::Whole(..)));
        assert_eq!(refused(&with(&"a: b\r\n".repeat(FIELDS_MAX))), Refusal::TooLong);
        let endless = format!("GET /{} ", "a".repeat(HEAD_BYTES_MAX));
        assert_eq!(refused(&endless), Refusal::TooLong);
    }
}
