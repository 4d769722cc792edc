//! One line of an event log: an event of a client, an observer or a resource. docs/developers/chaos.md is its
//! contract.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A line: one JSON object. [`super::read`] says which fields an event needs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The event.
    pub event: Kind,
    /// When, by CLOCK_BOOTTIME in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// The boot of the machine: only stamps of one boot can be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// The client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The client's principal, by which access rules know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The right that is taken away or given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<Right>,
    /// Whether the client gave up for lack of a right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied: Option<bool>,
    /// The lock, election or semaphore.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The other locks that were acquired in the same step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// The token of the grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<u64>,
    /// "exclusive", which is the default, or "shared".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Of a semaphore: its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Of a semaphore: the permits taken; default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permits: Option<u32>,
    /// The client's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<u64>,
    /// The TTL of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u32>,
    /// The lock delay that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u32>,
    /// How long the lease stands at least from here on, if it is neither released nor broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining_ms: Option<u32>,
    /// The client name of the waiter to which a holder handed its grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The resource that decided on a write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Whether the resource accepted the write; whether the token held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<bool>,
    /// How many writes of others, made since its writer had read, this one undid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwrote: Option<u64>,
    /// The client name of the holder that an observer saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// How many changes the observer missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<u64>,
    /// The name of the nemesis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nemesis: Option<String>,
    /// For the writer's own use; ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<Value>,
}

/// The event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A log begins, or goes on after a restart of its writer.
    #[default]
    Log,
    /// A client begins to wait for a lock.
    Waiting,
    /// The client stops waiting without a grant.
    GaveUp,
    /// The client was granted the lock.
    Granted,
    /// The client still believed in the grant at this instant.
    Held,
    /// The client believed in the grant up to this instant, and gives it up.
    Ended,
    /// The server answered whether a token holds a lock.
    Validated,
    /// A holder's handover to a waiter that it named was done.
    Handed,
    /// A client is about to break a lock at once: the holder may believe on for a while.
    Breaking,
    /// The break was done.
    Broke,
    /// The break was not done, and never will be: the grant had ended.
    Spared,
    /// An operator is about to take a right to a lock away from a principal.
    Revoking,
    /// The right was taken away.
    Revoked,
    /// An operator is about to give a right (back).
    Allowing,
    /// The right was given.
    Allowed,
    /// A client is gone, whatever its own log says last.
    Gone,
    /// A resource that checks tokens decided on a write.
    Write,
    /// A resource that ignores tokens took a write: counted, and not judged.
    Unchecked,
    /// An observer begins to follow a lock.
    Observing,
    /// The observer saw a holder, or that there is none.
    Saw,
    /// A nemesis strikes.
    Nemesis,
    /// All faults are healed.
    Healed,
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Alone.
    Exclusive,
    /// Beside other readers.
    Shared,
}

/// A right to a lock that logs can be judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// To take it, and to wait for it.
    Acquire,
    /// To see who holds it.
    Read,
}

impl Line {
    /// An event at an instant.
    #[must_use]
    pub fn at(event: Kind, at: u64) -> Self {
        Self { event, at: Some(at), ..Self::default() }
    }
}

impl Kind {
    /// The word in a log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Waiting => "waiting",
            Self::GaveUp => "gave_up",
            Self::Granted => "granted",
            Self::Held => "held",
            Self::Ended => "ended",
            Self::Validated => "validated",
            Self::Handed => "handed",
            Self::Breaking => "breaking",
            Self::Broke => "broke",
            Self::Spared => "spared",
            Self::Revoking => "revoking",
            Self::Revoked => "revoked",
            Self::Allowing => "allowing",
            Self::Allowed => "allowed",
            Self::Gone => "gone",
            Self::Write => "write",
            Self::Unchecked => "unchecked",
            Self::Observing => "observing",
            Self::Saw => "saw",
            Self::Nemesis => "nemesis",
            Self::Healed => "healed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_written_as_its_word() {
        for kind in [Kind::Log, Kind::GaveUp, Kind::Handed, Kind::Broke, Kind::Unchecked, Kind::Saw]
        {
            let text = serde_json::to_string(&kind).unwrap();
            assert_eq!(text, format!("\"{}\"", kind.word()));
        }
    }

    #[test]
    fn what_is_not_said_is_not_written() {
        let text = serde_json::to_string(&Line::at(Kind::Healed, 5)).unwrap();
        assert_eq!(text, r#"{"event":"healed","at":5}"#);
    }

    #[test]
    fn a_mistyped_field_is_refused_and_a_note_is_not() {
        let parse = |text: &str| serde_json::from_str::<Line>(text);
        let error = parse(r#"{"event":"granted","premits":2}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `premits`"), "{error}");
        assert!(parse(r#"{"event":"granted","note":{"job":[1,2]}}"#).is_ok());
    }
}
