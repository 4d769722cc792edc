//! One line of an event log: what a client, an observer or a resource says happened. docs/chaos.md is its contract.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A line as it is written: one JSON object. Which fields an event needs, [`super::read`] says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What happened.
    pub event: Kind,
    /// When, by CLOCK_BOOTTIME in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// Between which restarts of the machine those stamps mean something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// To whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// On whose behalf: whom the rules of rights know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Which right is taken away or given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<Right>,
    /// Whether it gave up since it may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied: Option<bool>,
    /// Which lock, election or semaphore.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The others that were acquired with it in one step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Under which token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<u64>,
    /// "exclusive", which is what it is without a word, or "shared".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Of a semaphore: its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Of a semaphore: how many of them, 1 without a word.
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
    /// How long the lease said that it stands from here on at least, if nobody gives it back or takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining_ms: Option<u32>,
    /// To whom, by client name, a holder handed its grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Which resource decided on a write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Whether it took the write; whether the token held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<bool>,
    /// How many writes of others this one undid: made since its writer had read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwrote: Option<u64>,
    /// Whom an observer saw, by client name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// How many changes the observer was not told; 0 says that there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<u64>,
    /// What is done to the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nemesis: Option<String>,
    /// The writer's own; not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<Value>,
}

/// What happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A log begins, or goes on after a restart of its writer.
    #[default]
    Log,
    /// A client begins to wait for a lock.
    Waiting,
    /// It waits no more, and was not granted.
    GaveUp,
    /// It was granted.
    Granted,
    /// It still believed so at this instant.
    Held,
    /// It believed so at this instant, and gives the belief up.
    Ended,
    /// The server was asked whether a token holds a lock, and said so.
    Validated,
    /// A holder's handover to a waiter that it named was done.
    Handed,
    /// A client is about to take a lock from its holder at once: the holder may believe on for a while.
    Breaking,
    /// That was done.
    Broke,
    /// That was not done, and never will be: the grant had ended.
    Spared,
    /// An operator is about to take a right to a lock away from a principal.
    Revoking,
    /// That was done.
    Revoked,
    /// An operator is about to give that right, or to give it back.
    Allowing,
    /// That was done.
    Allowed,
    /// A client exists no more, whatever its own log says last.
    Gone,
    /// A resource that looks at tokens decided on a write.
    Write,
    /// A resource that does not look at tokens took a write: counted, and not judged.
    Unchecked,
    /// An observer begins to follow a lock.
    Observing,
    /// It was told who holds it.
    Saw,
    /// Something is done to the cluster from now on.
    Nemesis,
    /// Nothing is any more.
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

/// A right to a lock, as far as logs can be judged by it.
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
    /// As it stands in a log.
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
