//! What a build speaks: protocol versions, abilities, and the level of the lock machine that it reads.

use crate::base::locks::LEVEL_MAX;
use crate::wire::{Abilities, Refused, RefusedCode, Values};

/// Said in a hello and in a welcome. Whoever says the hello of 0.1.0 speaks [`Speech::of_0_1`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speech {
    /// The lowest protocol version that it speaks.
    pub protocol_min: u64,
    /// The highest.
    pub protocol_max: u64,
    /// What it understands besides.
    pub abilities: Abilities,
    /// The highest level of the lock machine that it reads.
    pub level_max: u32,
    /// Its version, for people.
    pub version: String,
    /// Of a node: whether no connection of it may do without TLS; `None`: it does not say.
    pub requires_tls: Option<bool>,
}

/// The protocol versions that this build speaks. A version is what frames mean; what may be added to a version is an
/// ability.
pub const PROTOCOL_MIN: u64 = 1;
/// See [`PROTOCOL_MIN`].
pub const PROTOCOL_MAX: u64 = 1;

impl Speech {
    /// This build's.
    #[must_use]
    pub fn own() -> Self {
        Self {
            protocol_min: PROTOCOL_MIN,
            protocol_max: PROTOCOL_MAX,
            abilities: Abilities::own(),
            level_max: LEVEL_MAX,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            requires_tls: None,
        }
    }

    /// That of 0.1.0, whose hello does not say it.
    #[must_use]
    pub fn of_0_1() -> Self {
        Self {
            protocol_min: 1,
            protocol_max: 1,
            abilities: Abilities::NONE,
            level_max: 1,
            version: "0.1".to_owned(),
            requires_tls: None,
        }
    }

    /// The highest version that both speak.
    ///
    /// # Errors
    /// There is none: what to answer before closing. `who` is the other side, as "node 2".
    pub fn agree(&self, theirs: &Self, who: &str) -> Result<u64, Refused> {
        let highest = self.protocol_max.min(theirs.protocol_max);
        if highest >= self.protocol_min.max(theirs.protocol_min) {
            return Ok(highest);
        }
        let range = |speech: &Self| match (speech.protocol_min, speech.protocol_max) {
            (one, other) if one == other => one.to_string(),
            (min, max) => format!("{min} to {max}"),
        };
        let (older, newer) =
            if self.protocol_max < theirs.protocol_min { (self, theirs) } else { (theirs, self) };
        let text = format!(
            "{who} runs tenure {} and speaks protocol {}, this side runs {} and speaks {}: they have no version in \
             common; replace tenure {} by one that also speaks protocol {}",
            theirs.version,
            range(theirs),
            self.version,
            range(self),
            older.version,
            newer.protocol_min,
        );
        Err(Refused { code: RefusedCode::Version, text })
    }

    /// Adds it to a hello.
    #[must_use]
    pub fn added_to(&self, values: Values) -> Values {
        values
            .with("protocol_min", Some(self.protocol_min))
            .with("protocol_max", Some(self.protocol_max))
            .with("abilities", Some(self.abilities.names()))
            .with("level_max", Some(self.level_max))
            .with("version", Some(self.version.as_str()))
            .with("requires_tls", self.requires_tls)
    }

    /// What a hello says of it. What is missing is what 0.1.0 spoke.
    #[must_use]
    pub fn from_values(values: &Values) -> Self {
        let oldest = Self::of_0_1();
        let level_max =
            values.number("level_max").map_or(1, |level| level.min(u64::from(u32::MAX)));
        Self {
            protocol_min: values.number("protocol_min").unwrap_or(oldest.protocol_min),
            protocol_max: values.number("protocol_max").unwrap_or(oldest.protocol_max),
            abilities: values.text("abilities").map_or(Abilities::NONE, Abilities::named),
            level_max: u32::try_from(level_max).expect("bounded above"),
            version: values
                .text("version")
                .unwrap_or("?")
                .chars()
                .take(VERSION_CHARS_MAX)
                .collect(),
            requires_tls: values.flag("requires_tls"),
        }
    }
}

/// A version is shown to people: a longer one is cut.
const VERSION_CHARS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn speaking(min: u64, max: u64) -> Speech {
        Speech { protocol_min: min, protocol_max: max, ..Speech::own() }
    }

    #[test]
    fn both_sides_agree_on_the_highest_version_in_common() {
        assert_eq!(speaking(1, 3).agree(&speaking(2, 5), "node 2"), Ok(3));
        assert_eq!(speaking(2, 5).agree(&speaking(1, 3), "node 1"), Ok(3));
        let refused = speaking(1, 1).agree(&speaking(2, 3), "node 2").unwrap_err();
        assert_eq!(refused.code, RefusedCode::Version);
        assert!(refused.text.starts_with("node 2 runs tenure"), "{}", refused.text);
        assert!(refused.text.contains("speaks protocol 2 to 3"), "{}", refused.text);
        assert!(speaking(2, 3).agree(&speaking(1, 1), "node 1").is_err(), "both sides see it");
    }

    #[test]
    fn a_speech_comes_back_and_what_is_missing_is_0_1() {
        let own = Speech::own();
        assert_eq!(Speech::from_values(&own.added_to(Values::new())), own);
        let nothing = Speech::from_values(&Values::new());
        assert_eq!(nothing, Speech { version: "?".to_owned(), ..Speech::of_0_1() });
    }
}
