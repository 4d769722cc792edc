//! Results of a call that did not succeed: the status numbers of the C header, and the error that Rust callers see.

use super::limits::ERROR_TEXT_BYTES_MAX;
use super::text::one_line;
use std::sync::Arc;
use std::{fmt, io, iter};

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $constant:literal, $text:literal;)*) => {
        /// How a call ended, when not with success. The numbers are part of the ABI and never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        #[non_exhaustive]
        pub enum Status {
            $($(#[$doc])* $name = $number,)*
        }

        impl Status {
            /// All of them, in rising order of their numbers.
            pub const ALL: &'static [Status] = &[$(Status::$name,)*];

            /// The name of its C constant without the prefix, as `"TIMEOUT"`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Status::$name => $constant,)* }
            }

            /// One sentence for people.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Status::$name => $text,)* }
            }
        }
    };
}

statuses! {
    /// The wait was over before the lock was granted; the request is withdrawn.
    Timeout = 1, "TIMEOUT", "the wait was over before the lock was granted";
    /// A try found the lock held.
    Held = 2, "HELD", "somebody else holds the lock";
    /// The lease had ended.
    Lost = 3, "LOST", "the lease has ended";
    /// The call was cancelled.
    Cancelled = 4, "CANCELLED", "the wait was cancelled";
    /// Waiting would close a cycle of waiters.
    Deadlock = 5, "DEADLOCK", "waiting would close a cycle of waiters";
    /// The session ended while the call waited in it.
    SessionExpired = 6, "SESSION_EXPIRED", "the session has expired";
    /// Nothing of that name.
    NotFound = 7, "NOT_FOUND", "there is nothing of that name";
    /// Undecided: wait on the fd.
    Again = 8, "AGAIN", "not decided yet: wait on the file descriptor and ask again";
    /// Surely not done; try later.
    Unavailable = 20, "UNAVAILABLE", "no leader could be reached; it was surely not done";
    /// Refused for load; try later.
    Busy = 21, "BUSY", "refused for load; try again later";
    /// Sent, unanswered: may have been done.
    Unknown = 22, "UNKNOWN", "sent and not answered; it may have been done";
    /// The arguments are wrong.
    Invalid = 40, "INVALID", "an argument is not valid";
    /// A right is missing, or the session is another client's.
    Denied = 41, "DENIED", "not allowed";
    /// A bound was reached.
    Limit = 42, "LIMIT", "a limit was reached";
    /// The handle was closed.
    Closed = 43, "CLOSED", "the handle is closed";
    /// The handle was made before a fork.
    Forked = 44, "FORKED", "the handle belongs to the parent process; open a new one after fork";
    /// This version does not support it.
    Unsupported = 45, "UNSUPPORTED", "this version does not support it";
    /// The buffer is too small; its length now is the one that is needed.
    TooSmall = 46, "TOO_SMALL", "the buffer is too small";
    /// Reading or writing failed.
    Io = 60, "IO", "reading or writing failed";
    /// Stored data is damaged.
    Corrupt = 61, "CORRUPT", "stored data is damaged";
    /// A bug in Tenure.
    Internal = 62, "INTERNAL", "a bug in Tenure; please report it";
}

/// A failed call: its status, and a sentence that says what happened and what to do. [`source`](std::error::Error::source) is the error of
/// the system or of TLS behind it, where there is one. As an [`io::Error`], by `From`, it has a kind of the standard library, and is inside.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Error {
    /// Kind of failure.
    pub status: Status,
    /// A sentence for people: one line of bounded length. The status's own text where there is no better one.
    pub message: String,
    /// Why the lease had ended of which LOST speaks, by the number of `TENURE_REASON_*`; 0: it speaks of none.
    pub(crate) reason: i32,
    pub(crate) source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with its own sentence.
    pub fn new(status: Status, message: impl AsRef<str>) -> Self {
        let message = one_line(message.as_ref(), ERROR_TEXT_BYTES_MAX);
        Self { status, message, reason: 0, source: None }
    }

    /// The same in other words, of which the source is kept.
    pub(crate) fn reworded(self, message: impl AsRef<str>) -> Self {
        Self { message: one_line(message.as_ref(), ERROR_TEXT_BYTES_MAX), ..self }
    }

    /// The same, of which `source` is the reason.
    #[must_use]
    pub fn because_of(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}

/// Of what was said: where it comes from makes no other error.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        (self.status, &self.message, self.reason) == (other.status, &other.message, other.reason)
    }
}

impl Eq for Error {}

impl Status {
    /// What the standard library calls it: for programs whose errors are those of `std::io`.
    #[must_use]
    pub fn kind(self) -> io::ErrorKind {
        match self {
            Self::Timeout => io::ErrorKind::TimedOut,
            Self::Held | Self::Again => io::ErrorKind::WouldBlock,
            // Whoever retries by kind must not take a wait that was ended on purpose for a signal (`Interrupted`).
            Self::Cancelled | Self::Unknown => io::ErrorKind::ConnectionAborted,
            Self::Lost | Self::SessionExpired | Self::Closed | Self::Forked => {
                io::ErrorKind::BrokenPipe
            }
            Self::Deadlock => io::ErrorKind::Deadlock,
            Self::NotFound => io::ErrorKind::NotFound,
            Self::Unavailable => io::ErrorKind::NotConnected,
            Self::Busy => io::ErrorKind::ResourceBusy,
            Self::Invalid | Self::TooSmall => io::ErrorKind::InvalidInput,
            Self::Denied => io::ErrorKind::PermissionDenied,
            Self::Limit => io::ErrorKind::QuotaExceeded,
            Self::Unsupported => io::ErrorKind::Unsupported,
            Self::Corrupt => io::ErrorKind::InvalidData,
            Self::Io | Self::Internal => io::ErrorKind::Other,
        }
    }
}

impl From<Error> for io::Error {
    /// Of the kind that the system gave, if a source of an IO error is its error; else of [`Status::kind`].
    fn from(error: Error) -> Self {
        let sources = iter::successors(std::error::Error::source(&error), |it| it.source());
        let source = sources.filter_map(|it| it.downcast_ref::<io::Error>()).next();
        let kind = match error.status {
            Status::Io => source.map_or(error.status.kind(), io::Error::kind),
            status => status.kind(),
        };
        Self::new(kind, error)
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self { status, message: status.text().to_owned(), reason: 0, source: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_one_line_of_bounded_length_and_never_missing() {
        let long = Error::new(Status::Unavailable, "\x1b[31mno\n".repeat(1 << 17));
        assert!(long.message.starts_with("\\u{1b}[31mno\\n\\u{1b}"), "{long}");
        assert!(long.message.len() < ERROR_TEXT_BYTES_MAX + 8, "{}", long.message.len());
        assert_eq!(Error::from(Status::Held).message, "somebody else holds the lock");
    }

    #[test]
    fn the_reason_is_the_source_and_the_kind_is_the_systems() {
        let missing = || io::Error::from(io::ErrorKind::StorageFull);
        let error = Error::new(Status::Io, "cannot write a").because_of(missing());
        assert_eq!(error, Error::new(Status::Io, "cannot write a"));
        let source =
            std::error::Error::source(&error).and_then(|it| it.downcast_ref::<io::Error>());
        assert_eq!(source.map(io::Error::kind), Some(io::ErrorKind::StorageFull));
        let error = io::Error::from(error);
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(error.to_string(), "cannot write a");
        let inner = error.get_ref().and_then(|it| it.downcast_ref::<Error>());
        assert_eq!(inner.map(|error| error.status), Some(Status::Io));
        let denied = Error::from(Status::Denied).because_of(missing());
        assert_eq!(io::Error::from(denied).kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn numbers_are_those_of_the_contract() {
        let numbers: Vec<i32> = Status::ALL.iter().map(|status| *status as i32).collect();
        let contract = [1, 2, 3, 4, 5, 6, 7, 8, 20, 21, 22, 40, 41, 42, 43, 44, 45, 46, 60, 61, 62];
        assert_eq!(numbers, contract);
    }
}
