//! Whether a node's cluster grants locks, and if not why not and until when: one word for programs, one sentence for people.

use crate::base::text::span;
use crate::wire::Values;
use std::time::Duration;

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What keeps a cluster from granting. Names are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ServiceState {
            $($(#[$doc])* $name,)*
        }

        impl ServiceState {
            /// As it is said on the wire and in JSON.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The one of that name; `None` for one of a later version.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

states! {
    /// Nothing.
    Serving = "serving",
    /// The node is of no cluster yet: it waits to be taken in.
    NotFounded = "not_founded",
    /// The cluster is not founded yet: its members have not all met.
    WaitsForMembers = "waits_for_members",
    /// It was restored, and programs may still believe in what was granted before (safety L15).
    Restoring = "restoring",
    /// The leader's disk has no room for more of the log, or those of a majority have none.
    DiskFull = "disk_full",
    /// The node has waited for its disk so long that nobody can count on it: said by its admin endpoint, since the node itself
    /// says nothing meanwhile.
    DiskStalled = "disk_stalled",
    /// No leader: a majority does not answer.
    NoQuorum = "no_quorum",
    /// The endpoints are of several clusters: said by clients, never by a node (safety L26).
    MixedClusters = "mixed_clusters",
    /// Something that this build does not know: its sentence says what.
    Unknown = "unknown",
}

/// What a node says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// In a word.
    pub state: ServiceState,
    /// In a sentence, without how long it takes; empty if it serves.
    pub text: String,
    /// How long it takes from now on, in milliseconds, where that is known.
    pub until_ms: Option<u64>,
}

impl Condition {
    /// It grants.
    #[must_use]
    pub fn serving() -> Self {
        Self { state: ServiceState::Serving, text: String::new(), until_ms: None }
    }

    /// Something keeps it from granting, with no end that would be known.
    #[must_use]
    pub fn new(state: ServiceState, text: impl Into<String>) -> Self {
        Self { state, text: text.into(), until_ms: None }
    }

    /// Whether it grants.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.state == ServiceState::Serving
    }

    /// What is left of it so much later.
    #[must_use]
    pub fn after(&self, elapsed: Duration) -> Self {
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let until_ms = self.until_ms.map(|left| left.saturating_sub(elapsed_ms));
        Self { until_ms, ..self.clone() }
    }

    /// The whole sentence; empty if it serves.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self.until_ms {
            Some(left) => format!("{} (in {})", self.text, span(Duration::from_millis(left))),
            None => self.text.clone(),
        }
    }

    /// The whole sentence as JSON has it: null for one that serves.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        Some(self.sentence()).filter(|sentence| !sentence.is_empty())
    }

    /// Added to what else a node says.
    #[must_use]
    pub fn added_to(&self, values: Values) -> Values {
        let text = Some(self.text.as_str()).filter(|text| !text.is_empty());
        values
            .with("state", Some(self.state.name()))
            .with("state_text", text)
            .with("until_ms", self.until_ms)
    }

    /// What a node says of it; `None` from one that does not, or of a state that this build does not know and has no
    /// sentence for.
    #[must_use]
    pub fn from_values(values: &Values) -> Option<Self> {
        let text = values.text("state_text").unwrap_or_default().to_owned();
        let state = match ServiceState::named(values.text("state")?) {
            Some(state) => state,
            // Of a later version.
            None if !text.is_empty() => ServiceState::Unknown,
            None => return None,
        };
        Some(Self { state, text, until_ms: values.number("until_ms") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restoring() -> Condition {
        let text = "restored, grants nothing until 14:03:22 UTC".to_owned();
        Condition { state: ServiceState::Restoring, text, until_ms: Some(57_400) }
    }

    #[test]
    fn a_condition_comes_back_and_says_how_long_it_takes() {
        for condition in [restoring(), Condition::serving()] {
            let values = condition.added_to(Values::new());
            assert_eq!(Condition::from_values(&values), Some(condition));
        }
        assert_eq!(Condition::from_values(&Values::new()), None);
        let later = restoring().after(Duration::from_secs(50)).sentence();
        assert_eq!(later, "restored, grants nothing until 14:03:22 UTC (in 7.4s)");
        assert!(restoring().after(Duration::MAX).sentence().ends_with("(in 0s)"));
        assert_eq!(Condition::serving().sentence(), "");
    }

    #[test]
    fn a_state_of_a_later_version_is_known_by_its_sentence() {
        let said = Values::new().with("state", Some("asleep"));
        assert_eq!(Condition::from_values(&said), None);
        let said = said.with("state_text", Some("grants nothing at night"));
        let read = Condition::from_values(&said).expect("it has a sentence");
        assert!(!read.is_serving());
        assert_eq!(read.sentence(), "grants nothing at night");
    }
}
