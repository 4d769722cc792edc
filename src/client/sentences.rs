//! The sentences of failed calls: which lock, and why. The core decides with a status and the
//! servers' texts; names are known here.

use super::core::{EndReason, Wait};
use super::driver::SharedLease;
use crate::base::locks::Name;
use crate::{Error, Status};

/// The names and the kind of an acquire.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    name: Name,
    /// Those that are asked for with it.
    also: Vec<Name>,
    wait: Wait,
}

impl Subject {
    pub(super) fn new(name: Name, also: Vec<Name>, wait: Wait) -> Self {
        Self { name, also, wait }
    }

    /// `"a"`, or `"a" and "b"`; of many names the first.
    pub(super) fn names(&self) -> String {
        let one = quoted(&self.name);
        match &self.also[..] {
            [] => one,
            [other] => format!("{one} and {}", quoted(other)),
            others => format!("{one} and {} others", others.len()),
        }
    }

    /// The error of an acquire that was not granted.
    pub(super) fn not_granted(&self, error: Error) -> Error {
        let (names, said) = (self.names(), &error.message);
        let text = match error.status {
            Status::Timeout => {
                format!("{names} {} not granted{}{}", self.were(), self.within(), more(said))
            }
            Status::Held if said.starts_with("held by ") && self.also.is_empty() => {
                format!("{names} is {said}")
            }
            Status::Deadlock => format!("a wait for {names} would be for ever: {said}"),
            Status::Cancelled => format!("the wait for {names} was cancelled"),
            Status::Closed => format!("{names} {} not granted: the client is closed", self.were()),
            _ => format!("{names}: {said}"),
        };
        error.reworded(text)
    }

    fn were(&self) -> &'static str {
        if self.also.is_empty() { "was" } else { "were" }
    }

    fn within(&self) -> String {
        match self.wait {
            Wait::For(wait) => format!(" within {wait:?}"),
            Wait::Try | Wait::Forever => String::new(),
        }
    }
}

/// The error of a call about `lease` that failed with `error`; `before`: why the lease had ended
/// before the call.
pub(super) fn of_lease(lease: &SharedLease, before: Option<EndReason>, error: Error) -> Error {
    let name = quoted(&lease.name);
    // The lease may also have ended by itself between that look and the call, which ends it, too.
    let by_a_call = [EndReason::Released, EndReason::Transferred];
    let meanwhile = || lease.ended().filter(|reason| !by_a_call.contains(reason));
    let ended = before.or_else(meanwhile);
    let text = match (error.status, ended) {
        (Status::Lost, Some(reason)) => format!("the lease on {name} {}", why_ended(lease, reason)),
        // Held as far as known here: the news of its end comes after the servers' answer.
        (Status::Lost, None) => format!(
            "the lease on {name} is lost: it was broken, or its session had expired, before the call reached the servers"
        ),
        (Status::Closed, _) => format!("the lease on {name} has ended: the client is closed"),
        (_, _) => format!("{name}: {}", error.message),
    };
    let why = ended.filter(|_| error.status == Status::Lost);
    of_end(error.reworded(text), why)
}

/// The error of a campaign whose lease ended before the call returned.
pub(super) fn of_late_campaign(lease: &SharedLease, reason: EndReason) -> Error {
    let name = quoted(&lease.name);
    let text = format!(
        "elected in {name}, and before the call returned the lease {}",
        why_ended(lease, reason)
    );
    of_end(Error::new(Status::Lost, text), Some(reason))
}

impl Error {
    /// Why the lease of a LOST had ended; `None`: the error is about no lease, or the reason is not
    /// known here.
    #[must_use]
    pub fn ended(&self) -> Option<EndReason> {
        EndReason::numbered(self.reason)
    }
}

fn of_end(error: Error, reason: Option<EndReason>) -> Error {
    Error { reason: reason.map_or(0, |reason| reason as i32), ..error }
}

/// The reason as the end of a sentence about a lease.
fn why_ended(lease: &SharedLease, reason: EndReason) -> String {
    match reason {
        EndReason::Released => "was released before".to_owned(),
        EndReason::Expired => {
            "is lost: it expired, since the session was not renewed in time".to_owned()
        }
        EndReason::SessionClosed => "has ended: its client was closed".to_owned(),
        EndReason::Broken => {
            let why = lease.order().map(|order| order.reason).filter(|why| !why.is_empty());
            let why = why.map(|why| format!(", with the reason {why:?}")).unwrap_or_default();
            format!("is lost: it was broken{why}")
        }
        EndReason::Transferred => "has ended: it was handed over before".to_owned(),
        EndReason::Stalled => {
            "is lost: the program did not say in time that it moves (progress)".to_owned()
        }
        EndReason::Forked => "is the parent's: this process was forked".to_owned(),
    }
}

/// The core's text beside that the time was over.
fn more(said: &str) -> String {
    let said = said.strip_prefix(Status::Timeout.text()).unwrap_or(said);
    let said = said.trim_start_matches("; ");
    if said.is_empty() { String::new() } else { format!("; {said}") }
}

/// A name, quoted for sentences.
pub(super) fn quoted(name: &Name) -> String {
    format!("{:?}", name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn subject(names: &[&str]) -> Subject {
        let mut names = names.iter().map(|name| Name::try_from(*name).unwrap());
        let first = names.next().unwrap();
        Subject::new(first, names.collect(), Wait::For(Duration::from_millis(1500)))
    }

    #[test]
    fn what_was_not_granted_is_named_with_the_reason_once() {
        let (one, two) = (subject(&["a"]), subject(&["a", "b\n"]));
        let said = |subject: &Subject, error: Error| subject.not_granted(error).message;
        assert_eq!(said(&one, Status::Timeout.into()), "\"a\" was not granted within 1.5s");
        let timeout = format!("{}; no leader: x", Status::Timeout.text());
        assert_eq!(
            said(&two, Error::new(Status::Timeout, timeout)),
            "\"a\" and \"b\\n\" were not granted within 1.5s; no leader: x"
        );
        let held = Error::new(Status::Held, "held by host:1");
        assert_eq!(said(&one, held.clone()), "\"a\" is held by host:1");
        assert_eq!(said(&subject(&["a", "b", "c"]), held), "\"a\" and 2 others: held by host:1");
        let circle = Error::new(Status::Deadlock, "x waits for y");
        assert_eq!(said(&one, circle), "a wait for \"a\" would be for ever: x waits for y");
        let none = Error::new(Status::Unavailable, "no leader: x");
        assert_eq!(said(&one, none), "\"a\": no leader: x");
    }
}
